"""The animated scene of samples/, made, rendered and looked at."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from pathlib import Path

from .driver import BUILD, TOP
from .pictures import differing_pixels

SCRIPT = TOP / "samples" / "make_scene.py"
FRAME_BEGUN = re.compile(r"^Fra:(\d+) .*(?:Rendering +|Sample +)([1-9]\d*) ?/ ?\d+", re.MULTILINE)
FRAME_SAVED = re.compile(r"^Saved: ", re.MULTILINE)


def make_scene(*options: str) -> Path:
    """The .blend of these options, made once and kept in the build folder."""
    digest = hashlib.sha256(SCRIPT.read_bytes() + "\0".join(options).encode()).hexdigest()
    scene = BUILD / "scenes" / f"{digest[:12]}.blend"
    if not scene.exists():
        scene.parent.mkdir(parents=True, exist_ok=True)
        part = scene.with_suffix(f".{os.getpid()}.blend")
        script = ["--python-exit-code", "3", "--python", str(SCRIPT), "--", *options, str(part)]
        _run(["blender", "-b", "--factory-startup", *script])
        part.rename(scene)
        scene.chmod(0o644)
    return scene


def command(scene: Path, output: Path) -> list[str]:
    """Renders the whole animation as OUTPUT/0001.png and so on."""
    return ["blender", "-b", str(scene), "-F", "PNG", "-o", f"{output}/####", "-a"]


def render_undisturbed(scene: Path, output: Path) -> list[Path]:
    """Renders without any checkpointer."""
    output.mkdir(parents=True, exist_ok=True)
    _run(command(scene, output))
    return frames(output)


def reference(scene: Path) -> list[Path]:
    """Frames of an undisturbed run, rendered once and kept in the build folder."""
    output = scene.with_suffix(".frames")
    done = output / "done"
    if not done.exists():
        render_undisturbed(scene, output)
        done.touch()
    return frames(output)


def frames(output: Path) -> list[Path]:
    return sorted(output.glob("[0-9]*.png"))


def frame_begun(log: str) -> int:
    """The frame that a log shows being sampled, 0 when none is."""
    begun = list(FRAME_BEGUN.finditer(log))
    if not begun or FRAME_SAVED.search(log, begun[-1].end()):
        return 0
    return int(begun[-1].group(1))


def differing_frames(one: list[Path], other: list[Path]) -> list[str]:
    """What is wrong with the second rendering, a line a frame; empty when all are equal."""
    wrong = []
    if [p.name for p in one] != [p.name for p in other]:
        wrong.append(f"{[p.name for p in one]} against {[p.name for p in other]}")
    for a, b in zip(one, other):
        count = differing_pixels(a, b)
        if count:
            wrong.append(f"{b}: {count} pixels differ")
    return wrong


def _run(words: list[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert (
        done.returncode == 0
    ), f"{' '.join(words)}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr}"
