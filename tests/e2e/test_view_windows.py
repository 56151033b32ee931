"""Real programs, used through TigerVNC's viewer: keys, pointer, wheel, clipboard, and the picture."""

import contextlib
import os
import signal
import subprocess

import numpy
from harness.driver import TIMEOUT, processes_below, wait_until
from harness.viewer import viewer_of
from harness.writer import SIZE, session_picture, shows_session
from harness.xdisplay import XUser
from Xlib import X
from Xlib.ext import xtest

GEOMETRY = ("--geometry", "x".join(map(str, SIZE)))
MENU_PIXELS = 20000  # fewer than Blender's menu covers, more than anything else that changes

# What is typed and clicked goes to the file `typed`; then the clipboard is read and written.
XTERM_AND_CLIPBOARD = r"""
    xterm -geometry 100x40+0+0 -e sh -c '
        stty raw -echo; printf "\033[?1000h"; exec cat > typed' &
    until xclip -o -selection clipboard -t UTF8_STRING > got 2>/dev/null && [ -s got ]
    do sleep 0.1; done
    printf 'zurück' | xclip -i -selection clipboard
    wait"""


def clip(viewer, glckpt, *words, text=""):
    """xclip on the viewer's own display."""
    display = {**glckpt.environment, "DISPLAY": f":{viewer.where['number']}"}
    command = ["xclip", "-selection", "clipboard", *words]
    pipes = {"stderr": subprocess.DEVNULL, "text": True, "env": display}
    if text:
        return subprocess.run(command, input=text, stdout=subprocess.DEVNULL, **pipes)
    return subprocess.run(command, stdout=subprocess.PIPE, **pipes).stdout


@contextlib.contextmanager
def pointing(glckpt, viewer, session, x, y):
    """A user whose pointer is at this place of the session; viewers send movements late."""
    with XUser({"display": viewer.where}) as user:
        box = max((one.get_geometry() for one in user.windows()), key=lambda one: one.width)
        user.move(box.x + x, box.y + y)
        wait_until(lambda: pointer_of(glckpt, session) == (x, y), "the pointer has arrived")
        yield user


def pointer_of(glckpt, session):
    with XUser(glckpt.show(session)) as user:
        place = user.root.query_pointer()
        return place.root_x, place.root_y


def press(user, button):
    """Where the pointer is."""
    xtest.fake_input(user.display, X.ButtonPress, button)
    xtest.fake_input(user.display, X.ButtonRelease, button)
    user.display.sync()


def mouse(button, x, y):
    """What xterm sends for a button pressed at a cell (X11 mouse tracking)."""
    return b"\x1b[M" + bytes([32 + button, 33 + x, 33 + y])


def test_an_xterm_by_keys_pointer_wheel_and_clipboard(glckpt):
    session = glckpt.launch("sh", "-c", XTERM_AND_CLIPBOARD, options=GEOMETRY)
    typed, got = glckpt.work / "typed", glckpt.work / "got"
    wait_until(typed.exists, "the xterm is there")
    with viewer_of(glckpt, session) as viewer:
        shows_session(glckpt, viewer, session)
        with pointing(glckpt, viewer, session, 4, 4) as user:
            user.type("Keys 1/2\n")
            for button in (1, 4, 5):
                press(user, button)
        expected = [b"Keys 1/2\r", mouse(0, 0, 0), mouse(64, 0, 0), mouse(65, 0, 0)]
        wait_until(lambda: all(part in typed.read_bytes() for part in expected), "all has arrived")
        clip(viewer, glckpt, "-i", text="für drüben")
        wait_until(lambda: got.exists() and got.read_text() == "für drüben", "it is pasted")
        wait_until(lambda: clip(viewer, glckpt, "-o") == "zurück", "it came back")
        shows_session(glckpt, viewer, session)


@contextlib.contextmanager
def standing_still(glckpt, program):
    """The program drawing nothing for a while."""
    processes = processes_below(glckpt.base).items()
    pids = [pid for pid, words in processes if words.split()[0] == program]
    assert pids, program
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_glxgears_turns_in_the_viewer(glckpt):
    gears = ("glxgears", "-geometry", "300x300+0+0")
    session = glckpt.launch(*gears, options=GEOMETRY)
    with viewer_of(glckpt, session) as viewer:
        for _ in range(2):
            with standing_still(glckpt, "glxgears"):
                shows_session(glckpt, viewer, session)
                before = viewer.picture(*SIZE)
            wait_until(lambda: not numpy.array_equal(before, viewer.picture(*SIZE)), "it turns")
            glckpt.checkpoint(session, "--wait")
        with pointing(glckpt, viewer, session, 150, 150) as user:
            user.key("Escape")
        assert glckpt.wait(session) == 0


BLENDER = (
    *("blender", "--factory-startup", "-noaudio", "--window-geometry", "0", "0", "800", "600"),
    *("--python-expr", "import bpy; bpy.context.preferences.view.show_splash = False"),
)


def test_blenders_window_and_its_menu(glckpt):
    session = glckpt.launch(*BLENDER, options=GEOMETRY)
    with XUser(glckpt.show(session)) as user:
        user.enter_window(width=400)
    with viewer_of(glckpt, session) as viewer:
        wait_until(lambda: session_picture(glckpt, session).std() > 20, "Blender has drawn",
                   timeout=2 * TIMEOUT, every=0.5)
        shows_session(glckpt, viewer, session)
        plain = viewer.picture(*SIZE)
        with pointing(glckpt, viewer, session, 300, 300) as user:
            user.key("F4")

        def menu_is_open():
            return (viewer.picture(*SIZE) != plain).any(axis=2).sum() > MENU_PIXELS

        wait_until(menu_is_open, "the menu is open", timeout=TIMEOUT, every=0.5)
        shows_session(glckpt, viewer, session)
        glckpt.restore(glckpt.checkpoint(session, "--stop"))
        shows_session(glckpt, viewer, session)
        assert menu_is_open()
