"""Proxies that are killed with -9: the program goes on with new ones."""

import contextlib
import os
import signal
import threading
from pathlib import Path

import pytest
from harness.driver import BUILD, FAILED, TOP, wait_until
from test_gl import KEPT, PHASES, PROXY, drivers_in, frames, goes_on, hashes, pids
from test_gl_kinds import KINDS, NAMES, of_kind

GLRUN = TOP / "tests" / "gl" / "glrun"
RESTORE = TOP / "tests" / "gl" / "restore.py"
JOURNAL = (*PROXY, "--gl-journal", "all")
UPLOADS = (*PROXY, "--gl-journal", "uploads")
UNSETTLED = {
    "no-condition",  # asks to draw where the GPU has no answer yet: either is right
    "attributes",  # Mesa forgets a clear colour below two levels, where a stack built again does not
}


@pytest.fixture
def native(glckpt) -> dict[int, set[str]]:
    """What the driver draws inside the program."""
    session = glckpt.launch(KEPT, "100")
    goes_on(glckpt, session)
    glckpt.ok("kill", session)
    return hashes(glckpt.log(session))


def parent(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def proxies(glckpt) -> set[int]:
    """Those that render; their parent listens."""
    ours = pids(glckpt, "glproxy")
    return {pid for pid in ours if parent(pid) in ours}


def listener(glckpt) -> int:
    (pid,) = pids(glckpt, "glproxy") - proxies(glckpt)
    return pid


def kill_9(*victims: int) -> None:
    for pid in victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def replaced(glckpt, old: set[int]) -> set[int]:
    return wait_until(lambda: proxies(glckpt) - old, "there is another proxy")


def kill_proxy(glckpt, session: str) -> None:
    """The program draws, its proxy is killed, and it draws with another."""
    (program,) = pids(glckpt, "gl-kept")
    old = proxies(glckpt)
    assert len(old) == 1 and drivers_in(program) == []
    kill_9(*old)
    assert drivers_in(replaced(glckpt, old).pop())
    goes_on(glckpt, session)
    assert drivers_in(program) == []


def numbers(text: str) -> list[int]:
    return [number for number, _ in frames(text)]


def wrong_frames(text: str, native) -> list[int]:
    return [number for number, value in frames(text) if {value} != native[number % PHASES]]


def test_every_frame_is_exact_with_the_journal(glckpt, native):
    session = glckpt.launch(KEPT, "100", options=JOURNAL)
    for _ in range(4):
        goes_on(glckpt, session)
        kill_proxy(glckpt, session)
    text = glckpt.log(session)
    assert hashes(text) == native
    assert numbers(text) == list(range(len(numbers(text)))), "each frame once"


def test_the_next_frame_is_right_without_it(glckpt, native):
    """A checkpoint keeps what the GPU wrote before it: then a kill costs the frame it falls into."""
    session = glckpt.launch(KEPT, "100", options=UPLOADS)
    goes_on(glckpt, session)
    session = glckpt.restore(glckpt.checkpoint(session, "--stop"))
    goes_on(glckpt, session)
    for _ in range(3):
        kill_proxy(glckpt, session)
    text = glckpt.log(session)
    assert len(wrong_frames(text, native)) <= 3
    assert numbers(text) == list(range(len(numbers(text)))), "each frame once"


def test_who_replaces_proxies_is_replaced(glckpt, native):
    session = glckpt.launch(KEPT, "100", options=JOURNAL)
    goes_on(glckpt, session)
    for _ in range(2):
        old = pids(glckpt, "glproxy")
        kill_9(listener(glckpt))
        wait_until(lambda: proxies(glckpt) - old, "there is another proxy")
        goes_on(glckpt, session)
    kill_proxy(glckpt, session)
    session = glckpt.restore(glckpt.checkpoint(session, "--stop"))
    goes_on(glckpt, session)
    assert hashes(glckpt.log(session)) == native


class Killer(threading.Thread):
    """Kills every proxy that it sees while the block runs."""

    def __init__(self, glckpt):
        super().__init__(daemon=True)
        self.glckpt, self.over, self.killed = glckpt, threading.Event(), set()

    def run(self) -> None:
        while not self.over.wait(0.05) and len(self.killed) < 3:
            found = proxies(self.glckpt) - self.killed
            kill_9(*found)
            self.killed |= found

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self.over.set()
        self.join(10)


def test_killed_around_checkpoints_and_restores(glckpt, native):
    """It may cost a checkpoint, in one sentence; never the session, nor a restore."""
    session = glckpt.launch(KEPT, "100", options=JOURNAL)
    goes_on(glckpt, session)
    with Killer(glckpt) as killer:
        done = glckpt.run("checkpoint", "--wait", session)
    assert killer.killed
    if done.returncode:
        assert done.returncode == FAILED
        assert done.stderr.count("\n") == 1 and "died while it wrote" in done.stderr
        assert not list(glckpt.images.rglob("*.part*"))
    goes_on(glckpt, session)
    image = glckpt.checkpoint(session, "--stop")
    session = glckpt.restore(image)
    kill_9(*proxies(glckpt))
    goes_on(glckpt, session)
    assert hashes(glckpt.log(session)) == native


def test_killed_again_while_it_is_built(glckpt):
    """Whoever kills proxies comes at any moment: that says nothing of what the program has sent."""
    session = glckpt.launch(KEPT, "100", options=UPLOADS)
    goes_on(glckpt, session)
    for _ in range(12):
        old = proxies(glckpt)
        kill_9(*old)
        replaced(glckpt, old)
    goes_on(glckpt, session)
    text = glckpt.log(session)
    assert "is not replaced" not in text
    assert numbers(text) == list(range(len(numbers(text)))), "each frame once"


def test_a_proxy_that_cannot_live_is_given_up(glckpt):
    """One after the other dies before it stands: the program is not held up for ever."""
    session = glckpt.launch(KEPT, "100", options=UPLOADS)
    goes_on(glckpt, session)

    def dies() -> bool:
        kill_9(*proxies(glckpt))
        return "is not replaced" in glckpt.log(session)

    wait_until(dies, "it is given up", every=0.01)
    before = len(frames(glckpt.log(session)))
    wait_until(lambda: len(frames(glckpt.log(session))) > before, "the program goes on")
    glckpt.ok("kill", session)


# ---- without sessions ----


def run(server, *command, chaos: str = "") -> str:
    done = server.run(*command, chaos=chaos, timeout=300)
    assert "is not replaced" not in done.stderr, done.stderr
    return done.stdout


@pytest.mark.once
def test_front_and_back_buffers(server):
    """Each step's pixels of both, of the window and of the depths, killed after every 30th call."""
    program = BUILD / "samples" / "gl-buffers"
    undisturbed = run(server, GLRUN, "--build", BUILD, program)
    ours = run(server, GLRUN, "--build", BUILD, "--journal", "all", program, chaos="kill:30")
    assert ours == undisturbed


@pytest.mark.once
def test_each_kind_of_object(server):
    """Killed in the middle of using it; values and pixels are the native ones."""
    native = run(server, KINDS)
    for name in NAMES:
        ours = run(server, RESTORE, "--build", BUILD, "--at-stops", "--journal", "all", KINDS,
            "--stop", name)
        wanted = of_kind(name, native) or of_kind(name, run(server, KINDS, name))
        if name not in UNSETTLED:
            assert of_kind(name, ours) == wanted != []
