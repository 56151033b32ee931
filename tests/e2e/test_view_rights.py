"""Who may only look, and who has the session for itself."""

import http.client
import json
from urllib.parse import urlsplit

import numpy
import pytest
from harness.browser import browser_at, wait_canvas
from harness.driver import TIMEOUT, wait_until
from harness.viewer import LINGER, RfbClient, viewer
from harness.writer import SIZE, launch_writer, session_picture, shows_session, typed, wait_typed


def socket_of(glckpt, session, *options):
    return glckpt.ok("view", "--socket", *options, *LINGER, session)


def settled(looker):
    """What it sent before has been read: an answer comes."""
    looker.picture()


def test_a_looker_sees_and_does_nothing(glckpt):
    session = launch_writer(glckpt)
    looker = RfbClient.on_socket(socket_of(glckpt, session, "--view-only"))
    user = RfbClient.on_socket(socket_of(glckpt, session))
    user.point(100, 100)
    user.type("user\n")
    wait_typed(glckpt, "user\n")
    looker.point(300, 300, 1)  # holds the button
    looker.type("looker\n")
    looker.copy("looker")
    looker.resize(400, 300)
    settled(looker)
    user.type("again\n")
    wait_typed(glckpt, "user\nagain\n")
    wait_until(lambda: numpy.array_equal(looker.picture(), session_picture(glckpt, session)),
               "it sees what is typed")
    assert session_picture(glckpt, session).shape[:2] == SIZE[::-1]
    looker.close()
    user.close()


def test_tigervnc_by_the_password_for_looking(glckpt):
    session = launch_writer(glckpt)
    ways = [json.loads(glckpt.ok("view", "--port", "--json", *right, *LINGER, session))
            for right in ((), ("--view-only",))]
    assert ways[0]["password"] != ways[1]["password"]
    exact = ("-AutoSelect=0", "-PreferredEncoding=ZRLE", "-FullColor", "-NoJPEG")
    command = ["xtigervncviewer", "-Shared", *exact, f"localhost::{ways[0]['port']}"]
    for way, text in zip(ways, ("typed\n", "typed\n")):
        with viewer(glckpt, command, VNC_PASSWORD=way["password"]) as shown:
            shows_session(glckpt, shown, session)
            shown.type("typed\n" if way is ways[0] else "not\n")
            shows_session(glckpt, shown, session)
            wait_typed(glckpt, text)
    with viewer(glckpt, [glckpt.program, "view", "--view-only", session]) as shown:
        shows_session(glckpt, shown, session)


def test_a_browser_that_looks(glckpt):
    session = launch_writer(glckpt)
    address = glckpt.ok("view", "--web", "--view-only", *LINGER, session)
    with browser_at(glckpt, address) as browser:
        wait_canvas(glckpt, browser, session)
        canvas = browser.find_element("css selector", "canvas")
        canvas.click()
        canvas.send_keys("not\n")
        user = RfbClient.on_socket(socket_of(glckpt, session))
        user.point(100, 100)
        user.type("user\n")
        wait_typed(glckpt, "user\n")
        wait_canvas(glckpt, browser, session)
        assert typed(glckpt) == "user\n"
        user.close()


def key_of(address):
    """What a browser gets for its token; None: it is good for nothing."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT)
    connection.request("POST", f"/key/{parts.fragment}")
    answer = connection.getresponse()
    return answer.read().decode() if answer.status == 200 else None


def test_one_that_has_the_session_for_itself(glckpt):
    session = launch_writer(glckpt)
    others = [RfbClient.on_socket(socket_of(glckpt, session, *right))
              for right in ((), (), ("--view-only",))]
    address = glckpt.ok("view", "--web", *LINGER, session)
    password = json.loads(glckpt.ok("view", "--port", "--json", session))["password"]
    alone = RfbClient.on_socket(socket_of(glckpt, session, "--exclusive"))
    for one in others:
        with pytest.raises((AssertionError, ConnectionError)):
            one.ask()
            while True:
                one.update()
    assert key_of(address) is None
    assert json.loads(glckpt.ok("view", "--port", "--json", session))["password"] != password
    assert key_of(glckpt.ok("view", "--web", session))
    alone.point(100, 100)
    alone.type("alone\n")
    wait_typed(glckpt, "alone\n")
    alone.close()
