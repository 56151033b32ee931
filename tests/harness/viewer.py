"""People who watch a session: TigerVNC's viewer in an X server of its own, and a bare RFB client."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy
from Xlib import X

from .driver import Glckpt
from .xdisplay import XUser

LINGER = ("--linger", "20s")  # a bridge without viewers ends soon


@contextlib.contextmanager
def x_server(glckpt: Glckpt, geometry: str = "1000x800") -> Iterator[dict]:
    """An Xvfb outside of every session, described as `glckpt show` describes a display."""
    reads, writes = os.pipe()
    command = ["Xvfb", "-displayfd", str(writes), "-nolisten", "tcp", "-screen", "0"]
    server = subprocess.Popen(
        [*command, f"{geometry}x24"],
        pass_fds=[writes],
        env=glckpt.environment,
        stderr=subprocess.DEVNULL,
    )
    os.close(writes)
    try:
        with os.fdopen(reads) as report:
            number = int(report.readline())
        yield {"number": number, "socket": f"/tmp/.X11-unix/X{number}", "xauthority": None}
    finally:
        server.terminate()
        server.wait()


class Viewer:
    """A viewer, and the user in front of it."""

    def __init__(self, glckpt: Glckpt, command: list, where: dict, **environment: str):
        self.where = where
        display = {"DISPLAY": f":{where['number']}", **environment}
        self.process = subprocess.Popen(command, env={**glckpt.environment, **display},
                                        stdin=subprocess.DEVNULL)
        with XUser({"display": where}) as user:
            user.enter_window(width=400)
        self.sockets = self.open_sockets()

    def open_sockets(self) -> set[str]:
        """Those of the viewer; another connection would be another inode."""
        folder = Path("/proc", str(self.process.pid), "fd")
        targets = {os.readlink(link) for link in folder.iterdir()}
        return {target for target in targets if target.startswith("socket:")}

    def is_connected_as_before(self) -> bool:
        return self.process.poll() is None and self.open_sockets() == self.sockets

    def type(self, text: str) -> None:
        with XUser({"display": self.where}) as user:
            user.type(text)

    def picture(self, width: int, height: int) -> numpy.ndarray:
        """What the viewer shows of a screen of that size."""
        with XUser({"display": self.where}) as user:
            box = max((one.get_geometry() for one in user.windows()), key=lambda one: one.width)
            where = (box.x, box.y, width, height)
            image = user.root.get_image(*where, X.ZPixmap, 0xFFFFFFFF)
            pixels = numpy.frombuffer(image.data, numpy.uint8).reshape(height, width, 4)
            return pixels[:, :, 2::-1]

    def resize(self, width: int, height: int) -> None:
        """Pulls at the window's corner."""
        with XUser({"display": self.where}) as user:
            window = max(user.windows(), key=lambda one: one.get_geometry().width)
            window.configure(width=width, height=height)
            user.display.sync()

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


@contextlib.contextmanager
def viewer(glckpt: Glckpt, command: list, **environment: str) -> Iterator[Viewer]:
    """A viewer's command in an X server of its own."""
    with x_server(glckpt) as where:
        shown = Viewer(glckpt, command, where, **environment)
        try:
            yield shown
        finally:
            shown.close()


def viewer_of(glckpt: Glckpt, session: str):
    """`glckpt view SESSION`: TigerVNC's."""
    return viewer(glckpt, [glckpt.program, "view", *LINGER, session])


