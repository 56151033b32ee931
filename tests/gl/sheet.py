#!/usr/bin/python3
"""`make sheet`: programs beside themselves, native and through the proxy: sheet.py [--only NAME]

Runs each program twice in sessions, takes a picture of the same moment, and puts the pairs on one sheet,
build/sheet/sheet.png, with a verdict each: `equal`, or how many pixels differ. Programs that are animated by
the time are stopped at a frame (frames.c), others when their window stands still; some write pictures or
words of their own, and those are compared. What a program has mapped is looked at as well: through the proxy
nothing of a driver may be in it. Where a program's own pictures differ from one run to the next, a
third run, native as well, says where that is not compared. Ends 1 when pictures differ or a driver was found.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness import blender, pictures  # noqa: E402
from harness.driver import BUILD, TOP, Glckpt, Late, make_base, processes_below, wait_until  # noqa: E402
from PIL import Image, ImageChops  # noqa: E402

DRIVER = re.compile(r"\S*(?:_dri\.so|libgallium|libLLVM|libnvidia|swrast)\S*")
OUR_OWN = {"glckpt", "glckpt-stub", "glproxy", "Xvfb", "Xvnc", "glckpt-vnc"}
OUTPUT = BUILD / "sheet"
MODES = ("native", "proxy", "again")  # the last is native as well
TOOLS = TOP / "tests" / "gl"
QT = Path("/usr/lib/x86_64-linux-gnu/qt5/examples/opengl")
SCENES = ("buffer", "build", "bump", "clear", "conditionals", "desktop", "desktop:effect=shadow",
    "effect2d", "function", "ideas", "jellyfish", "loop", "pulsar", "refract", "shading", "shadow",
    "terrain", "texture")
LATER = {"ideas": 300}  # it begins in the dark


@dataclass
class Program:
    """One program; `{out}` in its words is a folder for what it writes."""

    name: str
    words: list[str]
    frame: int = 0  # it is stopped at this one; 0: when its window stands still
    writes: str = ""  # the picture it writes, and ends; "-": what it says is compared
    environment: dict[str, str] = field(default_factory=dict)
    options: list[str] = field(default_factory=list)
    blank: bool = False  # it shows one colour, as it should
    tells: bool = False  # it makes {out}/done itself, when it has drawn
    part: tuple[int, int, int, int] | None = None  # is compared: the rest says what time it took
    restless: bool = False  # natively no picture is like the last: what differs there is not compared
    moves: bool = False  # in a way that the frames do not determine: to be looked at only


def scenes(program: str) -> list[Program]:
    return [Program(f"{program} {scene}",
        [program, "-b", f"{scene}{'' if ':' in scene else ''}:duration=1000", "-s", "320x240"],
        frame=LATER.get(scene, 20), blank=scene == "clear") for scene in SCENES]


# With its third picture the first is on the screen for sure.
BLENDER_TELLS = """
import bpy
bpy.context.preferences.view.show_splash = False
drawn = 0
def note():
    global drawn
    drawn += 1
    if drawn == 3:
        open("{out}/done", "w").close()
def again():
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            area.tag_redraw()
    return 0.5 if drawn < 3 else None
