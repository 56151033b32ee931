#!/usr/bin/python3
"""Runs a program whose proxies are killed and restored from snapshots: restore.py [options] COMMAND...

At every `--every` seconds the program is stopped with SIGSTOP, its proxies let go of X and write their
snapshots, are killed, and are built again by another glproxy over the files of the same run directory; then
the program goes on. With --at-stops that happens whenever the program stops itself. With --journal the
proxies are killed without a snapshot, and the listening glproxy has to replace them. Ends with the
program's status, or 1 where a snapshot or a restore failed. With --refusals a refused snapshot is said
and the program runs on.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from glrun_parts import TOP, environment, status_of, wait_for

LIVE_MAGIC = 0x4556494C
VERSION = int(re.search(r"WIRE_VERSION (\d+)u", (TOP / "wire/ring.h").read_text())[1])
LET_GO, SNAPSHOT, TAKE_HOLD = 1, 2, 3


class Failed(Exception):
    """What the proxies said."""


class Proxies:
    """The listening glproxy of a run directory."""

    def __init__(self, build: Path, directory: Path, journal: str | None, profile: str, drivers: list[str]) -> None:
        self.program = build / "bin/glproxy"
        self.profile = profile
        self.drivers = drivers  # the next proxies' ones, in turn
        self.directory = directory
        self.socket = directory / "socket"
        self.journal = journal
        self.start()

    def start(self, *extra: str) -> None:
        self.socket.unlink(missing_ok=True)
        self.process = subprocess.Popen([self.program, "--listen", self.socket, "--dir", self.directory,
                                         "--journal", self.journal or "off", "--profile", self.profile, *extra],
                                        env=self.next_environment(), start_new_session=True)
        wait_for(self.socket, self.process)

    def next_environment(self) -> dict[str, str]:
        if not self.drivers:
            return dict(os.environ)
        driver = self.drivers.pop(0)
        self.drivers.append(driver)
        return os.environ | {"GALLIUM_DRIVER": driver}

    def ask(self, operation: int, path: str = "") -> None:
        """One request of wire/hello.h."""
        with self._connect() as connection:
            connection.sendall(struct.pack("<IIiI", LIVE_MAGIC, VERSION, operation, len(path)) + path.encode())
            answer = connection.recv(1024, socket.MSG_WAITALL)
        _, _, status, text = struct.unpack("<IIi1012s", answer)
        if status:
            raise Failed(text.split(b"\0")[0].decode())

    def _connect(self) -> socket.socket:
        """Its socket may be there a moment before it listens."""
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(self.socket))
                return connection
            except ConnectionRefusedError:
                connection.close()
                if self.process.poll() is not None:
                    raise Failed("glproxy ended") from None
                time.sleep(0.002)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def children(self) -> set[int]:
        """The proxies."""
        return set(map(int, Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()))

    def kill_children(self) -> None:
        """kill -9, until others are there."""
        old = self.children()
        for pid in old:
            os.kill(pid, signal.SIGKILL)
        while len(self.children() - old) < len(old):
            if self.process.poll() is not None:
                raise Failed("the listening process ended")
            time.sleep(0.002)

    def replace(self, images: Path) -> None:
        """Snapshot, kill -9, restore."""
        if self.journal:
            self.kill_children()
            return
        images.mkdir()
        self.ask(LET_GO)
        try:
            self.ask(SNAPSHOT, str(images))
            self.kill()
            self.start("--restore", str(images))
        finally:
            self.ask(TAKE_HOLD)


def wait_for_stop(program: subprocess.Popen, args: argparse.Namespace) -> int | None:
    """Until the program is to be stopped, or has stopped itself: its status where it ended instead."""
    if not args.at_stops:
        try:
            return status_of(program.wait(args.every))
        except subprocess.TimeoutExpired:
            program.send_signal(signal.SIGSTOP)
            return None
    _, status = os.waitpid(program.pid, os.WUNTRACED)
    return None if os.WIFSTOPPED(status) else status_of(os.waitstatus_to_exitcode(status))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=os.environ.get("BUILD", str(TOP / "build")))
    parser.add_argument("--every", type=float, default=1.0)
    parser.add_argument("--at-stops", action="store_true")
    parser.add_argument("--journal", choices=["uploads", "all"])
    parser.add_argument("--drivers", default="", help="Mesa's, one after the other: llvmpipe,softpipe")
    parser.add_argument("--profile", default="native")
    parser.add_argument("--times", type=int, default=1000)
    parser.add_argument("--refusals", action="store_true")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    build = Path(args.build).resolve()
    directory = Path(tempfile.mkdtemp(prefix="glrestore-", dir="/dev/shm"))
    proxies = Proxies(build, directory, args.journal, args.profile, args.drivers.split(",") if args.drivers else [])
    restored = refused = 0
    program = None
    try:
        program = subprocess.Popen(args.command, env=environment(build, proxies.socket))
        code = None
        while code is None and restored + refused < args.times:
            code = wait_for_stop(program, args)
            if code is not None:
                break
            try:
                proxies.replace(directory / f"images{restored + refused}")
                restored += 1
            except Failed as failure:
                refused += 1
                print(f"restore.py: {failure}", file=sys.stderr)
                if not args.refusals:
                    program.kill()
            program.send_signal(signal.SIGCONT)
        if code is None:
            code = status_of(program.wait())
    finally:
        if program and program.poll() is None:
            program.kill()
        proxies.kill()
        shutil.rmtree(directory, ignore_errors=True)
    print(f"restore.py: restored {restored} times, refused {refused}", file=sys.stderr)
    sys.exit(1 if refused and not args.refusals else code)


if __name__ == "__main__":
    main()
