"""The fixture of the end-to-end tests: a glckpt of one's own, checked for what it leaves behind.

    /usr/bin/python3 -m pytest tests/e2e

All tests run as whoever calls; only what needs root to be staged is skipped for an ordinary user.
Evidence of a failed test (logs, pictures, manifests) is kept in build/e2e-evidence/TEST.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness import leaks  # noqa: E402
from harness.driver import BUILD, Glckpt, make_base  # noqa: E402
from harness.xserver import XServer  # noqa: E402

EVIDENCE = BUILD / "e2e-evidence"
BIGGEST_EVIDENCE = 4 << 20


def pytest_configure(config):
    config.addinivalue_line("markers", "user: means something for an ordinary user too")
    config.addinivalue_line("markers", "once: lasts long, and is the same for every user")


def pytest_collection_modifyitems(items):
    for item in items:
        if not item.get_closest_marker("once"):
            item.add_marker(pytest.mark.user)


@pytest.fixture
def glckpt(request):
    """A Glckpt in empty folders; afterwards nothing of it may be left."""
    before = leaks.Traces.take()
    base = make_base()
    driver = Glckpt(base)
    yield driver
    failed = getattr(request.node, "failed", False)
    if failed:
        _keep_evidence(request.node.name, driver)
    driver.kill_all()
    left = leaks.left_over(before, base)
    if left and not failed:
        _keep_evidence(request.node.name, driver)
    _end_what_is_left(base)
    shutil.rmtree(base, ignore_errors=True)
    if left and not failed:
        pytest.fail("left over:\n  " + "\n  ".join(left))


@pytest.fixture
def certificate(glckpt):
    """One of localhost that vouches for itself, and its key: paths."""
    files = [str(glckpt.work / name) for name in ("cert.pem", "key.pem")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-out", files[0], "-keyout", files[1]],
                   check=True, capture_output=True)
    return files


@pytest.fixture(scope="module")
def server():
    """An X server for programs without sessions."""
    with XServer() as started:
        yield started


def _end_what_is_left(base: Path) -> None:
    for pid in leaks.processes_below(base):
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            continue


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed and report.when != "teardown":
        item.failed = True


def _keep_evidence(test: str, driver: Glckpt) -> None:
    """Copies logs, pictures and manifests, but no memory images."""
    target = EVIDENCE / re.sub(r"[^\w.-]+", "_", test)
    shutil.rmtree(target, ignore_errors=True)
    for path in driver.base.rglob("*"):
        try:
            if not path.is_file() or path.stat().st_size > BIGGEST_EVIDENCE:
                continue
            copy = target / path.relative_to(driver.base)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        except OSError:
            continue
    print(f"evidence: {target}", file=sys.stderr)
