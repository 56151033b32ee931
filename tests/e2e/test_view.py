"""Viewers come and go, and keep their connection over checkpoints, stops and restores."""

import contextlib
import json
import socket
import subprocess
import threading

import pytest
from harness.browser import browser_at, wait_canvas
from harness.driver import USAGE, wait_until
from harness.viewer import RfbClient, Viewer, x_server
from harness.writer import launch_writer, shows_session, typed, wait_typed

LINGER = ("--linger", "20s")


def bridge_socket(glckpt, session, *options):
    return glckpt.ok("view", "--socket", *(options or LINGER), session)


@contextlib.contextmanager
def client_of(glckpt, session, *options):
    """An RFB client whose pointer, and with it the focus, is in the xterm."""
    client = RfbClient.on_socket(bridge_socket(glckpt, session, *options))
    try:
        client.point(100, 100)
        yield client
    finally:
        client.close()


@contextlib.contextmanager
def viewer_of(glckpt, session):
    with x_server(glckpt) as where:
        viewer = Viewer(glckpt, session, where, *LINGER)
        try:
            yield viewer
        finally:
            viewer.close()


# ---- TigerVNC's viewer ----


@pytest.mark.parametrize("server", ["xvfb", "xvnc"])
def test_viewer_over_checkpoints_stops_and_restores(glckpt, server):
    session = launch_writer(glckpt, server=server)
    with viewer_of(glckpt, session) as viewer:
        shows_session(glckpt, viewer, session)
        viewer.type("before\n")
        wait_typed(glckpt, "before\n")
        for _ in range(5):
            glckpt.checkpoint(session, "--wait")
            shows_session(glckpt, viewer, session)
        viewer.type("between\n")
        wait_typed(glckpt, "before\nbetween\n")
        for number in range(2):
            image = glckpt.checkpoint(session, "--stop")
            glckpt.restore(image)
            shows_session(glckpt, viewer, session)
            viewer.type(f"again{number}\n")
        wait_typed(glckpt, "before\nbetween\nagain0\nagain1\n")
        assert viewer.is_connected_as_before()


def test_what_is_typed_during_checkpoints_arrives_once(glckpt):
    session = launch_writer(glckpt)
    text = "abcdefghijklmnopqrstuvwxyz" * 12
    with viewer_of(glckpt, session) as viewer:
        shows_session(glckpt, viewer, session)
        typing = threading.Thread(target=type_slowly, args=(viewer, text))
        typing.start()
        taken = 0
        while typing.is_alive() or taken < 5:
            glckpt.checkpoint(session, "--wait")
            taken += 1
        typing.join()
        viewer.type("\n")
        wait_typed(glckpt, text + "\n")
        assert viewer.is_connected_as_before()


def type_slowly(viewer, text):
    for start in range(0, len(text), 8):
        viewer.type(text[start : start + 8])


# ---- a browser ----

def is_connected(browser):
    return "noVNC_connected" in browser.execute_script("return document.documentElement.className")


def test_browser_over_checkpoints_stops_and_restores(glckpt):
    session = launch_writer(glckpt)
    address = glckpt.ok("view", "--web", *LINGER, session)
    with browser_at(glckpt, address) as browser:
        wait_until(lambda: is_connected(browser), "noVNC has connected")
        wait_canvas(glckpt, browser, session)
        canvas = browser.find_element("css selector", "canvas")
        canvas.click()
        canvas.send_keys("one\n")
        wait_typed(glckpt, "one\n")
        for _ in range(3):
            glckpt.checkpoint(session, "--wait")
        for _ in range(2):
            glckpt.restore(glckpt.checkpoint(session, "--stop"))
        wait_canvas(glckpt, browser, session)
        canvas.send_keys("two\n")
        wait_typed(glckpt, "one\ntwo\n")
        assert is_connected(browser)
        assert browser.execute_script("return window.sockets") == 1
        browser.get("about:blank")
        browser.get(address)
        refused = "return document.body && document.body.innerText"
        wait_until(lambda: "used already" in (browser.execute_script(refused) or ""), "refused")


# ---- what the bridge promises, seen from a bare client ----


def test_keysyms_that_the_layout_lacks(glckpt):
    session = launch_writer(glckpt)
    text = "Grüße, 5 € für Ёлка ½ ≠ ∞ \"x\" ~{}|\n"
    with client_of(glckpt, session) as client:
        client.type(text)
        wait_typed(glckpt, text)


def test_a_held_key_is_neither_lost_nor_doubled(glckpt):
    session = launch_writer(glckpt)
    shift = 0xFFE1
    with client_of(glckpt, session) as client:
        client.key(shift, True)
        client.key(ord("A"), True)
        glckpt.checkpoint(session, "--wait")
        client.key(ord("A"), False)
        client.type("B")
        client.key(shift, False)
        client.type("c\n")
        wait_typed(glckpt, "ABc\n")


