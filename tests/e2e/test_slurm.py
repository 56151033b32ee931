"""Jobs of an ordinary user in a real Slurm of two nodes: preempted in mid-frame by a job of higher
priority, requeued, restored on the other node. The job scripts are those of samples/slurm."""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from harness import blender
from harness.driver import BUILD, TOP, kill_below, wait_until
from slurm import Slurm, missing_program

USER = "glckpt-slurm"
LIMIT = 120
SCRIPTS = TOP / "samples" / "slurm"
SCENES = {"EEVEE": "24", "CYCLES": "48"}  # samples
OBJECTS = ("*.o", "*.d", "tests", "scenes", "e2e-evidence", "base", "wire", "xdetach")


@pytest.fixture(scope="module")
def user():
    """An ordinary user that Slurm knows by name."""
    if os.geteuid() != 0:
        pytest.skip("only root can run a slurmd that starts other users' jobs")
    if missing_program():
        pytest.skip(f"{missing_program()} is not installed: run `make deps`")
    made = subprocess.run(["/usr/sbin/useradd", "--system", "--shell", "/bin/sh", USER]).returncode
    yield pwd.getpwnam(USER)
    if made == 0:
        subprocess.run(["/usr/sbin/userdel", USER], check=True)


@pytest.fixture
def farm(user):
    """Two nodes, and a folder of the user's with glckpt in it, as on shared storage."""
    base = Path(tempfile.mkdtemp(prefix="glckpt-e2e-"))
    base.chmod(0o755)
    shutil.copytree(BUILD, base / "bin", symlinks=True, ignore=shutil.ignore_patterns(*OBJECTS))
    for name in ("work", "run", "state"):
        (base / name).mkdir(mode=0o700)
        os.chown(base / name, user.pw_uid, user.pw_gid)
    slurm = Slurm(base / "slurm", user.pw_name)
    try:
        slurm.start()
        yield Farm(base, slurm)
    finally:
        slurm.stop()
        kill_below(base)
        shutil.rmtree(base)


class Farm:
    def __init__(self, base: Path, slurm: Slurm):
        self.base = base
        self.slurm = slurm
        self.work = base / "work"

    def submit(self, *words) -> int:
        environment = {
            "PATH": f"{self.base}/bin:/usr/bin:/bin:/usr/games",
            "HOME": str(self.work),
            "XDG_RUNTIME_DIR": str(self.base / "run"),
            "XDG_STATE_HOME": str(self.base / "state"),
        }
        return self.slurm.submit(*words, folder=self.work, environment=environment)

    def preempt(self, node: str) -> int:
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
            "date +%s.%N; exec sleep 30",
        )

    def log(self, name: str) -> str:
        path = self.work / name
        return path.read_text() if path.exists() else ""

    def wait(self, number, condition, what: str) -> dict[str, str]:
        def seen():
            job = self.slurm.job(number)
            return job if condition(job) else None

        return wait_until(seen, f"job {number}: {what}", timeout=LIMIT, every=0.2)


def requeued(job) -> bool:
    return job.get("Restarts") == "1" and job["JobState"] in ("PENDING", "RUNNING")


def ended(job) -> bool:
    return job["JobState"] in ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")


def saved(log: str) -> list[str]:
    return re.findall(r"^Saved: '.*frame-(\d+)\.png'", log, re.MULTILINE)


def place_scene(farm, engine: str) -> Path:
    options = ("--plain", "--size", "160x120", "--frames", "3")
    scene = blender.make_scene("--engine", engine, "--samples", SCENES[engine], *options)
    shutil.copy(scene, farm.work / "scene.blend")
    return scene


def wrong_frames(farm, scene: Path) -> list[str]:
    frames = sorted(farm.work.glob("frame-*.png"))
    renamed = [frame.rename(frame.with_name(frame.name[6:])) for frame in frames]
    return blender.differing_frames(blender.reference(scene), renamed)


@pytest.mark.parametrize("engine", SCENES)
def test_a_preempted_job_goes_on_on_the_other_node(farm, engine):
    scene = place_scene(farm, engine)
    number = farm.submit("-p", "low", SCRIPTS / "render.sh")
    log = f"slurm-{number}.out"
    wait_until(
        lambda: blender.frame_begun(farm.log(log)) >= 2,
        "frame 2 is begun",
        timeout=LIMIT,
        every=0.02,
    )
    first = farm.slurm.job(number)["NodeList"]
    other = {"na": "nb", "nb": "na"}[first]
    preempted = time.time()
    farm.preempt(first)
    farm.wait(number, requeued, "is requeued")
    farm.slurm.hasten(number)
    job = farm.wait(number, ended, "has ended")
    said = farm.log(log)
    assert (job["JobState"], job["Restarts"], job["NodeList"]) == ("COMPLETED", "1", other), said
    assert float(farm.log("high.out")) - preempted < 30
    assert f"glckpt: job {number}, restart 0, on {first}: notice (SIGUSR1)" in said
    assert re.search(rf"job {number}, restart 0, on {first}: checkpointed in \d", said)
    assert re.search(rf"job {number}, restart 1, on {other}: restored .* of generation 0", said)
    assert saved(said) == ["0001", "0002", "0003"]
    assert wrong_frames(farm, scene) == []
    assert not list(farm.work.glob("image.*"))


def test_an_array_of_frames_is_preempted_on_both_nodes(farm):
    scene = place_scene(farm, "CYCLES")
    number = farm.submit("-p", "low", "--array=1-3", SCRIPTS / "frames.sh")
    logs = [f"slurm-{number}_{task}.out" for task in (1, 2, 3)]
    for node in ("na", "nb"):
        wait_until(
            lambda: any(blender.frame_begun(farm.log(log)) for log in logs),
            "a frame is begun",
            timeout=LIMIT,
            every=0.02,
        )
        farm.preempt(node)
    wait_until(
        lambda: any("checkpointed in" in farm.log(log) for log in logs),
        "a task is checkpointed",
        timeout=LIMIT,
    )
    farm.slurm.root("scancel", "--partition=high")
    for task in (1, 2, 3):
        farm.wait(f"{number}_{task}", ended, "has ended")
    said = [farm.log(log) for log in logs]
    assert [saved(log) for log in said] == [["0001"], ["0002"], ["0003"]]
    assert any("restored" in log for log in said)
    assert wrong_frames(farm, scene) == []
    assert not list(farm.work.glob("image.*"))
