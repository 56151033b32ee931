"""Jobs of an ordinary user in a real Slurm of two nodes: preempted in mid-frame, requeued, restored
on the other node. The job scripts are those of samples/slurm."""

import os
import re
import shlex
import time
from pathlib import Path

import pytest
from farm import LIMIT, SCRIPTS, ended, ordinary_user, rendered_again, requeued, running
from farm import saved, seconds_again
from harness import blender
from harness.driver import wait_until
from slurm import missing_program
from soak import soak

SIZE = ("--size", "160x120")
OTHER = {"na": "nb", "nb": "na"}


@pytest.fixture(scope="module")
def nodes():
    if os.geteuid() != 0:
        pytest.skip("only root can run a slurmd that starts other users' jobs")
    if missing_program():
        pytest.skip(f"{missing_program()} is not installed: run `make deps`")
    with ordinary_user() as user, running(user) as farm:
        yield farm


@pytest.fixture
def farm(nodes, request):
    """The nodes, with nothing on them before and after."""
    nodes.begin(re.sub(r"\W+", "-", request.node.name))
    yield nodes
    nodes.slurm.end_jobs()
    assert nodes.left_over() == []


def script_with(farm, name: str, *options: str):
    """A sample script, with options of `glckpt run` put in."""
    text = (SCRIPTS / name).read_text()
    script = farm.work / name
    script.write_text(text.replace(" -- ", f" {' '.join(options)} -- "))
    return script


def wait_for_frame(farm, number: int, frame: int) -> None:
    log = f"slurm-{number}.out"
    wait_until(
        lambda: blender.frame_begun(farm.log(log)) >= frame or "has ended with" in farm.log(log),
        f"frame {frame} is begun",
        timeout=LIMIT,
        every=0.02,
    )
    assert "has ended with" not in farm.log(log), farm.log(log)


def preempt_and_finish(farm, number: int) -> tuple[str, dict[str, str]]:
    """The node that the job was on, and the job when it has ended."""
    node = farm.slurm.job(number)["NodeList"]
    farm.preempt(node)
    farm.wait(number, requeued, "is requeued")
    farm.slurm.hasten(number, OTHER[node])
    return node, farm.wait(number, ended, "has ended")


# ---- preempted ----


@pytest.mark.parametrize(
    "engine, count, gl", [("EEVEE", "24", "proxy"), ("CYCLES", "120", "native")]
)
def test_a_preempted_job_goes_on_on_the_other_node(farm, engine, count, gl):
    scene = farm.place_scene(
        "--engine", engine, "--samples", count, "--frames", "3", *SIZE
    )
    number = farm.submit("-p", "low60", script_with(farm, "render.sh", f"--gl={gl}"))
    log = f"slurm-{number}.out"
    wait_for_frame(farm, number, 2)
    preempted = time.time()
    first, job = preempt_and_finish(farm, number)
    other = OTHER[first]
    said = farm.log(log)
    assert (job["JobState"], job["Restarts"], job["NodeList"]) == ("COMPLETED", "1", other), said
    assert float(farm.log("high.out")) - preempted < 60
    assert f"glckpt: job {number}, restart 0, on {first}: notice (SIGUSR1)" in said
    assert re.search(rf"job {number}, restart 0, on {first}: checkpointed in \d", said)
    assert re.search(rf"job {number}, restart 1, on {other}: restored .* of generation 0", said)
    assert saved(said) == ["0001", "0002", "0003"]
    assert rendered_again(said) == []
    assert seconds_again(said) < 2
    assert farm.wrong_frames(scene) == []


@pytest.mark.parametrize("grace", [5, 0])
def test_a_grace_of(farm, grace):
    """With none the periodic image stands, and nothing of a last one is begun."""
    scene = farm.place_scene("--engine", "CYCLES", "--samples", "120", "--frames", "3", *SIZE)
    script = script_with(farm, "render.sh", "--every=1s", f"--grace={grace}s")
    number = farm.submit("-p", f"low{grace}", script)
    log = f"slurm-{number}.out"
    wait_for_frame(farm, number, 2)
    wait_until(lambda: "periodic checkpoint" in farm.log(log), "an image is there", timeout=LIMIT)
    _, job = preempt_and_finish(farm, number)
    said = farm.log(log)
    assert (job["JobState"], job["Restarts"]) == ("COMPLETED", "1"), said
    stands = "the grace does not suffice for another image" in said
    assert stands == (grace == 0), said
    assert ("checkpointed in " in said) == (grace != 0), said
    assert f"job {number}, restart 1" in said and ": restored " in said
    assert grace == 0 or rendered_again(said) == []
    assert farm.wrong_frames(scene) == []


