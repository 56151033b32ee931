"""The farm page: what it shows and does in a browser, and whom it turns away."""

import concurrent.futures
import contextlib
import http.server
import json
import socket
import threading
from base64 import b64decode, b64encode
from io import BytesIO
from pathlib import Path

import numpy
from harness.browser import browser_at, wait_canvas
from harness.driver import FAILED, TIMEOUT, USAGE, wait_until
from harness.page import Page, served
from harness.viewer import viewer_of
from harness.writer import launch_writer, session_picture, shows_session, wait_typed
from PIL import Image

SESSION = "article.session[data-name=job]"
IMAGE = "article.image[data-name=job]"
PICTURE = """
    const image = document.querySelector(arguments[0]), canvas = document.createElement("canvas");
    if (!image?.naturalWidth) return null;
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL("image/png").split(",")[1];"""


def shows_thumbnail(glckpt, browser, selector):
    """The picture on the page is that of the session, made smaller."""
    data = browser.execute_script(PICTURE, f"{selector} img")
    if not data:
        return False
    seen = numpy.asarray(Image.open(BytesIO(b64decode(data))).convert("RGB")).astype(int)
    there = Image.fromarray(session_picture(glckpt, "job"))
    wanted = there.resize((seen.shape[1], seen.shape[0]), Image.BOX)
    return seen.shape[1] < there.width and abs(seen - numpy.asarray(wanted)).mean() < 3


def type_into(browser, text):
    canvas = browser.find_element("css selector", "canvas")
    canvas.click()
    canvas.send_keys(text)


# ---- a user in front of it ----


def test_a_session_from_the_page(glckpt):
    with served(glckpt) as server, browser_at(glckpt, server.address) as browser:
        page = Page(browser)
        page.wait("#sessions + .empty")
        session = launch_writer(glckpt)
        page.wait_text(f"{SESSION} .state", "running")
        page.wait_text(f"{SESSION} .command", "cat > typed")
        page.wait_text(f"{SESSION} .facts", "MiB")
        wait_until(lambda: shows_thumbnail(glckpt, browser, SESSION), "the thumbnail is live")
        page.press(f"{SESSION} a.view")
        page.wait("body.connected")
        wait_canvas(glckpt, browser, session)
        type_into(browser, "one\n")
        wait_typed(glckpt, "one\n")
        page.press("button[data-action=checkpoint]")
        page.wait_text("#say", "Kept as job-")
        type_into(browser, "two\n")
        wait_typed(glckpt, "one\ntwo\n")
        page.press(".back")
        page.press(f"{SESSION} button[data-action=stop]")
        page.wait_gone(SESSION)
        assert not glckpt.names()
        assert len(browser.find_elements("css selector", IMAGE)) == 2
        wait_until(lambda: browser.execute_script(PICTURE, f"{IMAGE} img"), "the image's picture")
        page.press(f"{IMAGE} button[data-action=restore]")
        page.press(f"{SESSION} a.view")
        page.wait("body.connected")
        wait_canvas(glckpt, browser, session)
        type_into(browser, "three\n")
        wait_typed(glckpt, "one\ntwo\nthree\n")
        page.press(".back")
        page.press(f"{SESSION} button[data-action=kill]")
        page.press("dialog .yes")
        page.wait_gone(SESSION)
        assert not glckpt.names()


def test_everybody_stays_connected(glckpt):
    """TigerVNC's viewer and the page, over five checkpoints and five stops and restores."""
    session = launch_writer(glckpt)
    text = ""
    with served(glckpt) as server, viewer_of(glckpt, session) as viewer:
        with browser_at(glckpt, server.address) as browser:
            page = Page(browser)
            page.press(f"{SESSION} a.view")
            page.wait("body.connected")
            for number in range(5):
                wait_canvas(glckpt, browser, session)
                page.press("button[data-action=checkpoint]")
                type_into(browser, f"web{number}\n")
                text += f"web{number}\n"
                wait_typed(glckpt, text)
                page.press("button[data-action=stop]")
                page.press("button[data-action=restore]")
                page.wait_text(".state", "running")
                shows_session(glckpt, viewer, session)
                viewer.type(f"vnc{number}\n")
                text += f"vnc{number}\n"
                wait_typed(glckpt, text)
            assert browser.execute_script("return window.sockets") == 1
            assert page.find("body.connected")
            assert viewer.is_connected_as_before()
    assert len(list(glckpt.images.iterdir())) == 10


