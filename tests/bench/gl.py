"""OpenGL through the proxy, against native llvmpipe and those who carry GL elsewhere.

Small loads (gl-rows) and whole programs, turn by turn: every figure of a round is taken within
seconds of the native one that it is divided by.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness import blender
from harness.driver import BUILD, TOP, wait_until

from .table import Sample, Table, plain, ratios

ROWS = BUILD / "tests" / "bench" / "gl-rows"

VIRGL_SOCKET = Path("/tmp/.virgl_test")  # Mesa's client knows no other

# What the throw-away prototype of this design had of native: no row may fall below.
ROW_BARS = {
    "clear-200x200": 1.01,
    "clear-800x600": 0.99,
    "immediate": 0.95,
    "client-arrays": 1.01,
    "display-lists": 1.07,
    "texture-upload": 0.78,
    "readback": 0.88,
    "draws": 1.02,
    "block-draws": 0.97,
    "get-error": 0.3,
    "get-integer": 0.3,
    "draw-get": 0,
    "gen-textures": 0.56,
    "uniform-location": 0.54,
    "draw-get-error": 0.43,
    "sub-data": 0.7,
    "map": 0.7,
    "map-small": 0.7,
    "query": 1.04,
    "fence": 1.52,
    "program": 0.9,  # the prototype's 1.38 was a warm cache of shaders against a cold one
}
GLMARK2_BAR = 0.90
AHEAD_OF = ("virgl", "apitrace")

# Shaders are compiled, as they are in sessions; nobody finds them in a cache of an earlier run.
UNCACHED = {"MESA_SHADER_CACHE_DISABLE": "true"}


# ---- contestants ----


@dataclass
class Rival:
    """A way of running a GL program: what comes before the command, and its environment."""

    name: str
    environment: dict[str, str] = field(default_factory=dict)
    before: tuple[str, ...] = ()
    missing: str = ""  # why it is not measured


def native() -> Rival:
    return Rival("native", {"LIBGL_ALWAYS_SOFTWARE": "1"})


def ours(socket: Path) -> Rival:
    return Rival(
        "glckpt",
        {
            "GLCKPT_PROXY_SOCKET": str(socket),
            "__GLX_VENDOR_LIBRARY_NAME": "glckpt",
            "__EGL_VENDOR_LIBRARY_FILENAMES": str(BUILD / "50_glckpt.json"),
            "LD_LIBRARY_PATH": str(BUILD),
        },
    )


def needs(rival: Rival, program: str) -> Rival:
    if not shutil.which(program):
        rival.missing = f"{program} is not installed"
    return rival


def rivals() -> list[Rival]:
    software = {"LIBGL_ALWAYS_SOFTWARE": "1"}
    return [
        needs(Rival("virgl", software | {"GALLIUM_DRIVER": "virpipe"}), "virgl_test_server"),
        Rival("glthread", software | {"mesa_glthread": "true"}),
        needs(
            Rival(
                "apitrace", software, ("apitrace", "trace", "--api", "gl", "-o", "/dev/null")
            ),
            "apitrace",
        ),
        Rival("indirect", {"LIBGL_ALWAYS_INDIRECT": "1"}),
    ]


def _start(command: list[str], **options) -> subprocess.Popen:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, env=os.environ | UNCACHED, **(quiet | options))


@contextlib.contextmanager
def running(*processes: subprocess.Popen) -> Iterator[None]:
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def display() -> Iterator[str]:
    """An X server of this run's own, which renders for indirect clients as well."""
    read, write = os.pipe()
    server = _start(
        ["Xvfb", "-displayfd", str(write), "+iglx", "-screen", "0", "1280x1024x24"],
        pass_fds=(write,),
    )
    os.close(write)
    with running(server):
        with os.fdopen(read) as pipe:
            yield f":{pipe.readline().strip()}"


