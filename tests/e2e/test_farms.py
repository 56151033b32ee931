"""The samples for schedulers that are not run here: each one's own command line, told to go as that
scheduler does, ends with the status that it starts again, and goes on."""

import http.server
import os
import re
import shutil
import signal
import subprocess
import threading

import pytest
from harness.driver import AGAIN, BUILD, TOP, kill_below, wait_until
from ticks import TICKER

SAMPLES = TOP / "samples"
TICKS = 120
LIMIT = 120


def words_of(sample: str) -> list[str]:
    """The words from `run` to `--` of a sample, which may be a list of JSON, HCL or JavaScript."""
    text = re.sub(r"^\s*(#|//).*$", "", (SAMPLES / sample).read_text(), flags=re.MULTILINE)
    found = re.search(r"\brun\b.*?(?<=[\s\"])--(?=[\s\"])", text, re.DOTALL)
    options = re.findall(r"--[a-z-]+=?[\w.%]*", found[0])
    return [option for option in options if not option.startswith("--image")]


class Job:
    def __init__(self, glckpt, *options: str):
        self.glckpt = glckpt
        self.folder = glckpt.images / "job"
        self.log = glckpt.work / "log"
        self.command = ["run", f"--image={self.folder}", "--no-display", *options]
        self.command += [TICKER, 20, TICKS]

    def start(self) -> subprocess.Popen:
        before = self.said()
        with self.log.open("a") as log:
            process = self.glckpt.spawn(*self.command, stdout=log, stderr=log)
        wait_until(lambda: runs(self.said()[len(before) :]), "it runs", timeout=LIMIT)
        return process

    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def check(self) -> None:
        ticks = [int(tick) for tick in re.findall(r"^tick (\d+) ", self.said(), re.MULTILINE)]
        assert ticks[-1] == TICKS and set(ticks) == set(range(1, TICKS + 1))
        assert not self.folder.exists()


def runs(said: str) -> bool:
    return re.search(r"^tick \d+ ", said, re.MULTILINE) is not None


@pytest.mark.parametrize(
    "sample, notice, status",
    [
        ("htcondor/render.sub", signal.SIGTERM, 85),
        ("kubernetes/render.yaml", signal.SIGTERM, 85),
        ("gridengine/render.sh", signal.SIGUSR2, 99),
        ("nomad/render.nomad", signal.SIGINT, 85),
    ],
)
def test_a_notice(glckpt, sample, notice, status):
    job = Job(glckpt, *words_of(sample))
    process = job.start()
    process.send_signal(notice)
    assert process.wait(timeout=LIMIT) == status
    assert "checkpointed in " in job.said()
    assert job.start().wait(timeout=LIMIT) == 0
    job.check()


@pytest.mark.parametrize("sample", ["opencue/frame.sh", "flamenco/glckpt_render.js"])
def test_killed_without_notice(glckpt, sample):
    words = words_of(sample)
    assert words[:2] == ["--every=2m", "--grace=0"]
    job = Job(glckpt, "--every=1s", *words[1:])  # sooner: two minutes are long for a test
    process = job.start()
    wait_until(lambda: "periodic checkpoint" in job.said(), "an image is there", timeout=LIMIT)
    kill_below(glckpt.base)
    process.wait(timeout=LIMIT)
    assert job.start().wait(timeout=LIMIT) == 0
    job.check()


def test_every_manifest_names_the_status_it_starts_again():
    assert "values: [85]" in (SAMPLES / "kubernetes/render.yaml").read_text()
    assert "ExitCode =!= 85" in (SAMPLES / "htcondor/render.sub").read_text()
    assert "checkpoint_exit_code = 85" in (SAMPLES / "htcondor/transfer.sub").read_text()


# ---- the image is transferred ----

BLENDER = f"""#!/bin/sh
touch frame-0001.png
exec {TICKER} 20 {TICKS}
"""


class Sandboxes:
    """What HTCondor does with a self-checkpointing job, without HTCondor."""

    def __init__(self, glckpt):
        self.glckpt = glckpt
        self.name = glckpt.base.name
        tools = glckpt.folder("tools")
        (tools / "blender").write_text(BLENDER)
        (tools / "blender").chmod(0o755)
        path = f"{tools}:{BUILD}:{glckpt.environment['PATH']}"
        self.environment = glckpt.environment | {"PATH": path}

    def start(self, number: int, every: str) -> subprocess.Popen:
        here = self.glckpt.folder(f"sandbox-{number}")
        (here / "scene.blend").touch()
        kept = self.glckpt.work / f"sandbox-{number - 1}" / "kept.tar"
        if kept.exists():
            shutil.copy(kept, here)
        with (self.glckpt.work / "log").open("a") as log:
            return subprocess.Popen(
                [SAMPLES / "htcondor" / "transfer.sh", self.name, every],
                cwd=here,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def said(self) -> str:
        return (self.glckpt.work / "log").read_text()


def test_an_image_that_is_transferred(glckpt):
    """Once because its time is over, once because it is vacated."""
    jobs = Sandboxes(glckpt)
    assert jobs.start(1, "2s").wait(timeout=LIMIT) == AGAIN
    process = jobs.start(2, "10m")
    wait_until(lambda: ": restored " in jobs.said(), "it goes on", timeout=LIMIT)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=LIMIT) == AGAIN
    assert jobs.start(3, "10m").wait(timeout=LIMIT) == 0
    ticks = [int(tick) for tick in re.findall(r"^tick (\d+) ", jobs.said(), re.MULTILINE)]
    assert ticks == list(range(1, TICKS + 1))
    assert (glckpt.work / "sandbox-3" / "frame-0001.png").exists()
    assert not os.path.exists(f"/var/tmp/glckpt-{jobs.name}")


# ---- a host that is taken away ----


class Metadata(http.server.BaseHTTPRequestHandler):
    """An instance's metadata, as far as they are asked for."""

    doomed = False

    def do_PUT(self):
        self._answer(200 if self.path == "/latest/api/token" else 404, b"the token")

    def do_GET(self):
        known = self.headers["X-aws-ec2-metadata-token"] == "the token"
        there = self.path == "/latest/meta-data/spot/instance-action" and self.server.doomed
        self._answer(401 if not known else 200 if there else 404, b'{"action": "terminate"}')

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def metadata():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Metadata) as server:
        server.doomed = False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_spot_host_that_goes(glckpt, metadata):
    notice = glckpt.work / "notice"
    address = f"http://127.0.0.1:{metadata.server_address[1]}"
    environment = glckpt.environment | {"METADATA": address, "INTERVAL": "0.2"}
    hook = subprocess.Popen([SAMPLES / "spot" / "aws.sh", notice], env=environment)
    try:
        job = Job(glckpt, f"--notice-file={notice}")
        process = job.start()
        assert hook.poll() is None and not notice.exists()
        metadata.doomed = True
        assert process.wait(timeout=LIMIT) == AGAIN
        assert f"notice ({notice}): " in job.said()
        assert hook.wait(timeout=LIMIT) == 0
    finally:
        hook.kill()
        hook.wait()
    notice.unlink()
    assert job.start().wait(timeout=LIMIT) == 0
    job.check()