def test_a_copy_under_another_name_and_what_went_wrong(glckpt):
    launch_writer(glckpt)
    glckpt.checkpoint("job", "--wait")
    with served(glckpt) as server, browser_at(glckpt, server.address) as browser:
        page = Page(browser)
        page.press(f"{IMAGE} button[data-action=restore]")
        page.wait_text("dialog", "job runs already")
        page.press("dialog .yes")
        page.wait("article.session[data-name=job-2]")
        assert glckpt.names() == {"job", "job-2"}
        image = next(glckpt.images.glob("job-*"))
        (image / "process.img").write_bytes(b"gone")
        page.press(f"{IMAGE} button[data-action=restore]")
        page.press("dialog .yes")
        page.wait_text(f"{IMAGE} .say", "process.img")
        browser.find_element("css selector", "#filter").send_keys("nobody")
        page.wait_gone("article")


# ---- whom it turns away ----


def test_who_gets_in(glckpt):
    launch_writer(glckpt)
    with served(glckpt) as server:
        status, headers, text = server.ask("GET", "/")
        assert status == 200 and b"job" not in text and "Set-Cookie" not in headers
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        ask = server.ask
        assert ask("POST", "/enter", "0" * 32, Origin=server.origin)[0] == 403
        assert ask("POST", "/enter", server.parts.fragment)[0] == 403, "without an origin"
        evil = {"Origin": "http://evil.example"}
        assert ask("POST", "/enter", server.parts.fragment, **evil)[0] == 403
        server.enter()
        again = ask("POST", "/enter", server.parts.fragment, Origin=server.origin)
        assert again[0] == 403, "a token is good once"

        farm = f"/{server.room}/api/farm"
        assert ask("GET", farm)[0] == 403
        assert ask("GET", farm, Cookie="glckpt=" + "0" * 32)[0] == 403
        assert ask("GET", "/api/farm", Cookie=server.cookie)[0] == 403
        assert ask("GET", farm, Cookie=server.cookie, Host="evil.example")[0] == 403
        assert ask("GET", farm, Cookie=server.cookie, Host="localhost:1")[0] == 200
        assert [one["name"] for one in json.loads(server.get("api/farm")[2])["sessions"]] == ["job"]

        kill = f"/{server.room}/api/kill?session=job"
        assert ask("GET", kill, **server.ours())[0] == 404, "by POST only"
        assert ask("POST", kill, Cookie=server.cookie)[0] == 403, "without an origin"
        assert ask("POST", kill, Cookie=server.cookie, **evil)[0] == 403
        assert ask("POST", kill, Origin=server.origin)[0] == 403, "without a cookie"
        assert ask("PUT", kill, **server.ours())[0] == 405
        assert glckpt.names() == {"job"}


def upgrade(server, **headers):
    key = b64encode(bytes(16)).decode()
    return server.ask("GET", f"/{server.room}/api/view?session=job", Upgrade="websocket",
                      Connection="Upgrade", Sec_WebSocket_Version="13", Sec_WebSocket_Key=key,
                      **headers)[0]


def test_whom_a_socket_turns_away(glckpt):
    launch_writer(glckpt)
    with served(glckpt) as server:
        server.enter()
        assert server.post("open", session="job") == (200, {})
        assert upgrade(server) == 403
        assert upgrade(server, Cookie=server.cookie) == 403, "without an origin"
        evil = "http://evil.example"
        assert upgrade(server, Cookie=server.cookie, Origin=evil) == 403
        assert upgrade(server, **server.ours()) == 101


