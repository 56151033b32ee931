#!/usr/bin/python3
"""`make leaks`: whether contexts, objects and frames that are gone leave anything at either end of the stream.

Runs gl-churn through the proxy, 10,000 contexts and 100,000 frames, and says after each quarter what the
program, the proxy and the X server hold. Ends 1 when the last two quarters left something.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness import churn  # noqa: E402
from harness.driver import Glckpt, make_base  # noqa: E402

SLACK = 2048  # KiB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contexts", type=int, default=10000)
    parser.add_argument("--frames", type=int, default=100000)
    parser.add_argument("--gl", default="proxy", help="native: what the driver itself leaves")
    args = parser.parse_args()
    glckpt = Glckpt(make_base())
    try:
        marks = churn.churn(glckpt, args.contexts, args.frames, 3600, ("--gl", args.gl))
    finally:
        glckpt.remove()
    for number, mark in enumerate(marks, 1):
        print(f"after quarter {number}:\n{mark.text()}")
    faults = churn.grown(marks, SLACK)
    print("\n".join(faults) or f"nothing is left of {args.contexts} contexts and {args.frames} frames")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
