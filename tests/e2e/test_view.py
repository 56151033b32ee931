"""Viewers come and go, and keep their connection over checkpoints, stops and restores."""

import concurrent.futures
import contextlib
import itertools
import json
import os
import random
import resource
import signal
import socket
import struct
import subprocess
import threading
from pathlib import Path

import numpy
import pytest
from bench.plain import PlainCriu, listens
from harness.browser import browser_at, wait_canvas
from harness.driver import TIMEOUT, USAGE, processes_below, wait_until
from harness.viewer import LINGER, RfbClient, viewer_of
from harness.writer import (SIZE, XTERM, launch_writer, session_picture, shows_session, typed,
                            wait_typed)
from harness.xdisplay import XUser
from Xlib import X


def sees(glckpt, client, session):
    return numpy.array_equal(client.picture(), session_picture(glckpt, session))


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


@pytest.mark.parametrize("server", ["xvfb", "xvnc"])
def test_a_viewer_resizes_the_screen(glckpt, server):
    sizes = [(640, 480), (700, 500), SIZE] if server == "xvfb" else [(640, 480), (900, 700)]
    session = launch_writer(glckpt, server=server)
    with viewer_of(glckpt, session) as viewer:
        shows_session(glckpt, viewer, session)
        for size in sizes:
            viewer.resize(*size)
            wait_until(lambda: screen_size(glckpt, session) == size, f"the screen is {size}")
            shows_session(glckpt, viewer, session, size)
            glckpt.checkpoint(session, "--wait")
        glckpt.restore(glckpt.checkpoint(session, "--stop"))
        shows_session(glckpt, viewer, session, sizes[-1])
        assert viewer.is_connected_as_before()


def screen_size(glckpt, session):
    height, width, _ = session_picture(glckpt, session).shape
    return width, height


def type_slowly(viewer, text):
    for start in range(0, len(text), 8):
        viewer.type(text[start : start + 8])


# ---- both at once ----


