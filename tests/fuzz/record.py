#!/usr/bin/python3
"""Makes inputs for the fuzzer of what a program says: record.py DIRECTORY COMMAND...

Runs the command through the proxy, watches its rings, and writes each stretch of messages that has
an opcode not seen before to DIRECTORY. A ring is looked at until it begins to overwrite itself.
"""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
HEAD_AT = 128  # wire_ring.head
RING_AT = 64 << 10
RING_SIZE = 1 << 20
PADDING = 0xFFFF
PIECE = 3500  # bytes of an input
SECONDS = 6


def messages(ring: bytes, head: int):
    at = 0
    while at < head:
        opcode, units = struct.unpack_from("<HH", ring, at)
        if opcode == PADDING or not units:
            return
        yield opcode, ring[at:at + units * 8]
        at += units * 8


def pieces(ring: bytes, head: int):
    piece, opcodes = b"", set()
    for opcode, message in messages(ring, head):
        if len(piece) + len(message) > PIECE:
            yield piece, opcodes
            piece, opcodes = b"", set()
        piece += message
        opcodes.add(opcode)
    yield piece, opcodes


def look(path: Path) -> tuple[int, bytes]:
    with path.open("rb") as file:
        head = struct.unpack("<Q", os.pread(file.fileno(), 8, HEAD_AT))[0]
        return head, os.pread(file.fileno(), RING_SIZE, RING_AT)


def watch(directory: Path, program: subprocess.Popen) -> dict[Path, tuple[int, bytes]]:
    """The longest look at each ring that had not gone round yet."""
    seen: dict[Path, tuple[int, bytes]] = {}
    end = time.monotonic() + SECONDS
    while program.poll() is None and time.monotonic() < end:
        for path in [*directory.glob("*/p*/ring-*"), *directory.glob("*/p*/control")]:
            try:
                head, ring = look(path)
            except FileNotFoundError:
                continue
            if head < RING_SIZE:
                seen[path] = head, ring
        time.sleep(0.005)
    return seen


def write(output: Path, ring: bytes, head: int, mode: int, known: set[int]) -> None:
    for piece, opcodes in pieces(ring, head):
        if opcodes <= known:
            continue
        known |= opcodes
        data = bytes([mode]) + piece
        (output / hashlib.sha1(data).hexdigest()).write_bytes(data)


def main() -> None:
    output, command = Path(sys.argv[1]), sys.argv[2:]
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="record-", dir="/dev/shm") as directory:
        program = subprocess.Popen([TOP / "tests/gl/glrun", *command],
            env=os.environ | {"GLRUN_DIR": directory})
        seen = watch(Path(directory), program)
        program.terminate()
        program.wait()
    known: set[int] = set()
    for path, (head, ring) in seen.items():
        write(output, ring, head, 2 if path.name == "control" else 0, known)
    print(f"{command[0]}: {len(known)} opcodes of {len(seen)} rings")


if __name__ == "__main__":
    main()
