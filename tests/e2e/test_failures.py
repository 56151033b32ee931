"""What goes wrong around a session: one sentence, a documented status, the application alive where
it can be, the last good image whole, and nothing left over (the fixture looks after that)."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from harness import leaks
from harness.driver import AGAIN, FAILED, OWN_FAILURE, TOP, processes_below, wait_until
from ticks import TICKER, ticking

QUIET = ("--no-display",)
CRIU = re.compile(r"\bcriu\b.*\b(dump|restore|swrk)\b")
SERVER = re.compile(r"^X(vfb|vnc)\b")
KILLED = 128 + signal.SIGKILL


def failure_points(phase: str) -> list[str]:
    """The points of xdetach/fail.h, each as a failure and as a kill -9."""
    header = (TOP / "xdetach" / "fail.h").read_text()
    points = re.findall(rf'"({phase}-[a-z]+)"', header)
    return [point + how for point in points for how in ("", ":kill")]


def processes(glckpt, pattern) -> list[int]:
    return [pid for pid, words in processes_below(glckpt.base).items() if pattern.search(words)]


def supervisor_of(glckpt) -> int:
    """PID 1 of the only session's PID namespace, as numbered on the host."""
    for pid in processes_below(glckpt.base):
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text()
            numbers = re.search(r"^NSpid:(.*)$", status, re.MULTILINE).group(1).split()
            if len(numbers) > 1 and numbers[-1] == "1":
                return pid
    raise AssertionError("no supervisor runs")


