r"""Sliced Wasserstein distance between patches of two sets of images, scale by scale (arXiv 1710.10196).

Every image becomes a Laplacian pyramid: with :math:`D` a binomial blur that keeps every second pixel and :math:`U`
the matching enlargement, level l is :math:`x_l - U x_{l+1}`, :math:`x_{l+1} = D x_l`, and the last level is
:math:`x_L` itself. On each level, 7 x 7 patches at random places are rows :math:`p \in \mathbb{R}^{49 C}`, scaled by
mean and standard deviation of each channel. For K unit directions :math:`w_k` the distance is

.. math:: \mathrm{SWD}_l = \frac1K \sum_k \frac1m \sum_i \big| \langle w_k, p\rangle_{(i)} -
   \langle w_k, q\rangle_{(i)} \big|, \qquad \mathrm{SWD} = \text{mean of SWD}_l \text{ over the levels},

where (i) is the i-th smallest of m. The distance needs no feature net and no labels. It compares textures: how
patches fit together in an image does not count.

Published values are scaled by 1000, and scale each set by its own mean and deviation, which hides a difference of
contrast (``scale="each"``). By default both sets are scaled by those of the real set.

References:
  Progressive Growing of GANs, arXiv 1710.10196 (section 5); Wasserstein Barycenter and its Application to Texture
  Mixing, Rabin et al. 2011.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pairs import InputError

__all__ = ["SlicedWasserstein", "sliced_wasserstein", "sliced_distance", "laplacian_pyramid"]

SIDE = 7
"""Pixels along a patch."""
SMALLEST = 14
"""Least shorter side of a level; powers of two then end at 16, as published."""

_TAPS = np.array([1, 4, 6, 4, 1], np.float32) / 16
_IMAGES = 500  # images whose pyramids are held at a time


class SlicedWasserstein(NamedTuple):
    """Mean over the levels, and each level's distance, finest first."""

    mean: float
    levels: tuple[float, ...]


def _blurred(x: np.ndarray, gain: float = 1.0) -> np.ndarray:
    """Rows and columns convolved with the five binomial taps, mirrored at the borders."""
    for axis in (1, 2):
        n = x.shape[axis]
        padded = np.pad(x, [(2, 2) if a == axis else (0, 0) for a in range(x.ndim)], mode="reflect")
        parts = np.stack([np.take(padded, np.arange(i, i + n), axis=axis) for i in range(5)])
        x = np.tensordot(np.float32(gain) * _TAPS, parts, axes=1)
    return x


