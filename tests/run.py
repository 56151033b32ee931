#!/usr/bin/python3
"""Runs the tests and says in the last line how they ended: "N passed, N failed, N skipped".

    run.py [--build DIR] [--e2e] [--only EXPRESSION] PROGRAM...

PROGRAMs are unit tests: cmocka programs whose tests are counted one by one. --e2e runs pytest on
tests/e2e too, and, as root, those marked `user` once more as an ordinary user on a copy of the
tree. With CI=true in the environment a skip that tests/skips.txt does not allow is a failure.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
UNIT_SECONDS = 120
USER = "glckpt-test"


@dataclass
class Tally:
    """How many tests ended how, and the names of those to be told."""

    passed: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)  # name, reason


def run_unit(program: Path, tally: Tally) -> None:
    """Runs one cmocka program; what it prints is shown where a test failed."""
    environment = os.environ | {"CMOCKA_MESSAGE_OUTPUT": "TAP"}
    try:
        done = subprocess.run(
            [program], env=environment, cwd=TOP, timeout=UNIT_SECONDS, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace", check=False)
        output, status = done.stdout, done.returncode
    except subprocess.TimeoutExpired as expired:
        output = (expired.stdout or b"").decode(errors="replace")
        status = f"still running after {UNIT_SECONDS} s"
    failed_before = len(tally.failed)
    count_tap(program.name, output, tally)
    if status and len(tally.failed) == failed_before:
        tally.failed.append(f"{program.name}: ended with {status}")
    if len(tally.failed) > failed_before:
        print(output, end="")
    print(f"{'FAIL' if len(tally.failed) > failed_before else 'ok':4} {program.name}", flush=True)


def count_tap(name: str, output: str, tally: Tally) -> None:
    """Counts the lines "ok 1 - test" and "not ok 1 - test" of a TAP output."""
    for line in output.splitlines():
        match = re.match(r"(not )?ok \d+(?: - (\S+))?(.*)", line)
        if not match:
            continue
        test = f"{name}::{match[2] or '?'}"
        if match[1]:
            tally.failed.append(test)
        elif re.search(r"# skip", match[3], re.IGNORECASE):
            tally.skipped.append((test, match[3].strip()))
        else:
            tally.passed += 1


def run_pytest(prefix: list[str], top: Path, arguments: list[str], label: str,
               tally: Tally) -> None:
    """Runs pytest in `top` by the command `prefix`, and counts what its report says."""
    with tempfile.TemporaryDirectory(prefix="glckpt-report-") as folder:
        os.chmod(folder, 0o1777)
        report = Path(folder) / "report.xml"
        command = prefix + [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q",
                            f"--junitxml={report}", *arguments, "tests/e2e"]
        status = subprocess.run(command, cwd=top, check=False).returncode
        if report.exists():
            count_junit(report, label, tally)
    if status not in (0, 1, 5):  # 1: a test failed; 5: there was none
        tally.failed.append(f"{label}: pytest ended with {status}")


def count_junit(report: Path, label: str, tally: Tally) -> None:
    for case in xml.parse(report).getroot().iter("testcase"):
        name = f"{label}:{case.get('classname')}::{case.get('name')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            tally.failed.append(name)
        elif skipped is not None:
            tally.skipped.append((name, skipped.get("message") or ""))
        else:
            tally.passed += 1


@contextmanager
def ordinary_user() -> Iterator[str]:
    """The name of a user without any privilege, made for these tests and removed again."""
    made = subprocess.run(["/usr/sbin/useradd", "--system", "--shell", "/bin/sh",
                           "--home-dir", "/nonexistent", USER],
                          stderr=subprocess.DEVNULL, check=False).returncode == 0
    try:
        yield USER
    finally:
        if made:
            subprocess.run(["/usr/sbin/userdel", USER], stderr=subprocess.DEVNULL, check=False)


@contextmanager
def copy_for(user: str) -> Iterator[Path]:
    """A copy of the tree that belongs to `user`, with a home folder beside it."""
    folder = Path(tempfile.mkdtemp(prefix="glckpt-user-", dir="/var/tmp"))
    try:
        shutil.copytree(TOP, folder / "tree", symlinks=True,
                        ignore=shutil.ignore_patterns(".git", "__pycache__", "e2e-evidence"))
        (folder / "home").mkdir(mode=0o700)
        subprocess.run(["chown", "-hR", f"{user}:", folder], check=True)
        yield folder
    finally:
        shutil.rmtree(folder)


def run_as_user(build: Path, arguments: list[str], tally: Tally) -> None:
    """What root can do says little: the tests marked `user` once more without privilege."""
    with ordinary_user() as user, copy_for(user) as folder:
        environment = {"HOME": folder / "home", "PATH": os.environ["PATH"], "USER": user,
                       "LANG": "C.UTF-8", "CI": os.environ.get("CI", ""),
                       "GLCKPT_BUILD": folder / "tree" / build.relative_to(TOP)}
        prefix = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups",
                  "env", "-i", *(f"{name}={value}" for name, value in environment.items())]
        run_pytest(prefix, folder / "tree", ["-m", "user", *arguments], "user", tally)


def allowed_skips() -> list[re.Pattern[str]]:
    """The lines "PATTERN # why" of tests/skips.txt."""
    lines = (TOP / "tests" / "skips.txt").read_text().splitlines()
    return [re.compile(line.split(" # ")[0].strip()) for line in lines if line and line[0] != "#"]


def judge_skips(tally: Tally) -> None:
    """In CI, what could not run did not work, unless the list says why it need not."""
    allowed = allowed_skips()
    for name, reason in list(tally.skipped):
        if not any(pattern.search(f"{name}: {reason}") for pattern in allowed):
            tally.skipped.remove((name, reason))
            tally.failed.append(f"{name}: skipped where it must run: {reason}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--e2e", action="store_true")
    parser.add_argument("--only", help="pytest's -k: names of end-to-end tests")
    parser.add_argument("programs", nargs="*", type=Path)
    return parser.parse_args()


def run_all(arguments: argparse.Namespace, tally: Tally) -> None:
    build = TOP / arguments.build
    os.environ["GLCKPT_BUILD"] = str(build)
    for program in arguments.programs:
        run_unit(TOP / program, tally)
    if arguments.e2e:
        chosen = ["-k", arguments.only] if arguments.only else []
        run_pytest([], TOP, chosen, "e2e", tally)
        if os.geteuid() == 0:
            run_as_user(build, chosen, tally)


def main() -> int:
    # A shell's background job ignores SIGINT, and so would every program of a test.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    tally = Tally()
    run_all(parse(), tally)
    if os.environ.get("CI") == "true":
        judge_skips(tally)
    for name, reason in tally.skipped:
        print(f"skipped: {name}: {reason}")
    for name in tally.failed:
        print(f"failed: {name}")
    print(f"{tally.passed} passed, {len(tally.failed)} failed, {len(tally.skipped)} skipped")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
