"""Proxies that are thrown away and built again all the time (GLCKPT_CHAOS): nobody notices."""

import re
import shutil

import pytest
from harness.driver import BUILD, TOP

GLRUN = TOP / "tests" / "gl" / "glrun"
PIGLIT = TOP / "tests" / "gl" / "piglit.py"
LIST = TOP / "tests" / "gl" / "chaos.list"
VALID = re.compile(r"^(\[.*): Validation: (\w+)$", re.MULTILINE)


def run(server, *command, chaos: str = "") -> str:
    return server.run(*command, chaos=chaos, timeout=600).stdout


@pytest.mark.parametrize("program", ["glmark2", "glmark2-es2"])
def test_glmark2_finds_its_pixels(server, program):
    """Every scene compares pixels of its picture with what they have to be."""
    if not shutil.which(program):
        pytest.skip(f"{program} is missing")
    found = VALID.findall(
        run(server, GLRUN, "--build", BUILD, program, "--validate", chaos="rebuild:97"))
    assert len(found) > 20
    assert [scene for scene, result in found if result == "Failure"] == []


@pytest.mark.parametrize("sample", ["gl-buffers", "gl-accum"])
def test_buffers_of_windows(server, sample):
    program = BUILD / "samples" / sample
    undisturbed = run(server, GLRUN, "--build", BUILD, program)
    assert run(server, GLRUN, "--build", BUILD, program, chaos="rebuild:7") == undisturbed


def test_piglit_loses_nothing(server):
    if not shutil.which("piglit"):
        pytest.skip("piglit is missing")
    run(server, PIGLIT, "--build", BUILD, "--jobs", "1", "--tests", LIST, chaos="rebuild:13")
