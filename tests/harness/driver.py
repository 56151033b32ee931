"""Runs the `glckpt` command in folders of its own.

Everything a session leaves lies below one base folder, so that two drivers never see each other's
sessions and one look at the base tells what was left over.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("GLCKPT_BUILD", TOP / "build"))
TIMEOUT = 90.0  # seconds a command may take on a busy machine before it counts as hung

FAILED = 1  # the exit statuses that glckpt documents
USAGE = 2
AGAIN = 85
OWN_FAILURE = 125  # of launch and restore, whose other statuses are the command's


class Late(AssertionError):
    """A condition did not come true in time."""


def wait_until(
    condition: Callable[[], object], what: str, timeout: float = 30, every: float = 0.03
):
    """The condition's first true value; Late when there is none in time."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Late(f"not within {timeout:g} s: {what}")
        time.sleep(every)


def make_base(parent: str = "/tmp") -> Path:
    """A new folder with a short name: X sockets allow 107 bytes."""
    base = Path(tempfile.mkdtemp(prefix="glckpt-e2e-", dir=parent))
    for name in ("run", "state", "images", "home", "work", "tmp"):
        (base / name).mkdir(mode=0o700)
    return base


class Glckpt:
    """The caller's glckpt, with run, state and image folders below `base`."""

    def __init__(self, base: Path):
        self.base = base
        self.program = BUILD / "glckpt"
        self.images = base / "images"
        self.work = base / "work"
        self.environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/games",
            "LANG": "C.UTF-8",
            "HOME": str(base / "home"),
            "TMPDIR": str(base / "tmp"),
            "XDG_RUNTIME_DIR": str(base / "run"),
            "XDG_STATE_HOME": str(base / "state"),
            "GLCKPT_IMAGE_DIR": str(self.images),
            "USER": pwd.getpwuid(os.geteuid()).pw_name,
        }
        for name in ("GLCKPT_CRIU", "ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                self.environment[name] = os.environ[name]

    def folder(self, name: str) -> Path:
        """A new folder for the session's files."""
        made = self.work / name
        made.mkdir()
        return made

    # ---- running commands ----

    def _arguments(self, keywords: dict) -> dict:
        keywords.setdefault("cwd", self.work)
        keywords["env"] = {**self.environment, **(keywords.pop("env", None) or {})}
        return keywords

    def spawn(self, *arguments: str | Path, **keywords) -> subprocess.Popen:
        """Starts `glckpt ARGUMENTS`, for what stays in the foreground."""
        keywords.setdefault("stdin", subprocess.DEVNULL)
        command = [str(self.program), *map(str, arguments)]
        return subprocess.Popen(command, **self._arguments(keywords))

    def run(self, *arguments: str | Path, timeout: float = TIMEOUT, **keywords):
        """Runs `glckpt ARGUMENTS` to its end: a CompletedProcess with texts."""
        if "input" not in keywords:
            keywords.setdefault("stdin", subprocess.DEVNULL)
        command = [str(self.program), *map(str, arguments)]
        keywords = self._arguments(keywords)
        return subprocess.run(command, timeout=timeout, capture_output=True, text=True, **keywords)

    def ok(self, *arguments: str | Path, **keywords) -> str:
        """Standard output of a command that must succeed, stripped."""
        done = self.run(*arguments, **keywords)
        words = " ".join(map(str, arguments))
        assert done.returncode == 0, f"glckpt {words}: status {done.returncode}\n{done.stderr}"
        return done.stdout.strip()

    def refused(self, *arguments: str | Path, status: int = FAILED, **keywords) -> str:
        """The sentence of a command that must fail: one line, with the documented status."""
        done = self.run(*arguments, **keywords)
        words = " ".join(map(str, arguments))
        assert done.returncode == status, f"glckpt {words}: {done.returncode}\n{done.stderr}"
        lines = done.stderr.strip().splitlines()
        assert len(lines) == 1, f"glckpt {words}: not one sentence:\n{done.stderr}"
        assert lines[0].startswith("glckpt: "), lines[0]
        assert done.stdout == "", f"glckpt {words}: printed a result:\n{done.stdout}"
        return lines[0]

    # ---- sessions ----

    def launch(self, *command: str | Path, options: Sequence[str | Path] = (), **keywords) -> str:
        """Launches detached; the session's name."""
        return self.ok("launch", "-d", *options, "--", *command, **keywords)

    def checkpoint(self, session: str, *options: str | Path, **keywords) -> Path:
        """Checkpoints; the image's path."""
        return Path(self.ok("checkpoint", *options, session, **keywords))

    def restore(self, image: Path, *options: str | Path, **keywords) -> str:
        """Restores detached; the session's name."""
        return self.ok("restore", "-d", *options, image, **keywords)

    def show(self, what: str | Path) -> dict:
        return json.loads(self.ok("show", "--json", what))

    def sessions(self) -> list[dict]:
        found = json.loads(self.ok("list", "--json"))
        return found if isinstance(found, list) else found["sessions"]

    def names(self) -> set[str]:
        return {session["name"] for session in self.sessions()}

    def log(self, session: str) -> str:
        return self.ok("logs", session)

    def wait(self, session: str, timeout: float = TIMEOUT) -> int:
        """The exit status of the session's command."""
        return self.run("wait", session, timeout=timeout).returncode

    def screenshot(self, what: str | Path, file: Path) -> Path:
        self.ok("screenshot", "-o", file, what)
        return file

    def kill_all(self) -> None:
        """Ends every session that is left; for clean-up, so it never fails."""
        try:
            for name in self.names():
                self.run("kill", name)
        except (AssertionError, ValueError, OSError, subprocess.SubprocessError) as error:
            print(f"clean-up: {error}", file=sys.stderr)

    def remove(self) -> None:
        """Ends every session and removes the base folder."""
        self.kill_all()
        shutil.rmtree(self.base, ignore_errors=True)


def processes_below(base: Path) -> dict[int, str]:
    """Processes that belong to sessions or commands of `base`, with their command lines: those that
    mention it in their environment, their arguments, their folder or their mounts."""
    mark = str(base).encode()
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        process = Path("/proc", entry)
        try:
            if mark in _traces(process):
                words = (process / "cmdline").read_bytes().replace(b"\0", b" ")
                found[int(entry)] = words.decode(errors="replace").strip()
        except OSError:
            continue
    return {pid: words for pid, words in found.items() if words}


def kill_below(base: Path) -> None:
    """A power cut, as far as one machine can have it."""
    while found := processes_below(base):
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.01)


def _traces(process: Path) -> bytes:
    traces = [os.readlink(process / "cwd").encode()]
    for name in ("environ", "cmdline", "mountinfo"):
        try:
            traces.append((process / name).read_bytes())
        except OSError:
            continue
    return b"\0".join(traces)
