"""A farm of two nodes with an ordinary user on it: what its jobs said, and what they leave."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from harness import blender
from harness.driver import BUILD, TOP, kill_below, wait_until
from slurm import NODES, Slurm

USER = "glckpt-slurm"
LIMIT = 180  # seconds for one step of a job on a busy machine
SCRIPTS = TOP / "samples" / "slurm"
OBJECTS = ("*.o", "*.d", "tests", "scenes", "e2e-evidence", "base", "wire", "xdetach")
PROGRESS = re.compile(
    r"^Fra:(\d+) .*Time:(\d+):([\d.]+) .*(?:Rendering +|Sample +)(\d+) ?/ ?\d+", re.MULTILINE
)


@contextmanager
def ordinary_user() -> Iterator[pwd.struct_passwd]:
    """A user that Slurm knows by name, removed again."""
    made = subprocess.run(
        ["/usr/sbin/useradd", "--system", "--shell", "/bin/sh", USER], stderr=subprocess.DEVNULL
    ).returncode
    try:
        yield pwd.getpwnam(USER)
    finally:
        if made == 0:
            subprocess.run(["/usr/sbin/userdel", USER], stderr=subprocess.DEVNULL, check=True)


@contextmanager
def running(user: pwd.struct_passwd) -> Iterator[Farm]:
    """A farm, and a folder of the user's with glckpt in it, as on shared storage."""
    base = Path(tempfile.mkdtemp(prefix="glckpt-e2e-", dir="/var/tmp"))
    base.chmod(0o755)
    shutil.copytree(BUILD, base / "bin", symlinks=True, ignore=shutil.ignore_patterns(*OBJECTS))
    slurm = Slurm(base / "slurm", user.pw_name)
    try:
        slurm.start()
        yield Farm(base, slurm, user)
    finally:
        slurm.stop()
        kill_below(base)
        shutil.rmtree(base)


def _is_blender_in(process: Path, folder: Path) -> bool:
    try:
        return (process / "comm").read_text() == "blender\n" and os.readlink(
            process / "cwd"
        ) == str(folder)
    except OSError:
        return False


def _user_time(process: Path) -> float:
    try:
        fields = (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) / os.sysconf("SC_CLK_TCK")


class Farm:
    def __init__(self, base: Path, slurm: Slurm, user: pwd.struct_passwd):
        self.base = base
        self.slurm = slurm
        self.user = user
        self.work = base
        self.before = {name: self._things(name) for name in NODES}

    def begin(self, name: str) -> None:
        """A folder of its own for the jobs that follow."""
        self.work = self.base / name
        self.work.mkdir(mode=0o700)
        os.chown(self.work, self.user.pw_uid, self.user.pw_gid)

    def submit(self, *words) -> int:
        environment = {
            "PATH": f"{self.base}/bin:{self.base}/bin/samples:/usr/bin:/bin:/usr/games",
            "HOME": str(self.work),
            "LANG": "C.UTF-8",
        }
        return self.slurm.submit(*words, folder=self.work, environment=environment)

    def preempt(self, node: str, seconds: float = 30) -> int:
        """A job of higher priority for all of a node."""
        return self.submit(
            "-p",
            "high",
            "-w",
            node,
            "--exclusive",
            "-o",
            "high.out",
            "--wrap",
            f"date +%s.%N; exec sleep {seconds}",
        )

    def log(self, name: str) -> str:
        path = self.work / name
        return path.read_text(errors="replace") if path.exists() else ""

    def wait(self, number, condition, what: str) -> dict[str, str]:
        def seen():
            job = self.slurm.job(number)
            return job if condition(job) else None

        return wait_until(seen, f"job {number}: {what}", timeout=LIMIT, every=0.2)

    def rendered_for(self) -> float:
        """Seconds of processor time that Blender has had in the jobs' folder, each process counted
        since it was launched or restored."""
        processes = (Path("/proc", name) for name in os.listdir("/proc") if name.isdigit())
        return sum(_user_time(each) for each in processes if _is_blender_in(each, self.work))

    # ---- scenes ----

    def place_scene(self, *options: str) -> Path:
        """A scene as scene.blend in the jobs' folder; the one with the undisturbed frames."""
        scene = blender.make_scene("--plain", *options)
        shutil.copy(scene, self.work / "scene.blend")
        return scene

    def wrong_frames(self, scene: Path) -> list[str]:
        frames = sorted(self.work.glob("frame-*.png"))
        renamed = [frame.rename(frame.with_name(frame.name[6:])) for frame in frames]
        return blender.differing_frames(blender.reference(scene), renamed)

    # ---- what is left ----

    def _things(self, node: str) -> set[str]:
        root = self.slurm.root_of(node)
        found = {f"mount {path}" for path in self.slurm.mounts_of(node)}
        for folder in ("tmp", "dev/shm"):
            for path in (root / folder).rglob("*"):
                found.add(f"/{path.relative_to(root)}")
        return found

    def _left_on(self, node: str) -> list[str]:
        new = self._things(node) - self.before[node]
        empty = {f"/tmp/glckpt-{self.user.pw_uid}", "/tmp/.X11-unix"}
        left = self.slurm.processes_of(node) + sorted(new - empty)
        return [f"{node}: {thing}" for thing in left]

    def left_over(self) -> list[str]:
        """Processes, mounts and files on the nodes, images and leases in the jobs' folder."""

        def now() -> list[str]:
            left = [thing for node in NODES for thing in self._left_on(node)]
            return left + [str(path) for path in self.work.glob("image.*/*")]

        try:
            wait_until(lambda: not now(), "nothing is left", timeout=20, every=0.2)
        except AssertionError:
            pass
        return now()


# ---- what jobs and their logs tell ----


def requeued(job) -> bool:
    return job.get("Restarts", "0") != "0" and job["JobState"] in ("PENDING", "RUNNING")


def ended(job) -> bool:
    return job["JobState"] in ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")


def saved(log: str) -> list[str]:
    return re.findall(r"^Saved: '.*frame-(\d+)\.png'", log, re.MULTILINE)


class Sample(NamedTuple):
    """Begun by Blender, as it says itself; `at`: seconds since the frame was begun."""

    frame: int
    number: int
    at: float


def samples(log: str) -> list[Sample]:
    found = (match.groups() for match in PROGRESS.finditer(log))
    return [
        Sample(int(frame), int(number), 60 * int(minutes) + float(seconds))
        for frame, minutes, seconds, number in found
    ]


def rendered_again(log: str) -> list[Sample]:
    """Samples that were begun although the same or a later one had been."""
    found, highest = [], (0, 0)
    for sample in samples(log):
        if sample[:2] < highest:
            found.append(sample)
        highest = max(highest, sample[:2])
    return found


def seconds_again(log: str) -> float:
    """What was rendered again had taken so long the first time, by Blender's own clock."""
    starts = [samples(part) for part in re.split(r"^glckpt: .*: restored ", log, flags=re.MULTILINE)]
    pairs = ((before, after[0]) for before, after in zip(starts, starts[1:]) if after)
    return sum(_seconds_from(before, first) for before, first in pairs)


def _seconds_from(rendered: list[Sample], first: Sample) -> float:
    total = 0.0
    for frame in {sample.frame for sample in rendered if sample[:2] >= first[:2]}:
        stand = [sample.at for sample in rendered if (frame, 0) <= sample[:2] < first[:2]]
        total += max(s.at for s in rendered if s.frame == frame) - max(stand, default=0)
    return total
