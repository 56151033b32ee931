"""Films of sessions: whole, at their rate, and in nobody's way."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import numpy
import pytest
from harness.driver import TIMEOUT, USAGE, processes_below, wait_until
from harness.viewer import RfbClient
from harness.writer import SIZE, launch_writer, session_picture, wait_typed

RATE = 10


@pytest.fixture(autouse=True)
def tools():
    for program in ("ffmpeg", "ffprobe"):
        if not shutil.which(program):
            pytest.skip(f"{program} is missing: install ffmpeg")


def record(glckpt, session, file, *options):
    """A recorder in the foreground, once it writes."""
    words = ("record", session, "-o", file, "--rate", str(RATE), "--json", *options)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = glckpt.spawn(*words, **pipes)
    wait_until(lambda: file.exists() or process.poll() is not None, "ffmpeg has begun",
               timeout=TIMEOUT)
    assert process.poll() is None, process.communicate()[1]
    return process


def end(process):
    """What the recorder says in the end."""
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, said
    return json.loads(out)


def probe(file):
    """What another program finds in the file."""
    command = ("ffprobe", "-v", "error", "-count_frames", "-of", "json", "-show_entries",
               "stream=width,height,r_frame_rate,nb_read_frames")
    done = subprocess.run([*command, file], check=True, capture_output=True, text=True)
    assert not done.stderr
    (stream,) = json.loads(done.stdout)["streams"]
    return stream


def frames(file):
    """All pictures of the film."""
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", file, "-f", "rawvideo", "-pix_fmt", "rgb24",
                          "pipe:1"], check=True, capture_output=True).stdout
    width, height = SIZE
    return numpy.frombuffer(raw, numpy.uint8).reshape(-1, height, width, 3).astype(int)


def recorder_of(glckpt):
    """The ffmpeg of this test."""
    found = [pid for pid, words in processes_below(glckpt.base).items() if words.startswith("ffmpeg")]
    assert len(found) == 1
    return found[0]


def sockets_of(process):
    """One to the session, and one to its X server while that is filmed."""
    folder = Path("/proc", str(process.pid), "fd")
    return sum(os.readlink(link).startswith("socket:") for link in folder.iterdir())


def test_a_film_over_checkpoints_a_stop_and_a_restore(glckpt):
    session = launch_writer(glckpt)
    file = glckpt.work / "film.mkv"
    process = record(glckpt, session, file)
    for _ in range(3):
        glckpt.checkpoint(session, "--wait")
    wait_until(lambda: sockets_of(process) == 2, "it films")
    image = glckpt.checkpoint(session, "--stop")
    glckpt.restore(image)
    wait_until(lambda: sockets_of(process) == 2, "it films again")
    client = RfbClient.on_socket(glckpt.ok("view", "--socket", "--linger", "20s", session))
    client.point(100, 100)
    client.type("a line that is seen\n")
    wait_typed(glckpt, "a line that is seen\n")
    client.close()
    wait_until(lambda: session_picture(glckpt, session).sum() > 0, "something is shown")
    there = session_picture(glckpt, session).astype(int)
    said = end(process)
    found = probe(file)
    assert (found["width"], found["height"]) == SIZE
    assert found["r_frame_rate"] == f"{RATE}/1"
    assert int(found["nb_read_frames"]) == said["frames"] > 1
    assert said["seconds"] == pytest.approx(said["frames"] / RATE)
    pictures = frames(file)
    # The pointer is in the film and not in the screenshot, and the film is packed.
    assert abs(pictures[-1] - there).mean() < 3
    assert abs(pictures[0] - there).mean() > abs(pictures[-1] - there).mean()


def test_an_ffmpeg_that_hangs_costs_no_image(glckpt):
    session = launch_writer(glckpt)
    file = glckpt.work / "film.mp4"
    process = record(glckpt, session, file)
    ffmpeg = recorder_of(glckpt)
    os.kill(ffmpeg, signal.SIGSTOP)
    for _ in range(3):
        glckpt.checkpoint(session, "--wait")
    os.kill(ffmpeg, signal.SIGCONT)
    assert end(process)["frames"] == int(probe(file)["nb_read_frames"])


def test_an_ffmpeg_that_dies_is_told(glckpt):
    session = launch_writer(glckpt)
    process = record(glckpt, session, glckpt.work / "film.mkv")
    os.kill(recorder_of(glckpt), signal.SIGKILL)
    _, said = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1 and said.startswith("glckpt: record: ffmpeg")
    glckpt.checkpoint(session, "--wait")


def test_a_recorder_that_is_killed_leaves_a_film(glckpt):
    session = launch_writer(glckpt)
    file = glckpt.work / "film.mp4"
    process = record(glckpt, session, file)
    wait_until(lambda: file.stat().st_size > 0, "something is in the file")
    process.kill()
    process.communicate()
    wait_until(lambda: "ffmpeg" not in " ".join(processes_below(glckpt.base).values()), "ffmpeg ends")
    assert int(probe(file)["nb_read_frames"]) > 0
    glckpt.checkpoint(session, "--wait")


def test_detached_until_the_session_ends(glckpt):
    session = launch_writer(glckpt)
    files = [glckpt.work / name for name in ("one.webm", "two.mkv")]
    pids = [int(glckpt.ok("record", "-d", session, "-o", file)) for file in files]
    os.kill(pids[0], signal.SIGTERM)
    wait_until(lambda: pids[0] not in processes_below(glckpt.base), "the first has ended")
    assert pids[1] in processes_below(glckpt.base)
    glckpt.ok("kill", session)
    wait_until(lambda: pids[1] not in processes_below(glckpt.base), "the second has ended")
    for file in files:
        assert int(probe(file)["nb_read_frames"]) > 0


def test_sentences(glckpt):
    file = glckpt.work / "film.mkv"
    assert "no session is called" in glckpt.refused("record", "nobody", "-o", file)
    blind = glckpt.launch("sleep", "1000", options=["--no-display"])
    assert "no display" in glckpt.refused("record", blind, "-o", file)
    session = launch_writer(glckpt)
    assert "-o FILE" in glckpt.refused("record", session, status=USAGE)
    assert "--rate" in glckpt.refused("record", session, "-o", file, "--rate=0", status=USAGE)
    without = {"PATH": str(glckpt.base)}
    assert "install" in glckpt.refused("record", session, "-o", file, env=without)
    missing = glckpt.work / "missing" / "film.mkv"
    for more in ((), ("-d",)):
        assert "No such file" in glckpt.refused("record", session, "-o", missing, *more)
    file.write_text("there")
    assert "exists" in glckpt.refused("record", session, "-o", file)
    assert file.read_text() == "there"
