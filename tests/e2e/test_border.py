"""What crosses the border of a session: the environment, standard input, connections outside."""

import socket
import subprocess
import sys
import threading

import pytest
from harness.driver import wait_until
from ticks import ticking

QUIET = ("--no-display",)
OUTSIDE = {
    "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/0/bus",
    "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/run/dbus/socket",
    "SESSION_MANAGER": "local/host:@/tmp/.ICE-unix/1",
    "ICEAUTHORITY": "/nowhere/ICEauthority",
    "SSH_AUTH_SOCK": "/tmp/ssh-x/agent.1",
    "SSH_AGENT_PID": "1",
    "GPG_AGENT_INFO": "/tmp/gpg:1:1",
    "PULSE_SERVER": "unix:/run/user/0/pulse/native",
    "PIPEWIRE_REMOTE": "pipewire-0",
    "WAYLAND_DISPLAY": "wayland-0",
    "WAYLAND_SOCKET": "7",
    "NOTIFY_SOCKET": "/run/systemd/notify",
}


def test_variables_that_name_sockets_outside_do_not_arrive(glckpt):
    printed = glckpt.ok("launch", *QUIET, "--", "env", env=OUTSIDE).splitlines()
    kept = [name for name, value in OUTSIDE.items() if f"{name}={value}" in printed]
    assert kept == []


def test_a_variable_is_kept_when_asked(glckpt):
    options = (*QUIET, "--keep-env", "SSH_AUTH_SOCK")
    printed = glckpt.ok("launch", *options, "--", "env", env=OUTSIDE).splitlines()
    assert f"SSH_AUTH_SOCK={OUTSIDE['SSH_AUTH_SOCK']}" in printed


def test_other_variables_arrive(glckpt):
    printed = glckpt.ok("launch", *QUIET, "--", "env", env={"JOB_COLOUR": "a b\tc"})
    assert "JOB_COLOUR=a b\tc" in printed.splitlines()


def test_the_display_is_the_sessions_own(glckpt):
    script = 'test "$DISPLAY" != :77 && test -S "/tmp/.X11-unix/X${DISPLAY#:}" && ls /tmp/.X11-unix'
    printed = glckpt.ok("launch", "--", "sh", "-c", script, env={"DISPLAY": ":77"})
    assert len(printed.split()) == 1


def test_without_a_display_there_is_none(glckpt):
    assert glckpt.ok("launch", *QUIET, "--", "sh", "-c", "echo ${DISPLAY-none}") == "none"


def test_the_folder_and_the_files_are_the_hosts(glckpt):
    folder = glckpt.folder("here")
    assert glckpt.ok("launch", *QUIET, "--", "pwd", cwd=folder) == str(folder)


def test_no_descriptor_is_inherited(glckpt):
    """A descriptor of the caller's would tie the session to the outside."""
    with open("/etc/passwd", encoding="utf-8") as file:
        printed = glckpt.ok("launch", *QUIET, "--", "ls", "/proc/self/fd", pass_fds=[file.fileno()])
    assert printed.split()[:3] == ["0", "1", "2"] and len(printed.split()) == 4


def test_standard_input_arrives(glckpt):
    done = glckpt.run("launch", *QUIET, "--", "cat", input="one\ntwo\n")
    assert (done.returncode, done.stdout) == (0, "one\ntwo\n"), done.stderr


def test_standard_input_from_a_file_goes_on_after_a_restore(glckpt):
    lines = glckpt.work / "lines"
    lines.write_text("".join(f"line {n}\n" for n in range(200)))
    lines.chmod(0o644)
    script = "while read -r line; do echo $line; sleep 0.02; done"
    with lines.open() as file:
        process = glckpt.spawn(
            *("launch", *QUIET, "--name", "reader", "--", "sh", "-c", script),
            stdin=file,
            stdout=subprocess.PIPE,
            text=True,
        )
    first = process.stdout.readline()
    image = glckpt.checkpoint("reader", "--stop")
    first += process.communicate(timeout=30)[0]
    again = glckpt.run("restore", image)
    assert again.returncode == 0, again.stderr
    assert first + again.stdout == lines.read_text()


# ---- connections to the outside ----

CLIENT = """
import socket, sys, time
family = socket.AF_UNIX if sys.argv[1] == "unix" else socket.AF_INET
link = socket.socket(family)
link.connect(sys.argv[2] if family == socket.AF_UNIX else ("127.0.0.1", int(sys.argv[2])))
print("connected", flush=True)
for number in range(1000000):
    link.sendall(b"x")
    print(f"sent {number}", flush=True)
    time.sleep(0.05)
"""


class Server:
    """Somebody outside who listens, reads and never answers."""

    def __init__(self, kind: str, path):
        self.link = socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET)
        self.link.bind(str(path) if kind == "unix" else ("127.0.0.1", 0))
        if kind == "unix":
            path.chmod(0o777)
        self.address = str(path) if kind == "unix" else str(self.link.getsockname()[1])
        self.link.listen()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        client, _ = self.link.accept()
        with client:
            while client.recv(4096):
                continue


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_a_connection_to_the_outside_is_named_in_one_sentence(glckpt, kind):
    server = Server(kind, glckpt.work / "listener")
    with server.link:
        session = glckpt.launch(sys.executable, "-c", CLIENT, kind, server.address, options=QUIET)
        wait_until(lambda: "sent" in glckpt.log(session), "the client is connected")
        sentence = glckpt.refused("checkpoint", "--stop", session)
        assert server.address in sentence, sentence
        assert "python3" in sentence, sentence
        assert list(glckpt.images.iterdir()) == []
        ticking(glckpt, session)
        glckpt.ok("kill", session)
        server.thread.join(10)


def test_a_connection_inside_the_session_is_no_matter(glckpt):
    script = """
import socket, time, threading
listener = socket.socket(); listener.bind(("127.0.0.1", 0)); listener.listen()
one = socket.create_connection(listener.getsockname()); other, _ = listener.accept()
pair = socket.socketpair(socket.AF_UNIX)
for number in range(1000000):
    pair[0].sendall(b"%8d" % number); assert int(pair[1].recv(8)) == number
    print(f"sent {number}", flush=True); time.sleep(0.05)
"""
    unix_only = script.replace(script.splitlines()[2], "").replace(script.splitlines()[3], "")
    session = glckpt.launch(sys.executable, "-c", unix_only, options=QUIET)
    ticking(glckpt, session)
    session = glckpt.restore(glckpt.checkpoint(session, "--stop"))
    ticking(glckpt, session)