# Counts until it is told to end.
COUNTER = "n=0; until [ -e go ]; do n=$((n + 1)); echo tick $n; sleep 0.05; done"


def script_for(farm, name: str, *command: str) -> Path:
    """A sample script with another command; half a minute is for the last image."""
    text = (SCRIPTS / "render.sh").read_text().replace("USR1@60", "USR1@30")
    script = farm.work / name
    script.write_text(f"{text[: text.index(' -- ')]} -- {shlex.join(command)}\n")
    return script


def submit_counter(farm) -> int:
    return farm.submit("-p", "low60", "--time=1", script_for(farm, "counter.sh", "sh", "-c", COUNTER))


def check_counter(farm, number: int) -> None:
    farm.wait(number, requeued, "is requeued by its time limit")
    (farm.work / "go").touch()
    job = farm.wait(number, ended, "has ended")
    said = farm.log(f"slurm-{number}.out")
    assert job["JobState"] == "COMPLETED", said
    assert "notice (SIGUSR1)" in said and ": restored " in said
    ticks = [int(tick) for tick in re.findall(r"^tick (\d+)$", said, re.MULTILINE)]
    assert ticks == list(range(1, len(ticks) + 1)) and ticks


def notify(farm, number: int, restart: int) -> None:
    """By hand, when it renders; Slurm starts it again because of its status."""
    begun = re.compile(rf"restart {restart}, on \w+: (launched|restored) ")
    wait_until(
        lambda: begun.search(farm.log(f"slurm-{number}.out")) and farm.rendered_for() > 0.2,
        f"restart {restart} renders",
        timeout=LIMIT,
        every=0.02,
    )
    node = farm.slurm.job(number)["NodeList"]
    farm.slurm.root("scancel", "--batch", "--signal=USR1", str(number))
    farm.wait(number, lambda job: int(job["Restarts"]) > restart, "is requeued")
    farm.slurm.hasten(number, OTHER[node])


def test_requeued_ten_times_and_by_the_time_limit(farm):
    """Two jobs side by side; one processor's rendering does not end before the tenth notice."""
    scene = farm.place_scene("--engine", "CYCLES", "--samples", "400", "--frames", "2", *SIZE)
    counter = submit_counter(farm)
    slowly = ("blender", "-t", "1", "-b", "scene.blend", "-o", "//frame-####", "-a")
    number = farm.submit("-p", "low60", script_for(farm, "slowly.sh", *slowly))
    for restart in range(10):
        notify(farm, number, restart)
    job = farm.wait(number, ended, "has ended")
    said = farm.log(f"slurm-{number}.out")
    assert (job["JobState"], job["Restarts"]) == ("COMPLETED", "10"), said
    assert said.count("checkpointed in ") == 10 and "of generation 9, taken on " in said
    assert saved(said) == ["0001", "0002"]
    assert rendered_again(said) == []
    assert farm.wrong_frames(scene) == []
    check_counter(farm, counter)


# ---- other ends ----


def test_a_node_dies_without_notice(farm):
    """The job goes on on the other node from the periodic image."""
    scene = farm.place_scene("--engine", "CYCLES", "--samples", "100", "--frames", "3", *SIZE)
    number = farm.submit("-p", "low60", script_with(farm, "render.sh", "--every=1s"))
    log = f"slurm-{number}.out"
    wait_for_frame(farm, number, 2)
    wait_until(lambda: "periodic checkpoint" in farm.log(log), "an image is there", timeout=LIMIT)
    node = farm.slurm.job(number)["NodeList"]
    farm.slurm.cut_power(node)
    farm.slurm.give_up(node)
    try:
        farm.wait(number, requeued, "is requeued")
        farm.slurm.hasten(number, OTHER[node])
        job = farm.wait(number, ended, "has ended")
    finally:
        farm.slurm.start_node(node)
        farm.slurm.wait_idle()
    said = farm.log(log)
    assert (job["JobState"], job["NodeList"]) == ("COMPLETED", OTHER[node]), said
    assert re.search(rf"job {number}, restart \d, on {OTHER[node]}: restored .*taken on {node}", said)
    assert farm.wrong_frames(scene) == []


# ---- an array ----


def test_an_array_of_frames_is_preempted_at_random(nodes):
    outcome = soak(nodes, seconds=20, seed=6, samples=150)
    assert outcome.wrong == []
    assert outcome.preemptions and outcome.images and outcome.restores