def _enlarged(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    wide = np.zeros((len(x), *shape[1:]), x.dtype)
    wide[:, ::2, ::2] = x
    return _blurred(wide, 2.0)


def laplacian_pyramid(x: ArrayLike, smallest: int = SMALLEST) -> list[np.ndarray]:
    """Levels of images ``(n, H, W, C)``, finest first; their sides are halved (rounded up) from one to the next.

    Args:
      x: images, any numbers.
      smallest: no level has a shorter side below this.

    Returns:
      Float32 arrays; the last holds the blurred images, the others what each halving takes away.

    >>> [level.shape[1:3] for level in laplacian_pyramid(np.zeros((1, 64, 28, 1)))]
    [(64, 28), (32, 14)]
    """
    images = np.asarray(x, np.float32)
    levels = []
    while (min(images.shape[1:3]) + 1) // 2 >= smallest:
        smaller = _blurred(images)[:, ::2, ::2]
        levels.append(images - _enlarged(smaller, images.shape))
        images = smaller
    return [*levels, images]


def _patches(x: np.ndarray, m: int, seed: int) -> list[np.ndarray]:
    """``(m, 49, C)`` patches of each level; image ``i % n`` gives patch i, at a place that depends on i alone."""
    rng, side = np.random.default_rng(seed), np.arange(SIDE)
    places, n = rng.random((2, m)), len(x)
    found: list[list[np.ndarray]] = []
    for first in range(0, n, _IMAGES):
        levels = laplacian_pyramid(x[first : first + _IMAGES])
        chosen = np.flatnonzero((np.arange(m) % n >= first) & (np.arange(m) % n < first + _IMAGES))
        for k, level in enumerate(levels):
            row, column = (
                (p[chosen] * (s - SIDE + 1)).astype(int) for p, s in zip(places, level.shape[1:3], strict=True)
            )
            image = (chosen % n - first)[:, None, None]
            part = level[image, (row[:, None] + side)[:, :, None], (column[:, None] + side)[:, None, :]]
            if k == len(found):
                found.append([])
            found[k].append(part.reshape(len(chosen), SIDE * SIDE, -1))
    return [np.concatenate(parts) for parts in found]


def sliced_distance(x: ArrayLike, y: ArrayLike, directions: int = 128, seed: int = 0) -> float:
    """Mean absolute difference of sorted projections of rows ``(m, d)`` on random unit directions.

    Args:
      x: Rows of one set.
      y: As many rows of the other.
      directions: number K of directions.
      seed: decides the directions.

    >>> round(sliced_distance([[0.0], [1.0]], [[2.0], [5.0]]), 6)  # (|0 - 2| + |1 - 5|) / 2
    3.0
    """
    a, b = np.asarray(x, np.float32), np.asarray(y, np.float32)
    if a.shape != b.shape or a.ndim != 2:
        raise InputError("rows", f"have shapes {a.shape} and {b.shape}", "give equally many rows of one length")
    w = np.random.default_rng(seed).standard_normal((directions, a.shape[1]))
    w = (w / np.linalg.norm(w, axis=1, keepdims=True)).astype(np.float32)
    total = 0.0
    for part in np.array_split(w, -(-directions // 16)):
        p, q = np.sort(part @ a.T, axis=1), np.sort(part @ b.T, axis=1)
        total += float(np.abs(p - q).mean(dtype=np.float64)) * len(part)
    return total / directions


def sliced_wasserstein(
    fake: ArrayLike,
    real: ArrayLike,
    *,
    patches: int = 2**16,
    directions: int = 128,
    seed: int = 0,
    scale: Literal["real", "each"] = "real",
) -> SlicedWasserstein:
    """Distance between two sets of images ``(n, H, W, C)``, bytes or floats of one range, H and W at least 16.

    Args:
      fake: One set.
      real: The other; the two may differ in number.
      patches: patches from each set on each level.
      directions: directions on each level.
      seed: decides places and directions; patch i of both sets lies at the same place, so that equal sets have
        distance 0 and the changes of a set are seen without the noise of the draw.
      scale: ``real`` scales both sets by the channel means and deviations of the real one, ``each`` as published.

    Raises:
      InputError: no images, two shapes, sides below 16, NaN, a real set without any variation.

    >>> x = np.random.default_rng(0).random((8, 16, 16, 1))
    >>> sliced_wasserstein(x, x).mean
    0.0
    """
    a, b = np.asarray(fake), np.asarray(real)
    if a.ndim != 4 or b.ndim != 4 or a.shape[1:] != b.shape[1:] or not len(a) or not len(b):
        raise InputError("images", f"have shapes {a.shape} and {b.shape}", "give two sets (n, H, W, C) of one size")
    if min(a.shape[1:3]) < 16:
        raise InputError("images", f"are {a.shape[1]}x{a.shape[2]} pixels", "this distance needs 16 or more each way")
    if not (np.all(np.isfinite(a)) and np.all(np.isfinite(b))):
        raise InputError("images", "hold NaN or infinity", "check the generator")
    values = []
    for p, q in zip(_patches(a, patches, seed), _patches(b, patches, seed), strict=True):
        laws = [(v.mean((0, 1), dtype=np.float64), v.std((0, 1), dtype=np.float64)) for v in (p, q)]
        if np.any(laws[1][1] == 0):
            raise InputError("images", "have a channel without variation in the real set", "check the real images")
        mean, deviation = laws[1] if scale == "real" else laws[0]
        first = (p - mean) / np.where(deviation > 0, deviation, 1)
        second = (q - laws[1][0]) / laws[1][1]
        values.append(sliced_distance(first.reshape(len(p), -1), second.reshape(len(q), -1), directions, seed))
    return SlicedWasserstein(float(np.mean(values)), tuple(values))
