"""Moving pictures of paths: linear, slerp and geodesic side by side, there and back; loops run on."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import jax
import numpy as np
from PIL import Image, ImageDraw

from pairs import Pair
from pairs.checks import image_range, is_image
from pairs.io.pixels import to_uint8

from .comparison import Comparison
from .pictures import TITLES, frames_of

__all__ = ["moving_points", "path_gif", "path_mp4", "path_webp"]

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
    return _animated(_film(pair, found, row), "GIF")


def path_webp(pair: Pair, found: Comparison, row: int = 0) -> bytes:
    """The same as a WebP file, without loss; arguments as for :func:`path_gif`."""
    return _animated(_film(pair, found, row), "WEBP", lossless=True)


def path_mp4(pair: Pair, found: Comparison, row: int = 0) -> bytes | None:
    """The same as an MP4 file (H.264), arguments as for :func:`path_gif`; None without an ffmpeg that writes it."""
    program = shutil.which("ffmpeg")
    if program is None:
        return None
    pictures = _film(pair, found, row)
    # the format wants even sides
    size = 2 * (pictures[0].width // 2), 2 * (pictures[0].height // 2)
    raw = b"".join(picture.resize(size).tobytes() for picture in pictures)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "path.mp4"
        given = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}"]
        given += ["-r", f"{1000 / _pause(pictures):.3f}", "-i", "-"]
        made = ["-c:v", "libx264", "-pix_fmt", "yuv420p", str(target)]
        ran = subprocess.run([program, "-v", "error", "-y", *given, *made], input=raw, capture_output=True)
        return target.read_bytes() if ran.returncode == 0 and target.is_file() else None


def _film(pair: Pair, found: Comparison, row: int) -> list[Image.Image]:
    """The pictures of the film, in their order."""
    frames = frames_of(pair, found, row)
    last = "geodesic" if "geodesic" in frames else "plain"
    names = [n for n in ("linear", "slerp", last) if n in frames]
    if is_image(pair):
        panels = {n: to_uint8(frames[n], image_range(pair)) for n in names}
    else:
        panels = moving_points(pair, frames, names)
    count = len(panels[names[0]])
    pictures = [_labelled(_beside([panels[n][i] for n in names]), names) for i in range(count)]
    first, end = (np.asarray(found.paths["linear"][row, i]) for i in (0, -1))
    return pictures[:-1] if np.array_equal(first, end) and count > 2 else pictures + pictures[-2:0:-1]


def _pause(pictures: list[Image.Image]) -> int:
    """Milliseconds between two pictures."""
    return max(20, int(1000 * _SECONDS / len(pictures)))


def _animated(pictures: list[Image.Image], kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    pause = _pause(pictures)
    pictures[0].save(out, format=kind, save_all=True, append_images=pictures[1:], loop=0, duration=pause, **options)
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


def moving_points(pair: Pair, frames: dict[str, np.ndarray], names: list[str]) -> dict[str, np.ndarray]:
    """Samples that are no images as small pictures: a dot that moves among samples, or a series as a curve."""
    x = np.asarray(pair.generate(pair.prior.sample(jax.random.key(0), 2000))).reshape(2000, -1)
    if x.shape[1] > 2:
        low, high = float(x.min()), float(x.max())
        return {n: np.stack([_curve(row, low, high) for row in frames[n].reshape(len(frames[n]), -1)]) for n in names}
    low, high = x.min(0), x.max(0)
    place = lambda p: np.clip((p - low) / np.maximum(high - low, 1e-12) * 131 + 4, 0, 139).astype(int)
    ground = np.full((140, 140, 1), 255, np.uint8)
    at = place(x)
    ground[139 - at[:, -1], at[:, 0]] = 190
    out = {}
    for name in names:
        stack = []
        for point in place(frames[name].reshape(len(frames[name]), -1)):
            picture = ground.copy()
            picture[max(0, 136 - point[-1]) : 142 - point[-1], max(0, point[0] - 3) : point[0] + 3] = 0
            stack.append(picture)
        out[name] = np.stack(stack)
    return out


def _curve(row: np.ndarray, low: float, high: float) -> np.ndarray:
    """One series as a line over its coordinates, ``(140, 140, 1)`` bytes."""
    picture = Image.new("L", (_SIDE, _SIDE), 255)
    across = np.linspace(4, _SIDE - 5, len(row))
    up = _SIDE - 5 - (row - low) / max(high - low, 1e-12) * (_SIDE - 9)
    ImageDraw.Draw(picture).line([(float(u), float(v)) for u, v in zip(across, up, strict=True)], fill=0, width=2)
    return np.asarray(picture)[..., None]
