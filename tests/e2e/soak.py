#!/usr/bin/python3
"""An array of frames on a farm of two nodes, preempted at random: every frame must come out right,
each be rendered once, and nothing be left on any node.

    soak.py [--minutes N] [--seed N]        as root; 10 minutes unless told otherwise

A short one runs with the end-to-end tests.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from farm import LIMIT, SCRIPTS, Farm, ended, ordinary_user, rendered_again, running  # noqa: E402
from farm import saved  # noqa: E402
from harness import blender  # noqa: E402
from harness.driver import wait_until  # noqa: E402
from slurm import NODES  # noqa: E402

FRAMES = 8
SAMPLES = 300  # a frame: about 8 seconds of one processor


def scene(samples: int) -> tuple[str, ...]:
    options = ("--engine", "CYCLES", "--samples", str(samples), "--size", "160x120")
    return (*options, "--frames", str(FRAMES))


@dataclass
class Outcome:
    arrays: int = 0
    preemptions: int = 0
    images: int = 0
    restores: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        counts = f"{self.arrays} arrays of {FRAMES} frames, {self.preemptions} nodes preempted, "
        counts += f"{self.images} images, {self.restores} restores"
        return "\n  ".join([counts, *(self.wrong or ["nothing wrong"])])


class Array:
    """One array job, from its start to its end."""

    def __init__(self, farm: Farm, name: str, samples: int):
        self.farm = farm
        farm.begin(name)
        self.scene = farm.place_scene(*scene(samples))
        self.number = farm.submit("-p", "low30", SCRIPTS / "frames.sh")
        self.tasks = [f"{self.number}_{task}" for task in range(1, FRAMES + 1)]

    def logs(self) -> list[str]:
        return [self.farm.log(f"slurm-{task}.out") for task in self.tasks]

    def is_over(self) -> bool:
        return all(ended(self.farm.slurm.job(task)) for task in self.tasks)

    def wait(self) -> None:
        limit = FRAMES * LIMIT
        wait_until(self.is_over, f"array {self.number} has ended", timeout=limit, every=0.5)

    def wrong(self) -> list[str]:
        found = []
        for number, log in enumerate(self.logs(), start=1):
            if saved(log) != [f"{number:04}"]:
                found.append(f"frame {number} was saved as {saved(log)}:\n{log[-3000:]}")
            if rendered_again(log):
                found.append(f"frame {number}: rendered again: {rendered_again(log)}")
        return found + self.farm.wrong_frames(self.scene) + self.farm.left_over()


def preempt_until(farm: Farm, array: Array, end: float, chance: random.Random) -> int:
    """Preempts one node after the other until the array or the time is over; how often."""
    count = 0
    while time.monotonic() < end and not array.is_over():
        number = farm.preempt(chance.choice(NODES), round(chance.uniform(0.2, 3), 1))
        farm.wait(number, ended, "has ended")
        count += 1
        pause = time.monotonic() + chance.uniform(0, 6)
        wait_until(lambda: array.is_over() or time.monotonic() > pause, "a pause", every=0.3)
    return count


def soak(farm: Farm, seconds: float, seed: int, samples: int = SAMPLES) -> Outcome:
    """Preempts for so long, then lets the last array end undisturbed."""
    chance, outcome = random.Random(seed), Outcome()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        outcome.arrays += 1
        array = Array(farm, f"array-{outcome.arrays}", samples)
        outcome.preemptions += preempt_until(farm, array, end, chance)
        array.wait()
        log = "".join(array.logs())
        outcome.images += len(re.findall(r": checkpointed in \d", log))
        outcome.restores += len(re.findall(r": restored ", log))
        outcome.wrong += array.wrong()
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    print(f"soak: {arguments.minutes:g} minutes, seed {arguments.seed}", flush=True)
    blender.reference(blender.make_scene("--plain", *scene(SAMPLES)))
    with ordinary_user() as user, running(user) as farm:
        outcome = soak(farm, arguments.minutes * 60, arguments.seed)
    print(f"soak: {outcome}")
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