@contextlib.contextmanager
def contestants() -> Iterator[list[Rival]]:
    """Everybody ready to run, native first."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/dev/shm") as base:
        socket = Path(base) / "socket"
        servers = [_start([str(BUILD / "bin/glproxy"), "--listen", str(socket), "--dir", base])]
        if shutil.which("virgl_test_server"):
            VIRGL_SOCKET.unlink(missing_ok=True)  # of a server that was killed
            servers.append(_start(["virgl_test_server", "--use-egl-surfaceless"]))
        with display() as where, running(*servers):
            wait_until(socket.exists, "glproxy listens")
            if shutil.which("virgl_test_server"):
                wait_until(VIRGL_SOCKET.exists, "virgl_test_server listens")
            everybody = [native(), ours(socket), *rivals()]
            for one in everybody:
                one.environment = (
                    {"DISPLAY": where, "vblank_mode": "0"} | UNCACHED | one.environment
                )
                probe(one)
            yield everybody


def run(rival: Rival, command: list[str], timeout: float) -> str:
    """What the program printed; empty where it failed."""
    done = subprocess.run(
        [*rival.before, *command],
        env=os.environ | rival.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )
    return done.stdout if done.returncode == 0 else ""


# ---- small loads ----


class Rows:
    """gl-rows of one contestant, told over its input what to do next."""

    def __init__(self, rival: Rival):
        self.rival = rival
        self.process = subprocess.Popen(
            [*rival.before, str(ROWS)],
            env=os.environ | rival.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def measure(self, row: str, seconds: float) -> float | None:
        """None where it cannot, or has died of it."""
        try:
            self.process.stdin.write(f"{row} {seconds}\n")
            self.process.stdin.flush()
            _, value = self.process.stdout.readline().split()
        except (BrokenPipeError, ValueError):
            self._again()
            return None
        return None if value == "-" else float(value)

    def _again(self) -> None:
        self.close()
        self.__init__(self.rival)

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def probe(rival: Rival) -> None:
    """Frames that nobody draws are quickly drawn: a contestant must have a GL at all."""
    if rival.missing:
        return
    rows = Rows(rival)
    if rows.measure("clear-200x200", 0.05) is None:
        rival.missing = "no picture is drawn here"
    rows.close()


Figures = dict[str, dict[str, Sample]]  # by row, by contestant


def note(figures: Figures, row: str, who: str, value: float | None) -> None:
    sample = figures.setdefault(row, {}).setdefault(who, Sample())
    sample.add(value if value is not None else float("nan"))


def measure_rows(everybody: list[Rival], rounds: int, seconds: float, only: str) -> Figures:
    names = subprocess.run([ROWS, "--list"], capture_output=True, text=True, check=True)
    figures: Figures = {}
    programs = [Rows(rival) for rival in everybody if not rival.missing]
    try:
        for row in (name for name in names.stdout.split() if re.search(only, name)):
            for number in range(rounds):
                for program in programs[:: 1 if number % 2 else -1]:
                    value = program.measure(row, seconds)
                    note(figures, row, program.rival.name, value)
    finally:
        for program in programs:
            program.close()
    return figures


# ---- whole programs ----


@dataclass
class Program:
    """A program to be run to its end; `rate` finds its figure in what it printed."""

    name: str
    command: list[str]
    rate: Callable[[str], float | None] | None  # None: how often it can be run in a second
    bar: float
    timeout: float = 120
    indirect: bool = False


def first_number(pattern: str) -> Callable[[str], float | None]:
    def find(text: str) -> float | None:
        found = re.search(pattern, text)
        return float(found[1]) if found else None

    return find


SIZES = ("200x200", "800x600")
QUICK_SCENES = ("build:use-vbo=false", "buffer:update-method=subdata")
SCENES = (
    "build:use-vbo=true",
    "build:use-vbo=false",
    "texture",
    "shading",
    "bump",
    "effect2d",
    "pulsar",
    "desktop",
    "buffer:update-method=map",
    "buffer:update-method=subdata",
    "ideas",
    "jellyfish",
    "terrain",
    "shadow",
    "refract",
    "conditionals",
    "function",
    "loop",
)


def glmark2(quick: bool) -> list[Program]:
    options = f"duration={1 if quick else 2}"
    return [
        Program(
            f"glmark2 {scene} {size}",
            ["glmark2", "-s", size, "-b", f"{scene}:{options}"],
            first_number(r"FPS: (\d+)"),
            GLMARK2_BAR,
        )
        for scene in (QUICK_SCENES if quick else SCENES)
        for size in (SIZES[1:] if quick else SIZES)
    ]


def glxgears() -> list[Program]:
    return [
        Program(
            f"glxgears {size}",
            ["sh", "-c", f"timeout 5.5 stdbuf -oL glxgears -geometry {size} || true"],
            first_number(r"= ([\d.]+) FPS"),
            bar,
            indirect=True,
        )
        for size, bar in (("200x200", 0.97), ("800x600", 1.0))
    ]


def openarena(quick: bool) -> list[Program]:
    """The timedemo that comes with the game."""
    home = BUILD / "openarena"
    return [
        Program(
            f"openarena {size}",
            [str(TOP / "tests/bench/openarena.sh"), str(home), size, "demo088-test1"],
            first_number(r"frames.* ([\d.]+) fps"),
            0.97,
            timeout=240,
        )
        for size in (("640x480",) if quick else ("200x150", "640x480"))
    ]


def eevee(quick: bool, base: Path) -> list[Program]:
    scene = blender.make_scene("--engine", "EEVEE", "--frames", "2" if quick else "4")
    return [Program("Blender EEVEE", blender.command(scene, base), None, 0.9, 300)]


def timed(program: Program, rival: Rival) -> float | None:
    begun = time.monotonic()
    try:
        text = run(rival, program.command, program.timeout)
    except subprocess.TimeoutExpired:
        return None
    if program.rate:
        return program.rate(text)
    return 1 / (time.monotonic() - begun) if text else None


def measure_programs(
    everybody: list[Rival], programs: list[Program], rounds: int, only: str
) -> Figures:
    figures: Figures = {}
    for program in (one for one in programs if re.search(only, one.name)):
        print(f"bench: {program.name}", file=sys.stderr)
        for number in range(rounds):
            for rival in everybody[:: 1 if number % 2 else -1]:
                able = not rival.missing and (rival.name != "indirect" or program.indirect)
                value = timed(program, rival) if able else None
                note(figures, program.name, rival.name, value)
    return figures


# ---- the tables ----


@dataclass
class AtLeast:
    """What a ratio's median must reach. Where only the spread does, the run cannot tell."""

    what: str
    ratio: Sample
    least: float

    @property
    def verdict(self) -> str:
        if self.ratio.values and self.ratio.median >= self.least:
            return "held"
        if self.ratio.values and max(self.ratio.values) >= self.least:
            return "unsure"
        return "missed"

    @property
    def met(self) -> bool:
        return self.verdict != "missed"

    def text(self) -> str:
        return f"{self.verdict:6} {self.what}: {self.ratio.text(plain)}, bar {self.least:g}"


