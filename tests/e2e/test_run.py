"""`glckpt run`: a job that is preempted, killed or started twice, and loses nothing."""

import json
import re
import signal
import socket
import sys
from pathlib import Path

import pytest
from harness import blender
from harness.driver import AGAIN, BUILD, OWN_FAILURE, USAGE, kill_below, wait_until
from ticks import TICKER

LIMIT = 120  # seconds for one start of a job
SCENE = ("--plain", "--size", "160x120", "--frames", "3")


class Job:
    """One command, started again and again with one image folder and one log."""

    def __init__(self, glckpt, *command, options=()):
        self.glckpt = glckpt
        self.folder = glckpt.base / "images" / "job"
        self.log = glckpt.work / "job.log"
        self.command = ["run", f"--image={self.folder}", *options, "--", *map(str, command)]
        self.started = 0
        self.process = None

    def start(self):
        """As a scheduler does: the same command, its output appended to one log."""
        with self.log.open("ab") as log:
            self.started = log.tell()
            self.process = self.glckpt.spawn(*self.command, stdout=log, stderr=log)
        return self

    def said(self) -> str:
        """The log of this start."""
        return self.log.read_bytes()[self.started :].decode()

    def wait_for(self, text: str):
        wait_until(lambda: text in self.said(), f"the job says {text!r}", timeout=LIMIT)

    def status(self) -> int:
        return self.process.wait(timeout=LIMIT)

    def preempt(self, number=signal.SIGUSR1) -> int:
        self.process.send_signal(number)
        return self.status()

    def images(self) -> list[Path]:
        return sorted(path.parent for path in self.folder.glob("*/manifest.json"))

    def ticks(self) -> list[int]:
        return [int(number) for number in re.findall(r"tick (\d+) ", self.log.read_text())]


@pytest.fixture
def output(glckpt):
    return glckpt.folder("frames")


def ticker_job(glckpt, count, *options, status=0):
    return Job(glckpt, TICKER, 20, count, status, options=("--no-display", *options))


def saved_once(log: str, frames: int) -> bool:
    saved = re.findall(r"^Saved: '.*?(\d+)\.png'", log, re.MULTILINE)
    return sorted(saved) == [f"{number:04}" for number in range(1, frames + 1)]


# ---- preempted ----


def test_preempted_twice_in_mid_frame(glckpt, output):
    """Once as Slurm does and once as most others do; no frame is lost, changed or done twice."""
    scene = blender.make_scene("--engine", "EEVEE", "--samples", "24", *SCENE)
    job = Job(glckpt, *blender.command(scene, output))
    for frame, notice in ((2, signal.SIGUSR1), (3, signal.SIGTERM)):
        job.start()
        wait_until(
            lambda: blender.frame_begun(job.log.read_text()) >= frame,
            f"frame {frame} is begun",
            timeout=LIMIT,
            every=0.02,
        )
        assert job.preempt(notice) == AGAIN
        assert "notice (SIG" in job.said() and "checkpointed in " in job.said()
        assert 1 <= len(job.images()) <= 2
    assert job.start().status() == 0
    assert "of generation 1, taken on " in job.said()
    assert blender.differing_frames(blender.reference(scene), blender.frames(output)) == []
    assert saved_once(job.log.read_text(), 3)
    assert not job.folder.exists()


def test_standard_output_goes_on(glckpt):
    job = ticker_job(glckpt, 60)
    for ticks in (10, 30):
        job.start().wait_for(f"tick {ticks} ")
        assert job.preempt() == AGAIN
    assert job.start().status() == 0
    assert job.ticks() == list(range(1, 61))


def test_statuses_and_signals_of_other_schedulers(glckpt):
    job = ticker_job(glckpt, 60, "--again-status=99", "--notice=INT")
    job.start().wait_for("tick 10 ")
    assert job.preempt(signal.SIGINT) == 99
    assert job.start().status() == 0


