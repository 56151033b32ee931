"""Pictures compared by their pixels, and sheets of them to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy
from PIL import Image, ImageDraw, ImageFont


def load(path: Path) -> numpy.ndarray:
    """Height x width x 3 bytes; texts and times inside the file do not count."""
    with Image.open(path) as image:
        return numpy.asarray(image.convert("RGB"))


def differing_pixels(one: Path, other: Path) -> int:
    """How many pixels differ; all of them when the sizes do."""
    a, b = load(one), load(other)
    if a.shape != b.shape:
        return max(a.shape[0] * a.shape[1], b.shape[0] * b.shape[1])
    return int((a != b).any(axis=2).sum())


def is_blank(path: Path) -> bool:
    """Whether it shows one colour only."""
    pixels = load(path)
    return bool((pixels == pixels[0, 0]).all())


def difference(one: Path, other: Path) -> Image.Image:
    """Black where both are equal, brighter where they are not."""
    a, b = load(one).astype(int), load(other).astype(int)
    if a.shape != b.shape:
        return Image.new("RGB", (a.shape[1], a.shape[0]), "red")
    return Image.fromarray(numpy.minimum(abs(a - b) * 8, 255).astype("uint8"))


def _font(size: int) -> ImageFont.ImageFont:
    try:
        return ImageFont.truetype("DejaVuSans.ttf", size)
    except OSError:
        return ImageFont.load_default()


def _row(pictures: Sequence[Image.Image], width: int) -> list[Image.Image]:
    return [p.resize((width, p.height * width // p.width), Image.LANCZOS) for p in pictures]


class Sheet:
    """A contact sheet: titled blocks, each with labelled rows of pictures."""

    MARGIN, LABEL = 12, 190

    def __init__(self, width: int = 200):
        self.width = width
        self.parts: list[tuple[str, list[Image.Image]]] = []

    def title(self, text: str) -> None:
        self.parts.append((text, []))

    def row(self, label: str, pictures: Sequence[Image.Image]) -> None:
        self.parts.append((label, _row(pictures, self.width)))

    def save(self, path: Path) -> None:
        columns = max(len(row) for _, row in self.parts)
        heights = [max((p.height for p in row), default=30) + self.MARGIN for _, row in self.parts]
        size = (self.LABEL + columns * (self.width + self.MARGIN) + self.MARGIN, sum(heights))
        sheet = Image.new("RGB", (size[0], size[1] + 2 * self.MARGIN), (245, 245, 242))
        pen = ImageDraw.Draw(sheet)
        top = self.MARGIN
        for (label, row), height in zip(self.parts, heights):
            self._draw_part(sheet, pen, top, label, row)
            top += height
        sheet.save(path)

    def _draw_part(self, sheet, pen, top: int, label: str, row: list[Image.Image]) -> None:
        font = _font(14) if row else _font(19)
        pen.multiline_text((self.MARGIN, top + 4), label, fill=(30, 30, 40), font=font)
        for column, picture in enumerate(row):
            sheet.paste(picture, (self.LABEL + column * (self.width + self.MARGIN), top))
