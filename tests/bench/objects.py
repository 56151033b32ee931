"""How long a proxy takes to write down what it holds and to build it again: by number and by bytes.

Each load runs in a process of its own (gl-objects), with plain loops over the same textures beside it.
The snapshot goes to memory, so that no disk is measured; it is hashed, compressed and written, so the
plain loop that counts is the one that keeps what it reads.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from harness import blender
from harness.driver import BUILD, Glckpt, make_base, wait_until

from .table import Bar, Sample, Table, megabytes, ratios

PROGRAM = BUILD / "tests" / "bench" / "gl-objects"
FIELDS = ("read", "kept", "taken", "again", "uploaded", "built", "peak", "stored")

BY_BYTES = (("texture", 1, 512), ("texture", 10, 512), ("texture", 25, 1024), ("texture", 64, 2048))
BY_NUMBER = tuple((kind, count, size) for kind, size in (("texture", 8), ("buffer", 64))
                  for count in (10, 100, 1000, 10000, 100000))
QUICK = 1000  # objects, and 110 megabytes, are what a quick run goes up to

SLOWER = 2.0  # than plain loops, at most
CONSTANT = 24e6  # bytes that do not depend on the load: records, the compressor's windows
UNEVEN = 2.0  # the cost of an object, or a byte, among many against among few


@dataclass
class Load:
    kind: str
    count: int
    size: int
    figures: dict[str, Sample]

    @property
    def bytes(self) -> int:
        return self.count * self.one

    @property
    def one(self) -> int:
        return self.size * self.size * 4 if self.kind == "texture" else self.size

    @property
    def name(self) -> str:
        size = f"{self.size}x{self.size}" if self.kind == "texture" else f"{self.size} bytes"
        return f"{self.count} {self.kind}s of {size}"

    def cost(self, what: str, number: bool) -> Sample:
        """Microseconds an object, or nanoseconds a kilobyte."""
        return Sample([v * 1e6 / (self.count if number else self.bytes / 1e3)
                       for v in self.figures[what].values])


def measure(load: Load) -> None:
    with tempfile.TemporaryDirectory(prefix="gl-objects-", dir="/dev/shm") as folder:
        done = subprocess.run([PROGRAM, folder, load.kind, str(load.count), str(load.size)],
                              capture_output=True, text=True, check=True, timeout=600)
    for name, value in zip(FIELDS, done.stdout.split()):
        load.figures[name].add(float(value))


def milliseconds(value: float) -> str:
    return f"{value * 1e3:.1f}"


def row(load: Load) -> list[str]:
    times = [load.figures[name].text(milliseconds)
             for name in ("read", "kept", "taken", "again", "uploaded", "built")]
    return [load.name, megabytes(load.bytes), *times, megabytes(load.figures["stored"].median),
            megabytes(load.figures["peak"].median)]


HEAD = ["load", "MB", "read ms", "read and kept ms", "snapshot ms", "second ms", "upload ms", "rebuild ms",
        "stored MB", "peak MB"]


def speed_bars(load: Load) -> list[Bar]:
    f = load.figures
    return [Bar(f"{load.name}: snapshot, times reading and keeping", ratios(f["taken"], f["kept"]), SLOWER),
            Bar(f"{load.name}: rebuild, times uploading", ratios(f["built"], f["uploaded"]), SLOWER),
            Bar(f"{load.name}: peak memory, times one object and {megabytes(CONSTANT)} MB",
                Sample([v / (load.one + CONSTANT) for v in f["peak"].values]), 1.0)]


def line_bars(few: Load, many: Load, number: bool) -> list[Bar]:
    of = "an object" if number else "a byte"
    return [Bar(f"{many.name}: {what} of {of}, times that of {few.name}",
                ratios(many.cost(field, number), few.cost(field, number)), UNEVEN)
            for field, what in (("taken", "snapshot"), ("built", "rebuild"))]


def loads(cases, most: int) -> list[Load]:
    return [Load(kind, count, size, {name: Sample() for name in FIELDS})
            for kind, count, size in cases
            if count <= most and count * size * size * 4 <= most * 110000]


# ---- a job's images ----


def written(path: Path) -> int:
    """Bytes on disk that no earlier image has as well."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    found = [file.stat() for file in files]
    return sum(status.st_blocks * 512 for status in found if status.st_nlink == 1)


def figures_of(image: Path) -> dict[str, float]:
    manifest = json.loads((image / "manifest.json").read_text())
    return {"raw": manifest["figures"]["raw_bytes"], "process": written(image / "process.img"),
            "gl": written(image / "gl") if (image / "gl").exists() else 0}


def job_images(glckpt: Glckpt, gl: str) -> list[dict[str, float]]:
    """Two images of an EEVEE job, a second apart: what each wrote."""
    scene = blender.make_scene("--engine", "EEVEE", "--frames", "40", "--size", "480x270")
    output = glckpt.folder(gl)
    session = glckpt.launch(*blender.command(scene, output), options=("--no-display", "--gl", gl))
    wait_until(lambda: (output / "0002.png").exists(), "two frames are done", timeout=300)
    found = [figures_of(glckpt.checkpoint(session, "--wait", timeout=300))]
    time.sleep(1)
    found.append(figures_of(glckpt.checkpoint(session, "--wait", timeout=300)))
    glckpt.ok("kill", session)
    return found


def job_table() -> tuple[Table, dict]:
    glckpt = Glckpt(make_base("/var/tmp"))
    try:
        found = {gl: job_images(glckpt, gl) for gl in ("native", "proxy")}
    finally:
        glckpt.remove()
    table = Table("Images of a Blender EEVEE job, MB written", ["", "processes", "process.img", "gl"])
    for gl, images in found.items():
        for name, image in zip(("first", "a second later"), images):
            table.rows.append([f"--gl {gl}, {name}", *(megabytes(image[k]) for k in ("raw", "process", "gl"))])
    sums = [image["process"] + image["gl"] for image in found["proxy"]]
    table.bars = [Bar("processes and GL, times CRIU's image with GL in the process",
                      Sample([sums[0] / found["native"][0]["raw"]]), 1.0),
                  # Missed as long as images have only contents of GL in common, and no memory.
                  Bar("a second image, times the first", Sample([sums[1] / sums[0]]), 0.25)]
    return table, found


def tables(quick: bool, base: Path) -> tuple[list[Table], dict]:
    most = QUICK if quick else 1 << 30
    by_bytes, by_number = loads(BY_BYTES, most), loads(BY_NUMBER, most)
    for _ in range(1 if quick else 3):
        for load in by_bytes + by_number:
            measure(load)
    sizes = Table("Snapshots and rebuilds of GL, by bytes", HEAD, [row(load) for load in by_bytes],
                  [bar for load in by_bytes[-2:] for bar in speed_bars(load)]
                  + line_bars(by_bytes[-2], by_bytes[-1], number=False))
    numbers = Table("Snapshots and rebuilds of GL, by number", HEAD, [row(load) for load in by_number])
    for kind in ("texture", "buffer"):
        some = [load for load in by_number if load.kind == kind]
        numbers.bars += line_bars(some[-2], some[-1], number=True)
    figures = {load.name: {name: sample.values for name, sample in load.figures.items()}
               for load in by_bytes + by_number}
    jobs, figures["job"] = job_table()
    return [sizes, numbers, jobs], figures
