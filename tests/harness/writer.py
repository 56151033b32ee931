"""A session to type into: an xterm that writes each line into a file."""

from __future__ import annotations

import numpy

from . import pictures
from .driver import Glckpt, wait_until

SIZE = (800, 600)
XTERM = ("xterm", "-geometry", "100x40+0+0", "-e")


def launch_writer(glckpt: Glckpt, name: str = "job", server: str = "xvfb") -> str:
    """A session whose xterm writes each line that is typed into the file `typed`."""
    options = ("--name", name, "--xserver", server, "--geometry", "x".join(map(str, SIZE)))
    session = glckpt.launch(*XTERM, "sh", "-c", "cat > typed", options=options)
    wait_until((glckpt.work / "typed").exists, "the xterm is there to be typed into")
    return session


def typed(glckpt: Glckpt) -> str:
    file = glckpt.work / "typed"
    return file.read_text(encoding="utf-8") if file.exists() else ""


def wait_typed(glckpt: Glckpt, text: str) -> None:
    try:
        wait_until(lambda: typed(glckpt) == text, "what was typed has arrived", timeout=20)
    finally:
        assert typed(glckpt) == text


def session_picture(glckpt: Glckpt, session: str) -> numpy.ndarray:
    return pictures.load(glckpt.screenshot(session, glckpt.work / "session.png"))


def shows_session(glckpt: Glckpt, viewer, session: str, size: tuple[int, int] = SIZE) -> None:
    """The viewer's pixels are the private X server's."""

    def equal():
        return numpy.array_equal(viewer.picture(*size), session_picture(glckpt, session))

    wait_until(equal, "viewer and session show the same", timeout=30, every=0.3)