def test_a_file_is_a_notice(glckpt):
    """For whoever does not know our process: a script of the host, a container beside ours."""
    notice = glckpt.work / "notice"
    job = ticker_job(glckpt, 60, f"--notice-file={notice}")
    job.start().wait_for("tick 10 ")
    notice.touch()
    assert job.status() == AGAIN
    assert f"notice ({notice}): a last image takes " in job.said()
    assert job.start().status() == AGAIN
    assert "not started: a notice was there already" in job.said()
    notice.unlink()
    assert job.start().status() == 0
    assert job.ticks() == list(range(1, 61))


def test_signals_that_are_no_notice_are_passed_on(glckpt):
    job = ticker_job(glckpt, 1000)
    job.start().wait_for("tick 5 ")
    assert job.preempt(signal.SIGINT) == 128 + signal.SIGINT


# The name goes on from one start to the next in a shell's variable.
KEEPS_A_FILE = """
file=$(mktemp) && echo kept >"$file" && echo "made $file"
while ! [ -e go ]; do sleep 0.05; done
cat "$file"
"""


def test_temporary_files_come_along(glckpt):
    """They lie beside the image, and go with it."""
    job = Job(glckpt, "sh", "-c", KEEPS_A_FILE, options=("--no-display",))
    job.start().wait_for("made ")
    assert f"made {job.folder.resolve()}/tmp/" in job.said()
    assert job.preempt() == AGAIN
    assert len(list((job.folder / "tmp").iterdir())) == 1
    (glckpt.work / "go").touch()
    assert job.start().status() == 0
    assert "kept\n" in job.said()
    assert not job.folder.exists()


def test_a_nodes_own_tmp_is_left_alone_on_request(glckpt):
    job = Job(glckpt, "sh", "-c", 'echo "$TMPDIR"', options=("--no-display", "--node-tmp"))
    assert job.start().status() == 0
    assert f"{glckpt.base}/tmp\n" in job.said()


# ---- too little time, or none ----


def test_a_grace_too_short_lets_the_last_image_stand(glckpt):
    job = ticker_job(glckpt, 80, "--every=1s", "--grace=0s")
    job.start().wait_for("periodic checkpoint")
    before = job.images()
    assert job.preempt() == AGAIN
    assert "the grace does not suffice for another image" in job.said()
    assert job.images() == before
    assert not list(job.folder.glob("*.part-*"))
    assert job.start().status() == 0
    ticks = job.ticks()
    assert ticks[-1] == 80 and set(ticks) == set(range(1, 81))


def test_what_is_predicted_decides(glckpt):
    """Figures of earlier images that took an hour."""
    job = ticker_job(glckpt, 80, "--every=1s", "--grace=10m")
    job.start().wait_for("periodic checkpoint")
    figures = json.loads((job.folder / "figures.json").read_text())
    assert figures[0]["durable_s"] > 0 and figures[0]["memory"] > 0
    for figure in figures:
        figure["durable_s"] = 3600
    (job.folder / "figures.json").write_text(json.dumps(figures))
    assert job.preempt() == AGAIN
    assert "the grace does not suffice" in job.said()


def test_a_job_without_images_is_judged_by_others(glckpt):
    for number, basis in enumerate(("guessed", "as other jobs took")):
        job = ticker_job(glckpt, 1000)
        job.folder = job.folder.with_name(f"job-{number}")
        job.command[1] = f"--image={job.folder}"
        job.start().wait_for("tick 5 ")
        assert job.preempt() == AGAIN
        assert f" s ({basis}), the grace is 30 s" in job.said()


def test_without_any_image_a_last_one_is_tried_all_the_same(glckpt):
    job = ticker_job(glckpt, 60, "--grace=0")
    job.start().wait_for("tick 10 ")
    assert job.preempt() == AGAIN
    assert len(job.images()) == 1
    assert job.start().status() == 0
    assert job.ticks() == list(range(1, 61))


def test_a_node_that_dies_goes_back_to_the_last_image(glckpt, output):
    scene = blender.make_scene("--engine", "CYCLES", "--samples", "48", *SCENE)
    job = Job(glckpt, *blender.command(scene, output), options=("--every=1s",))
    job.start()
    wait_until(
        lambda: job.images() and len(blender.frames(output)) >= 2,
        "an image and two frames are there",
        timeout=LIMIT,
    )
    kill_below(glckpt.base)
    job.status()
    assert job.start().status() == 0
    assert "restored " in job.said()
    assert blender.differing_frames(blender.reference(scene), blender.frames(output)) == []
    assert not job.folder.exists()