def test_nonsense(glckpt):
    with served(glckpt) as server:
        server.enter()
        for path in ("../farm.js", "%2e%2e/%2e%2e/etc/passwd", "novnc/../../../etc/passwd",
                     "novnc/package.json", "novnc/", "nothing.js", "/etc/passwd"):
            assert server.get(path)[0] in (403, 404), path
        assert server.get("farm.js")[0] == 200
        big = server.ask("POST", f"/{server.room}/api/kill", "x" * 5000, **server.ours())
        assert big[0] == 413
        for what in ({}, {"session": "--help"}, {"session": "../run"}, {"image": "relative"}):
            status, said = server.post("kill", **what)
            assert status == 400 and said["error"], what
        status, said = server.post("checkpoint", session="nobody")
        assert status == 409 and "no session is called nobody" in said["error"]
        status, said = server.post("restore", image=str(glckpt.work))
        assert status == 409 and "not an image" in said["error"]
        assert server.get("api/picture?session=nobody")[0] == 409


def test_many_ask_at_once(glckpt):
    launch_writer(glckpt)
    glckpt.checkpoint("job", "--wait")
    with served(glckpt) as server:
        server.enter()
        paths = ["api/farm", "api/picture?session=job", "farm.css"] * 20
        with concurrent.futures.ThreadPoolExecutor(30) as pool:
            answers = list(pool.map(lambda path: server.get(path)[0], paths))
        assert set(answers) == {200}
        farm = json.loads(server.get("api/farm")[2])
        (image,) = farm["images"]
        assert image["name"] == "job" and image["picture"] and image["bytes"] > 0


def test_a_checkpoint_that_is_refused_says_why(glckpt):
    handler = http.server.BaseHTTPRequestHandler
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as far:
        threading.Thread(target=far.serve_forever, daemon=True).start()
        script = "exec 3<> /dev/tcp/127.0.0.1/$0; sleep 1000"
        port = str(far.server_address[1])
        glckpt.launch("bash", "-c", script, port, options=["--name", "job", "--no-display"])
        with served(glckpt) as server:
            server.enter()
            wait_until(lambda: server.post("checkpoint", session="job")[0] == 409, "it is connected")
            assert f"to port {port}" in server.post("checkpoint", session="job")[1]["error"]
        far.shutdown()


# ---- beyond the loopback interface ----


def test_beyond_this_machine_only_with_tls(glckpt):
    assert "only with TLS" in glckpt.refused("web", "--listen", "0.0.0.0", status=USAGE)
    assert "go together" in glckpt.refused("web", "--key", "x", status=USAGE)
    assert "no port" in glckpt.refused("web", "--port", "70000", status=USAGE)
    assert "no address" in glckpt.refused("web", "--listen", "127.what", status=USAGE)
    missing = ("--certificate", "missing.pem", "--key", "missing.pem")
    assert "missing.pem" in glckpt.refused("web", *missing, status=FAILED)
    with served(glckpt) as server:
        port = str(server.parts.port)
        assert "in use" in glckpt.refused("web", "--port", port, status=FAILED)


def test_over_tls(glckpt, certificate):
    launch_writer(glckpt)
    options = ("--listen", "0.0.0.0", "--certificate", certificate[0], "--key", certificate[1])
    with served(glckpt, *options) as server:
        address = f"https://localhost:{server.parts.port}/#{server.parts.fragment}"
        assert server.address.startswith("https://")
        with browser_at(glckpt, address) as browser:
            page = Page(browser)
            page.press(f"{SESSION} a.view")
            page.wait("body.connected")
            wait_canvas(glckpt, browser, "job")
            type_into(browser, "secret\n")
            wait_typed(glckpt, "secret\n")


def test_a_peer_without_tls_disturbs_nobody(glckpt, certificate):
    options = ("--certificate", certificate[0], "--key", certificate[1])
    with served(glckpt, *options) as server:
        where = (server.parts.hostname, server.parts.port)
        silent = socket.create_connection(where, timeout=TIMEOUT)
        with silent, socket.create_connection(where, timeout=TIMEOUT) as peer:
            peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                while peer.recv(4096):  # an alert, and the end
                    pass
            server.enter()
            status, _, text = server.get("novnc/core/rfb.js")
            assert status == 200
            assert text == Path("/usr/share/novnc/core/rfb.js").read_bytes()
