"""The farm page: `glckpt web`, what it answers, and the user in front of it."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import ssl
import subprocess
from collections.abc import Iterator
from urllib.parse import urlencode, urlsplit

import pytest

from .driver import TIMEOUT, Glckpt, wait_until


class Server:
    """A `glckpt web`, and requests to it as no browser would send them."""

    def __init__(self, glckpt: Glckpt, *options: str):
        pipe = subprocess.PIPE
        self.process = glckpt.spawn("web", "--json", *options, stdout=pipe, text=True)
        lines = iter(self.process.stdout.readline, "}\n")
        self.address = json.loads("".join(lines) + "}")["url"]
        self.parts = urlsplit(self.address)
        self.origin = f"{self.parts.scheme}://{self.parts.netloc}"
        self.room = self.cookie = None

    def ask(self, method: str, path: str, body: str = "", **headers: str):
        """Status, headers and text of an answer. Names of headers with '_' for '-'."""
        where = (self.parts.hostname, self.parts.port)
        if self.parts.scheme == "https":
            trusting = ssl._create_unverified_context()
            connection = http.client.HTTPSConnection(*where, timeout=TIMEOUT, context=trusting)
        else:
            connection = http.client.HTTPConnection(*where, timeout=TIMEOUT)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with contextlib.closing(connection):
            connection.request(method, path, body or None, named)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def enter(self) -> None:
        status, headers, text = self.ask("POST", "/enter", self.parts.fragment, Origin=self.origin)
        assert status == 200, text
        self.room = json.loads(text)["room"]
        self.cookie = headers["Set-Cookie"].split(";")[0]

    def ours(self) -> dict[str, str]:
        """The headers that our own page sends."""
        return {"Cookie": self.cookie, "Origin": self.origin}

    def get(self, path: str):
        return self.ask("GET", f"/{self.room}/{path}", Cookie=self.cookie)

    def post(self, action: str, **what: str):
        status, _, text = self.ask("POST", f"/{self.room}/api/{action}?{urlencode(what)}",
                                   **self.ours())
        return status, json.loads(text)


@contextlib.contextmanager
def served(glckpt: Glckpt, *options: str) -> Iterator[Server]:
    """A server that is interrupted in the end, and then ends well."""
    server = Server(glckpt, *options)
    try:
        yield server
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(timeout=TIMEOUT) == 0
    finally:
        server.process.kill()
        server.process.wait()
        server.process.stdout.close()


exceptions = pytest.importorskip("selenium.common.exceptions", reason="python3-selenium is missing")

SHOWN = """
    return [...document.querySelectorAll(arguments[0])]
        .find((one) => one.getClientRects().length && !one.disabled) ?? null;"""
TEXT = "return document.querySelector(arguments[0])?.innerText ?? ''"

# The page may have changed between a look and a click: then look again.
NOT_CLICKED = (
    exceptions.StaleElementReferenceException,
    exceptions.ElementClickInterceptedException,
    exceptions.ElementNotInteractableException,
)


class Page:
    """What a user sees of the farm page, and does there."""

    def __init__(self, browser):
        self.browser = browser

    def find(self, selector: str):
        """The first that is shown and not disabled, or None."""
        return self.browser.execute_script(SHOWN, selector)

    def wait(self, selector: str) -> None:
        wait_until(lambda: self.find(selector), f"the page shows {selector}", timeout=TIMEOUT)

    def wait_gone(self, selector: str) -> None:
        wait_until(lambda: not self.find(selector), f"{selector} has gone", timeout=TIMEOUT)

    def wait_text(self, selector: str, text: str) -> None:
        def said():
            return text in self.browser.execute_script(TEXT, selector)

        wait_until(said, f"{selector} says {text!r}", timeout=TIMEOUT)

    def _click(self, selector: str) -> bool:
        button = self.find(selector)
        try:
            if button:
                button.click()
            return bool(button)
        except NOT_CLICKED:
            return False

    def press(self, selector: str) -> None:
        """A button or a link, once it can be pressed."""
        wait_until(lambda: self._click(selector), f"{selector} can be pressed", timeout=TIMEOUT)
