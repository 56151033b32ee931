"""Programs through the proxy, without sessions: what they draw and say is what they do natively."""

import re

from harness.driver import BUILD, TOP

GLRUN = TOP / "tests" / "gl" / "glrun"
STEP = re.compile(r"^(.*): front (\w+) back (\w+) depth (\S+) window (\w+)$", re.MULTILINE)


def proxied(server, *command) -> str:
    return server.run(GLRUN, "--build", BUILD, *command).stdout


def test_accumulation_buffer(server):
    program = BUILD / "samples" / "gl-accum"
    native, ours = server.run(program).stdout.splitlines(), proxied(server, program).splitlines()
    assert len(native) == len(ours) == 12
    for before, after in zip(native, ours):
        apart = [abs(int(a) - int(b)) for a, b in zip(before.split()[2:], after.split()[2:])]
        assert len(apart) == 48 and max(apart) <= 1, "light is rounded to a colour next to Mesa's"


def test_front_and_back_buffers(server):
    """The pixels of both, of the window and of the depth buffer, after each of many changes."""
    program = BUILD / "samples" / "gl-buffers"
    native = STEP.findall(server.run(program).stdout)
    ours = STEP.findall(proxied(server, program))
    assert [step for step, *_ in ours] == [step for step, *_ in native] != []
    for before, after in zip(native, ours):
        assert after[1] == after[4], f"{after[0]}: the front buffer is not what the window shows"
        if "swapped" not in after[0]:
            assert after[2:] == before[2:]
            assert after[0] == "back cleared" or after == before
