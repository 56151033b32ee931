"""The stream between a program and its proxy: what it hides, what it refuses, what it leaves."""

import sys
from pathlib import Path

from harness import churn
from harness.driver import BUILD, TOP, processes_below, wait_until

PROXY = ("--gl", "proxy")
SAMPLES = BUILD / "samples"
HOSTILE = TOP / "tests" / "harness" / "hostile.py"
BUSY = TOP / "tests" / "gl" / "busy.py"


def proxies(glckpt) -> set[int]:
    found = processes_below(glckpt.base).items()
    return {pid for pid, words in found if Path(words.split(" ")[0]).name == "glproxy"}


def status_of(pid: int, name: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{name}:"))


def test_what_is_held_back_does_not_show(glckpt):
    """Writes that the shim holds back, answers that it gives by itself: as natively."""
    texts = []
    for options in ((), PROXY):
        session = glckpt.launch(SAMPLES / "gl-behind", options=options)
        assert glckpt.wait(session) == 0
        texts.append(glckpt.log(session))
    assert texts[0].count("\n") > 40
    assert texts[0] == texts[1]


def test_nonsense_ends_its_client_alone(glckpt):
    session = glckpt.launch(
        "sh", "-c", f"{SAMPLES}/gl-kept 100 & {sys.executable} {HOSTILE} || exit 1; wait",
        options=PROXY)
    wait_until(lambda: "given up" in glckpt.log(session), "the client is ended")
    text = glckpt.log(session)
    assert "the client is ended" in text, "the log says so"
    drawn = text.count("frame ")
    wait_until(lambda: glckpt.log(session).count("frame ") > drawn + 10, "the other draws on")
    glckpt.ok("kill", session)


def test_a_busy_driver_ends_after_its_client(glckpt):
    session = glckpt.launch("sh", "-c", f"{sys.executable} {BUSY}; sleep 100", options=PROXY)
    wait_until(lambda: "asked" in glckpt.log(session), "the driver is asked")
    wait_until(lambda: len(proxies(glckpt)) == 1, "the proxy gives up", timeout=60)
    assert "its driver is still busy" in glckpt.log(session)
    assert not list(glckpt.base.rglob("p1/heap"))
    glckpt.ok("kill", session)


def test_proxies_are_confined(glckpt):
    session = glckpt.launch(SAMPLES / "gl-kept", "100", options=PROXY)
    wait_until(lambda: "frame 3 " in glckpt.log(session), "it draws")
    found = proxies(glckpt)
    assert len(found) == 2, "one that listens, one that draws"
    for pid in found:
        assert status_of(pid, "NoNewPrivs") == "1"
        assert status_of(pid, "Seccomp") == "2"
    glckpt.ok("kill", session)


def test_show_says_where_time_goes(glckpt):
    session = glckpt.launch(SAMPLES / "gl-kept", "100", options=PROXY)
    wait_until(lambda: "frame 9 " in glckpt.log(session), "it draws")
    counts = glckpt.show(session)["gl"]["counts"]
    assert counts["rates"]["frames"] > 0
    assert counts["rates"]["calls"] > counts["rates"]["frames"]
    assert counts["bytes"] > 0
    swaps = counts["by_call"]["ckSwap"]["calls"]
    assert swaps > 9 and abs(swaps - counts["frames"]) < 5, "read while it draws on"
    text = glckpt.ok("show", "--calls", session)
    assert "frames" in text and "waited most" in text and "ckSwap" in text
    glckpt.ok("kill", session)


def test_nothing_is_left_of_contexts_and_frames(glckpt):
    """In small; `make leaks` is the whole."""
    marks = churn.churn(glckpt, 400, 1200, 180, PROXY)
    assert churn.grown(marks, slack=8192) == []