bpy.types.SpaceView3D.draw_handler_add(note, (), "WINDOW", "POST_PIXEL")
bpy.app.timers.register(again, first_interval=1)
"""


def renders() -> list[Program]:
    scene = blender.make_scene("--engine", "EEVEE", "--frames", "2", "--samples", "8", "--plain",
        "--size", "160x120")
    words = ["blender", "-b", str(scene), "-F", "PNG", "-o", "{out}/####", "-f", "2"]
    view = ["blender", "--factory-startup", "-p", "0", "0", "900", "700", str(scene), "--python-expr",
        BLENDER_TELLS]
    return [
        Program("Blender EEVEE, GLX", words, writes="0002.png"),
        Program("Blender EEVEE, surfaceless", words, writes="0002.png", options=["--no-display"]),
        Program("Blender's window", view, tells=True),
    ]


def programs() -> list[Program]:
    return [
        Program("glxgears", ["glxgears"], frame=30),
        Program("es2gears", ["es2gears_x11"], frame=30),
        *scenes("glmark2"),
        *scenes("glmark2-es2"),
        Program("glmark2 validates", ["glmark2", "--validate", "-s", "320x240"], writes="-"),
        Program("glmark2 off-screen", ["glmark2", "--off-screen", "--validate", "-s", "320x240"],
            writes="-"),
        *renders(),
        Program("openarena, GL1", [str(TOOLS / "openarena"), "320x240", "opengl1"], frame=200,
            restless=True),
        Program("openarena, GL2", [str(TOOLS / "openarena"), "320x240", "opengl2"], frame=200,
            restless=True),
        Program("extremetuxracer", ["/usr/games/etr"], frame=40),
        Program("pymol", ["pymol", "-W", "500", "-H", "400", "-d", "fragment trp; as sticks; orient"]),
        Program("meshlab", ["meshlab", str(TOOLS / "shape.ply")], part=(0, 0, 853, 600)),
        Program("Qt: hellogl2", [str(QT / "hellogl2" / "hellogl2")]),
        Program("Qt: cube", [str(QT / "cube" / "cube")]),
        Program("GTK: glarea", ["gtk3-demo", "--run=glarea"]),
        Program("moderngl, EGL", ["/usr/bin/python3", str(TOOLS / "moderngl_picture.py"), "egl",
            "{out}/picture.png"], writes="picture.png"),
        Program("moderngl, GLX", ["/usr/bin/python3", str(TOOLS / "moderngl_picture.py"), "x11",
            "{out}/picture.png"], writes="picture.png"),
    ]


def drivers_in(base: Path) -> set[str]:
    """What of a driver the program's processes have mapped, but for our own."""
    found = set()
    for pid, words in processes_below(base).items():
        try:
            if Path(words.split(" ")[0]).name not in OUR_OWN:
                maps = Path(f"/proc/{pid}/maps").read_text(errors="replace")
                found |= {Path(path).name for path in DRIVER.findall(maps)}
        except OSError:
            continue
    return found


class Run:
    """One program in one session."""

    def __init__(self, program: Program, mode: str, folder: Path):
        self.program, self.mode = program, mode
        self.picture = folder / f"{mode}.png"
        self.text = ""
        self.drivers: set[str] = set()
        self.glckpt = Glckpt(make_base())
        self.out = self.glckpt.folder("out")
        self.done = self.out / "done"

    def words(self) -> list[str]:
        set_here = dict(self.program.environment)
        if self.program.frame:
            set_here |= {"LD_PRELOAD": str(BUILD / "tests/gl/frames.so"),
                "FRAMES_STOP": str(self.program.frame), "FRAMES_DONE": str(self.done)}
        words = [word.replace("{out}", str(self.out)) for word in self.program.words]
        return ["env", *(f"{name}={value}" for name, value in set_here.items()), *words]

    def take(self) -> None:
        """Runs it and takes its picture, or what it wrote."""
        try:
            session = self.glckpt.launch(*self.words(),
                options=["--gl", "proxy" if self.mode == "proxy" else "native", "--name", "job", *self.program.options])
            if self.program.writes:
                self._await_end(session)
            else:
                self._await_picture(session)
        finally:
            self.glckpt.remove()

    def _await_end(self, session: str) -> None:
        def ended() -> bool:
            self.drivers |= drivers_in(self.glckpt.base)
            return session not in self.glckpt.names()
        wait_until(ended, f"{self.program.name} ends", timeout=900, every=0.2)
        self.text = self.glckpt.log(session)
        if self.program.writes != "-":
            shutil.copy(self.out / self.program.writes, self.picture)

    def _await_picture(self, session: str) -> None:
        if self.program.frame or self.program.tells:
            wait_until(lambda: self.done.exists() or self._has_ended(session),
                f"{self.program.name} has drawn", timeout=300, every=0.1)
        self._await_stillness(session)
        self.drivers |= drivers_in(self.glckpt.base)
        self.text = self.glckpt.log(session)

    def _has_ended(self, session: str) -> bool:
        if session in self.glckpt.names():
            return False
        raise Late(f"{self.program.name} ended: {self.glckpt.log(session)[-500:]}")

    def _await_stillness(self, session: str) -> None:
        """Until three looks in a row show the same, and something."""
        same, last = 0, b""

        def still() -> bool:
            nonlocal same, last
            self._has_ended(session)
            self.picture.unlink(missing_ok=True)
            self.glckpt.screenshot(session, self.picture)
            now = pictures.load(self.picture).tobytes()
            shows = self.program.blank or not pictures.is_blank(self.picture)
            same = same + 1 if now == last and shows else 0
            last = now
            return same >= 3
        try:
            wait_until(still, f"{self.program.name} stands still",
                timeout=30 if self.program.moves else 180, every=0.7)
        except Late:
            if not self.program.moves:
                raise


