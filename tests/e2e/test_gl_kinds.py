"""Each kind of what OpenGL keeps, stopped in the middle of using it: values and pixels are the native ones."""

import re

import pytest
from harness.driver import BUILD, TOP, wait_until

KINDS = BUILD / "tests" / "gl" / "kinds" / "kinds"
RESTORE = TOP / "tests" / "gl" / "restore.py"
NAME = re.compile(r'\{"([\w-]+)", begin_')
NAMES = [
    name
    for file in sorted((TOP / "tests/gl/kinds").glob("*.c"))
    for name in NAME.findall(file.read_text())
]


@pytest.fixture(scope="module")
def native(server) -> str:
    return server.run(KINDS).stdout


def of_kind(name: str, text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(f"{name}: ")]


@pytest.mark.parametrize("name", NAMES)
def test_a_new_proxy_in_the_middle(server, native, name):
    """The proxy of a stopped program is killed, and another goes on from its snapshot."""
    ours = server.run(RESTORE, "--build", BUILD, "--at-stops", KINDS, "--stop", name).stdout
    wanted = of_kind(name, native) or of_kind(name, server.run(KINDS, name).stdout)
    assert of_kind(name, ours) == wanted != []


def test_all_kinds_through_an_image(glckpt, native):
    """A context for each kind, in one process, through a real checkpoint and restore."""
    moment = glckpt.work / "moment"
    session = glckpt.launch(KINDS, "--wait", moment, options=("--gl", "proxy"))
    wait_until(moment.exists, "all kinds are begun", timeout=60)
    session = glckpt.restore(glckpt.checkpoint(session, "--stop"))
    moment.unlink()
    assert glckpt.wait(session, timeout=60) == 0
    assert glckpt.log(session).splitlines() == native.splitlines()
