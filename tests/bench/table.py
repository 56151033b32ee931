"""Rows of measured figures: medians with their spread, ratios, and the bars they must meet."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Sample:
    """One figure, measured once a round."""

    values: list[float] = field(default_factory=list)

    def add(self, value: float) -> None:
        self.values.append(value)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def text(self, form: Callable[[float], str]) -> str:
        """Median, and the spread where there is more than one round."""
        if not self.values:
            return "-"
        if len(self.values) == 1:
            return form(self.median)
        return f"{form(self.median)} ({form(min(self.values))}..{form(max(self.values))})"


def ratios(of: Sample, to: Sample) -> Sample:
    """Round by round, so that what a noisy moment did to both cancels out."""
    return Sample([a / b for a, b in zip(of.values, to.values) if b])


def seconds(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"


def megabytes(value: float) -> str:
    return f"{value / 1e6:.0f}"


def plain(value: float) -> str:
    return f"{value:.2f}"


@dataclass
class Bar:
    """What a ratio must not exceed."""

    what: str
    ratio: Sample
    at_most: float

    @property
    def met(self) -> bool:
        return bool(self.ratio.values) and self.ratio.median <= self.at_most

    def text(self) -> str:
        mark = "ok  " if self.met else "MISS"
        return f"{mark} {self.what}: {self.ratio.text(plain)}, bar {self.at_most:g}"


@dataclass
class Table:
    """A title, columns of cells, and bars below it."""

    title: str
    head: list[str]
    rows: list[list[str]] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)

    def print(self) -> None:
        print(f"\n{self.title}\n")
        lines = [self.head, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.head))]
        for line in lines:
            cells = [cell.ljust(width) for cell, width in zip(line, widths)]
            print("  " + "  ".join(cells).rstrip())
        for bar in self.bars:
            print(f"  {bar.text()}")
