"""Programs with windows: the same picture after a restore, and they answer keys."""

import concurrent.futures
import threading

import numpy
import pytest
from harness import pictures
from harness.driver import USAGE, wait_until
from harness.xdisplay import XUser
from PIL import Image

SERVERS = ["xvfb", "xvnc"]


def shot(glckpt, session, name):
    """A screenshot, as a file."""
    file = glckpt.work / f"{name}.png"
    file.unlink(missing_ok=True)
    return glckpt.screenshot(session, file)


def still_shot(glckpt, session, name, since=None, timeout=60):
    """A screenshot of a screen that no longer changes, but has changed since another one."""
    equal = 0

    def settled():
        nonlocal equal
        one, two = glckpt.work / f"{name}.png", glckpt.work / f"{name}-before.png"
        if one.exists():
            one.rename(two)
        shot(glckpt, session, name)
        begun = not pictures.is_blank(one) and not (since and same(since, one))
        equal = equal + 1 if begun and two.exists() and same(one, two) else 0
        return equal >= 4 and one

    return wait_until(settled, f"the screen of {session} stands still", timeout=timeout, every=0.3)


def same(one, two):
    return pictures.differing_pixels(one, two) == 0


def stopped_and_taken_up(glckpt, session, before):
    """Stops and restores the session; the screen must look as before. The new session's name."""
    image = glckpt.checkpoint(session, "--stop")
    kept = image / "screen.png"
    assert pictures.differing_pixels(before, kept) == 0, "the image's own picture"
    again = glckpt.restore(image)
    after = shot(glckpt, again, "after")
    assert pictures.differing_pixels(before, after) == 0, f"{before} against {after}"
    return again


def launch_window(glckpt, server, *command):
    """Launches and waits for a window, which has the focus then."""
    options = ("--xserver", server, "--geometry", "800x600")
    session = glckpt.launch(*command, options=options)
    with XUser(glckpt.show(session)) as user:
        user.enter_window()
    return session


# CRIU cannot dump an interactive dash in a terminal emulator: it keeps /dev/tty open.
XTERM = ("xterm", "-geometry", "80x24+0+0", "-e")
SHELL = (*XTERM, "env", "PS1=ready> ", "bash", "--norc", "--noprofile")


@pytest.mark.parametrize("server", SERVERS)
def test_xterm_with_a_shell_and_a_running_command(glckpt, server):
    session = launch_window(glckpt, server, *SHELL)
    prompt = still_shot(glckpt, session, "prompt")
    with XUser(glckpt.show(session)) as user:
        user.type("sleep 1000\n")
    before = still_shot(glckpt, session, "before", since=prompt)
    again = stopped_and_taken_up(glckpt, session, before)
    with XUser(glckpt.show(again)) as user:
        user.key("c", "Control_L")
        user.type("echo back > answer\n")
    answer = glckpt.work / "answer"
    wait_until(lambda: answer.exists() and answer.read_text() == "back\n", "the shell answers")
    with XUser(glckpt.show(again)) as user:
        user.type("exit\n")
    assert glckpt.wait(again) == 0


def test_gtk_entry_takes_what_is_typed(glckpt):
    settings = glckpt.base / "home" / ".config" / "gtk-3.0"
    settings.mkdir(parents=True)
    (settings / "settings.ini").write_text("[Settings]\ngtk-cursor-blink=0\n")
    session = launch_window(glckpt, "xvfb", "zenity", "--entry", "--text=Say something")
    empty = still_shot(glckpt, session, "empty")
    with XUser(glckpt.show(session)) as user:
        user.type("hello")
    before = still_shot(glckpt, session, "before", since=empty)
    again = stopped_and_taken_up(glckpt, session, before)
    with XUser(glckpt.show(again)) as user:
        user.type(" world")
        user.key("Return")
    assert glckpt.wait(again) == 0
    assert "hello world" in glckpt.log(again)


