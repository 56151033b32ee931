"""launch, checkpoint, restore, list, show, wait, kill, logs: what each promises a caller."""

import json
import signal
import subprocess

import pytest
from harness.driver import AGAIN, BUILD, OWN_FAILURE, wait_until
from ticks import TICKER, assert_each_once, ticking

QUIET = ("--no-display",)


@pytest.mark.parametrize("status", [0, 3, 77])
def test_foreground_launch_ends_with_the_commands_status(glckpt, status):
    assert glckpt.run("launch", *QUIET, "--", "sh", "-c", f"exit {status}").returncode == status


def test_foreground_launch_reports_death_by_a_signal(glckpt):
    assert glckpt.run("launch", *QUIET, "--", "sh", "-c", "kill -9 $$").returncode == 128 + 9


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP])
def test_signals_are_passed_on(glckpt, number):
    name = number.name.removeprefix("SIG")
    script = f"trap 'echo got {name}; exit 9' {name}; echo ready; while :; do sleep 0.05; done"
    process = glckpt.spawn(
        "launch", *QUIET, "--", "sh", "-c", script, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    rest, _ = process.communicate(timeout=30)
    assert (process.returncode, rest) == (9, f"got {name}\n")


def test_signals_are_passed_on_after_a_restore(glckpt):
    script = "trap 'exit 9' TERM; while :; do sleep 0.05; done"
    name = glckpt.launch("sh", "-c", script, options=QUIET)
    image = glckpt.checkpoint(name, "--stop")
    process = glckpt.spawn("restore", "--name", "again", image)
    wait_until(lambda: "again" in glckpt.names(), "the session runs again")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 9


def test_foreground_launch_ends_with_85_when_it_is_checkpointed(glckpt):
    process = glckpt.spawn(
        "launch", *QUIET, "--name", "job", "--", TICKER, stdout=subprocess.DEVNULL
    )
    wait_until(lambda: "job" in glckpt.names(), "the session is listed")
    glckpt.checkpoint("job", "--stop")
    assert process.wait(30) == AGAIN


def test_foreground_restore_ends_with_the_commands_status(glckpt):
    name = glckpt.launch(TICKER, "20", "40", "7", options=QUIET)
    ticking(glckpt, name)
    image = glckpt.checkpoint(name, "--stop")
    done = glckpt.run("restore", image)
    assert done.returncode == 7, done.stderr


def test_a_checkpoint_lets_the_application_go_on(glckpt):
    name = glckpt.launch(TICKER, "20", options=QUIET)
    ticking(glckpt, name)
    image = glckpt.checkpoint(name, "--wait")
    assert (image / "manifest.json").is_file()
    ticking(glckpt, name)
    assert name in glckpt.names()


def test_one_checkpoint_at_a_time(glckpt):
    """The second is told so while the first is still being made durable, or follows it."""
    dirty = TICKER.with_name("dirty")
    name = glckpt.launch("sh", "-c", f"{dirty} 200 & exec {TICKER} 20", options=QUIET)
    wait_until(lambda: "ready" in glckpt.log(name), "its memory is filled")
    first = glckpt.checkpoint(name)
    second = glckpt.run("checkpoint", name)
    assert second.returncode == 0 or "is being taken" in second.stderr
    wait_until(lambda: (first / "manifest.json").exists(), "the first is durable")
    glckpt.ok("kill", name)


def test_the_image_goes_where_it_is_told(glckpt):
    name = glckpt.launch(TICKER, options=QUIET)
    chosen = glckpt.work / "chosen"
    assert glckpt.checkpoint(name, "--stop", "-o", chosen) == chosen
    assert (chosen / "manifest.json").is_file()
    assert glckpt.restore(chosen)


def test_an_image_is_never_written_over(glckpt):
    name = glckpt.launch(TICKER, options=QUIET)
    chosen = glckpt.work / "chosen"
    glckpt.checkpoint(name, "--wait", "-o", chosen)
    before = (chosen / "manifest.json").read_bytes()
    assert str(chosen) in glckpt.refused("checkpoint", "-o", chosen, name)
    assert (chosen / "manifest.json").read_bytes() == before
    ticking(glckpt, name)


def test_list_and_show_name_what_runs(glckpt):
    name = glckpt.launch(TICKER, options=("--name", "listed"))
    assert name == "listed"
    assert "listed" in glckpt.ok("list")
    shown = glckpt.show("listed")
    assert shown["name"] == "listed"
    assert str(TICKER) in json.dumps(shown)
    image = glckpt.checkpoint("listed", "--stop")
    assert "listed" not in glckpt.names()
    assert str(TICKER) in glckpt.ok("show", image)
    assert str(TICKER) in json.dumps(glckpt.show(image))


def test_wait_ends_with_the_status_of_the_command(glckpt):
    name = glckpt.launch(TICKER, "50", "25", "11", options=QUIET)
    assert glckpt.wait(name) == 11


def test_kill_ends_the_session(glckpt):
    name = glckpt.launch(TICKER)
    glckpt.ok("kill", name)
    wait_until(lambda: name not in glckpt.names(), "the session is gone")


def test_logs_follow_until_the_end(glckpt):
    name = glckpt.launch(TICKER, "50", "50", options=QUIET)
    followed = glckpt.ok("logs", "-f", name)
    assert_each_once(followed, at_least=50)


def test_periodic_checkpoints(glckpt):
    name = glckpt.launch(TICKER, "20", options=(*QUIET, "--every", "1s"))
    images = wait_until(
        lambda: len(found := sorted(glckpt.images.rglob("manifest.json"))) >= 2 and found,
        "two periodic images",
        every=0.1,
    )
    glckpt.ok("kill", name)
    again = glckpt.restore(images[-1].parent, "--name", "again")
    ticking(glckpt, again)


def test_two_sessions_cannot_share_a_name(glckpt):
    glckpt.launch(TICKER, options=(*QUIET, "--name", "twin"))
    assert "twin" in glckpt.refused(
        "launch", "-d", "--name", "twin", "--", TICKER, status=OWN_FAILURE
    )


@pytest.mark.parametrize(
    "words",
    [
        ("launch",),
        ("launch", "--xserver", "quartz", "--", "true"),
        ("launch", "--no-such-option", "--", "true"),
        ("restore",),
        ("checkpoint",),
        ("checkpoint", "one", "two"),
        ("no-such-command",),
    ],
)
def test_wrong_usage_ends_with_2(glckpt, words):
    done = glckpt.run(*words)
    assert done.returncode == 2
    assert done.stdout == "" and done.stderr.startswith("glckpt: ")


@pytest.mark.parametrize("command", ["launch", "checkpoint", "restore", "list", "show", "doctor"])
def test_help_is_a_result(glckpt, command):
    done = glckpt.run(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert command in done.stdout


def test_a_command_that_is_not_there(glckpt):
    glckpt.refused("launch", *QUIET, "--", "/no/such/program", status=127)


def test_a_command_that_cannot_be_executed(glckpt):
    plain = glckpt.work / "plain"
    plain.write_text("not a program\n")
    plain.chmod(0o644)
    glckpt.refused("launch", *QUIET, "--", plain, status=126)


def test_doctor_says_what_works_here(glckpt):
    checks = json.loads(glckpt.ok("doctor", "--json"))
    assert checks
    assert glckpt.ok("doctor").count("\n") >= 3


def test_the_build_has_its_helpers():
    assert (BUILD / "glckpt").exists()
