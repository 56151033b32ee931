"""The ticker's lines: every one exactly once."""

from __future__ import annotations

import os
import re
from pathlib import Path

from harness.driver import BUILD, Glckpt, wait_until

TICKER = BUILD / "samples" / "ticker"
EVERYTHING = BUILD / "samples" / "shm-everything"

# What CRIU without privilege cannot keep yet; each has a test of its own in test_state.py.
LIMITED = os.geteuid() != 0
LIMITS = ("--without", "inotify", "--without", "twin") if LIMITED else ()
LINE = re.compile(r"tick (\d+) \.{16}")


def numbers(text: str) -> list[int]:
    """The numbers of the lines; a broken line or one of something else fails."""
    found = []
    for line in text.replace("\r\n", "\n").splitlines():
        match = LINE.fullmatch(line)
        assert match, f"not a whole line of the ticker: {line!r}"
        found.append(int(match.group(1)))
    return found


def assert_each_once(text: str, at_least: int = 1) -> None:
    found = numbers(text)
    assert found == list(range(1, len(found) + 1)), _first_wrong(found)
    assert len(found) >= at_least, f"only {len(found)} lines"


def _first_wrong(found: list[int]) -> str:
    for expected, number in enumerate(found, start=1):
        if number != expected:
            around = found[max(0, expected - 4) : expected + 3]
            return f"line {expected} is number {number}; around it: {around}"
    return ""


def ticking(glckpt: Glckpt, session: str, further: int = 3, timeout: float = 20) -> None:
    """Waits until the session's ticker has written further lines."""
    start = glckpt.log(session).count("\n")
    wait_until(
        lambda: glckpt.log(session).count("\n") >= start + further,
        f"{session} goes on ticking",
        timeout=timeout,
        every=0.1,
    )


def lines_in(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0
