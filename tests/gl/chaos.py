#!/usr/bin/python3
"""piglit while the proxy is thrown away and built again all the time: chaos.py [options]

Every test is run through the proxy twice: undisturbed, where the proxy counts its messages, and with
GLCKPT_CHAOS=rebuild:N, N such that there are several rebuilds (--rebuilds) a test. Those that pass undisturbed
and not with chaos run once more both ways, so that neither a busy machine nor a flaky test counts; what is
still lost then is listed by name, with what the proxy said. Ends 0 when the lost ones are exactly those of
tests/gl/chaos.lost (--known; each has ` # ` and the reason), so that the list stays true.

Results are kept in build/chaos (--keep) batch by batch; a run that was interrupted goes on where it was, and
--again REGEX takes up anew what matches. Tests that a test list (--tests) or a pattern (--only) names, in the
order of the patterns.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness.xserver import XServer  # noqa: E402
from piglit import GLRUN, TOP, is_lost, read_list  # noqa: E402

PROFILE = Path("/usr/lib/x86_64-linux-gnu/piglit/tests/quick_gl.xml.gz")
KNOWN = TOP / "tests/gl/chaos.lost"
# So that few runs of piglit do; primes, so that rebuilds walk over the places of a loop.
STEPS = (1, 2, 3, 5, 7, 11, 17, 29, 47, 79, 131, 223, 367, 613, 1021, 1699, 2833, 4721, 7873, 13109, 21841)
SAID = re.compile(r"^glproxy: process (\d+): (.*)$", re.MULTILINE)
COUNT = re.compile(r"chaos: (\d+) messages")
REBUILT = re.compile(r"chaos: rebuilt (\d+) times, refused (\d+) times")

Found = dict[str, dict]


class Runner:
    """Runs tests of quick_gl through a proxy on an X server."""

    def __init__(self, server: XServer, arguments: argparse.Namespace):
        self.environment = server.environment | {"PIGLIT_NO_WINDOW": "1"}
        self.arguments = arguments

    def run(self, tests: list[str], chaos: str) -> Found:
        """By name: the result, and the lines of the proxy's log."""
        if not tests:
            return {}
        folder = Path(tempfile.mkdtemp(prefix="chaos-"))
        try:
            (folder / "list").write_text("".join(f"{name}\n" for name in tests))
            with open(folder / "log", "wb") as log:
                subprocess.run(
                    [GLRUN, "--build", self.arguments.build, "--journal", "off", "piglit", "run", "-o", "-j",
                        str(self.arguments.jobs), "--timeout", str(self.arguments.timeout), "--test-list",
                        folder / "list", "quick_gl", folder / "results"],
                    stdout=subprocess.DEVNULL, stderr=log, check=False,
                    env=self.environment | {"GLCKPT_CHAOS": chaos})
            return self._read(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @staticmethod
    def _read(folder: Path) -> Found:
        log: dict[int, list[str]] = {}
        for pid, line in SAID.findall((folder / "log").read_text(errors="replace")):
            log.setdefault(int(pid), []).append(line)
        with bz2.open(folder / "results" / "results.json.bz2") as data:
            tests = json.load(data)["tests"]
        return {name: {"result": test["result"],
            "log": [line for pid in test["pid"] for line in log.get(pid, [])]} for name, test in tests.items()}


def count_of(log: list[str]) -> int:
    return max((int(found[1]) for found in map(COUNT.match, log) if found), default=0)


def step_for(messages: int, rebuilds: int) -> int:
    """A test that drew nothing, or whose proxy was not heard, gets some step."""
    return 11 if not messages else max(step for step in STEPS if step == 1 or step * rebuilds <= messages)


def undisturbed(runner: Runner, tests: list[str], found: Found) -> None:
    for name, one in runner.run(tests, "count").items():
        messages = count_of(one["log"])
        found[name] = {"plain": one["result"], "messages": messages,
            "every": step_for(messages, runner.arguments.rebuilds)}


def disturbed(runner: Runner, tests: list[str], found: Found) -> None:
    for step in STEPS:
        these = [name for name in tests if found[name]["every"] == step]
        for name, one in runner.run(these, f"rebuild:{step}").items():
            rebuilt = [match for match in map(REBUILT.match, one["log"]) if match]
            found[name] |= {"chaos": one["result"], "rebuilt": sum(int(match[1]) for match in rebuilt),
                "refused": sum(int(match[2]) for match in rebuilt),
                "said": [line for line in one["log"] if not REBUILT.match(line) or "last: " in line]}


def lost_of(found: Found) -> list[str]:
    return [name for name, one in found.items() if is_lost(one["plain"], one.get("chaos", one["plain"]))]


def run_batch(runner: Runner, tests: list[str]) -> Found:
    found: Found = {}
    undisturbed(runner, tests, found)
    disturbed(runner, [name for name in found if found[name]["plain"] == "pass"], found)
    again: Found = {}
    undisturbed(runner, lost_of(found), again)
    disturbed(runner, [name for name in again if again[name]["plain"] == "pass"], again)
    return found | again


def all_names() -> list[str]:
    with gzip.open(PROFILE) as data:
        return [test.get("name") for test in xml.etree.ElementTree.parse(data).getroot().iter("Test")]


def chosen(args: argparse.Namespace) -> list[str]:
    names = sorted(read_list(args.tests)["quick_gl"]) if args.tests else [name.lower() for name in all_names()]
    if not args.only:
        return names
    return list(dict.fromkeys(name for pattern in args.only for name in names if re.search(pattern, name)))


def keep_results(file: Path, found: Found) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(found, indent=1, sort_keys=True))
    part.rename(file)


