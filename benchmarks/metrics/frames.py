r"""How realistic and how smooth the frames of paths are, frame by frame, in the features of a net that judges.

With :math:`r(f)` the distance of a feature row to the nearest of the real rows, m its median and q its 99.5 % quantile
over fresh real rows, a frame's *distance* is :math:`r / m`, and the frame is *off the data* where :math:`r > q`: as far
as one fresh real image in two hundred is. Only interior frames count, since every method has the same ends. A blend of
images can lie near real ones (a blurred image is near the mean of all), so that distance alone does not prove realism;
where the net has classes, its confidence :math:`\max_k p_k` is given beside it.

The *jump* is the largest step over the mean step between neighbouring frames, 1 for even steps; a cut between two
images that stand still has n - 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pairs import InputError

__all__ = ["NearestReal", "Frames", "confidence", "frames", "jump", "nearest_distance"]

SHARE = 0.995
_BLOCK = 1000


def nearest_distance(rows: ArrayLike, real: ArrayLike) -> np.ndarray:
    """Euclidean distance ``(n,)`` of every row ``(n, d)`` to the nearest of ``real`` ``(m, d)``.

    >>> nearest_distance([[0.0, 0.0]], [[3.0, 4.0], [6.0, 8.0]]).tolist()
    [5.0]
    """
    x, y = np.asarray(rows, np.float64), np.asarray(real, np.float64)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or not len(y):
        raise InputError("features", f"have shapes {x.shape} and {y.shape}", "give (n, d) and (m, d) of one net")
    squares, out = np.sum(y**2, axis=1), []
    for i in range(0, len(x), _BLOCK):
        part = x[i : i + _BLOCK]
        least = np.min(squares - 2 * part @ y.T, axis=1) + np.sum(part**2, axis=1)
        out.append(np.sqrt(np.maximum(least, 0)))
    return np.concatenate(out) if out else np.zeros(0)


class NearestReal(NamedTuple):
    """Real rows with the scale that fresh real rows give.

    Attributes:
      real: Feature rows ``(m, d)`` that frames are compared with.
      median: Median distance of fresh real rows to them.
      edge: The 99.5 % quantile of those distances.
      fresh: Number of fresh rows.
    """

    real: np.ndarray
    median: float
    edge: float
    fresh: int

    @classmethod
    def of(cls, real: ArrayLike, fresh: ArrayLike) -> NearestReal:
        """The scale of two disjoint sets of real rows.

        Raises:
          InputError: There are fewer than 200 fresh rows, whose 99.5 % quantile would be their maximum.
        """
        held = np.asarray(fresh)
        if len(held) < 200:
            raise InputError("fresh", f"holds {len(held)} rows", "give at least 200 real images that stay aside")
        distance = nearest_distance(held, real)
        median, edge = np.quantile(distance, [0.5, SHARE])
        return cls(np.asarray(real, np.float64), float(median), float(edge), len(held))


class Frames(NamedTuple):
    """Figures of paths, ``(paths,)`` each; all but the last two are of interior frames.

    Attributes:
      distance: Mean distance to the nearest real row, in medians of fresh real rows.
      worst: The largest such distance.
      worst_at: The frame where it is, counted from the first end, which is 0.
      off_data: Share of frames off the data.
      jump: Largest over mean step between neighbours, in the judge's features.
      length: Length of the path in the judge's features.
    """

    distance: np.ndarray
    worst: np.ndarray
    worst_at: np.ndarray
    off_data: np.ndarray
    jump: np.ndarray
    length: np.ndarray


def frames(rows: ArrayLike, near: NearestReal) -> Frames:
    """Figures of paths from the feature rows of their frames.

    Args:
      rows: ``(paths, frames, d)``, ends included.
      near: Real rows and their scale.

    Raises:
      InputError: There are fewer than three frames.
    """
    f = np.asarray(rows, np.float64)
    if f.ndim != 3 or f.shape[1] < 3:
        raise InputError("frames", f"have shape {f.shape}", "give (paths, frames, d) with at least 3 frames")
    inner = f[:, 1:-1]
    distance = nearest_distance(inner.reshape(-1, f.shape[2]), near.real).reshape(inner.shape[:2])
    relative = distance / max(near.median, 1e-30)
    steps = np.linalg.norm(np.diff(f, axis=1), axis=2)
    return Frames(
        distance=relative.mean(axis=1),
        worst=relative.max(axis=1),
        worst_at=1 + relative.argmax(axis=1),
        off_data=(distance > near.edge).mean(axis=1),
        jump=jump(f),
        length=steps.sum(axis=1),
    )


def jump(rows: ArrayLike) -> np.ndarray:
    """Largest over mean step ``(paths,)`` along rows ``(paths, frames, ...)``; 1 where nothing moves.

    >>> jump([[[0.0], [1.0], [2.0]], [[0.0], [0.0], [2.0]]]).tolist()
    [1.0, 2.0]
    """
    x = np.asarray(rows, np.float64)
    steps = np.linalg.norm(np.diff(x.reshape(*x.shape[:2], -1), axis=1), axis=2)
    mean = steps.mean(axis=1)
    return np.where(mean > 0, steps.max(axis=1) / np.where(mean > 0, mean, 1.0), 1.0)


def confidence(logits: ArrayLike) -> np.ndarray:
    """Largest class probability ``(...,)`` of logits ``(..., classes)``.

    >>> confidence([[0.0, 0.0], [1000.0, 0.0]]).tolist()
    [0.5, 1.0]
    """
    z = np.asarray(logits, np.float64)
    return 1 / np.sum(np.exp(z - z.max(axis=-1, keepdims=True)), axis=-1)