def measured(sample: Sample | None) -> bool:
    return bool(sample) and all(value == value for value in sample.values)


def against(figures: dict[str, Sample], who: str, other: str) -> Sample | None:
    one, two = figures.get(who), figures.get(other)
    return ratios(one, two) if measured(one) and measured(two) else None


def cell(ratio: Sample | None) -> str:
    return ratio.text(plain) if ratio else "-"


def bars_of(row: str, figures: dict[str, Sample], least: float) -> list[AtLeast]:
    ours_to_native = against(figures, "glckpt", "native")
    if not ours_to_native:
        return []  # a dash
    bars = [AtLeast(row, ours_to_native, least)]
    for other in AHEAD_OF:
        ratio = against(figures, "glckpt", other)
        if ratio:
            bars.append(AtLeast(f"{row}, against {other}", ratio, 1))
    return bars


def table(title: str, figures: Figures, everybody: list[Rival], bars: dict[str, float]) -> Table:
    others = [one.name for one in everybody[1:]]
    made = Table(title, ["", "native/s", *others])
    for row, samples in figures.items():
        cells = [cell(against(samples, other, "native")) for other in others]
        made.rows.append([row, f"{samples['native'].median:.3g}", *cells])
        made.bars += bars_of(row, samples, bars.get(row, 0))
    return made


def reasons(everybody: list[Rival]) -> list[str]:
    return [f"{one.name}: {one.missing}" for one in everybody if one.missing]


def tables(quick: bool, base: Path, only: str = "") -> tuple[list[Table], dict]:
    """Measures; the tables, and every figure by row and contestant."""
    rounds, turn = (2, 0.15) if quick else (5, 0.3)
    programs = [*glxgears(), *glmark2(quick), *openarena(quick), *eevee(quick, base)]
    with contestants() as everybody:
        small = measure_rows(everybody, rounds, turn, only)
        whole = measure_programs(everybody, programs, 1 if quick else 3, only)
        made = [
            table("Small loads, of native: median (least..most)", small, everybody, ROW_BARS),
            table(
                "Programs, of native: median (least..most)",
                whole,
                everybody,
                {one.name: one.bar for one in programs},
            ),
        ]
        for reason in reasons(everybody):
            print(f"bench: a dash: {reason}", file=sys.stderr)
    figures = {
        row: {who: sample.values for who, sample in samples.items()}
        for row, samples in (small | whole).items()
    }
    return [one for one in made if one.rows], figures
