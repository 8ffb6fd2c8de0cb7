"""Grids of images as PNG files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw

from ..errors import InputError
from .files import write_bytes

__all__ = ["before_after_grid", "grid", "png_bytes", "save_grid", "side_by_side"]


def _check(images: ArrayLike) -> np.ndarray:
    x = np.asarray(images)
    if x.dtype != np.uint8 or x.ndim != 4 or len(x) == 0 or x.shape[-1] not in (1, 3):
        raise InputError("images", f"are {x.dtype} {x.shape}", "give uint8 (n, H, W, 1 or 3)")
    return x


def grid(images: ArrayLike, columns: int = 8, pad: int = 2, background: int = 255, zoom: int = 1) -> np.ndarray:
    """One picture ``(H', W', C)`` of uint8 NHWC images, row by row, ``pad`` pixels around each.

    >>> grid(np.zeros((3, 4, 4, 1), np.uint8), columns=2, pad=1).shape
    (11, 11, 1)
    """
    x = np.repeat(np.repeat(_check(images), zoom, axis=1), zoom, axis=2)
    n, height, width, channels = x.shape
    columns = max(1, min(columns, n))
    rows = -(-n // columns)
    sheet = np.full((rows * (height + pad) + pad, columns * (width + pad) + pad, channels), background, np.uint8)
    for i, image in enumerate(x):
        top, left = pad + (i // columns) * (height + pad), pad + (i % columns) * (width + pad)
        sheet[top : top + height, left : left + width] = image
    return sheet


def before_after_grid(
    before: ArrayLike, after: ArrayLike, columns: int = 16, rows: int = 4, pad: int = 2, zoom: int = 2
) -> np.ndarray:
    """Pairs of rows: the upper row before, the lower row after, the same latents one above the other."""
    x, y = _check(before), _check(after)
    if x.shape != y.shape:
        raise InputError("images", f"before {x.shape}, after {y.shape}", "give the same samples before and after")
    columns = min(columns, len(x))
    bands = []
    for start in range(0, min(len(x), rows * columns), columns):
        pair = [part[start : start + columns] for part in (x, y)]
        missing = columns - len(pair[0])
        blank = np.full((missing, *x.shape[1:]), 255, np.uint8)
        bands.append(grid(np.concatenate([np.concatenate([p, blank]) for p in pair]), columns, pad, zoom=zoom))
        bands.append(np.full((3 * pad, *bands[-1].shape[1:]), 255, np.uint8))
    return np.concatenate(bands[:-1])


def side_by_side(before: ArrayLike, after: ArrayLike, columns: int = 8, rows: int = 8, zoom: int = 2) -> np.ndarray:
    """One picture: a grid of ``before`` on the left, the same samples ``after`` at the same places on the right."""
    x, y = _check(before), _check(after)
    if x.shape != y.shape:
        raise InputError("images", f"before {x.shape}, after {y.shape}", "give the same samples before and after")
    left, right = (
        _captioned(grid(v[: columns * rows], columns, zoom=zoom), t) for v, t in ((x, "before"), (y, "after"))
    )
    gap = np.full((left.shape[0], 8 * zoom, left.shape[2]), 255, np.uint8)
    return np.concatenate([left, gap, right], axis=1)


def _captioned(picture: np.ndarray, text: str, height: int = 18) -> np.ndarray:
    strip = Image.new("L", (picture.shape[1], height), 255)
    ImageDraw.Draw(strip).text((4, 3), text, fill=0)
    band = np.repeat(np.asarray(strip)[..., None], picture.shape[2], axis=2)
    return np.concatenate([band, picture])


def png_bytes(picture: np.ndarray) -> bytes:
    """PNG file of one uint8 picture ``(H, W, 1 or 3)``."""
    buffer = io.BytesIO()
    Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(buffer, "PNG")
    return buffer.getvalue()


def save_grid(path: str | Path, images: ArrayLike, columns: int = 8, pad: int = 2, zoom: int = 1) -> None:
    """:func:`grid` to a PNG file."""
    write_bytes(path, png_bytes(grid(images, columns, pad, zoom=zoom)))