def test_what_is_typed_while_stopped_is_dropped(glckpt):
    session = launch_writer(glckpt)
    with client_of(glckpt, session) as client:
        client.type("kept\n")
        wait_typed(glckpt, "kept\n")
        image = glckpt.checkpoint(session, "--stop")
        client.type("dropped\n")
        client.ask()
        client.take(4)  # an answer comes when what was sent before has been read
        glckpt.restore(image)
        client.type("after\n")
        wait_typed(glckpt, "kept\nafter\n")


def test_clipboard_both_ways(glckpt):
    script = (
        "until xclip -o -selection clipboard -t UTF8_STRING > got 2> /dev/null; do sleep 0.1; done;"
        "printf 'zurück' | xclip -i -selection clipboard; sleep 1000"
    )
    session = glckpt.launch("sh", "-c", script)
    with client_of(glckpt, session) as client:
        client.copy("für drüben")
        got = glckpt.work / "got"
        wait_until(lambda: got.exists() and got.read_text() == "für drüben", "it is pasted")
        assert client.copied() == "zurück"


def test_detached_by_hand_until_attached(glckpt):
    session = launch_writer(glckpt)
    refusal = glckpt.refused("attach", session)
    assert "nobody watches" in refusal
    with client_of(glckpt, session) as client:
        client.type("one\n")
        wait_typed(glckpt, "one\n")
        glckpt.ok("detach", session)
        client.type("two\n")
        glckpt.checkpoint(session, "--wait")
        glckpt.ok("attach", session)
        client.type("three\n")
        wait_until(lambda: typed(glckpt).endswith("three\n"), "the session is attached again")


def test_the_port_asks_for_a_password(glckpt):
    session = launch_writer(glckpt)
    shown = json.loads(glckpt.ok("view", "--port", "--json", *LINGER, session))
    assert len(shown["password"]) == 8
    client = RfbClient(socket.create_connection(("127.0.0.1", shown["port"])))
    assert client.security == [2], "VNC authentication and nothing else"
    client.socket.sendall(b"\x02")
    client.take(16)
    client.socket.sendall(bytes(16))
    assert client.take(4) == b"\0\0\0\1"
    client.close()


@pytest.mark.parametrize("garbage", [b"\x03" * 4096, b"\xff" * 4096, b"GET / HTTP/1.1\r\n" * 999])
def test_a_viewer_that_sends_garbage(glckpt, garbage):
    session = launch_writer(glckpt)
    with client_of(glckpt, session) as client:
        other = RfbClient.on_socket(bridge_socket(glckpt, session))
        with contextlib.suppress(OSError):
            other.socket.sendall(garbage)
        client.type("fine\n")
        wait_typed(glckpt, "fine\n")
        other.close()
        glckpt.checkpoint(session, "--wait")


def test_a_viewer_that_does_not_read(glckpt):
    session = launch_writer(glckpt)
    with client_of(glckpt, session) as client:
        deaf = [RfbClient.on_socket(bridge_socket(glckpt, session)) for _ in range(20)]
        for one in deaf:
            one.ask()
        for _ in range(3):
            glckpt.checkpoint(session, "--wait")
        client.type("fine\n")
        wait_typed(glckpt, "fine\n")
        for one in deaf:
            one.close()


def test_a_bridge_that_hangs_costs_no_session(glckpt):
    session = launch_writer(glckpt)
    with client_of(glckpt, session) as client:
        client.type("one\n")
        wait_typed(glckpt, "one\n")
        found = subprocess.run(["pgrep", "-f", f"glckpt-vnc {session} {glckpt.base}"],
                               capture_output=True, text=True, check=True).stdout.split()
        subprocess.run(["kill", "-STOP", *found], check=True)
        assert "outside" in glckpt.refused("checkpoint", session)
        subprocess.run(["kill", "-CONT", *found], check=True)
        glckpt.checkpoint(session, "--wait")
        client.type("two\n")
        wait_typed(glckpt, "one\ntwo\n")


def test_the_bridge_ends_without_viewers(glckpt):
    session = launch_writer(glckpt)
    with client_of(glckpt, session, "--linger", "1s"):
        folder = glckpt.base / "run" / "glckpt" / f".vnc-{session}"
        assert folder.stat().st_mode & 0o777 == 0o700
    wait_until(lambda: not folder.exists(), "the bridge has ended", timeout=40)


def test_sentences(glckpt):
    assert "no session is called" in glckpt.refused("view", "--socket", "nobody")
    session = glckpt.launch("sleep", "1000", options=["--no-display"])
    assert "no display" in glckpt.refused("view", "--socket", session)
    glckpt.refused("view", "--web", "--port", session, status=USAGE)
    other = launch_writer(glckpt)
    assert "DISPLAY" in glckpt.refused("view", other)
    glckpt.run("kill", other)
