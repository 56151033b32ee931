"""doctor: what it finds is true, what it advises can be done, and the criu it passes works."""

import json
import os

import pytest
from harness.driver import BUILD, FAILED, USAGE, wait_until


def findings(glckpt, *options, **keywords):
    """The findings by their names, and the exit status."""
    done = glckpt.run("doctor", "--json", *options, **keywords)
    report = json.loads(done.stdout)
    assert report["fit"] == (done.returncode == 0)
    return {finding["check"]: finding for finding in report["findings"]}, done.returncode


def chosen_criu():
    return BUILD / (BUILD / "criu.path").read_text().strip()


def test_this_machine_is_fit(glckpt):
    found, status = findings(glckpt)
    unfit = [finding for finding in found.values() if finding["state"] == "fail"]
    assert (unfit, status) == ([], 0)
    assert glckpt.ok("doctor").count("\n") + 1 >= len(found)


def test_a_session_is_really_checkpointed_and_restored(glckpt):
    found, status = findings(glckpt, "--smoke")
    assert (found["smoke"]["state"], status) == ("ok", 0)


def test_one_criu_is_tried(glckpt):
    assert glckpt.ok("doctor", "--smoke", chosen_criu()) == ""


def test_it_says_who_asks(glckpt):
    found, _ = findings(glckpt)
    who = "root" if os.geteuid() == 0 else "an ordinary user"
    assert f"running as {who}" in found["user"]["text"]


def test_missing_criu_is_a_failure_with_advice(glckpt):
    found, status = findings(glckpt, env={"GLCKPT_CRIU": "/nowhere/criu"})
    assert (found["criu"]["state"], status) == ("fail", FAILED)
    assert "/nowhere/criu" in found["criu"]["text"]
    assert "make criu" in found["criu"]["advice"]


def test_old_criu_is_a_failure_with_the_reason(glckpt):
    old = glckpt.work / "criu"
    old.write_text("#!/bin/sh\necho Version: 3.17.1\n")
    old.chmod(0o755)
    found, status = findings(glckpt, env={"GLCKPT_CRIU": str(old)})
    assert (found["criu"]["state"], status) == ("fail", FAILED)
    assert "3.17.1" in found["criu"]["text"]


@pytest.mark.parametrize("script", ["exit 1", "exit 0", "kill -9 $$"])
def test_criu_that_does_nothing_does_not_pass(glckpt, script):
    fake = glckpt.work / "criu"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    sentence = glckpt.refused("doctor", "--smoke", fake)
    assert sentence.startswith("glckpt: doctor: checkpoint: ")


def test_image_folder_that_cannot_be_written_is_named(glckpt):
    found, status = findings(glckpt, env={"GLCKPT_IMAGE_DIR": "/proc/images"})
    assert (found["images"]["state"], status) == ("fail", FAILED)
    assert "GLCKPT_IMAGE_DIR" in found["images"]["advice"]


def test_run_folder_open_to_others_is_refused(glckpt):
    (glckpt.base / "run" / "glckpt").mkdir()
    (glckpt.base / "run" / "glckpt").chmod(0o755)
    found, status = findings(glckpt)
    assert (found["run-dir"]["state"], status) == ("fail", FAILED)


def test_wrong_usage(glckpt):
    glckpt.refused("doctor", "something", status=USAGE)
    glckpt.refused("doctor", "--nonsense", status=USAGE)


def test_it_is_fast(glckpt):
    process = glckpt.spawn("doctor", "--json", stdout=-3)
    wait_until(lambda: process.poll() is not None, "doctor ends", timeout=10)
    assert process.returncode == 0
