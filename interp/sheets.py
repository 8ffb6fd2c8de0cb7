"""Contact sheets of paths: every frame of every method, one row for each."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from pairs import Pair
from pairs.checks import image_range
from pairs.io.pictures import grid, png_bytes
from pairs.io.pixels import to_uint8

from .comparison import Comparison
from .pictures import TITLES, frames_of

__all__ = ["path_sheet", "sheet"]

_WIDE, _MARGIN = 2400, 130


def path_sheet(pair: Pair, found: Comparison, row: int = 0) -> bytes:
    """A PNG with all frames of all methods of one pair of ends.

    Args:
      pair: A pair of images.
      found: Paths of every method.
      row: Which pair of ends.
    """
    frames = frames_of(pair, found, row)
    span = image_range(pair)
    return png_bytes(sheet({TITLES[name]: to_uint8(x, span) for name, x in frames.items()}))


def sheet(rows: dict[str, np.ndarray], zoom: int | None = None) -> np.ndarray:
    """One picture ``(H, W, 3)`` of rows of bytes ``(frames, h, w, 1 or 3)``, each under its name on the left.

    Args:
      rows: As many frames of one size in every row.
      zoom: Pixels for one pixel; by default what makes the sheet at most 2,400 wide, 3 at most.

    Example:
      >>> sheet({"a": np.zeros((2, 4, 4, 1), np.uint8), "b": np.zeros((2, 4, 4, 1), np.uint8)}, zoom=1).shape
      (14, 144, 3)
    """
    first = next(iter(rows.values()))
    frames, wide = len(first), first.shape[2]
    zoom = max(1, min(3, (_WIDE - _MARGIN) // (frames * (wide + 2)))) if zoom is None else zoom
    body = grid(np.concatenate(list(rows.values())), columns=frames, zoom=zoom)
    body = body if body.shape[2] == 3 else np.repeat(body, 3, axis=2)
    picture = Image.new("RGB", (_MARGIN + body.shape[1], body.shape[0]), "white")
    picture.paste(Image.fromarray(body), (_MARGIN, 0))
    pen, height = ImageDraw.Draw(picture), body.shape[0] // len(rows)
    for i, name in enumerate(rows):
        pen.text((6, i * height + height // 2 - 6), name, fill="black")
    return np.asarray(picture)
