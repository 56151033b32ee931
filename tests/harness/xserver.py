"""An X server of a test's own, for programs that run without a session."""

from __future__ import annotations

import os
import subprocess


class XServer:
    """Xvfb on a number that it chooses itself."""

    def __init__(self, screen: str = "1280x1024x24"):
        self.screen = screen

    def __enter__(self) -> XServer:
        read, write = os.pipe()
        self.process = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", self.screen, "-nolisten", "tcp",
                "-noreset"],
            pass_fds=(write,), stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(write)
        with os.fdopen(read) as answers:
            number = answers.readline().strip()
        if not number:
            raise RuntimeError("Xvfb does not start")
        self.display = f":{number}"
        self.environment = os.environ | {"DISPLAY": self.display, "LIBGL_ALWAYS_SOFTWARE": "1"}
        self.environment.pop("WAYLAND_DISPLAY", None)
        self.environment.pop("XAUTHORITY", None)
        return self

    def run(self, *command, chaos: str = "", timeout: float = 120) -> subprocess.CompletedProcess:
        """Runs a program on it, with GLCKPT_CHAOS where given; it has to end well."""
        environment = self.environment | ({"GLCKPT_CHAOS": chaos} if chaos else {})
        done = subprocess.run(command, env=environment, capture_output=True, text=True,
            timeout=timeout, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def __exit__(self, *_) -> None:
        self.process.terminate()
        self.process.wait()