def say(found: Found, known: set[str]) -> bool:
    """The report; true when everything is as the list of known losses has it."""
    lost = lost_of(found)
    for name in lost:
        one = found[name]
        print(f"{one['plain']} -> {one['chaos']}{', known' if name in known else ''}  {name}  "
            f"(every {one['every']}, rebuilt {one['rebuilt']}, refused {one['refused']}) {one['said'][:2]}")
    ran = [one for one in found.values() if "chaos" in one]
    print(f"{len(found)} tests, {len(ran)} pass undisturbed, with chaos "
        f"{dict(Counter(one['chaos'] for one in ran))}; {sum(one['rebuilt'] for one in ran)} rebuilds, "
        f"{sum(1 for one in ran if one['rebuilt'])} tests with some, "
        f"{sum(1 for one in ran if one['refused'])} with refusals")
    passes = {name for name in known & found.keys() if found[name].get("chaos") == "pass"}
    for name in sorted(passes):
        print(f"known to be lost, and passes: take it from the list: {name}")
    return not passes and not set(lost) - known


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tests", type=Path, help="a list of tests, as piglit.py has it")
    parser.add_argument("--only", nargs="+", help="tests whose names match, in this order")
    parser.add_argument("--again", help="tests that match are run although their results are kept")
    parser.add_argument("--known", type=Path, default=KNOWN)
    parser.add_argument("--rebuilds", type=int, default=5, help="how many a test at least, if it is long enough")
    parser.add_argument("--build", default=str(TOP / "build"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--timeout", type=int, default=120, help="seconds a test may take")
    parser.add_argument("--batch", type=int, default=400)
    parser.add_argument("--keep", type=Path, default=TOP / "build/chaos")
    args = parser.parse_args()
    file = args.keep / "quick_gl.json"
    found: Found = json.loads(file.read_text()) if file.exists() else {}
    names = chosen(args)
    left = [name for name in names if name not in found or (args.again and re.search(args.again, name))]
    with XServer() as server:
        runner = Runner(server, args)
        for start in range(0, len(left), args.batch):
            found |= run_batch(runner, left[start:start + args.batch])
            keep_results(file, found)
            print(f"{start + args.batch} of {len(left)}", file=sys.stderr, flush=True)
    known = read_list(args.known).get("quick_gl", set()) if args.known.exists() else set()
    sys.exit(0 if say({name: found[name] for name in names if name in found}, known) else 1)


if __name__ == "__main__":
    main()
