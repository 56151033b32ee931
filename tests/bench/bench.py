#!/usr/bin/python3
"""`make bench`: what glckpt costs, measured against its rivals in one interleaved run.

    bench.py [--quick] [--only checkpoints | --only objects | --only gl [--rows PATTERN]]

Each part measures and returns its tables; a bar that is missed is marked and ends the run with
status 1. All figures go to build/bench.json as well.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import checkpoints, display, gl, objects, prediction  # noqa: E402
from harness.driver import BUILD  # noqa: E402

PARTS = {"checkpoints": checkpoints.tables, "prediction": prediction.tables, "gl": gl.tables,
         "objects": objects.tables, "display": display.tables}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small loads, one round")
    parser.add_argument("--only", choices=PARTS, help="one part")
    parser.add_argument("--rows", default="", help="of GL: rows and programs whose names match")
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    if os.geteuid() != 0 and arguments.only not in ("gl", "objects"):
        print("bench: plain criu, the rival, needs root: run `sudo make bench`", file=sys.stderr)
        return 1
    tables, figures = [], {}
    for name in [arguments.only] if arguments.only else PARTS:
        with tempfile.TemporaryDirectory(prefix="glckpt-bench-", dir="/var/tmp") as base:
            options = {"only": arguments.rows} if name == "gl" else {}
            made, figures[name] = PARTS[name](arguments.quick, Path(base), **options)
        tables += made
    for table in tables:
        table.print()
    write_figures(figures)
    return 0 if all(bar.met for table in tables for bar in table.bars) else 1


def write_figures(figures: dict) -> None:
    where = BUILD / "bench.json"
    machine = {"kernel": platform.release(), "processors": os.cpu_count(), "time": time.time()}
    where.write_text(json.dumps({"machine": machine, "figures": figures}, indent=1) + "\n")
    print(f"\n  all figures: {where}")


if __name__ == "__main__":
    sys.exit(main())