class RfbClient:
    """As much of RFB 3.8 (RFC 6143) as a test needs; of encodings Raw, CopyRect, and those for cursor,
    size, and a pointer without end."""

    RAW, COPY_RECT, CURSOR, POINTER, DESKTOP_SIZE = 0, 1, -239, -257, -308

    def __init__(self, connection: socket.socket):
        self.socket = connection
        self.socket.settimeout(20)
        assert self.take(12) == b"RFB 003.008\n"
        self.socket.sendall(b"RFB 003.008\n")
        self.security = list(self.take(self.take(1)[0]))

    @classmethod
    def on_socket(cls, path: str) -> RfbClient:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(path)
        client = cls(connection)
        client.enter()
        return client

    def enter(self) -> None:
        """Without a password; learns the size."""
        self.socket.sendall(b"\x01")
        assert self.take(4) == bytes(4)
        self.socket.sendall(b"\x01")
        self.width, self.height = struct.unpack(">HH", self.take(4))
        (length,) = struct.unpack(">16xI", self.take(20))
        self.name = self.take(length).decode()
        known = (self.RAW, self.COPY_RECT, self.CURSOR, self.POINTER, self.DESKTOP_SIZE)
        self.socket.sendall(struct.pack(f">BxH{len(known)}i", 2, len(known), *known))
        self.seen = numpy.zeros((self.height, self.width, 4), numpy.uint8)
        self.moved = 0  # pixels, by CopyRect
        self.relative = False  # it is to say how far its pointer moves

    def take(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            assert more, "the bridge hung up"
            data += more
        return bytes(data)

    def key(self, keysym: int, down: bool) -> None:
        self.socket.sendall(struct.pack(">BBxxI", 4, down, keysym))

    def type(self, text: str) -> None:
        for letter in text:
            keysym = 0xFF0D if letter == "\n" else ord(letter)
            if ord(letter) > 0xFF:
                keysym |= 0x01000000
            self.key(keysym, True)
            self.key(keysym, False)

    def point(self, x: int, y: int, buttons: int = 0) -> None:
        self.socket.sendall(struct.pack(">BBHH", 5, buttons, x, y))

    def move(self, x: int, y: int) -> None:
        """By so much, while it is relative."""
        self.point(0x7FFF + x, 0x7FFF + y)

    def copy(self, text: str) -> None:
        data = text.encode("latin-1")
        self.socket.sendall(struct.pack(">BxxxI", 6, len(data)) + data)

    def ask(self, incremental: bool = False) -> None:
        """For a picture; the answer is left unread."""
        size = (0, 0, self.width, self.height)
        self.socket.sendall(struct.pack(">BBHHHH", 3, incremental, *size))

    def resize(self, width: int, height: int) -> None:
        head = struct.pack(">BxHHBx", 251, width, height, 1)
        self.socket.sendall(head + struct.pack(">IHHHHI", 0, 0, 0, width, height, 0))

    def update(self) -> str | None:
        """Takes one message: a part of the picture, or a text that a program has copied."""
        kind = self.take(1)[0]
        if kind == 3:
            (length,) = struct.unpack(">xxxI", self.take(7))
            return self.take(length).decode("latin-1").rstrip("\0")
        assert kind == 0, f"message {kind}"
        (count,) = struct.unpack(">xH", self.take(3))
        self.arrived = sum(
            self._rectangle(*struct.unpack(">HHHHi", self.take(12))) for _ in range(count)
        )
        return None

    def _rectangle(self, x: int, y: int, width: int, height: int, encoding: int) -> int:
        """How many pixels of the picture it was."""
        if encoding == self.RAW:
            pixels = numpy.frombuffer(self.take(width * height * 4), numpy.uint8)
            self.seen[y : y + height, x : x + width] = pixels.reshape(height, width, 4)
            return width * height
        if encoding == self.COPY_RECT:
            from_x, from_y = struct.unpack(">HH", self.take(4))
            moved = self.seen[from_y : from_y + height, from_x : from_x + width].copy()
            self.seen[y : y + height, x : x + width] = moved
            self.moved += width * height
            return 0
        if encoding == self.CURSOR:
            self.take(width * height * 4 + (width + 7) // 8 * height)
            return 0
        if encoding == self.POINTER:
            self.relative = not x
            return 0
        assert encoding == self.DESKTOP_SIZE, f"encoding {encoding}"
        (screens,) = struct.unpack(">Bxxx", self.take(4))
        self.take(screens * 16)
        if (self.width, self.height) != (width, height):
            self.width, self.height = width, height
            self.seen = numpy.zeros((height, width, 4), numpy.uint8)
        return 0

    def catch_up(self) -> numpy.ndarray:
        """What it shows, after what has arrived; asks for what changes next. ask(True) comes first."""
        while select.select([self.socket], [], [], 0)[0]:
            self.update()
            self.ask(True)
        return self.seen[:, :, 2::-1]

    def copied(self) -> str:
        """The next text that a program has copied; pictures on the way are passed over."""
        while True:
            text = self.update()
            if text is not None:
                return text

    def picture(self) -> numpy.ndarray:
        """The whole screen, asked for anew."""
        self.ask()
        self.arrived = 0
        while self.arrived < self.width * self.height:
            self.update()
        return self.seen[:, :, 2::-1]

    def close(self) -> None:
        self.socket.close()
