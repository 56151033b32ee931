"""Images taken on one driver and restored on another: llvmpipe, softpipe, and llvmpipe of another build."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy
import pytest
from harness import pictures
from harness.driver import OWN_FAILURE, USAGE, wait_until
from test_gl import KEPT, PROXY, drivers_in, goes_on, hashes, pids
from test_gl_kinds import KINDS

SOFTPIPE = {"GALLIUM_DRIVER": "softpipe"}
PORTABLE = (*PROXY, "--gl-profile", "portable-3.3")
# Those of OpenGL 3.3 that softpipe draws natively; of the others it has not what they use.
KINDS_33 = ("debug", "map", "primitive", "assembly", "condition", "arrays", "attributes",
    "client-attributes", "told")
ROUNDED = 4  # of 255: interpolated colours of the two rasterizers
EDGES = 0.02  # of the pixels: whose centres lie on an edge, or who are lines and points


def proxies(glckpt) -> set[int]:
    return {pid for pid in pids(glckpt, "glproxy") if drivers_in(pid)}


def mapped(pid: int) -> str:
    return Path(f"/proc/{pid}/maps").read_text()


def wrong_pixels(one: Path, other: Path) -> float:
    """The part of the pixels that differ by more than rounding."""
    a, b = pictures.load(one).astype(int), pictures.load(other).astype(int)
    return float((numpy.abs(a - b) > ROUNDED).any(axis=2).mean())


def run_kinds(glckpt, name: str, restore_on: dict[str, str] | None) -> tuple[list[str], Path]:
    """Its lines, and a folder with its pictures; through an image where a driver is given."""
    folder, moment = glckpt.folder(name), glckpt.work / f"{name}.moment"
    command = (KINDS, "--3.3", "--wait", moment, *KINDS_33)
    session = glckpt.launch(*command, options=PORTABLE, env={"KINDS_PICTURES": str(folder)})
    wait_until(moment.exists, "all kinds are begun", timeout=60)
    if restore_on is not None:
        session = glckpt.restore(glckpt.checkpoint(session, "--stop"), env=restore_on)
        assert "softpipe" in glckpt.log(session) or proxies(glckpt)
    moment.unlink()
    assert glckpt.wait(session, timeout=60) == 0, glckpt.log(session)
    return glckpt.log(session).splitlines(), folder


def test_from_llvmpipe_to_softpipe(glckpt):
    """Values are the same; pictures are, but for the rounding of another rasterizer."""
    before, drawn = run_kinds(glckpt, "llvmpipe", None)
    after, redrawn = run_kinds(glckpt, "softpipe", SOFTPIPE)
    hashed = re.compile(r" [0-9a-f]{8}$")
    assert [hashed.sub("", line) for line in after] == [hashed.sub("", line) for line in before]
    names = sorted(path.name for path in drawn.iterdir())
    assert names == sorted(path.name for path in redrawn.iterdir()) != []
    assert [n for n in names if wrong_pixels(drawn / n, redrawn / n) > EDGES] == []


def test_there_and_back_again(glckpt):
    """A program that draws all the time, on softpipe as natively there, on llvmpipe as before."""
    expected = {}
    for driver in ("llvmpipe", "softpipe"):
        session = glckpt.launch(KEPT, "100", options=PORTABLE, env={"GALLIUM_DRIVER": driver})
        goes_on(glckpt, session)
        glckpt.ok("kill", session)
        expected[driver] = hashes(glckpt.log(session))
    session = glckpt.launch(KEPT, "100", options=PORTABLE)
    goes_on(glckpt, session)
    for driver in ("softpipe", "llvmpipe"):
        image = glckpt.checkpoint(session, "--stop")
        told = glckpt.show(image)["gl"]
        assert told["profile"] == "portable-3.3"
        session = glckpt.restore(image, env={"GALLIUM_DRIVER": driver})
        before = len(glckpt.log(session))
        goes_on(glckpt, session)
        drawn = hashes(glckpt.log(session)[before:])
        assert all(drawn[phase] <= expected[driver][phase] for phase in drawn), driver


def test_a_driver_that_has_less_is_refused(glckpt):
    """In one sentence, before anything is touched."""
    session = glckpt.launch(KEPT, "100", options=PROXY)
    goes_on(glckpt, session)
    image = glckpt.checkpoint(session, "--stop")
    said = glckpt.refused("restore", "-d", image, status=OWN_FAILURE, env=SOFTPIPE)
    assert "OpenGL 4.5" in said and "softpipe" in said and "--gl-profile portable-3.3" in said
    assert glckpt.names() == set()
    goes_on(glckpt, glckpt.restore(image))


def test_profiles_are_what_programs_see(glckpt):
    found = {}
    for profile in ("native", "portable-3.3", "portable-4.5"):
        session = glckpt.launch("glxinfo", "-B", options=(*PROXY, "--gl-profile", profile))
        assert glckpt.wait(session) == 0
        found[profile] = re.findall(r"OpenGL core profile version string: (.*)", glckpt.log(session))
    assert found["portable-3.3"] == ["3.3 (Core Profile) portable-3.3"]
    assert found["portable-4.5"] == ["4.5 (Core Profile) portable-4.5"]
    assert "Mesa" in found["native"][0]
    glckpt.refused("launch", "--gl-profile", "portable-9.9", "--", "true", status=USAGE)


def another_build(folder: Path) -> Path:
    """A copy of Mesa's software driver with another build-ID."""
    source = next(Path("/usr/lib").glob("*/dri/swrast_dri.so"), None)
    if not source or not shutil.which("readelf"):
        pytest.skip("no swrast_dri.so of Mesa, or no readelf")
    notes = subprocess.run(["readelf", "-n", source], capture_output=True, text=True, check=True)
    build_id = bytes.fromhex(re.search(r"Build ID: ([0-9a-f]+)", notes.stdout)[1])
    content = source.read_bytes()
    assert content.count(build_id) == 1
    copy = folder / source.name
    copy.write_bytes(content.replace(build_id, build_id[::-1]))
    return copy


def test_the_same_driver_of_another_build(glckpt):
    """Where CRIU alone refuses: "bad build-ID". No frame differs."""
    session = glckpt.launch(KEPT, "100", options=PROXY)
    goes_on(glckpt, session)
    native = hashes(glckpt.log(session))
    copy = another_build(glckpt.folder("other-driver"))
    image = glckpt.checkpoint(session, "--stop")
    session = glckpt.restore(image, env={"LIBGL_DRIVERS_PATH": str(copy.parent)})
    goes_on(glckpt, session)
    assert [str(copy) in mapped(pid) for pid in proxies(glckpt)] == [True]
    assert hashes(glckpt.log(session)) == native
