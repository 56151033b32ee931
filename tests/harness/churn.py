"""What both ends of the GL stream hold while contexts, objects and frames come and go (samples/gl-churn.c)."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from .driver import BUILD, Glckpt, processes_below, wait_until

CHURN = BUILD / "samples" / "gl-churn"
QUARTERS = 4
ENDS = ("gl-churn", "glproxy", "Xvfb")


@dataclass
class Held:
    """By one process; memory in KiB."""

    name: str
    anonymous: int
    shared: int
    descriptors: int
    mappings: int
    threads: int

    def text(self) -> str:
        return (
            f"{self.name:9} {self.anonymous:7} KiB + {self.shared:7} KiB shared, "
            f"{self.descriptors:3} descriptors, {self.mappings:4} mappings, {self.threads:2} threads"
        )


@dataclass
class Mark:
    """A moment at which nothing is under way."""

    processes: dict[int, Held]
    files: int  # in the session's shared memory
    kilobytes: int  # that they take

    def text(self) -> str:
        lines = [f"  {held.text()}" for held in self.processes.values()]
        return "\n".join([*lines, f"  {self.files} files, {self.kilobytes} KiB"])


def held(pid: int, name: str) -> Held:
    proc = Path("/proc") / str(pid)
    status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())

    def number(key: str) -> int:
        return int(status[key].split()[0])

    return Held(
        name,
        number("RssAnon"),
        number("RssShmem"),
        len(list((proc / "fd").iterdir())),
        (proc / "maps").read_text().count("\n"),
        number("Threads"),
    )


def look(base: Path) -> Mark:
    found = {}
    for pid, words in sorted(processes_below(base).items()):
        name = Path(words.split(" ")[0]).name
        if name in ENDS:
            found[pid] = held(pid, name)
    program = next(pid for pid, one in found.items() if one.name == "gl-churn")
    files = [path.lstat() for path in Path(f"/proc/{program}/root/dev/shm").rglob("*")]
    plain = [one for one in files if stat.S_ISREG(one.st_mode)]
    return Mark(found, len(files), sum(one.st_blocks for one in plain) // 2)


def churn(glckpt: Glckpt, contexts: int, frames: int, timeout: float, options=()) -> list[Mark]:
    """What is held after each quarter."""
    marks = glckpt.folder("marks")
    words = [str(CHURN), str(marks), str(contexts), str(frames)]
    session = glckpt.launch(*words, options=options)
    found = []
    for number in range(1, QUARTERS + 1):
        wait_until(
            lambda: f"mark {number}\n" in glckpt.log(session) + "\n",
            f"quarter {number} of gl-churn",
            timeout=timeout,
            every=0.2,
        )
        found.append(look(glckpt.base))
        (marks / str(number)).touch()
    assert glckpt.wait(session) == 0
    return found


def grown(marks: list[Mark], slack: int) -> list[str]:
    """What the last quarters left behind that the first two did not; `slack` in KiB."""
    before, after = marks[1], marks[-1]
    faults = []
    if before.processes.keys() != after.processes.keys():
        faults.append("other processes than before")
    for pid, was in before.processes.items():
        now = after.processes.get(pid, was)
        for what in ("descriptors", "mappings", "threads"):
            more = getattr(now, what) - getattr(was, what)
            if more > (8 if what == "mappings" else 0):  # the C library's heap is in pieces
                faults.append(f"{was.name}: {more} {what} more")
        for what in ("anonymous", "shared"):
            more = getattr(now, what) - getattr(was, what)
            if more > slack:
                faults.append(f"{was.name}: {more} KiB more, {what}")
    if after.files > before.files:
        faults.append(f"{after.files - before.files} files more")
    if after.kilobytes > before.kilobytes + slack:
        faults.append(f"{after.kilobytes - before.kilobytes} KiB more in files")
    return faults
