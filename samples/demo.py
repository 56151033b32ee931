#!/usr/bin/python3
"""`make demo`: an animation is stopped in the middle of a frame, killed, and taken up again.

For EEVEE and for CYCLES: Blender renders a small scene undisturbed; then once more under glckpt,
where it is checkpointed while it samples a frame, killed with everything around it, restored and
waited for. All frames of both runs are compared pixel for pixel. Ends with 0 when all are equal.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from PIL import Image  # noqa: E402

from harness import blender, pictures  # noqa: E402
from harness.driver import BUILD, Glckpt, make_base, processes_below, wait_until  # noqa: E402

OUTPUT = BUILD / "demo"
FRAMES = 4
STOP_IN_FRAME = 2
PATIENCE = 300  # seconds for a whole animation on a slow machine


class Progress:
    """One line that is written over on a terminal; nothing elsewhere."""

    def __init__(self, engine: str):
        self.engine = engine
        self.shown = sys.stderr.isatty()

    def say(self, what: str, done: int | None = None) -> bool:
        """Always false, so that it can stand in a condition that is waited for."""
        if self.shown:
            bar = "" if done is None else f"  [{'#' * done}{'.' * (FRAMES - done)}] {done}/{FRAMES}"
            print(f"\r\033[K  {self.engine:7} {what}{bar}", end="", file=sys.stderr, flush=True)
        return False

    def clear(self) -> None:
        if self.shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


@dataclass
class Story:
    """What one engine's animation went through, in seconds and bytes."""

    engine: str
    undisturbed_s: float = 0
    stopped_in_frame: int = 0
    frames_before: int = 0
    checkpoint: dict = field(default_factory=dict)
    restore: dict = field(default_factory=dict)
    image_bytes: int = 0
    rendered: list[Path] = field(default_factory=list)
    expected: list[Path] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def empty_folder(name: str) -> Path:
    folder = OUTPUT / name
    folder.mkdir(parents=True, exist_ok=True)
    for frame in blender.frames(folder):
        frame.unlink()
    return folder


def render_undisturbed(scene: Path, story: Story, progress: Progress) -> None:
    folder = empty_folder(f"{story.engine.lower()}-undisturbed")
    start = time.monotonic()
    log = OUTPUT / f"{folder.name}.log"
    with log.open("w") as output:
        renderer = subprocess.Popen(
            blender.command(scene, folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    wait_until(
        lambda: renderer.poll() is not None
        or progress.say("undisturbed", len(blender.frames(folder))),
        "the undisturbed animation ends",
        timeout=PATIENCE,
        every=0.1,
    )
    assert renderer.returncode == 0, f"blender ended with {renderer.returncode}: see {log}"
    story.undisturbed_s = time.monotonic() - start
    story.expected = blender.frames(folder)


def wait_for_a_frame_in_work(
    glckpt: Glckpt, session: str, story: Story, progress: Progress
) -> None:
    def in_work():
        begun = blender.frame_begun(glckpt.log(session))
        progress.say("under glckpt", max(begun - 1, 0))
        return begun if begun >= STOP_IN_FRAME else 0

    story.stopped_in_frame = wait_until(in_work, "a frame is begun", timeout=PATIENCE, every=0.1)


def stop_and_take_up(glckpt: Glckpt, scene: Path, story: Story, progress: Progress) -> None:
    folder = empty_folder(f"{story.engine.lower()}-restored")
    session = glckpt.launch(*blender.command(scene, folder))
    wait_for_a_frame_in_work(glckpt, session, story, progress)
    progress.say("checkpoint")
    story.checkpoint = json.loads(glckpt.ok("checkpoint", "--wait", "--json", session))
    story.frames_before = len(blender.frames(folder))
    image = Path(story.checkpoint["path"])
    story.image_bytes = sum(f.stat().st_size for f in image.rglob("*") if f.is_file())
    glckpt.ok("kill", session)
    wait_until(lambda: not processes_below(glckpt.base), "nothing of the session is left")
    progress.say("restore")
    story.restore = json.loads(glckpt.ok("restore", "-d", "--json", image))
    watch_to_the_end(glckpt, story.restore["name"], folder, progress)
    story.rendered = blender.frames(folder)


def watch_to_the_end(glckpt: Glckpt, session: str, folder: Path, progress: Progress) -> None:
    waiting = glckpt.spawn("wait", session)
    wait_until(
        lambda: waiting.poll() is not None or progress.say("restored", len(blender.frames(folder))),
        "the restored animation ends",
        timeout=PATIENCE,
        every=0.1,
    )
    assert waiting.returncode == 0, f"the restored blender ended with {waiting.returncode}"


def tell(engine: str, glckpt: Glckpt) -> Story:
    story, progress = Story(engine), Progress(engine)
    progress.say("making the scene")
    scene = blender.make_scene("--engine", engine, "--frames", str(FRAMES))
    render_undisturbed(scene, story, progress)
    stop_and_take_up(glckpt, scene, story, progress)
    story.wrong = blender.differing_frames(story.expected, story.rendered)
    progress.clear()
    return story


def make_sheet(stories: list[Story], path: Path) -> None:
    sheet = pictures.Sheet()
    for story in stories:
        sheet.title(f"{story.engine}   stopped in frame {story.stopped_in_frame}, killed, restored")
        sheet.row("undisturbed", [Image.open(p).convert("RGB") for p in story.expected])
        sheet.row("stopped and restored", [Image.open(p).convert("RGB") for p in story.rendered])
        pairs = zip(story.expected, story.rendered)
        sheet.row("difference\n(black: none)", [pictures.difference(a, b) for a, b in pairs])
    sheet.save(path)


def print_table(stories: list[Story]) -> None:
    def line(label: str, cell) -> None:
        print(f"  {label:34}" + "".join(f"{cell(story):>14}" for story in stories))

    line("", lambda s: s.engine)
    line("undisturbed animation", lambda s: f"{s.undisturbed_s:.1f} s")
    line("stopped in frame", lambda s: f"{s.stopped_in_frame} of {FRAMES}")
    line("pause (freeze to thaw)", lambda s: f"{s.checkpoint['pause_s']:.2f} s")
    line("image durable after", lambda s: f"{s.checkpoint['durable_s']:.2f} s")
    line("memory and state kept", lambda s: f"{s.checkpoint['raw_bytes'] / 1e6:.0f} MB")
    line("image on disk", lambda s: f"{s.image_bytes / 1e6:.0f} MB")
    line("restore to running", lambda s: f"{s.restore['restore_s']:.2f} s")
    line("identical frames", lambda s: f"{len(s.expected) - len(s.wrong)} of {len(s.expected)}")


def main() -> int:
    print("Blender is stopped in the middle of a frame, killed, and taken up again.", flush=True)
    glckpt = Glckpt(make_base())
    try:
        stories = [tell(engine, glckpt) for engine in ("EEVEE", "CYCLES")]
    finally:
        glckpt.remove()
    sheet = OUTPUT / "contact-sheet.png"
    make_sheet(stories, sheet)
    print_table(stories)
    print(f"  contact sheet: {sheet}")
    wrong = [sentence for story in stories for sentence in story.wrong]
    for sentence in wrong:
        print(f"demo: {sentence}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
