"""Checkpoint and restore of memory and of Blender, against plain criu and against the floor.

A `gaps` beside the program notes when the session did not run, so that pauses and the moment of
running again are seen from inside, in the same way for everybody.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from harness import blender
from harness.driver import BUILD, Glckpt, make_base, wait_until

from .plain import PlainCriu, forget_cached, tree_bytes
from .table import Bar, Sample, Table, megabytes, plain, ratios, seconds

PAUSE_BAR = 1.3  # of the floor
DURABLE_BAR = 0.6  # of plain criu's, where it is asked for
RESTORE_BAR = 1.1  # of plain criu's

MEASURED = (
    "glckpt pause",
    "glckpt pause said",
    "glckpt durable",
    "glckpt durable, stopped",
    "glckpt size",
    "glckpt restore",
    "criu pause",
    "criu durable",
    "criu size",
    "criu restore",
    "floor pause",
    "floor dump",
)


@dataclass
class Load:
    """A program to be checkpointed. `ready` is asked in the folder it works in."""

    name: str
    command: Callable[[Path], str]
    ready: Callable[[Path], object]
    durable_counts: bool = False
    rounds: int = 3
    figures: dict[str, Sample] = field(
        default_factory=lambda: {name: Sample() for name in MEASURED}
    )


def memory(mib: int, rounds: int, durable_counts: bool = False) -> Load:
    return Load(
        f"{mib / 1024:.1f} GiB dirty",
        lambda work: f"{BUILD}/samples/dirty {mib} > {work}/dirty.log",
        lambda work: "ready" in _text(work / "dirty.log"),
        durable_counts,
        rounds,
    )


def eevee(rounds: int) -> Load:
    def command(work: Path) -> str:
        scene = blender.make_scene("--engine", "EEVEE", "--frames", "40")
        return " ".join(blender.command(scene, work)) + " > /dev/null"

    return Load("Blender EEVEE", command, lambda work: (work / "0002.png").exists(), False, rounds)


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


# ---- what the program saw ----


def gap_at(work: Path, moment: float) -> tuple[float, float]:
    """The longest gap that ended after this moment (seconds since 1970), as (begin, end)."""

    def ended() -> list[tuple[float, float]]:
        lines = [line.split() for line in _text(work / "gaps").splitlines()]
        return [(float(a), float(b)) for a, b in lines if float(b) > moment]

    found = wait_until(ended, "the program notices its pause")
    return max(found, key=lambda gap: gap[1] - gap[0])


def paused(work: Path, moment: float) -> float:
    begin, end = gap_at(work, moment)
    return end - begin


def runs_again(work: Path, moment: float) -> float:
    """Seconds from the moment until the program ran again."""
    return gap_at(work, moment)[1] - moment


# ---- one round ----


class Round:
    """Both contestants on one load, once."""

    def __init__(self, load: Load, base: Path):
        self.load = load
        self.base = base
        self.figures = load.figures

    def command(self, work: Path) -> str:
        return f"{BUILD}/samples/gaps {work}/gaps & exec {self.load.command(work)}"

    def wait_ready(self, work: Path) -> None:
        wait_until(lambda: self.load.ready(work), f"{self.load.name} is ready", timeout=180)

    def note(self, what: str, value: float) -> None:
        self.figures[what].add(value)

    def run_plain(self) -> None:
        work = self.base / "plain"
        program = PlainCriu(work, self.command(work))
        try:
            self.wait_ready(work)
            self._dump_plain(program, work)
            program.kill()
            forget_cached(work / "image")
            moment = time.time()
            program.restore(work / "image")
            self.note("criu restore", runs_again(work, moment))
        finally:
            program.kill()
            shutil.rmtree(work)

    def _dump_plain(self, program: PlainCriu, work: Path) -> None:
        moment = time.time()
        self.note("floor dump", program.dump_into_nothing(work / "floor"))
        self.note("floor pause", paused(work, moment))
        moment = time.time()
        self.note("criu durable", program.dump_durable(work / "image"))
        self.note("criu pause", paused(work, moment))
        self.note("criu size", tree_bytes(work / "image"))

    def run_glckpt(self) -> None:
        glckpt = Glckpt(make_base("/var/tmp"))
        work = glckpt.work
        try:
            options = ("--no-display", "--gl", "native")
            session = glckpt.launch("sh", "-c", self.command(work), options=options)
            self.wait_ready(work)
            image = self._checkpoint(glckpt, session, work)
            glckpt.ok("kill", session)
            forget_cached(image)
            moment = time.time()
            session = glckpt.restore(image)
            self.note("glckpt restore", runs_again(work, moment))
            start = time.monotonic()
            glckpt.checkpoint(session, "--stop", "--wait", timeout=300)
            self.note("glckpt durable, stopped", time.monotonic() - start)
        finally:
            glckpt.remove()

    def _checkpoint(self, glckpt: Glckpt, session: str, work: Path) -> Path:
        moment, start = time.time(), time.monotonic()
        said = json.loads(glckpt.ok("checkpoint", "--wait", "--json", session, timeout=300))
        self.note("glckpt durable", time.monotonic() - start)
        self.note("glckpt pause", paused(work, moment))
        self.note("glckpt pause said", said["pause_s"])
        image = Path(said["path"])
        self.note("glckpt size", tree_bytes(image))
        return image


# ---- the tables ----


def measure(loads: list[Load], base: Path) -> None:
    for load in loads:
        for number in range(load.rounds):
            print(f"bench: {load.name}, round {number + 1} of {load.rounds}", file=sys.stderr)
            one = Round(load, base)
            for contestant in (one.run_plain, one.run_glckpt)[:: 1 if number % 2 else -1]:
                contestant()


def times_table(loads: list[Load]) -> Table:
    head = ["", "pause", "durable", "durable, stopped", "restore to running"]
    table = Table("Seconds: median (least..most)", head)
    for load in loads:
        figure = load.figures
        for who, names in {
            "glckpt": ("pause", "durable", "durable, stopped", "restore"),
            "criu": ("pause", "durable", None, "restore"),
            "floor": ("pause", "dump", None, None),
        }.items():
            cells = [figure[f"{who} {name}"].text(seconds) if name else "-" for name in names]
            table.rows.append([f"{load.name}: {who}", *cells])
    return table


def ratios_table(loads: list[Load]) -> Table:
    head = [
        "",
        "pause : floor",
        "pause : criu",
        "durable : criu",
        "stopped : criu",
        "restore : criu",
    ]
    table = Table("Ratios, round by round: median (least..most)", head)
    for load in loads:
        pairs = (
            ("glckpt pause", "floor pause"),
            ("glckpt pause", "criu pause"),
            ("glckpt durable", "criu durable"),
            ("glckpt durable, stopped", "criu durable"),
            ("glckpt restore", "criu restore"),
        )
        found = [ratios(load.figures[a], load.figures[b]) for a, b in pairs]
        table.rows.append([load.name, *(ratio.text(plain) for ratio in found)])
        table.bars.append(Bar(f"{load.name}, pause against the floor", found[0], PAUSE_BAR))
        if load.durable_counts:
            table.bars.append(Bar(f"{load.name}, durable against criu", found[2], DURABLE_BAR))
        table.bars.append(Bar(f"{load.name}, restore against criu", found[4], RESTORE_BAR))
    return table


def sizes_table(loads: list[Load]) -> Table:
    table = Table("Size on disk, MB", ["", "glckpt", "criu", "ratio"])
    for load in loads:
        mine, other = load.figures["glckpt size"], load.figures["criu size"]
        cells = [mine.text(megabytes), other.text(megabytes), ratios(mine, other).text(plain)]
        table.rows.append([load.name, *cells])
    return table


def tables(quick: bool, base: Path) -> tuple[list[Table], dict]:
    """Measures; the tables, and every figure by load and name."""
    if quick:
        loads = [memory(102, 1), eevee(1)]
    else:
        loads = [memory(102, 5), memory(1024, 5), memory(4096, 3, durable_counts=True), eevee(3)]
    measure(loads, base)
    figures = {
        load.name: {name: sample.values for name, sample in load.figures.items()} for load in loads
    }
    return [times_table(loads), ratios_table(loads), sizes_table(loads)], figures
