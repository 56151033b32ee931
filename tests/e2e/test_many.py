"""Many sessions side by side, and one image restored several times."""

import threading
from concurrent.futures import ThreadPoolExecutor

from harness.driver import wait_until
from ticks import EVERYTHING, LIMITED, LIMITS, TICKER, assert_each_once, ticking

SESSIONS = 20


def in_parallel(call, things, workers=4):
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(call, things))


def test_twenty_sessions_side_by_side(glckpt):
    names = [f"side-{number:02}" for number in range(SESSIONS)]
    options = ("--geometry", "320x200")
    in_parallel(lambda n: glckpt.launch(TICKER, "5", options=(*options, "--name", n)), names)
    assert glckpt.names() == set(names)
    displays = {session["display"]["number"] for session in map(glckpt.show, names)}
    assert len(displays) == SESSIONS
    # An ordinary user's pipes are limited as a whole (fs.pipe-user-pages-soft): criu after criu.
    workers = 1 if LIMITED else 4
    images = in_parallel(lambda n: glckpt.checkpoint(n, "--stop"), names, workers)
    assert len(set(images)) == SESSIONS
    assert glckpt.names() == set()
    again = in_parallel(lambda i: glckpt.restore(i), images)
    assert glckpt.names() == set(again) and len(again) == SESSIONS
    listed = glckpt.ok("list")
    assert all(name in listed for name in again)
    for name in again:
        ticking(glckpt, name, further=1)


def test_one_image_restored_three_times_at_once(glckpt):
    # A watched folder of the host is one that clones share, so they would see each other's files.
    first = glckpt.launch(EVERYTHING, *LIMITS, "--without", "inotify")
    wait_until(lambda: "step 10 ok" in glckpt.log(first), "it has taken ten steps", every=0.1)
    image = glckpt.checkpoint(first, "--stop")
    clones = in_parallel(lambda n: glckpt.restore(image, "--name", n), ["a", "b", "c"])
    assert glckpt.names() == {"a", "b", "c"} == set(clones)
    for clone in clones:
        ticking(glckpt, clone, further=20)
        assert "shm-everything:" not in glckpt.log(clone)
    second = glckpt.checkpoint("b", "--stop")
    glckpt.ok("kill", "a")
    ticking(glckpt, "c")
    ticking(glckpt, glckpt.restore(second, "--name", "b-again"))


def test_clones_write_logs_of_their_own(glckpt):
    first = glckpt.launch(TICKER, "20", options=("--no-display",))
    ticking(glckpt, first)
    image = glckpt.checkpoint(first, "--stop")
    for name in ("a", "b"):
        glckpt.restore(image, "--name", name)
    for name in ("a", "b"):
        ticking(glckpt, name, further=5)
        lines = glckpt.log(name)
        if lines.startswith("tick 1 "):
            assert_each_once(lines)


def test_launches_while_somebody_lists(glckpt):
    """Whoever lists clears up what killed sessions left, but not what is just being made."""
    over = threading.Event()

    def look():
        while not over.is_set():
            glckpt.ok("list")

    with ThreadPoolExecutor(2) as pool:
        looking = [pool.submit(look) for _ in range(2)]
        try:
            for number in range(12):
                options = ["--no-display", "--name", f"s{number}"]
                session = glckpt.launch("sleep", "1000", options=options)
                glckpt.ok("kill", session)
        finally:
            over.set()
        for one in looking:
            one.result()
