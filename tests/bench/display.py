"""Moving pictures at 1920x1080 on their way to a viewer: the bridge, x11vnc and Xvnc.

The same program draws for each of them and the same client, on libvncclient, counts what arrives.
Processor time is that of everything between the program and the client: the X server and what
serves it to viewers.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy
from harness.driver import BUILD, Glckpt, make_base, processes_below, wait_until

from .table import Bar, Sample, Table, ratios

SIZE = (1920, 1080)
XVNC_BAR = 0.9  # of Xvnc's pictures a second
PIXELS_BAR = 124e6  # a second, read back and delivered
COPIES = 16  # memory that can copy a pixel this often in that time allows it


@dataclass
class Served:
    """A display with the load on it: where a viewer connects, and who works for that."""

    socket: str
    server: list[int]  # X server and what serves viewers
    bridge: list[int]  # of them what serves viewers only


# ---- the contestants ----


def geometry() -> str:
    return "x".join(map(str, SIZE))


@contextlib.contextmanager
def ended(process: subprocess.Popen) -> Iterator[subprocess.Popen]:
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:  # x11vnc waits for viewers and servers that have gone
            process.kill()
            process.wait()


@contextlib.contextmanager
def x_display(*command: str) -> Iterator[tuple[int, str]]:
    """An X server that chooses its number: its process and its display."""
    reads, writes = os.pipe()
    words = [*command, "-displayfd", str(writes), "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(words, pass_fds=[writes], stderr=subprocess.DEVNULL)
    os.close(writes)
    with ended(server), os.fdopen(reads) as report:
        yield server.pid, f":{int(report.readline())}"


@contextlib.contextmanager
def program(load: Load, display: str) -> Iterator[None]:
    environment = {**os.environ, "DISPLAY": display, "LIBGL_ALWAYS_SOFTWARE": "1"}
    with ended(subprocess.Popen(load.command, env=environment)):
        yield


@contextlib.contextmanager
def of_glckpt(load: Load, base: Path) -> Iterator[Served]:
    glckpt = Glckpt(make_base(str(base)))
    try:
        name = glckpt.launch(*load.command, options=["--geometry", geometry()])
        socket = glckpt.ok("view", "--socket", "--linger", "1s", name)
        processes = processes_below(glckpt.base)
        bridge = [pid for pid, words in processes.items() if "glckpt-vnc" in words.split()[0]]
        server = [pid for pid, words in processes.items() if words.startswith("Xvfb")]
        assert len(bridge) == len(server) == 1, processes
        yield Served(socket, server + bridge, bridge)
    finally:
        glckpt.kill_all()
        wait_until(lambda: not list((glckpt.base / "run/glckpt").glob(".vnc-*")), "all has ended")
        glckpt.remove()


@contextlib.contextmanager
def of_x11vnc(load: Load, base: Path) -> Iterator[Served]:
    socket = str(base / "x11vnc")
    with x_display("Xvfb", "-screen", "0", f"{geometry()}x24") as (server, display):
        words = ["x11vnc", "-display", display, "-unixsock", socket, "-rfbport", "0", "-nopw"]
        words += ["-forever", "-shared", "-quiet", "-noipv6"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        bridge = subprocess.Popen(words, **quiet)
        with ended(bridge), program(load, display):
            wait_until(lambda: os.path.exists(socket), "x11vnc listens")
            yield Served(socket, [server, bridge.pid], [bridge.pid])
    Path(socket).unlink(missing_ok=True)


@contextlib.contextmanager
def of_xvnc(load: Load, base: Path) -> Iterator[Served]:
    socket = str(base / "xvnc")
    words = ["-geometry", geometry(), "-depth", "24", "-rfbunixpath", socket, "-rfbport", "-1"]
    with x_display("Xvnc", *words, "-SecurityTypes", "None") as (server, display):
        with program(load, display):
            wait_until(lambda: os.path.exists(socket), "Xvnc listens")
            yield Served(socket, [server], [])
    Path(socket).unlink(missing_ok=True)


CONTESTANTS = {"glckpt": of_glckpt, "x11vnc": of_x11vnc, "Xvnc": of_xvnc}
MEASURED = ("rate", "cost", "bridge", "pixels")


# ---- the loads ----


@dataclass
class Load:
    name: str
    command: list[str]
    encodings: str
    figures: dict[str, dict[str, Sample]] = field(
        default_factory=lambda: {
            name: {what: Sample() for what in MEASURED} for name in CONTESTANTS
        }
    )

    def note(self, name: str, served: Served, counted: dict) -> None:
        figures = self.figures[name]
        pictures, spent = max(counted["pictures"], 1), counted["processor"]
        figures["rate"].add(counted["pictures"] / counted["seconds"])
        figures["pixels"].add(counted["pixels"] / counted["seconds"])
        figures["cost"].add(sum(spent) / pictures * 1000)
        of_bridge = [spent[served.server.index(pid)] for pid in served.bridge]
        figures["bridge"].add(sum(of_bridge) / pictures * 1000)


def moving(name: str, *arguments: object) -> list[str]:
    return [str(BUILD / "tests/bench" / name), *map(str, SIZE), *map(str, arguments)]


def loads() -> list[Load]:
    return [
        Load("whole screen, raw", moving("moving-x", 100, "whole"), "raw"),
        Load("a quarter, ZRLE", moving("moving-x", 60, "part"), "zrle"),
        Load("a quarter, tight", moving("moving-x", 60, "part"), "tight"),
        Load("OpenGL, raw", moving("moving-gl", 60), "raw"),
    ]


def count(served: Served, load: Load, seconds: float) -> dict:
    words = [str(BUILD / "tests/bench/rfb-count"), served.socket, load.encodings, str(seconds)]
    words += map(str, served.server)
    return json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def measure(load: Load, seconds: float, base: Path) -> None:
    for name, serve in CONTESTANTS.items():
        with serve(load, base) as served:
            load.note(name, served, count(served, load, seconds))


def copied_pixels() -> float:
    """What memcpy does in a second, on pictures that no cache holds."""
    pictures = [numpy.ones(SIZE[0] * SIZE[1], numpy.uint32) for _ in range(8)]
    moment, rounds = time.perf_counter(), 10
    for number in range(rounds * 4):
        numpy.copyto(pictures[number % 4], pictures[4 + number % 4])
    return rounds * 4 * SIZE[0] * SIZE[1] / (time.perf_counter() - moment)


# ---- the tables ----


def rate(value: float) -> str:
    return f"{value:.1f}"


def millions(value: float) -> str:
    return f"{value / 1e6:.0f}"


def table_of(load: Load) -> Table:
    head = ["", "pictures/s", "processor ms/picture", "of it serving viewers", "Mpixel/s"]
    forms = {"rate": rate, "cost": rate, "bridge": rate, "pixels": millions}
    rows = [
        [name, *(figures[what].text(form) for what, form in forms.items())]
        for name, figures in load.figures.items()
    ]
    return Table(f"1920x1080, {load.name}", head, rows, bars_of(load))


def bars_of(load: Load) -> list[Bar]:
    ours, x11vnc, xvnc = (load.figures[name] for name in CONTESTANTS)
    return [
        Bar("x11vnc's pictures a second to ours", ratios(x11vnc["rate"], ours["rate"]), 1),
        Bar("our processor time to x11vnc's", ratios(ours["cost"], x11vnc["cost"]), 1),
        Bar("Xvnc's pictures a second to ours", ratios(xvnc["rate"], ours["rate"]), 1 / XVNC_BAR),
    ]


def readback_table(whole: Load, copied: Sample) -> Table:
    ours = whole.figures["glckpt"]["pixels"]
    wanted = Sample([min(PIXELS_BAR, value / COPIES) for value in copied.values])
    rows = [["readback to viewer", ours.text(millions)], ["memcpy", copied.text(millions)]]
    bar = Bar("the wanted Mpixel/s to ours", ratios(wanted, ours), 1)
    return Table("From the screen to the viewer", ["", "Mpixel/s"], rows, [bar])


def tables(quick: bool, base: Path) -> tuple[list[Table], dict]:
    all_loads, copied = loads(), Sample()
    for number in range(1 if quick else 3):
        copied.add(copied_pixels())
        for load in all_loads:
            print(f"  display: {load.name}, round {number + 1}", file=sys.stderr)
            measure(load, 2 if quick else 5, base)
    made = [table_of(load) for load in all_loads] + [readback_table(all_loads[0], copied)]
    return made, figures_of(all_loads, copied)


def figures_of(all_loads: list[Load], copied: Sample) -> dict:
    figures = {
        load.name: {
            name: {what: sample.values for what, sample in samples.items()}
            for name, samples in load.figures.items()
        }
        for load in all_loads
    }
    return {**figures, "memcpy": copied.values}
