"""OpenGL through the proxy: no driver in the program, and a new proxy after each restore."""

import re
import shutil
from pathlib import Path

import pytest
from harness import blender, pictures
from harness.driver import BUILD, processes_below, wait_until

KEPT = BUILD / "samples" / "gl-kept"
PROXY = ("--gl", "proxy")
DRIVER = re.compile(r"_dri\.so|libgallium|libLLVM|libnvidia|swrast")
FRAME = re.compile(r"^frame (\d+) hash ([0-9a-f]{8})$", re.MULTILINE)
PHASES = 8  # of gl-kept: frame N looks like frame N + 8


def frames(text: str) -> list[tuple[int, str]]:
    return [(int(number), value) for number, value in FRAME.findall(text)]


def hashes(text: str) -> dict[int, set[str]]:
    """The hashes seen of each phase."""
    seen: dict[int, set[str]] = {}
    for number, value in frames(text):
        seen.setdefault(number % PHASES, set()).add(value)
    return seen


def goes_on(glckpt, session: str) -> None:
    """Waits for as many further frames as there are phases."""
    before = len(frames(glckpt.log(session)))
    wait_until(lambda: len(frames(glckpt.log(session))) > before + PHASES, f"{session} draws")


def pids(glckpt, program: str) -> set[int]:
    return {
        pid
        for pid, words in processes_below(glckpt.base).items()
        if Path(words.split(" ")[0]).name == program
    }


def drivers_in(pid: int) -> list[str]:
    return DRIVER.findall(Path(f"/proc/{pid}/maps").read_text())


@pytest.fixture
def native(glckpt) -> dict[int, set[str]]:
    """What the driver draws inside the program."""
    session = glckpt.launch(KEPT, "100")
    goes_on(glckpt, session)
    glckpt.ok("kill", session)
    return hashes(glckpt.log(session))


def test_objects_are_there_again_with_a_new_proxy(glckpt, native):
    assert sorted(map(len, native.values())) == [1] * PHASES
    session = glckpt.launch(KEPT, "100", options=PROXY)
    for _ in range(4):
        goes_on(glckpt, session)
        (program,) = pids(glckpt, "gl-kept")
        assert drivers_in(program) == []
        old = pids(glckpt, "glproxy")
        assert any(drivers_in(pid) for pid in old), "the driver is in a proxy"
        session = glckpt.restore(glckpt.checkpoint(session, "--stop"))
        assert not old & pids(glckpt, "glproxy"), "proxies of before live on"
    goes_on(glckpt, session)
    text = glckpt.log(session)
    assert hashes(text) == native
    numbers = [number for number, _ in frames(text)]
    assert numbers == list(range(len(numbers))), "each frame once"


def test_the_program_goes_on_after_a_checkpoint(glckpt, native):
    session = glckpt.launch(KEPT, "100", options=PROXY)
    for _ in range(3):
        goes_on(glckpt, session)
        glckpt.checkpoint(session, "--wait")
    goes_on(glckpt, session)
    assert hashes(glckpt.log(session)) == native


def test_an_animation_through_proxies(glckpt):
    """Blender's EEVEE, stopped in frames and taken up by new proxies: the native pixels."""
    scene = blender.make_scene(
        "--engine", "EEVEE", "--frames", "3", "--samples", "12", "--plain", "--size", "160x120")
    expected = blender.reference(scene)
    output = glckpt.folder("frames")
    session = glckpt.launch(*blender.command(scene, output), options=PROXY)
    for _ in range(2):
        done = len(blender.frames(output))
        wait_until(lambda: blender.frame_begun(glckpt.log(session)), "a frame is begun",
            timeout=120, every=0.05)
        (renderer,) = pids(glckpt, "blender")
        assert drivers_in(renderer) == []
        session = glckpt.restore(glckpt.checkpoint(session, "--stop"))
        wait_until(lambda: len(blender.frames(output)) > done, "a frame is done", timeout=120)
    assert glckpt.wait(session, timeout=240) == 0
    assert blender.differing_frames(expected, blender.frames(output)) == []


MOVING = {
    "glxgears": ("glxgears",),
    "es2gears": ("es2gears_x11",),
    "glmark2-es2": ("glmark2-es2", "-b", "build:duration=600", "-s", "200x150"),
}


@pytest.mark.parametrize("name", MOVING)
def test_a_program_moves_on(glckpt, name):
    """Display lists, and OpenGL ES: stopped, taken up by a new proxy, no driver in the program."""
    command = MOVING[name]
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is missing")
    session = glckpt.launch(*command, options=PROXY)
    first, later = glckpt.work / "first.png", glckpt.work / "later.png"
    wait_until(lambda: drawn(glckpt, session, first), "a picture")
    (program,) = pids(glckpt, command[0])
    assert drivers_in(program) == []
    old = pids(glckpt, "glproxy")
    session = glckpt.restore(glckpt.checkpoint(session, "--stop"))
    assert not old & pids(glckpt, "glproxy"), "proxies of before live on"
    wait_until(lambda: drawn(glckpt, session, first), "a picture")
    wait_until(lambda: drawn(glckpt, session, later) and changed(first, later), "it moves")
    glckpt.ok("kill", session)


def test_what_cannot_be_kept_is_named(glckpt, native):
    """A list of pixels from a buffer: the checkpoint is refused in one sentence, and the program goes on."""
    session = glckpt.launch(KEPT, "100", "list", options=PROXY)
    goes_on(glckpt, session)
    assert "is not kept yet" in glckpt.refused("checkpoint", "--wait", session)
    goes_on(glckpt, session)
    glckpt.ok("kill", session)
    assert hashes(glckpt.log(session)) == native


def drawn(glckpt, session, file) -> bool:
    file.unlink(missing_ok=True)
    glckpt.screenshot(session, file)
    return not pictures.is_blank(file)


def changed(one, two) -> bool:
    return pictures.differing_pixels(one, two) > 0