@pytest.mark.parametrize("server", SERVERS)
def test_glxgears_goes_on_turning(glckpt, server):
    session = launch_window(glckpt, server, "glxgears", "-geometry", "300x300+0+0")
    image = glckpt.checkpoint(session, "--stop")
    again = glckpt.restore(image)
    first = shot(glckpt, again, "first")
    wait_until(
        lambda: pictures.differing_pixels(first, shot(glckpt, again, "later")) > 0,
        "the gears turn",
        every=0.1,
    )
    with XUser(glckpt.show(again)) as user:
        user.key("Escape")
    assert glckpt.wait(again) == 0


BLENDER = (
    "blender",
    "--factory-startup",
    "-noaudio",
    "--window-geometry",
    *("0", "0", "800", "600"),
    "--python-expr",
    "import bpy; bpy.context.preferences.view.show_splash = False",
)


MENU_PIXELS = 20000  # fewer than the menu covers, more than anything else that changes


def test_blender_window_with_an_open_menu(glckpt):
    session = launch_window(glckpt, "xvfb", *BLENDER)
    plain = still_shot(glckpt, session, "plain")
    with XUser(glckpt.show(session)) as user:
        user.move(300, 300)
        user.key("F4")
    wait_until(
        lambda: pictures.differing_pixels(plain, shot(glckpt, session, "menu")) > MENU_PIXELS,
        "the menu is open",
        every=0.2,
    )
    with XUser(glckpt.show(session)) as user:
        user.move(300, 323)  # off the entry that opens another menu
    before = still_shot(glckpt, session, "before")
    again = stopped_and_taken_up(glckpt, session, before)
    with XUser(glckpt.show(again)) as user:
        user.key("Escape")
    wait_until(
        lambda: pictures.differing_pixels(before, shot(glckpt, again, "closed")) > MENU_PIXELS,
        "the menu is closed",
        every=0.2,
    )


def test_a_picture_of_a_window_is_in_the_image(glckpt):
    session = launch_window(glckpt, "xvfb", *XTERM, "sleep", "1000")
    before = still_shot(glckpt, session, "before")
    image = glckpt.checkpoint(session, "--stop")
    of_image = glckpt.screenshot(image, glckpt.work / "of-image.png")
    assert pictures.differing_pixels(before, of_image) == 0


def test_a_small_picture_is_the_mean_of_the_big_one(glckpt):
    session = launch_window(glckpt, "xvfb", *XTERM, "sleep", "1000")
    before = still_shot(glckpt, session, "before")
    image = glckpt.checkpoint(session, "--stop")
    with Image.open(before) as big:
        size = (big.width // 4, big.height // 4)
        wanted = numpy.asarray(big.convert("RGB").resize(size, Image.BOX)).astype(int)
    small = glckpt.work / "small.png"
    glckpt.ok("screenshot", "--width", str(size[0]), "-o", small, image)
    assert abs(pictures.load(small).astype(int) - wanted).max() <= 1
    assert "--width" in glckpt.refused("screenshot", "--width=-1", "-o", small, image, status=USAGE)


def test_screenshots_never_stand_in_the_way_of_checkpoints(glckpt):
    session = launch_window(glckpt, "xvfb", *XTERM, "sleep", "1000")
    still_shot(glckpt, session, "before")
    over = threading.Event()
    busy = []

    def look():
        while not over.is_set():
            done = glckpt.run("screenshot", "--width", "320", "-o", "/dev/null", session)
            assert done.returncode == 0 or "try again" in done.stderr, done.stderr
            busy.append(done.returncode)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        looking = [pool.submit(look) for _ in range(2)]
        try:
            for _ in range(5):
                glckpt.checkpoint(session, "--wait")
        finally:
            over.set()
        for one in looking:
            one.result()
    assert 0 in busy


def test_four_generations_of_a_window(glckpt):
    session = launch_window(glckpt, "xvfb", *SHELL)
    before = still_shot(glckpt, session, "prompt")
    for generation in range(4):
        with XUser(glckpt.show(session)) as user:
            user.enter_window()
            user.type(f"echo {generation}\n")
        before = still_shot(glckpt, session, f"generation-{generation}", since=before)
        session = stopped_and_taken_up(glckpt, session, before)
    with XUser(glckpt.show(session)) as user:
        user.type("exit\n")
    assert glckpt.wait(session) == 0