def kill_9(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


class Assassin(threading.Thread):
    """Kills the first process that matches, a while after it appears."""

    def __init__(self, glckpt, pattern, delay: float):
        super().__init__(daemon=True)
        self.glckpt, self.pattern, self.delay = glckpt, pattern, delay
        self.killed = 0
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            found = processes(self.glckpt, self.pattern)
            if found:
                self.over.wait(self.delay)
                for pid in found:
                    kill_9(pid)
                self.killed = len(found)
                return

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self.over.set()
        self.join(10)


@contextlib.contextmanager
def killed_after(delay: float, pids: list[int]):
    """Kills these processes while the block runs."""
    timer = threading.Timer(delay, lambda: [kill_9(pid) for pid in pids])
    timer.start()
    yield
    timer.join()


def assert_one_sentence(done) -> None:
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("glckpt: "), done.stderr


def no_half_images(glckpt) -> bool:
    return not list(glckpt.images.rglob("*.part*"))


# ---- asking for what is not there ----


@pytest.mark.parametrize("command", ["checkpoint", "show", "kill", "wait", "logs"])
def test_an_unknown_session(glckpt, command):
    assert "nobody" in glckpt.refused(command, "nobody")


def test_a_screenshot_of_nobody(glckpt):
    assert "nobody" in glckpt.refused("screenshot", "-o", glckpt.work / "x.png", "nobody")


# ---- no CRIU, no privilege, no room ----

NO_CRIU = {"GLCKPT_CRIU": "/nonexistent/criu"}


def test_checkpoint_without_criu(glckpt):
    session = glckpt.launch(TICKER, options=QUIET)
    good = glckpt.checkpoint(session, "--wait")
    done = glckpt.run("checkpoint", session, env=NO_CRIU)
    if done.returncode != 0:  # the session may have kept the criu it was launched with
        assert done.returncode == FAILED
        assert_one_sentence(done)
        assert "criu" in done.stderr
    ticking(glckpt, session)
    glckpt.ok("kill", session)
    assert "criu" in glckpt.refused("restore", "-d", good, status=OWN_FAILURE, env=NO_CRIU)
    ticking(glckpt, glckpt.restore(good))


def test_launch_without_criu(glckpt):
    """It may be refused at once or run without a net, but a checkpoint says what is missing."""
    done = glckpt.run("launch", "-d", *QUIET, "--", TICKER, env=NO_CRIU)
    if done.returncode == 0:
        session = done.stdout.strip()
        assert "criu" in glckpt.refused("checkpoint", session, env=NO_CRIU)
        ticking(glckpt, session)
    else:
        assert done.returncode == OWN_FAILURE
        assert_one_sentence(done)
        assert "criu" in done.stderr


def test_doctor_without_criu(glckpt):
    done = glckpt.run("doctor", env=NO_CRIU)
    assert done.returncode == FAILED
    assert "criu" in done.stdout + done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root needs no user namespace")
def test_without_privilege(glckpt):
    """User namespaces are switched off, as hardened hosts do."""
    script = "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --ambient-caps=-all "
    script += '--inh-caps=-all --bounding-set=-all -- "$@"'
    fence = ["unshare", "--user", "--map-current-user", "--keep-caps", "sh", "-c", script, "sh"]
    command = [*fence, str(glckpt.program), "launch", "-d", *QUIET, "--", str(TICKER)]
    done = subprocess.run(
        command,
        env=glckpt.environment,
        cwd=glckpt.work,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == OWN_FAILURE, done.stderr
    assert_one_sentence(done)
    assert "namespace" in done.stderr


@pytest.fixture
def small_disk(glckpt):
    """A folder with room for 3 MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root; test_a_limit_on_file_sizes stands in")
    folder = glckpt.folder("small")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m,mode=0777", "small", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("mode", [(), ("--wait",), ("--stop",)])
def test_a_full_disk(glckpt, small_disk, mode):
    (small_disk / "ballast").write_bytes(os.urandom((5 << 20) // 2))
    script = f"{TICKER.parent}/dirty 32 & exec {TICKER} 20"
    session = glckpt.launch("sh", "-c", script, options=QUIET)
    ticking(glckpt, session)
    done = glckpt.run("checkpoint", *mode, "-o", small_disk / "image", session)
    if mode:
        assert done.returncode == FAILED, done.stdout
        assert_one_sentence(done)
        assert "No space left on device" in done.stderr
    wait_until(lambda: os.listdir(small_disk) == ["ballast"], "nothing half is left on the disk")
    ticking(glckpt, session)
    ticking(glckpt, glckpt.restore(glckpt.checkpoint(session, "--stop")))


def test_a_limit_on_file_sizes(glckpt):
    """RLIMIT_FSIZE in the session: no file beyond it, and no SIGXFSZ that kills."""
    limited = ["prlimit", f"--fsize={1 << 20}", str(glckpt.program)]
    script = f"{TICKER.parent}/dirty 32 & exec {TICKER} 20"
    done = subprocess.run(
        [*limited, "launch", "-d", *QUIET, "--", "sh", "-c", script],
        env=glckpt.environment,
        cwd=glckpt.work,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    session = done.stdout.strip()
    ticking(glckpt, session)
    assert "File too large" in glckpt.refused("checkpoint", "--wait", session)
    assert no_half_images(glckpt)
    ticking(glckpt, session)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_image_folder_that_may_not_be_written(glckpt):
    session = glckpt.launch(TICKER, options=QUIET)
    sentence = glckpt.refused("checkpoint", "-o", "/usr/image", session)
    assert "/usr" in sentence and "Permission denied" in sentence
    ticking(glckpt, session)


# ---- kill -9 ----


def test_the_supervisor_is_killed(glckpt):
    """The kernel ends what lived in its namespaces; the last good image is whole."""
    session = glckpt.launch(TICKER, "20")
    ticking(glckpt, session)
    good = glckpt.checkpoint(session, "--wait")
    kill_9(supervisor_of(glckpt))
    wait_until(lambda: not leaks.left_of_sessions(glckpt.base), "the session is cleaned up")
    assert session in glckpt.refused("checkpoint", session)
    ticking(glckpt, glckpt.restore(good, "--name", session))


@pytest.mark.parametrize("mode", ["--stop", "--wait"])
@pytest.mark.parametrize("delay", [0, 0.03, 0.1])
def test_the_supervisor_is_killed_during_a_checkpoint(glckpt, mode, delay):
    session = glckpt.launch(TICKER, "20")
    ticking(glckpt, session)
    good = glckpt.checkpoint(session, "--wait")
    with killed_after(0.1 + delay, [supervisor_of(glckpt)]):
        done = glckpt.run("checkpoint", mode, session)
    if done.returncode != 0:
        assert done.returncode == FAILED
        assert_one_sentence(done)
    wait_until(lambda: session not in glckpt.names(), "the session is no longer listed")
    ticking(glckpt, glckpt.restore(good, "--name", "again"))


@pytest.mark.parametrize("mode", [(), ("--stop",)])
@pytest.mark.parametrize("delay", [0, 0.02, 0.05, 0.1])
def test_criu_is_killed_during_a_checkpoint(glckpt, mode, delay):
    session = glckpt.launch("sh", "-c", f"{TICKER.parent}/dirty 64 & exec {TICKER} 20")
    ticking(glckpt, session)
    good = glckpt.checkpoint(session, "--wait")
    with Assassin(glckpt, CRIU, delay) as assassin:
        done = glckpt.run("checkpoint", *mode, session)
    assert assassin.killed or done.returncode == 0
    if done.returncode != 0:
        assert done.returncode == FAILED
        assert_one_sentence(done)
        assert no_half_images(glckpt)
        goes_on_or_was_trapped(glckpt, session)
    elif not mode:
        glckpt.ok("kill", session)
    ticking(glckpt, glckpt.restore(good, "--name", "again"))


def goes_on_or_was_trapped(glckpt, session):
    """A task that criu had just lent an instruction dies by it when criu is gone; nobody outside
    can help that. In any other case the session goes on and can be stopped."""
    try:
        ticking(glckpt, session, timeout=5)
        glckpt.checkpoint(session, "--stop")
    except (AssertionError, subprocess.SubprocessError):
        wait_until(lambda: session not in glckpt.names(), "the session has ended")
        assert glckpt.wait(session) == 128 + signal.SIGTRAP


@pytest.mark.parametrize("delay", [0, 0.02, 0.05, 0.1])
def test_criu_is_killed_during_a_restore(glckpt, delay):
    session = glckpt.launch("sh", "-c", f"{TICKER.parent}/dirty 64 & exec {TICKER} 20")
    ticking(glckpt, session)
    image = glckpt.checkpoint(session, "--stop")
    with Assassin(glckpt, CRIU, delay) as assassin:
        done = glckpt.run("restore", "-d", "--name", "first", image)
    assert assassin.killed or done.returncode == 0
    if done.returncode != 0:
        assert done.returncode == OWN_FAILURE
        assert_one_sentence(done)
        assert glckpt.names() == set()
    ticking(glckpt, glckpt.restore(image, "--name", "second"))


def test_the_foreground_command_says_when_the_supervisor_was_killed(glckpt):
    process = glckpt.spawn(
        *("launch", *QUIET, "--name", "job", "--", TICKER),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: "job" in glckpt.names(), "the session is listed")
    ticking(glckpt, "job")  # while it starts, the supervisor's end is another sentence
    kill_9(supervisor_of(glckpt))
    _, error = process.communicate(timeout=30)
    assert process.returncode == KILLED
    assert error.count("\n") == 1 and "supervisor was killed" in error


def test_the_x_server_is_killed(glckpt):
    """Its clients end as they would natively, and with them the session."""
    session = glckpt.launch("xterm", "-e", "sleep", "1000")
    good = glckpt.checkpoint(session, "--wait")
    for pid in processes(glckpt, SERVER):
        kill_9(pid)
    wait_until(lambda: session not in glckpt.names(), "the session has ended")
    again = glckpt.restore(good, "--name", "again")
    for pid in processes(glckpt, SERVER):
        kill_9(pid)
    wait_until(lambda: again not in glckpt.names(), "the restored session has ended")


def test_the_x_server_is_killed_and_the_program_goes_on(glckpt):
    """A program that does not need it lives on, and can still be stopped and taken up."""
    session = glckpt.launch(TICKER, "20")
    ticking(glckpt, session)
    for pid in processes(glckpt, SERVER):
        kill_9(pid)
    ticking(glckpt, session)
    done = glckpt.run("checkpoint", "--stop", session)
    if done.returncode == 0:
        ticking(glckpt, glckpt.restore(done.stdout.strip()))
    else:
        assert_one_sentence(done)
        ticking(glckpt, session)


def test_the_x_server_is_killed_during_a_checkpoint(glckpt):
    session = glckpt.launch("sh", "-c", f"{TICKER.parent}/dirty 64 & exec {TICKER} 20")
    ticking(glckpt, session)
    with killed_after(0.15, processes(glckpt, SERVER)):
        done = glckpt.run("checkpoint", session)
    if done.returncode != 0:
        assert_one_sentence(done)
    ticking(glckpt, session)


def test_the_foreground_command_is_killed(glckpt):
    """The session goes on; the next one who asks is told so."""
    process = glckpt.spawn(
        *("launch", *QUIET, "--name", "job", "--", TICKER, "20"), stdout=subprocess.DEVNULL
    )
    wait_until(lambda: "job" in glckpt.names(), "the session is listed")
    process.kill()
    process.wait(10)
    time.sleep(0.2)
    if "job" in glckpt.names():
        glckpt.checkpoint("job", "--stop")


# ---- failures by name ----


@pytest.mark.parametrize("point", failure_points("launch"))
def test_a_launch_that_fails_by_name(glckpt, point):
    glckpt.refused(
        *("launch", "-d", *QUIET, "--name", "failing", "--", TICKER),
        status=OWN_FAILURE,
        env={"GLCKPT_FAIL": point},
    )
    assert glckpt.names() == set()
    ticking(glckpt, glckpt.launch(TICKER, options=(*QUIET, "--name", "failing")))


@pytest.mark.parametrize("mode", ["--wait", "--stop"])
@pytest.mark.parametrize("point", failure_points("checkpoint"))
def test_a_checkpoint_that_fails_by_name(glckpt, point, mode):
    session = glckpt.launch(TICKER, "20")
    ticking(glckpt, session)
    good = glckpt.checkpoint(session, "--wait", "-o", glckpt.work / "good")
    glckpt.refused("checkpoint", mode, session, env={"GLCKPT_FAIL": point})
    assert not list(glckpt.images.rglob("manifest.json"))
    if not point.endswith(":kill"):
        assert no_half_images(glckpt)
    ticking(glckpt, session)
    ticking(glckpt, glckpt.restore(glckpt.checkpoint(session, "--stop")))
    ticking(glckpt, glckpt.restore(good, "--name", "from-the-last-good-one"))


@pytest.mark.parametrize("point", failure_points("restore"))
def test_a_restore_that_fails_by_name(glckpt, point):
    session = glckpt.launch(TICKER, "20")
    ticking(glckpt, session)
    image = glckpt.checkpoint(session, "--stop")
    failing = {"GLCKPT_FAIL": point}
    glckpt.refused("restore", "-d", image, status=OWN_FAILURE, env=failing)
    assert glckpt.names() == set()
    ticking(glckpt, glckpt.restore(image))


def test_a_stopped_job_ends_with_85_even_without_its_image_folder(glckpt):
    """The folder is made when it is not there."""
    shutil.rmtree(glckpt.images)
    process = glckpt.spawn(
        *("launch", *QUIET, "--name", "job", "--", TICKER), stdout=subprocess.DEVNULL
    )
    wait_until(lambda: "job" in glckpt.names(), "the session is listed")
    glckpt.checkpoint("job", "--stop")
    assert process.wait(30) == AGAIN
