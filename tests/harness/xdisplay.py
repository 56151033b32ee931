"""A user at a session's private X server: keys, clicks and a look at its windows.

The server's socket is private to the session, so the connection is made by the path that
`glckpt show --json` gives. It must be closed before a checkpoint: use `with`.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from unittest import mock

from Xlib import XK, X, display, error, ext
from Xlib.ext import xtest
from Xlib.support import connect

from .driver import wait_until


def _connected(path: str) -> socket.socket:
    """Connects through the folder's descriptor: a socket's path may be longer than its address."""
    folder = os.open(os.path.dirname(path), os.O_PATH | os.O_CLOEXEC)
    try:
        made = socket.socket(socket.AF_UNIX)
        made.connect(f"/proc/self/fd/{folder}/{os.path.basename(path)}")
        return made
    finally:
        os.close(folder)


def _cookie(path: str) -> tuple[bytes, bytes]:
    """Name and data of the first entry of an X authority file."""
    with open(path, "rb") as file:
        data = file.read()
    offset, fields = 2, []
    for _ in range(4):
        (length,) = struct.unpack_from(">H", data, offset)
        fields.append(data[offset + 2 : offset + 2 + length])
        offset += 2 + length
    return fields[2], fields[3]


class XUser:
    """Somebody with a keyboard and a mouse."""

    def __init__(self, shown: dict):
        """`shown`: what `glckpt show --json SESSION` said."""
        self.where = shown["display"]

    def __enter__(self) -> XUser:
        authority = self.where.get("xauthority")
        cookie = _cookie(authority) if authority else (b"", b"")
        replaced = (
            mock.patch.object(connect, "get_socket", lambda *_: _connected(self.where["socket"])),
            mock.patch.object(connect, "get_auth", lambda *_: cookie),
            # Others are not needed, and Xlib trips over how Xvnc numbers theirs.
            mock.patch.object(ext, "__extensions__", [("XTEST", "xtest")]),
        )
        with replaced[0], replaced[1], replaced[2]:
            self.display = display.Display(f":{self.where['number']}")
        self.root = self.display.screen().root
        return self

    def __exit__(self, *_) -> None:
        with contextlib.suppress(error.ConnectionClosedError):
            self.display.close()

    def windows(self) -> list:
        """Mapped top-level windows."""
        shown = self.root.query_tree().children
        return [one for one in shown if one.get_attributes().map_state == X.IsViewable]

    def enter_window(self, width: int = 50, timeout: float = 60) -> None:
        """Waits for a window at least `width` wide, points at its middle and gives it the focus,
        as no window manager does it."""

        def wide():
            return [one for one in self.windows() if one.get_geometry().width >= width]

        window = wait_until(wide, "a window is shown", timeout=timeout, every=0.1)[0]
        box = window.get_geometry()
        window.set_input_focus(X.RevertToParent, X.CurrentTime)
        self.move(box.x + box.width // 2, box.y + box.height // 2)

    def move(self, x: int, y: int) -> None:
        xtest.fake_input(self.display, X.MotionNotify, x=x, y=y)
        self.display.sync()

    def click(self, x: int, y: int, button: int = 1) -> None:
        self.move(x, y)
        xtest.fake_input(self.display, X.ButtonPress, button)
        xtest.fake_input(self.display, X.ButtonRelease, button)
        self.display.sync()

    def key(self, name: str, *modifiers: str) -> None:
        """Presses and releases a key by its keysym's name, with modifiers held."""
        codes = [self._code(held)[0] for held in modifiers]
        code, shifted = self._code(name)
        if shifted:
            codes.append(self._code("Shift_L")[0])
        for held in codes:
            xtest.fake_input(self.display, X.KeyPress, held)
        xtest.fake_input(self.display, X.KeyPress, code)
        xtest.fake_input(self.display, X.KeyRelease, code)
        for held in reversed(codes):
            xtest.fake_input(self.display, X.KeyRelease, held)
        with contextlib.suppress(error.ConnectionClosedError):
            self.display.sync()  # the program may end by this key, and the server with it

    def type(self, text: str) -> None:
        names = {
            "/": "slash",
            " ": "space",
            ".": "period",
            "-": "minus",
            ">": "greater",
            "\n": "Return",
        }
        for letter in text:
            self.key(names.get(letter, letter))

    def _code(self, name: str) -> tuple[int, bool]:
        """The keycode of a keysym and whether Shift is needed for it."""
        keysym = XK.string_to_keysym(name)
        code = self.display.keysym_to_keycode(keysym)
        assert keysym and code, f"the keyboard has no {name}"
        return code, self.display.keycode_to_keysym(code, 0) != keysym
