"""How well `glckpt run` foretells what a last image takes.

Each job is preempted and started again: the first time its prediction rests on what other jobs took,
afterwards on its own images.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from harness.driver import AGAIN, BUILD, Glckpt, Late, make_base, wait_until

from .table import Bar, Sample, Table, plain, seconds

WITHIN = 0.3  # of what it really took
MISSES = 0.1  # of the cases
IDLE = 0.9  # of the processors' time, before a notice
KINDS = ("", "plain", "random")  # how much of the memory compresses: half, all, nothing
SIZES = (102, 512, 1024, 4096, 8192)  # MiB
PREDICTED = re.compile(r"a last image takes ([\d.]+) s \((.*?)\)")
TAKEN = re.compile(r"checkpointed in ([\d.]+) s")


def processor_times() -> tuple[int, int]:
    """Idle and in all, since the machine was started."""
    times = [int(time) for time in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    return times[3] + times[4], sum(times)


def await_quiet() -> None:
    """What others run is no part of a prediction."""
    before = processor_times()

    def is_quiet() -> bool:
        nonlocal before
        idle, total = (now - then for now, then in zip(processor_times(), before))
        before = processor_times()
        return total > 0 and idle / total > IDLE

    try:
        wait_until(is_quiet, "the machine is quiet", timeout=10, every=0.5)
    except Late:
        print("bench: the machine is busy; what is measured says little", file=sys.stderr)


class Job:
    """One `glckpt run`, started again and again."""

    def __init__(self, glckpt: Glckpt, mib: int, kind: str):
        self.glckpt = glckpt
        self.folder = glckpt.images / f"{mib}-{kind}"
        self.log = glckpt.work / "log"
        self.command = ["run", "--image", self.folder, "--grace=10m", "--no-display", "--"]
        self.command += [BUILD / "samples" / "dirty", mib, 0, kind]

    def preempt(self) -> tuple[str, float, float]:
        """What the prediction rested on, what it was, and what it really took."""
        with self.log.open("w") as log:
            process = self.glckpt.spawn(*self.command, stdout=log, stderr=subprocess.STDOUT)
        wait_until(self._runs, "the job runs", timeout=180)
        await_quiet()
        process.send_signal(signal.SIGUSR1)
        assert process.wait(timeout=180) == AGAIN, self.log.read_text()
        said = self.log.read_text()
        predicted, why = PREDICTED.search(said).groups()
        return why, float(predicted), float(TAKEN.search(said).group(1))

    def _runs(self) -> bool:
        return re.search("^ready |: restored ", self.log.read_text(), re.MULTILINE) is not None


def measure(sizes: tuple[int, ...], starts: int) -> list[list]:
    glckpt = Glckpt(make_base("/var/tmp"))
    rows = []
    try:
        for mib in sizes:
            for kind in KINDS:
                print(f"bench: prediction, {mib} MiB {kind}", file=sys.stderr)
                job = Job(glckpt, mib, kind)
                rows += [[mib, kind or "half", *job.preempt()] for _ in range(starts)]
                shutil.rmtree(job.folder)
    finally:
        glckpt.remove()
    return rows


def is_off(row: list) -> bool:
    predicted, taken = row[-2:]
    return abs(predicted - taken) > WITHIN * taken


def tables(quick: bool, base: Path) -> tuple[list[Table], list]:
    """Measures; the table, and its rows."""
    rows = measure(SIZES[:2] if quick else SIZES, 3)
    own = [row for row in rows if row[2] == "predicted"]
    head = ["MiB", "compresses", "rests on", "predicted", "real", "ratio"]
    table = Table("Seconds until a last image is durable: what `run` foretold", head)
    for mib, kind, why, predicted, taken in rows:
        cells = [str(mib), kind, why, seconds(predicted), seconds(taken)]
        table.rows.append([*cells, plain(predicted / taken)])
    misses = Sample([sum(map(is_off, own)) / len(own)])
    table.bars.append(Bar("share of cases that are more than 30 % off", misses, MISSES))
    return [table], rows
