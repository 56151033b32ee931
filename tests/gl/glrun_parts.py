"""What programs under the proxy need: shared by glrun and restore.py."""

import os
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent


def wait_for(path: Path, process: subprocess.Popen) -> None:
    """Until the proxy listens."""
    while not path.exists():
        if process.poll() is not None:
            sys.exit("glrun: glproxy ended")
        time.sleep(0.002)


def settle(directory: Path, seconds: float = 10) -> None:
    """Lets proxies end whose programs have: what they say at their end is said."""
    until = time.monotonic() + seconds
    while any(directory.glob("p[0-9]*")) and time.monotonic() < until:
        time.sleep(0.002)


def environment(build: Path, socket: Path) -> dict[str, str]:
    libraries = os.environ.get("LD_LIBRARY_PATH")
    return os.environ | {
        "GLCKPT_PROXY_SOCKET": str(socket),
        "__GLX_VENDOR_LIBRARY_NAME": "glckpt",
        "__EGL_VENDOR_LIBRARY_FILENAMES": str(build / "50_glckpt.json"),
        "LD_LIBRARY_PATH": f"{build}:{libraries}" if libraries else str(build),
    }


def status_of(code: int) -> int:
    return 128 - code if code < 0 else code