def test_viewer_and_browser_over_five_checkpoints_and_five_stops(glckpt):
    """Neither loses its connection or needs a click, and what is typed arrives exactly once."""
    session = launch_writer(glckpt)
    address = glckpt.ok("view", "--web", *LINGER, session)
    written = ""
    with viewer_of(glckpt, session) as viewer, browser_at(glckpt, address) as browser:
        wait_until(lambda: is_connected(browser), "noVNC has connected", timeout=TIMEOUT)
        canvas = browser.find_element("css selector", "canvas")
        canvas.click()
        for number in range(10):
            line = f"line{number}\n"
            typist = (viewer.type, canvas.send_keys)[number // 2 % 2]
            typist(line)
            written += line
            if number % 2 == 0:  # what is on its way waits
                glckpt.checkpoint(session, "--wait")
            wait_typed(glckpt, written)
            if number % 2 == 1:
                glckpt.restore(glckpt.checkpoint(session, "--stop"))
        shows_session(glckpt, viewer, session)
        wait_canvas(glckpt, browser, session)
        assert viewer.is_connected_as_before()
        assert is_connected(browser)
        assert browser.execute_script("return window.sockets") == 1


def is_connected(browser):
    return "noVNC_connected" in browser.execute_script("return document.documentElement.className")


# ---- a browser ----


def test_browser_over_checkpoints_stops_and_restores(glckpt):
    session = launch_writer(glckpt)
    address = glckpt.ok("view", "--web", *LINGER, session)
    with browser_at(glckpt, address) as browser:
        wait_until(lambda: is_connected(browser), "noVNC has connected", timeout=TIMEOUT)
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


# ---- what it is good for ----


def test_plain_criu_refuses_a_watched_xvnc(glckpt):
    """The same tree, with a viewer at the X server itself; without the viewer it is dumped."""
    if os.geteuid() != 0:
        pytest.skip("plain criu needs root")
    number, rfb = os.getpid(), glckpt.work / "rfb"
    display = Path(f"/tmp/.X11-unix/X{number}")
    xvnc = f"Xvnc :{number} -rfbunixpath {rfb} -rfbport -1 -SecurityTypes None"
    xvnc += " -nolisten tcp -nolisten local -nolock"
    xterm = f"DISPLAY=:{number} exec xterm -e sleep 1000"
    tree = f"{xvnc} & until [ -S {display} ]; do sleep 0.1; done; {xterm}"
    plain = PlainCriu(glckpt.base / "plain", tree)
    try:
        wait_until(lambda: rfb.exists() and listens(rfb), "Xvnc listens")
        viewer = RfbClient.on_socket(str(rfb))
        viewer.ask()
        viewer.update()
        with pytest.raises(AssertionError):
            plain.dump(glckpt.base / "watched")
        assert "xternal" in (glckpt.base / "watched" / "dump.log").read_text()
        viewer.close()
        plain.dump(glckpt.base / "unwatched")
    finally:
        plain.kill()
        display.unlink(missing_ok=True)


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


def blank_cursor(user):
    dot = user.root.create_pixmap(1, 1, 1)
    pen = dot.create_gc(foreground=0, background=0)
    dot.fill_rectangle(pen, 0, 0, 1, 1)
    return dot.create_cursor(dot, (0, 0, 0), (0, 0, 0), 0, 0)


def test_a_pointer_that_moves_without_end(glckpt):
    session = glckpt.launch("sleep", "1000", options=("--geometry", "800x600"))
    client = RfbClient.on_socket(bridge_socket(glckpt, session))
    with XUser(glckpt.show(session)) as user:
        window = user.root.create_window(0, 0, 800, 600, 0, X.CopyFromParent,
                                         override_redirect=True, cursor=blank_cursor(user))
        window.map()
        user.display.sync()

        def place():
            pointer = user.root.query_pointer()
            return pointer.root_x, pointer.root_y

        client.ask(True)
        client.point(100, 100)
        wait_until(lambda: client.catch_up() is not None and client.relative, "it is hidden")
        for by, wanted in (((5, 7), (105, 107)), ((-200, 3), (0, 110)), ((20, 0), (20, 110))):
            client.move(*by)
            wait_until(lambda: place() == wanted, f"the pointer is at {wanted}")
        font = user.display.open_font("cursor")
        window.change_attributes(
            cursor=font.create_glyph_cursor(font, 68, 69, (0, 0, 0), (0xFFFF, 0xFFFF, 0xFFFF)))
        user.display.sync()
        wait_until(lambda: client.catch_up() is not None and not client.relative, "it is shown")
        client.point(300, 200)
        wait_until(lambda: place() == (300, 200), "the pointer is where it is said to be")
    client.close()


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


def test_a_new_size_reaches_every_viewer_and_waits_for_none(glckpt):
    session = launch_writer(glckpt)
    with client_of(glckpt, session) as client, client_of(glckpt, session) as other:
        deaf = RfbClient.on_socket(bridge_socket(glckpt, session))
        for _ in range(8):
            deaf.ask()
        client.resize(*(edge * 2 for edge in SIZE))  # Xvfb cannot
        wait_until(lambda: sees(glckpt, client, session), "the viewer goes on")
        client.resize(500, 400)
        wait_until(lambda: screen_size(glckpt, session) == (500, 400), "the screen is smaller")
        for one in (client, other):
            wait_until(lambda: sees(glckpt, one, session), "the viewer has it")
            assert (one.width, one.height) == (500, 400)
        deaf.close()


SCROLLING = """
    for number in $(seq 200); do
        echo $number $(echo $number | md5sum)
        echo
        sleep 0.02
    done
    touch done
    sleep 1000"""


def test_what_scrolls_is_copied_by_the_viewer(glckpt):
    session = glckpt.launch(*XTERM, "sh", "-c", SCROLLING, options=("--geometry", "800x600"))
    done = glckpt.work / "done"
    client = RfbClient.on_socket(bridge_socket(glckpt, session))
    client.ask(True)

    def shows_the_end():
        seen = client.catch_up()
        return done.exists() and numpy.array_equal(seen, session_picture(glckpt, session))

    wait_until(shows_the_end, "the viewer has all that was printed", timeout=TIMEOUT)
    assert client.moved > 800 * 600  # how much more depends on how often the viewer looked
    client.close()


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


def test_a_viewer_that_wants_its_picture_scaled_to_nothing(glckpt):
    session = launch_writer(glckpt)
    with client_of(glckpt, session) as client:
        other = RfbClient.on_socket(bridge_socket(glckpt, session))
        other.socket.sendall(struct.pack(">BBxx", 8, 255))  # UltraVNC's SetScale
        other.ask()
        with contextlib.suppress(ConnectionResetError):
            while other.socket.recv(65536):
                pass
        other.close()
        client.type("fine\n")
        wait_typed(glckpt, "fine\n")


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


def bridge_of(glckpt):
    processes = processes_below(glckpt.base).items()
    (pid,) = [pid for pid, words in processes if words.split()[0] == "glckpt-vnc"]
    return Path("/proc", str(pid))


def held_by(bridge):
    """Descriptors and threads; and address space, in which a forgotten thread leaves its stack."""
    counts = [len(list((bridge / folder).iterdir())) for folder in ("fd", "task")]
    return counts, int((bridge / "statm").read_text().split()[0])


def no_more_than(before, bridge):
    """A thread that was just ending may have been counted before."""
    return all(now <= then for now, then in zip(held_by(bridge)[0], before))


def test_fifty_viewers_leave_nothing_behind(glckpt):
    session = launch_writer(glckpt)
    with client_of(glckpt, session) as client:
        client.picture()
        bridge, spaces = bridge_of(glckpt), []
        before, _ = held_by(bridge)
        for _ in range(3):
            path = bridge_socket(glckpt, session)
            crowd = [RfbClient.on_socket(path) for _ in range(50)]
            expected = session_picture(glckpt, session)
            assert all(numpy.array_equal(one.picture(), expected) for one in crowd)
            glckpt.checkpoint(session, "--wait")
            for one in crowd:
                one.close()
            wait_until(lambda: no_more_than(before, bridge), "their threads have ended")
            spaces.append(held_by(bridge)[1])
        assert spaces[2] - spaces[1] < 10 * 2048, "pages: no more than ten stacks of 8 MiB"
        client.type("fine\n")
        wait_typed(glckpt, "fine\n")


@contextlib.contextmanager
def many_descriptors():
    """More than select(2) knows of."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, allowed[1]), allowed[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, allowed)


def test_no_descriptor_is_beyond_select(glckpt):
    session = launch_writer(glckpt)
    with many_descriptors():
        bridge_socket(glckpt, session)
    limits = (bridge_of(glckpt) / "limits").read_text().splitlines()
    (soft,) = [int(line.split()[3]) for line in limits if line.startswith("Max open files")]
    assert soft <= 1024


def nonsense(chance):
    """A message that begins as one of RFB's may, with a body that was made up."""
    kind = chance.choice([0, 2, 3, 4, 5, 6, 251, chance.randrange(256)])
    return bytes([kind]) + chance.randbytes(chance.choice([3, 7, 9, 19, chance.randrange(200)]))


def test_viewers_that_talk_nonsense(glckpt):
    session = launch_writer(glckpt)
    chance = random.Random(5)
    with client_of(glckpt, session) as client:
        client.picture()
        bridge, path = bridge_of(glckpt), bridge_socket(glckpt, session)
        before, _ = held_by(bridge)
        for _ in range(100):
            other = RfbClient.on_socket(path)
            with contextlib.suppress(OSError):
                other.socket.sendall(b"".join(nonsense(chance) for _ in range(10)))
            other.close()
        wait_until(lambda: no_more_than(before, bridge), "their threads have ended")
        glckpt.checkpoint(session, "--wait")
        wait_until(lambda: sees(glckpt, client, session), "a sane viewer goes on")


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


def bridge_folders(glckpt):
    return list((glckpt.base / "run" / "glckpt").glob(".vnc-*"))


def test_a_killed_bridge_is_cleared_up_after(glckpt):
    session = launch_writer(glckpt)
    for clear_up in (("view", "--socket", *LINGER, session), ("list",)):
        bridge_socket(glckpt, session)
        os.kill(int(bridge_of(glckpt).name), signal.SIGKILL)
        assert bridge_folders(glckpt)
        glckpt.ok(*clear_up)
    assert not bridge_folders(glckpt)
    bridge_socket(glckpt, session)
    os.kill(int(bridge_of(glckpt).name), signal.SIGTERM)
    wait_until(lambda: not bridge_folders(glckpt), "asked to end it clears up itself")


def test_bridges_end_while_others_begin(glckpt):
    """Whoever asks is answered, by whichever bridge; in the end there is one."""
    session = launch_writer(glckpt)
    done = threading.Event()

    def end_bridges():
        ways = itertools.cycle([signal.SIGTERM, signal.SIGTERM, signal.SIGKILL])
        while not done.wait(random.uniform(0, 0.1)):
            for pid, words in processes_below(glckpt.base).items():
                if words.startswith(f"glckpt-vnc {session} "):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, next(ways))

    ending = threading.Thread(target=end_bridges)
    ending.start()
    try:
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: bridge_socket(glckpt, session), range(200)))
    finally:
        done.set()
        ending.join()
    with client_of(glckpt, session) as client:
        wait_until(lambda: sees(glckpt, client, session), "the bridge that is left shows it")
        assert bridge_of(glckpt)


def test_sentences(glckpt):
    assert "no session is called" in glckpt.refused("view", "--socket", "nobody")
    session = glckpt.launch("sleep", "1000", options=["--no-display"])
    assert "no display" in glckpt.refused("view", "--socket", session)
    glckpt.refused("view", "--web", "--port", session, status=USAGE)
    assert "name" in glckpt.refused("view", "--socket", "../job", status=USAGE)
    other = launch_writer(glckpt)
    assert "DISPLAY" in glckpt.refused("view", other)
    glckpt.run("kill", other)
