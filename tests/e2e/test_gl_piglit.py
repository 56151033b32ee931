"""A part of piglit through the proxy: what passes natively passes, but for the losses we know by name."""

import subprocess
import sys

import pytest
from harness.driver import BUILD, TOP

GL = TOP / "tests" / "gl"


@pytest.mark.once
def test_what_passes_natively_passes():
    """tests/gl/piglit.list; `make piglit` runs everything. Lasts minutes, so not as a user too."""
    done = subprocess.run(
        [sys.executable, GL / "piglit.py", "--build", BUILD, "--tests", GL / "piglit.list",
            "--known", GL / "piglit.lost", "--keep", BUILD / "piglit-part"],
        capture_output=True, text=True, timeout=1500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
