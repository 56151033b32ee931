"""Counts what a test must not leave behind."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .driver import Late, processes_below, wait_until


def _entries(folder: str, start: str = "") -> set[str]:
    try:
        return {f"{folder}/{name}" for name in os.listdir(folder) if name.startswith(start)}
    except FileNotFoundError:
        return set()


def _mounts() -> set[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return {" ".join(line.split()[3:5]) for line in lines}


def _cgroups() -> set[str]:
    found = set()
    for folder, _, _ in os.walk("/sys/fs/cgroup"):
        if "glckpt" in folder:
            found.add(folder)
    return found


def _segments() -> set[str]:
    """System V shared memory of the host's IPC namespace that nobody is attached to any more."""
    lines = [line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
    return {f"System V segment {line[1]}" for line in lines if line[6] == "0"}


def _sockets() -> list[str]:
    """Unix sockets with a name, open in any process."""
    lines = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    return [f"socket {line[7]}" for line in lines if len(line) == 8]


def _stale_displays() -> set[str]:
    """Sockets of X servers on which nobody listens, and locks of X servers that are gone."""
    open_now = set(_sockets())
    stale = {path for path in _entries("/tmp/.X11-unix") if f"socket {path}" not in open_now}
    for lock in _entries("/tmp", ".X"):
        try:
            if not Path("/proc", Path(lock).read_text().strip()).exists():
                stale.add(lock)
        except OSError:
            continue
    return stale


@dataclass
class Traces:
    """The host as a session could have changed it."""

    things: set[str]
    descriptors: int

    @staticmethod
    def take() -> Traces:
        things = _mounts() | _cgroups() | _segments()
        things |= _stale_displays()
        things |= _entries("/dev/shm", "glckpt") | _entries("/dev/shm", "shm-everything")
        return Traces(things, len(os.listdir("/proc/self/fd")))


def left_of_sessions(base: Path) -> list[str]:
    """What run folders of sessions are there."""
    return [f"file {path}" for path in sorted((base / "run").glob("glckpt/*"))]


def _left_below(base: Path) -> list[str]:
    left = [f"process {pid}: {words}" for pid, words in processes_below(base).items()]
    left += left_of_sessions(base)
    left += [line for line in _sockets() if str(base) in line]
    left += [f"file {path}" for path in sorted((base / "tmp").glob("*")) if _is_a_tools(path)]
    left += [f"unfinished image {path}" for path in sorted((base / "images").glob("*.part*"))]
    return left


def _is_a_tools(path: Path) -> bool:
    """A program that was killed may leave its own temporary files; glckpt and criu may not."""
    return any(word in path.name for word in ("glckpt", "criu", ".X"))


def left_over(before: Traces, base: Path, grace: float = 5) -> list[str]:
    """What is there now and was not before, after a moment in which processes may still be ending.
    The base folder itself does not count."""

    def now() -> list[str]:
        after = Traces.take()
        new = {thing for thing in after.things - before.things if _is_ours(thing, base)}
        left = _left_below(base) + sorted(new)
        if after.descriptors > before.descriptors:
            left.append(f"{after.descriptors - before.descriptors} descriptors of the test itself")
        return left

    try:
        wait_until(lambda: not now(), "nothing is left over", timeout=grace, every=0.1)
        return []
    except Late:
        return now()


def _is_ours(thing: str, base: Path) -> bool:
    """Not of another run of the tests at the same time."""
    return "/glckpt-e2e-" not in thing or str(base) in thing
