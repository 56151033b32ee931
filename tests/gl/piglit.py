#!/usr/bin/python3
"""piglit through the proxy, and what it loses against the native driver: piglit.py [options] [PROFILE...]

Runs the tests through the proxy. Those that do not pass run natively as well, and those that are lost run
once more both ways, so that neither a busy machine nor a test that is flaky natively counts. Ends 0 when
nothing is lost: no test that passes natively fails, crashes or is skipped through the proxy. The results are
kept in build/piglit (--keep), differences are listed by name.

A list (--tests) has a name a line, `PROFILE NAME`; a line that begins with `#` is a comment. So has a list of
tests known to be lost (--known), each followed by ` # ` and the reason: they are run too, and one that passes
is a failure like a new loss, so that the list stays true.
"""

from __future__ import annotations

import argparse
import bz2
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness.xserver import XServer  # noqa: E402

TOP = Path(__file__).resolve().parent.parent.parent
GLRUN = TOP / "tests/gl/glrun"
RANK = {"pass": 3, "warn": 2, "skip": 1}  # all others: 0

Results = dict[str, str]


class Piglit:
    """Runs tests of one profile on an X server."""

    def __init__(self, profile: str, server: XServer, arguments: argparse.Namespace):
        self.profile = profile
        self.environment = server.environment | {"PIGLIT_NO_WINDOW": "1"}
        self.jobs = str(arguments.jobs)
        self.timeout = str(arguments.timeout)
        self.build = arguments.build

    def run(self, tests: set[str] | None, proxied: bool) -> Results:
        """The result of each test by name; None: all of the profile."""
        if tests is not None and not tests:
            return {}
        folder = Path(tempfile.mkdtemp(prefix="piglit-"))
        try:
            command = [*(["--build", self.build] if proxied else []), "piglit", "run", "-o", "-j", self.jobs,
                "--timeout", self.timeout]
            if tests is not None:
                (folder / "list").write_text("".join(f"{name}\n" for name in sorted(tests)))
                command += ["--test-list", str(folder / "list")]
            command += [self.profile, str(folder / "results")]
            subprocess.run([*([str(GLRUN)] if proxied else []), *command], stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, check=False, env=self.environment)
            return self._read(folder / "results" / "results.json.bz2")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @staticmethod
    def _read(file: Path) -> Results:
        with bz2.open(file) as data:
            tests = json.load(data)["tests"]
        return {name: found["result"] for name, found in tests.items()}


def is_lost(before: str, after: str) -> bool:
    return RANK.get(after, 0) < RANK.get(before, 0)


def lost_of(native: Results, proxied: Results) -> set[str]:
    return {name for name in native if is_lost(native[name], proxied.get(name, "missing"))}


def compare(piglit: Piglit, tests: set[str] | None, keep: Path) -> tuple[Results, set[str]]:
    """The results through the proxy, and those tests that are lost."""
    proxied = piglit.run(tests, True)
    rest = {name for name, result in proxied.items() if result != "pass"}
    native = piglit.run(rest, False)
    lost = lost_of(native, proxied)
    again, native_again = piglit.run(lost, True), piglit.run(lost, False)
    flaky = {name for name in lost if native_again[name] != native[name]}
    proxied |= again
    lost = lost_of({name: native[name] for name in lost - flaky}, proxied)
    for name in sorted(native):
        if native[name] != proxied[name]:
            note = ", natively flaky" if name in flaky else "" if name in lost else ", not lost"
            print(f"{native[name]} -> {proxied[name]}{note}  {name}")
    print(f"{piglit.profile}: {len(proxied)} tests, proxy {dict(Counter(proxied.values()))}, "
        f"{len(lost)} lost", flush=True)
    keep.mkdir(parents=True, exist_ok=True)
    kept = {"proxy": proxied, "native": native, "flaky": sorted(flaky), "lost": sorted(lost)}
    (keep / f"{piglit.profile}.json").write_text(json.dumps(kept, indent=1, sort_keys=True))
    return proxied, lost


def read_list(*files: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in (line for file in files for line in file.read_text().splitlines()):
        if line and not line.startswith("#"):
            profile, name = line.split(" # ")[0].strip().split(" ", 1)
            found.setdefault(profile, set()).add(name)
    return found


def judge(proxied: Results, lost: set[str], known: set[str]) -> bool:
    """Says what is new; true when everything is as the list of known losses has it."""
    new = lost - known
    passes = {name for name in known if proxied[name] == "pass"}
    for name in sorted(new):
        print(f"lost: {name}")
    for name in sorted(passes):
        print(f"known to be lost, and passes: take it from the list: {name}")
    return not new and not passes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profiles", nargs="*", default=["quick_gl"])
    parser.add_argument("--tests", type=Path, help="a list of tests")
    parser.add_argument("--known", type=Path, help="a list of tests that are known to be lost")
    parser.add_argument("--build", default=str(TOP / "build"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--timeout", type=int, default=120, help="seconds a test may take")
    parser.add_argument("--keep", type=Path, default=TOP / "build/piglit", help="where results are kept")
    args = parser.parse_args()
    known = read_list(args.known) if args.known else {}
    lists = [file for file in (args.tests, args.known) if file]
    chosen = read_list(*lists) if args.tests else dict.fromkeys(args.profiles)
    count, as_known, lost = 0, True, set()
    with XServer() as server:
        for profile, tests in chosen.items():
            proxied, missing = compare(Piglit(profile, server, args), tests, args.keep)
            count += len(proxied)
            lost |= missing
            as_known &= judge(proxied, missing, known.get(profile, set()))
    print(f"{count} tests, {len(lost)} lost")
    sys.exit(0 if as_known and count else 1)


if __name__ == "__main__":
    main()
