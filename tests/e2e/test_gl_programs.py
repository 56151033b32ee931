"""Programs through the proxy, without sessions: what they draw and say is what they do natively."""

import re
import subprocess

import pytest
from harness.driver import BUILD, TOP
from harness.xserver import XServer

GLRUN = TOP / "tests" / "gl" / "glrun"
STEP = re.compile(r"^(.*): front (\w+) back (\w+) depth (\S+) window (\w+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def server():
    with XServer() as started:
        yield started


def run(server, *command) -> str:
    done = subprocess.run(command, env=server.environment, capture_output=True, text=True,
        timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def proxied(server, *command) -> str:
    return run(server, GLRUN, "--build", BUILD, *command)


def test_front_and_back_buffers(server):
    """The pixels of both, of the window and of the depth buffer, after each of many changes."""
    program = BUILD / "samples" / "gl-buffers"
    native = STEP.findall(run(server, program))
    ours = STEP.findall(proxied(server, program))
    assert [step for step, *_ in ours] == [step for step, *_ in native] != []
    for before, after in zip(native, ours):
        assert after[1] == after[4], f"{after[0]}: the front buffer is not what the window shows"
        if "swapped" not in after[0]:
            assert after[2:] == before[2:]
            assert after[0] == "back cleared" or after == before