def test_killed_in_mid_checkpoint_the_image_before_stands(glckpt):
    job = Job(glckpt, BUILD / "samples" / "dirty", 300, options=("--no-display",))
    job.start().wait_for("ready ")
    assert job.preempt() == AGAIN
    before = job.images()
    job.start().wait_for("restored ")
    job.process.send_signal(signal.SIGTERM)
    wait_until(lambda: list(job.folder.glob("*.part-*")), "a checkpoint has begun", every=0.001)
    kill_below(glckpt.base)
    assert job.images() == before
    job.start().wait_for(f"restored {before[0]}")
    assert not list(job.folder.glob("*.part-*"))
    assert job.preempt() == AGAIN


def test_a_killed_glckpt_takes_its_session_with_it(glckpt):
    """Else a copy would go on that nobody renews a lease for."""
    job = ticker_job(glckpt, 1000)
    job.start().wait_for("tick 5 ")
    job.process.kill()
    job.status()
    wait_until(lambda: not glckpt.names(), "the session has ended", timeout=10)


# ---- a connection that no image can keep ----

CONNECTED = """
import socket, time
connection = socket.create_connection(("127.0.0.1", {port}))
print("connected", flush=True)
connection.recv(1)
connection.close()
time.sleep(100)
"""


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def connected_job(glckpt, listener, *options):
    """A program that has a connection to us for as long as we like."""
    script = CONNECTED.format(port=listener.getsockname()[1])
    job = Job(glckpt, sys.executable, "-c", script, options=("--no-display", *options))
    job.start()
    connection, _ = listener.accept()
    job.wait_for("connected")
    return job, connection


def test_a_last_image_is_tried_again(glckpt, listener):
    job, connection = connected_job(glckpt, listener)
    job.process.send_signal(signal.SIGTERM)
    job.wait_for("no image yet: ")
    connection.close()
    assert job.status() == AGAIN
    assert job.said().count("no image yet: ") == 1
    assert len(job.images()) == 1


def test_a_command_that_cannot_be_kept_goes_on(glckpt, listener):
    """The notice may have been for nothing, and there is nothing to fall back on."""
    job, connection = connected_job(glckpt, listener, "--grace=1s")
    job.process.send_signal(signal.SIGTERM)
    job.wait_for("no image could be taken within the grace; the command goes on")
    connection.close()
    assert job.preempt() == AGAIN


# ---- which image ----


