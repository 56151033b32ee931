"""What processes hold is there again: shared memory, clocks, timers, files."""

import time

import pytest
from harness.driver import BUILD, OWN_FAILURE, wait_until
from ticks import EVERYTHING, LIMITED, LIMITS, ticking

SAMPLES = BUILD / "samples"


def generations(glckpt, command, count, options=()):
    """Runs a sample that checks itself through so many images; the last session's name."""
    session = glckpt.launch(*command, options=options)
    for _ in range(count):
        ticking(glckpt, session, further=5)
        session = glckpt.restore(glckpt.checkpoint(session, "--stop"))
    ticking(glckpt, session, further=5)
    return session


def assert_sound(glckpt, session, sample):
    assert f"{sample}:" not in glckpt.log(session), glckpt.log(session)[-500:]


@pytest.mark.parametrize("server", ["xvfb", "xvnc"])
def test_everything_shared_and_pending(glckpt, server):
    command = (EVERYTHING, *LIMITS, "50")
    session = generations(glckpt, command, 3, ("--xserver", server))
    assert_sound(glckpt, session, "shm-everything")


@pytest.mark.xfail(LIMITED, reason="CRIU without privilege cannot keep it")
@pytest.mark.parametrize("part", ["inotify", "twin"])
def test_what_an_ordinary_user_cannot_keep_yet(glckpt, part):
    """inotify, and a System V segment that one process has attached twice."""
    left_out = [word for other in LIMITS[1::2] if other != part for word in ("--without", other)]
    command = (EVERYTHING, *left_out, "50")
    assert_sound(glckpt, generations(glckpt, command, 1, ("--no-display",)), "shm-everything")


def test_everything_while_the_program_goes_on(glckpt):
    session = glckpt.launch(EVERYTHING, *LIMITS, "50")
    for _ in range(4):
        ticking(glckpt, session)
        glckpt.checkpoint(session, "--wait")
    ticking(glckpt, session)
    assert_sound(glckpt, session, "shm-everything")


def test_clocks_never_go_back_and_timers_go_on(glckpt):
    session = glckpt.launch(SAMPLES / "clock", "0", "3", options=("--no-display",))
    for _ in range(3):
        ticking(glckpt, session, further=1)
        image = glckpt.checkpoint(session, "--stop")
        time.sleep(3.5)  # longer than the leap that the sample allows
        session = glckpt.restore(image)
    ticking(glckpt, session, further=2)
    assert_sound(glckpt, session, "clock")


@pytest.fixture
def written(glckpt):
    return glckpt.folder("written")


def run_writer(glckpt, written):
    command = (SAMPLES / "writer", written, "50")
    session = glckpt.launch(*command, options=("--no-display",))
    ticking(glckpt, session, further=20)
    return session


def steps_in(written):
    lines = (written / "append.log").read_text().splitlines()
    return [int(line.split()[1]) for line in lines]


def test_files_are_rewound(glckpt, written):
    """The program runs on after its image; what it wrote since is taken back by the restore."""
    session = run_writer(glckpt, written)
    image = glckpt.checkpoint(session, "--wait")
    before = len(steps_in(written))
    ticking(glckpt, session, further=20)
    glckpt.ok("kill", session)
    further = len(steps_in(written))
    assert further > before
    again = glckpt.restore(image, "--files", "rewind")
    ticking(glckpt, again, further=60)
    assert_sound(glckpt, again, "writer")
    steps = steps_in(written)
    assert steps == list(range(1, len(steps) + 1))


def test_files_removed_since_are_put_back(glckpt, written):
    session = run_writer(glckpt, written)
    image = glckpt.checkpoint(session, "--stop")
    for file in written.iterdir():
        file.unlink()
    again = glckpt.restore(image)
    ticking(glckpt, again, further=20)
    assert_sound(glckpt, again, "writer")
    steps = steps_in(written)
    assert steps == list(range(1, len(steps) + 1))


def test_files_are_kept_when_asked(glckpt, written):
    """With --files keep the restored program meets the file as it is now, and says so itself."""
    session = run_writer(glckpt, written)
    image = glckpt.checkpoint(session, "--stop")
    with (written / "append.log").open("a") as log:
        log.write("by another\n")
    again = glckpt.restore(image, "--files", "keep")
    wait_until(lambda: again not in glckpt.names(), "the program ends by itself")
    assert "writer: the size of append.log" in glckpt.log(again)
    assert "by another\n" in (written / "append.log").read_text()


def test_changed_files_are_refused_when_asked(glckpt, written):
    session = run_writer(glckpt, written)
    image = glckpt.checkpoint(session, "--stop")
    glckpt.ok("kill", glckpt.restore(image, "--files", "refuse", "--name", "unchanged"))
    with (written / "append.log").open("a") as log:
        log.write("by another\n")
    assert "append.log" in glckpt.refused("restore", "--files", "refuse", image, status=OWN_FAILURE)
    assert (written / "append.log").read_text().endswith("by another\n")
