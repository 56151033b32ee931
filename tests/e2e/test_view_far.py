"""Viewers of other machines: TigerVNC's over TLS, and whom the port turns away."""

import contextlib
import json
import socket
import ssl
import struct

import pytest
from harness.driver import TIMEOUT, USAGE, wait_until
from harness.viewer import LINGER, viewer
from harness.writer import launch_writer, shows_session, wait_typed

VENCRYPT, X509_VNC = 19, 261


def listening(glckpt, session, certificate, address="127.0.0.1"):
    """Where the bridge listens, and the password."""
    pair = ("--certificate", certificate[0], "--key", certificate[1])
    shown = glckpt.ok("view", "--port", "--json", "--listen", address, *pair, *LINGER, session)
    return json.loads(shown)


def far_viewer(glckpt, port, authority, password):
    """It asks nobody: a server it does not trust would make it show a question."""
    command = ["xtigervncviewer", "-Shared", "-SecurityTypes", "X509Vnc", f"-X509CA={authority}"]
    exact = ("-AutoSelect=0", "-PreferredEncoding=ZRLE", "-FullColor", "-NoJPEG")
    return viewer(glckpt, [*command, *exact, f"localhost::{port}"], VNC_PASSWORD=password)


def test_a_viewer_over_tls_and_a_checkpoint(glckpt, certificate):
    session = launch_writer(glckpt)
    there = listening(glckpt, session, certificate, "0.0.0.0")
    with far_viewer(glckpt, there["port"], certificate[0], there["password"]) as far:
        shows_session(glckpt, far, session)
        far.type("from afar\n")
        wait_typed(glckpt, "from afar\n")
        glckpt.checkpoint(session, "--wait")
        glckpt.restore(glckpt.checkpoint(session, "--stop"))
        far.type("again\n")
        wait_typed(glckpt, "from afar\nagain\n")
        shows_session(glckpt, far, session)
        assert far.is_connected_as_before()


class FarClient:
    """As much of VeNCrypt as it takes to be turned away."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        assert self.take(12) == b"RFB 003.008\n"
        self.socket.sendall(b"RFB 003.008\n")
        self.kinds = list(self.take(self.take(1)[0]))

    def take(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise ConnectionError("hung up")
            data += more
        return data

    def shake_hands(self, certificate):
        self.socket.sendall(bytes([VENCRYPT]))
        assert self.take(2) == b"\0\2"
        self.socket.sendall(b"\0\2")
        assert self.take(2) == b"\0\1"
        assert struct.unpack(">I", self.take(4)) == (X509_VNC,)
        self.socket.sendall(struct.pack(">I", X509_VNC))
        assert self.take(1) == b"\1"
        context = ssl.create_default_context(cafile=certificate)
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")


def test_whom_the_secure_port_turns_away(glckpt, certificate):
    session = launch_writer(glckpt)
    port = listening(glckpt, session, certificate)["port"]
    far = FarClient(port)
    assert far.kinds == [VENCRYPT], "TLS and nothing else"
    far.shake_hands(certificate[0])
    far.take(16)
    far.socket.sendall(bytes(16))
    assert far.take(4) == b"\0\0\0\1"
    (length,) = struct.unpack(">I", far.take(4))
    assert far.take(length) == b"wrong password"
    with pytest.raises(ConnectionError):
        far.take(1)
    for answer in (b"\1", b"\2", b"\x13\0\1", b"\xff" * 4096):
        far = FarClient(port)
        with contextlib.suppress(OSError):
            far.socket.sendall(answer)
            while far.socket.recv(4096):
                pass
    assert glckpt.ok("view", "--port", session).startswith("127.0.0.1::"), "as before"


def test_a_port_of_ones_own(glckpt, certificate):
    session = launch_writer(glckpt)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        pair = ("--certificate", certificate[0], "--key", certificate[1])
        words = ("view", "--port", "--listen", f"127.0.0.1:{port}", *pair, *LINGER, session)
        assert "in use" in glckpt.refused(*words)
    for address in (f"127.0.0.1:{port}", "127.0.0.1"):
        assert listening(glckpt, session, certificate, address)["port"] == port
    assert FarClient(port).kinds == [VENCRYPT]


def test_beyond_this_machine_only_with_tls(glckpt, certificate):
    session = launch_writer(glckpt)
    options = ("view", "--port", "--listen", "0.0.0.0")
    assert "only with TLS" in glckpt.refused(*options, session, status=USAGE)
    assert "goes with" in glckpt.refused(*options[:3], "127.0.0.1", session, status=USAGE)
    assert "--port" in glckpt.refused("view", "--listen", "0.0.0.0", session, status=USAGE)
    pair = ("--certificate", certificate[1], "--key", certificate[0])
    assert "do not go together" in glckpt.refused(*options, *pair, session)
    assert "no port" in glckpt.refused(*options[:3], "0.0.0.0:0", session, status=USAGE)
    listening(glckpt, session, certificate)
    pair = ("--certificate", certificate[0], "--key", certificate[1])
    assert "already" in glckpt.refused(*options, *pair, session)
    glckpt.ok("kill", session)
    wait_until(lambda: not glckpt.names(), "all has ended")
