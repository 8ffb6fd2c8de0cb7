"""Moving pictures of paths: linear, slerp and geodesic side by side, there and back."""

from __future__ import annotations

import io

import jax
import numpy as np
from PIL import Image, ImageDraw

from pairs import Pair
from pairs.checks import image_range, is_image
from pairs.io.pixels import to_uint8

from .comparison import Comparison
from .pictures import TITLES, frames_of

__all__ = ["path_gif"]

_SIDE = 140  # pixels of a panel
_SECONDS = 4.0  # there and back


def path_gif(pair: Pair, found: Comparison, row: int = 0) -> bytes:
    """A GIF of the paths of one pair of ends; samples that are not images are a dot that moves among samples.

    Args:
      pair: The pair.
      found: Paths of every method.
      row: Which pair of ends.

    Returns:
      The bytes of the file.
    """
    frames = frames_of(pair, found, row)
    names = [n for n in ("linear", "slerp", "geodesic") if n in frames]
    if is_image(pair):
        panels = {n: to_uint8(frames[n], image_range(pair)) for n in names}
    else:
        panels = _moving_points(pair, frames, names)
    count = len(panels[names[0]])
    pictures = [_labelled(_beside([panels[n][i] for n in names]), names) for i in range(count)]
    pictures = pictures + pictures[-2:0:-1]
    out = io.BytesIO()
    pictures[0].save(
        out,
        format="GIF",
        save_all=True,
        append_images=pictures[1:],
        loop=0,
        duration=max(20, int(1000 * _SECONDS / len(pictures))),
    )
    return out.getvalue()


def _labelled(tiles: np.ndarray, names: list[str], margin: int = 18) -> Image.Image:
    """The tiles with their methods' names above."""
    picture = Image.new("RGB", (tiles.shape[1], tiles.shape[0] + margin), "white")
    picture.paste(Image.fromarray(tiles), (0, margin))
    pen, width = ImageDraw.Draw(picture), tiles.shape[1] // len(names)
    for i, name in enumerate(names):
        pen.text((i * width + 6, 4), TITLES[name], fill="black")
    return picture


def _beside(tiles: list[np.ndarray]) -> np.ndarray:
    shown = []
    for tile in tiles:
        tile = np.repeat(tile, 3, axis=-1) if tile.shape[-1] == 1 else tile
        scale = max(1, _SIDE // tile.shape[0])
        tile = np.repeat(np.repeat(tile, scale, axis=0), scale, axis=1)
        shown.append(np.pad(tile, ((4, 4), (4, 4), (0, 0)), constant_values=255))
    return np.concatenate(shown, axis=1)


def _moving_points(pair: Pair, frames: dict[str, np.ndarray], names: list[str]) -> dict[str, np.ndarray]:
    """Vectors: a dot that moves among samples, drawn as a small picture."""
    x = np.asarray(pair.generate(pair.prior.sample(jax.random.key(0), 2000))).reshape(2000, -1)[:, :2]
    low, high = x.min(0), x.max(0)
    place = lambda p: np.clip((p - low) / np.maximum(high - low, 1e-12) * 131 + 4, 0, 139).astype(int)
    ground = np.full((140, 140, 1), 255, np.uint8)
    at = place(x)
    ground[139 - at[:, -1], at[:, 0]] = 190
    out = {}
    for name in names:
        stack = []
        for point in place(frames[name].reshape(len(frames[name]), -1)[:, :2]):
            picture = ground.copy()
            picture[max(0, 136 - point[-1]) : 142 - point[-1], max(0, point[0] - 3) : point[0] + 3] = 0
            stack.append(picture)
        out[name] = np.stack(stack)
    return out