def test_a_damaged_image_is_passed_over(glckpt):
    job = ticker_job(glckpt, 120, "--every=1s")
    job.start()
    wait_until(lambda: len(job.images()) == 2, "two images are there", timeout=LIMIT)
    kill_below(glckpt.base)
    job.status()
    newest = max(job.images(), key=lambda path: (path / "manifest.json").stat().st_mtime_ns)
    data = bytearray((newest / "process.img").read_bytes())
    data[len(data) // 2] ^= 0xFF
    (newest / "process.img").write_bytes(data)
    job.start().wait_for("restored ")
    assert re.search(rf"{re.escape(str(newest))}.* is damaged", job.said())
    assert f"restored {newest}" not in job.said()
    assert job.status() == 0
    assert set(job.ticks()) == set(range(1, 121))


def test_damaged_images_alone_are_refused(glckpt):
    """Hours of work are not begun anew without a word."""
    job = ticker_job(glckpt, 60)
    job.start().wait_for("tick 5 ")
    assert job.preempt() == AGAIN
    (job.images()[0] / "process.img").write_bytes(b"")
    assert job.start().status() == OWN_FAILURE
    assert "none of the images in " in job.said()
    assert len(job.images()) == 1


# ---- one at a time ----


def test_two_runs_at_once_are_refused(glckpt):
    job = ticker_job(glckpt, 1000)
    job.start().wait_for("tick 1 ")
    said = glckpt.refused(*job.command, status=OWN_FAILURE)
    assert "is being run already, on " in said
    assert job.preempt() == AGAIN


def overtake(job) -> Path:
    """As another host does that has lost patience with ours."""
    mine = json.loads((job.folder / "lease.1").read_text())
    later = job.folder / "lease.2"
    later.write_text(json.dumps(mine | {"token": 2, "host": "elsewhere"}))
    return later


def test_an_overtaken_run_publishes_nothing(glckpt):
    job = ticker_job(glckpt, 1000)
    job.start().wait_for("tick 1 ")
    overtake(job)
    assert job.preempt() == OWN_FAILURE
    assert "was taken over by a later run" in job.said()
    assert job.images() == []
    assert not list(job.folder.glob("*.part-*"))


def test_the_end_of_an_overtaken_run_is_not_that_of_the_job(glckpt):
    job = Job(glckpt, "sh", "-c", KEEPS_A_FILE, options=("--no-display", "--every=1s"))
    job.start()
    wait_until(job.images, "an image is there", timeout=LIMIT)
    later = overtake(job)
    (glckpt.work / "go").touch()
    assert job.status() == OWN_FAILURE
    assert later.exists() and job.images()


def test_a_restart_by_slurm_takes_over_from_the_copy_before(glckpt):
    """The first copy runs on, on a node that Slurm has given up."""
    job, later = ticker_job(glckpt, 1000), ticker_job(glckpt, 1000)
    glckpt.environment["SLURM_JOB_ID"] = "17"
    job.start().wait_for("tick 1 ")
    glckpt.environment["SLURM_RESTART_COUNT"] = "1"
    later.log = glckpt.work / "later.log"
    later.start().wait_for("tick 1 ")
    assert job.status() == OWN_FAILURE
    assert "was taken over by a later run" in job.said()
    assert "glckpt: job 17, restart 1: launched" in later.said()
    assert later.preempt() == AGAIN


# ---- the end ----


def test_the_end_removes_the_images_and_passes_the_status_on(glckpt):
    job = ticker_job(glckpt, 40, "--every=1s", status=7)
    job.start()
    wait_until(job.images, "an image is there", timeout=LIMIT)
    assert job.status() == 7
    assert not job.folder.exists()


def test_images_are_kept_on_request(glckpt):
    job = ticker_job(glckpt, 40, "--every=1s", "--keep-image")
    assert job.start().status() == 0
    assert job.images()


def test_a_killed_command_keeps_its_images(glckpt):
    """It may be the scheduler that kills, process by process."""
    job = ticker_job(glckpt, 1000, "--every=1s")
    job.start()
    wait_until(job.images, "an image is there", timeout=LIMIT)
    glckpt.ok("kill", "--signal=KILL", "ticker")
    assert job.status() == 128 + signal.SIGKILL
    assert job.images()


def test_a_command_that_cannot_run_leaves_nothing(glckpt):
    job = Job(glckpt, "/nonexistent/command")
    assert job.start().status() == 127


@pytest.mark.parametrize(
    "words",
    [
        ("--", "true"),
        ("--image=x", "--again-status=0", "--", "true"),
        ("--image=x", "--grace=soon", "--", "true"),
        ("--image=x", "--notice=KILL", "--", "true"),
    ],
)
def test_wrong_usage(glckpt, words):
    glckpt.refused("run", *words, status=USAGE)


def test_requeue_calls_scontrol(glckpt):
    """With a scontrol of our own: the real one is in test_slurm.py."""
    tools = glckpt.folder("tools")
    (tools / "scontrol").write_text(f'#!/bin/sh\necho "$@" >{tools}/called\n')
    (tools / "scontrol").chmod(0o755)
    glckpt.environment |= {"PATH": f"{tools}:/usr/bin:/bin", "SLURM_JOB_ID": "17"}
    job = ticker_job(glckpt, 1000, "--requeue")
    job.start().wait_for("tick 1 ")
    assert job.preempt() == AGAIN
    assert (tools / "called").read_text() == "requeue 17\n"
    assert "job 17, restart 0: requeued" in job.said()
