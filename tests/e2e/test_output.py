"""Standard output of a job that is stopped at random moments: every line exactly once."""

import fcntl
import os
import random
import struct
import subprocess
import termios
import threading

import pytest
from harness.driver import AGAIN, wait_until
from ticks import TICKER, assert_each_once, lines_in

RATE = 10  # lines a second
LIVES = 3  # the job is stopped at two random moments


class Terminal:
    """A terminal of our own, whose output is collected."""

    def __init__(self, rows: int = 24, columns: int = 80):
        self.master, self.slave = os.openpty()
        self.resize(rows, columns)
        self.collected = bytearray()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self.master, 4096)
            except OSError:
                return
            if not data:
                return
            self.collected += data

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def own(self) -> None:
        """Makes it the controlling terminal of a new session; for preexec_fn."""
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def streams(self) -> dict:
        return {
            "stdin": self.slave,
            "stdout": self.slave,
            "stderr": self.slave,
            "preexec_fn": self.own,
        }

    def text(self) -> str:
        return self.collected.decode()

    def close(self) -> str:
        """Everything that was shown."""
        os.close(self.slave)
        self.reader.join(10)
        os.close(self.master)
        return self.text()


@pytest.fixture
def terminal():
    made = []

    def make(*size: int) -> Terminal:
        made.append(Terminal(*size))
        return made[-1]

    yield make
    for one in made:
        for fd in (one.slave, one.master):
            try:
                os.close(fd)
            except OSError:
                continue


def stop_at_random(glckpt, name, process, lines_now):
    """Lets the job run for a random number of lines and a part of a line's time, then stops it."""
    start = lines_now()
    further = random.uniform(0.5, 1.5) * RATE
    wait_until(lambda: lines_now() >= start + int(further), "the job writes lines", every=0.01)
    threading.Event().wait((further % 1) / RATE)
    image = glckpt.checkpoint(name, "--stop")
    assert process.wait(30) == AGAIN
    return image


def live(glckpt, start, lines_now):
    """Several lives of one ticker; `start(arguments)` runs glckpt in the foreground."""
    process = start("launch", "--no-display", "--name", "job", "--", TICKER, RATE)
    for number in range(1, LIVES):
        wait_until(lambda: "job" in glckpt.names(), "the job is listed")
        image = stop_at_random(glckpt, "job", process, lines_now)
        process = start("restore", "--name", "job", image)
    wait_until(lambda: "job" in glckpt.names(), "the job is listed")
    stop_at_random(glckpt, "job", process, lines_now)


def test_each_line_once_in_a_file(glckpt):
    log = glckpt.work / "log"

    def start(*arguments):
        with log.open("ab") as file:
            return glckpt.spawn(*arguments, stdout=file)

    live(glckpt, start, lambda: lines_in(log))
    assert_each_once(log.read_text(), at_least=15)


def test_each_line_once_in_a_pipe(glckpt):
    collected = bytearray()
    readers = []

    def drain(pipe):
        with pipe:
            for data in iter(lambda: pipe.read1(4096), b""):
                collected.extend(data)

    def start(*arguments):
        process = glckpt.spawn(*arguments, stdout=subprocess.PIPE)
        readers.append(threading.Thread(target=drain, args=(process.stdout,)))
        readers[-1].start()
        return process

    live(glckpt, start, lambda: collected.count(b"\n"))
    for reader in readers:
        reader.join(10)
    assert_each_once(collected.decode(), at_least=15)


def test_each_line_once_in_a_pipe_that_is_read_late(glckpt):
    """What was written before the checkpoint and not yet read must not be lost with the pipe."""
    first = glckpt.spawn(
        "launch", "--no-display", "--name", "job", "--", TICKER, 200, stdout=subprocess.PIPE
    )
    wait_until(lambda: "job" in glckpt.names(), "the job is listed")
    text = first.stdout.readline()
    image = glckpt.checkpoint("job", "--stop")
    text += first.stdout.read()
    assert first.wait(30) == AGAIN
    second = glckpt.spawn("restore", "--name", "job", image, stdout=subprocess.PIPE)
    wait_until(lambda: "job" in glckpt.names(), "the job is listed")
    text += second.stdout.readline()
    glckpt.checkpoint("job", "--stop")
    text += second.stdout.read()
    assert second.wait(30) == AGAIN
    assert_each_once(text.decode(), at_least=2)


