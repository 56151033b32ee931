#!/usr/bin/python3
"""Compares piglit through the proxy with piglit on the native driver: piglit.py [options]

Runs the same tests both ways in one go (the native result may be kept with --native FILE and used
again) and lists by name every test whose result differs. Ends 0 when the proxy loses nothing: no
test that passes natively fails, crashes or is skipped through the proxy.
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

TOP = Path(__file__).resolve().parent.parent.parent
GLRUN = TOP / "tests/gl/glrun"
BETTER = {"pass": 3, "warn": 2, "skip": 1}


def run(tests: Path | None, profile: str, proxied: bool, directory: Path, jobs: int,
        extra: list[str]) -> dict[str, str]:
    """Runs piglit; the result of each test by name."""
    results = directory / ("proxy" if proxied else "native")
    command = ["piglit", "run", "-o", "-j", str(jobs), "--timeout", "120", profile, str(results)]
    if tests:
        command[2:2] = ["--test-list", str(tests)]
    command[2:2] = extra
    if proxied:
        command = [str(GLRUN), *command]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False,
                   env=os.environ | {"PIGLIT_NO_WINDOW": "1"})
    return read(results)


def read(results: Path) -> dict[str, str]:
    with bz2.open(results / "results.json.bz2") as file:
        tests = json.load(file)["tests"]
    return {name: found["result"] for name, found in tests.items()}


def differences(native: dict[str, str], proxied: dict[str, str]) -> list[tuple[str, str, str]]:
    return [(name, native[name], proxied.get(name, "missing")) for name in sorted(native)
            if native[name] != proxied.get(name, "missing")]


def is_loss(before: str, after: str) -> bool:
    return BETTER.get(after, 0) < BETTER.get(before, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="quick_gl")
    parser.add_argument("--tests", type=Path, help="names of tests, one a line")
    parser.add_argument("--native", type=Path, help="where the native results are kept")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="keep piglit's own results here")
    parser.add_argument("-x", "--exclude", action="append", default=[])
    args = parser.parse_args()
    extra = [word for pattern in args.exclude for word in ("-x", pattern)]
    directory = Path(tempfile.mkdtemp(prefix="piglit-"))
    try:
        if args.native and args.native.exists():
            native = json.loads(args.native.read_text())
            if args.tests:
                listed = set(args.tests.read_text().splitlines())
                native = {name: native[name] for name in native if name in listed}
        else:
            native = run(args.tests, args.profile, False, directory, args.jobs, extra)
            if args.native:
                args.native.write_text(json.dumps(native, indent=1))
        proxied = run(args.tests, args.profile, True, directory, args.jobs, extra)
        if args.keep:
            shutil.copytree(directory, args.keep, dirs_exist_ok=True)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    lost = 0
    for name, before, after in differences(native, proxied):
        lost += is_loss(before, after)
        print(f"{before} -> {after}  {name}")
    print(f"native {dict(Counter(native.values()))}")
    print(f"proxy  {dict(Counter(proxied.values()))}")
    print(f"{len(native)} tests, {lost} lost")
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