def crop(one: Path, other: Path, part: tuple[int, int, int, int] | None) -> None:
    """Leaves out what is black in both beside the windows, or all but one part."""
    if part:
        for path in (one, other):
            Image.open(path).convert("RGB").crop(part).save(path)
        return
    with Image.open(one) as a, Image.open(other) as b:
        boxes = [box for box in (a.convert("RGB").getbbox(), b.convert("RGB").getbbox()) if box]
    if boxes:
        box = (0, 0, max(x[2] for x in boxes), max(x[3] for x in boxes))
        for path in (one, other):
            Image.open(path).convert("RGB").crop(box).save(path)


WORDS = re.compile(r"^.*Validation:.*$|^\[\w+\] .*:.*(?:Success|Failure|Unknown)", re.MULTILINE)


BLOT_MOST = 0.02  # of the picture
BLOT_MARGIN = 8


def blot(runs: dict[str, Run]) -> str:
    """Paints over where native differs from itself; why that cannot be."""
    natives = [Image.open(runs[mode].picture).convert("RGB") for mode in ("native", "again")]
    box = ImageChops.difference(*natives).getbbox()
    if not box:
        return ""
    left, top, right, bottom = box
    box = (max(left - BLOT_MARGIN, 0), max(top - BLOT_MARGIN, 0), right + BLOT_MARGIN, bottom + BLOT_MARGIN)
    size = (box[2] - box[0]) * (box[3] - box[1])
    if size > BLOT_MOST * natives[0].width * natives[0].height:
        return "native differs from itself in too much of it"
    for mode in ("native", "proxy"):
        picture = Image.open(runs[mode].picture).convert("RGB")
        picture.paste((128, 128, 128), box)
        picture.save(runs[mode].picture)
    return ""


def verdict(program: Program, native: Run, proxied: Run) -> str:
    if program.writes == "-":
        return "equal" if WORDS.findall(native.text) == WORDS.findall(proxied.text) else "says other words"
    crop(native.picture, proxied.picture, program.part)
    different = pictures.differing_pixels(native.picture, proxied.picture)
    if not different:
        return "equal"
    return f"{different} pixels differ" + (" (it moves: look)" if program.moves else "")


def compare(program: Program) -> tuple[str, list[Path]]:
    folder = OUTPUT / re.sub(r"\W+", "-", program.name)
    folder.mkdir(parents=True, exist_ok=True)
    runs = {mode: Run(program, mode, folder) for mode in MODES[: 3 if program.restless else 2]}
    try:
        for run in runs.values():
            run.take()
    except (AssertionError, OSError) as error:
        return f"did not run: {str(error).splitlines()[0]}", []
    fault = blot(runs) if program.restless else ""
    found = fault or verdict(program, runs["native"], runs["proxy"])
    if runs["proxy"].drivers:
        found += "; a driver is in it: " + ", ".join(sorted(runs["proxy"].drivers))
    return found, [] if program.writes == "-" else [runs[mode].picture for mode in MODES[:2]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="those whose name has this in it")
    args = parser.parse_args()
    OUTPUT.mkdir(parents=True, exist_ok=True)
    sheet = pictures.Sheet(320)
    sheet.title("native and through the proxy")
    bad = 0
    report = []
    for program in programs():
        if args.only and args.only not in program.name:
            continue
        found, files = compare(program)
        bad += found != "equal" and "(it moves" not in found
        report.append(f"{program.name}: {found}")
        print(report[-1], flush=True)
        shown = [Image.open(file).convert("RGB") for file in files]
        sheet.row(f"{program.name}\n{found[:60]}", shown)
    sheet.save(OUTPUT / "sheet.png")
    (OUTPUT / "report.txt").write_text("\n".join(report) + "\n")
    print(f"{len(report)} programs, {bad} not equal: {OUTPUT / 'sheet.png'}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