def test_each_line_once_on_a_terminal(glckpt, terminal):
    shown = terminal()

    def start(command, *arguments):
        return glckpt.spawn(command, "-t", *arguments, **shown.streams())

    live(glckpt, start, lambda: shown.text().count("tick"))
    text = shown.close().replace("\x1b[K", "")  # what a progress bar leaves
    lines = [line for line in text.splitlines() if "tick" in line]
    assert_each_once("\n".join(lines), at_least=15)


def test_each_line_once_in_the_log_of_a_detached_job(glckpt):
    name = glckpt.launch(TICKER, RATE, options=("--no-display", "--name", "job"))
    wait_until(lambda: glckpt.log(name).count("\n") > 5, "the job writes lines", every=0.1)
    image = glckpt.checkpoint(name, "--stop")
    before = glckpt.log(name)
    again = glckpt.restore(image, "--name", "job")
    wait_until(
        lambda: glckpt.log(again).splitlines()[-1:] != before.splitlines()[-1:], "it goes on"
    )
    glckpt.ok("kill", again)
    after = glckpt.log(again)
    assert_each_once(after if after.startswith("tick 1 ") else before + after, at_least=7)


def test_standard_error_stays_apart(glckpt):
    script = "echo out; echo err >&2; exit 4"
    done = glckpt.run("launch", "--no-display", "--", "sh", "-c", script)
    assert (done.returncode, done.stdout, done.stderr) == (4, "out\n", "err\n")


def test_a_terminal_is_a_terminal(glckpt, terminal):
    shown = terminal()
    script = "test -t 0 && test -t 1 && test -t 2 && tty && exit 5"
    process = glckpt.spawn(
        "launch", "-t", "--no-display", "--", "sh", "-c", script, **shown.streams()
    )
    assert process.wait(30) == 5
    assert "/dev/pts/" in shown.close()


SIZES = "trap 'stty size' WINCH; stty size; while :; do sleep 0.05; done"


def test_the_window_size_reaches_the_program(glckpt, terminal):
    shown = terminal(31, 97)
    process = glckpt.spawn(
        "launch",
        "-t",
        "--no-display",
        "--name",
        "sized",
        "--",
        "sh",
        "-c",
        SIZES,
        **shown.streams(),
    )
    wait_until(lambda: "31 97" in shown.text(), "the size at the start")
    shown.resize(40, 111)
    wait_until(lambda: "40 111" in shown.text(), "the new size")
    image = glckpt.checkpoint("sized", "--stop")
    assert process.wait(30) == AGAIN
    other = terminal(17, 63)
    again = glckpt.spawn("restore", "-t", "--name", "sized", image, **other.streams())
    wait_until(lambda: "17 63" in other.text(), "the size of the other terminal")
    other.resize(18, 64)
    wait_until(lambda: "18 64" in other.text(), "its new size")
    glckpt.ok("kill", "sized")
    again.wait(30)


def test_typing_reaches_the_program(glckpt, terminal):
    shown = terminal()
    script = "while read -r line; do test $line = end && exit 6; echo heard $line; done"
    start = ("-t", "--name", "reader")
    process = glckpt.spawn(
        "launch", *start, "--no-display", "--", "sh", "-c", script, **shown.streams()
    )
    wait_until(lambda: "reader" in glckpt.names(), "the session is listed")
    shown.type("one\n")
    wait_until(lambda: "heard one" in shown.text(), "the first line is heard")
    image = glckpt.checkpoint("reader", "--stop")
    assert process.wait(30) == AGAIN
    again = glckpt.spawn("restore", *start, image, **shown.streams())
    wait_until(lambda: "reader" in glckpt.names(), "the session is listed")
    shown.type("two\n")
    wait_until(lambda: "heard two" in shown.text(), "the second line is heard")
    shown.type("end\n")
    assert again.wait(30) == 6


def test_interrupt_from_the_keyboard(glckpt, terminal):
    shown = terminal()
    script = "trap 'echo stopped; exit 8' INT; echo ready; while :; do sleep 0.05; done"
    process = glckpt.spawn(
        "launch", "-t", "--no-display", "--", "sh", "-c", script, **shown.streams()
    )
    wait_until(lambda: "ready" in shown.text(), "the program is ready")
    shown.type("\x03")
    assert process.wait(30) == 8
    assert "stopped" in shown.close()
