"""Chromium without a window, driven by Selenium."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from io import BytesIO
from urllib.request import urlopen

import numpy
import pytest
from PIL import Image

from .driver import Glckpt, wait_until
from .writer import session_picture

COUNT_SOCKETS = """
    window.sockets = 0;
    window.WebSocket = new Proxy(WebSocket, {
        construct(made, all) { window.sockets++; return new made(...all); }
    });"""


@contextlib.contextmanager
def browser_at(glckpt: Glckpt, address: str) -> Iterator:
    """A browser that counts its WebSockets; what it showed at a failure is kept."""
    for program in ("chromium", "chromedriver"):
        if not shutil.which(program):
            pytest.skip(f"{program} is missing")
    webdriver = pytest.importorskip("selenium.webdriver", reason="python3-selenium is missing")
    options = webdriver.ChromeOptions()
    profile = glckpt.folder("profile")
    for switch in ("headless=new", "no-sandbox", "disable-gpu", "window-size=1100,800",
                   "disable-dev-shm-usage", "ignore-certificate-errors",
                   f"user-data-dir={profile}"):
        options.add_argument(f"--{switch}")
    service = webdriver.chrome.service.Service("/usr/bin/chromedriver", env=glckpt.environment)
    browser = webdriver.Chrome(service=service, options=options)
    try:
        script = {"source": COUNT_SOCKETS}
        browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", script)
        browser.get(address)
        yield browser
    except BaseException:
        with contextlib.suppress(Exception):
            browser.save_screenshot(str(glckpt.work / "browser.png"))
        raise
    finally:
        browser.quit()


def canvas_shows(glckpt: Glckpt, browser, session: str) -> bool:
    """Nearly: a browser's pictures are packed as JPEG."""
    script = "const c = document.querySelector('canvas'); return c && c.toDataURL('image/png')"
    data = browser.execute_script(script)
    if not data or data == "data:,":  # it has no size yet
        return False
    seen = numpy.asarray(Image.open(BytesIO(urlopen(data).read())).convert("RGB")).astype(int)
    there = session_picture(glckpt, session).astype(int)
    return seen.shape == there.shape and abs(seen - there).mean() < 2


def wait_canvas(glckpt: Glckpt, browser, session: str) -> None:
    wait_until(lambda: canvas_shows(glckpt, browser, session), "the browser shows the session")
