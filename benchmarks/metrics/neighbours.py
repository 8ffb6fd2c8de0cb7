r"""Precision, recall, density and coverage of two paired sets against one reference, with intervals.

Each is a mean over points of one set, given the balls of the other. Both sets are draws, so that its error has two
terms. With :math:`h_{ij} = 1` where fake i lies in the ball of real j, :math:`c_i = \sum_j h_{ij}` and n fakes, m
reals,

.. math::
   s^2 = \frac{\mathrm{var}_i\, a_i}{n} + \frac{\mathrm{var}_j\, b_j}{m}, \qquad
   \text{precision: } a_i = [c_i > 0],\; b_j = \frac mn \#\{i : c_i = h_{ij} = 1\}, \qquad
   \text{density: } a_i = \frac{c_i}{k},\; b_j = \frac{m}{nk} \sum_i h_{ij},

where :math:`b_j` is what the statistic loses without real j, its ball alone taken away (the delete-one jackknife);
recall and coverage exchange the roles of the sets. For a change between paired sets the variances are of
:math:`a_i^{after} - a_i^{before}` and :math:`b_j^{after} - b_j^{before}`. That a radius changes where its neighbours
are drawn anew is left out, which errs on the safe side: intervals are up to about 1.6 times as wide as they need be.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .fid_interval import interval
from .prdc import check_rows, radii, squared

__all__ = ["NeighbourChange", "neighbour_change"]

_BLOCK = 1000
_PRECISION, _DENSITY = 3, 5
"""Neighbours, as published; see :mod:`benchmarks.metrics.prdc`."""


class NeighbourChange(NamedTuple):
    """One of the four of two sets, and its difference ``after - before``, each with its interval."""

    before: float
    before_ci: tuple[float, float]
    after: float
    after_ci: tuple[float, float]
    difference: float
    difference_ci: tuple[float, float]


class _Parts(NamedTuple):
    value: float
    fake: np.ndarray
    real: np.ndarray


def neighbour_change(
    before: ArrayLike, after: ArrayLike, real: ArrayLike, *, paired: bool = True, level: float = 0.95
) -> dict[str, NeighbourChange]:
    """The four metrics of two sets to the same real rows.

    Args:
      before: ``(n, d)`` features.
      after: As many of the same net.
      real: ``(m, d)`` features, m above 5.
      paired: Whether row i of both sets comes from one latent.
      level: Level of the intervals.

    Returns:
      ``precision``, ``recall``, ``density`` and ``coverage``.

    Raises:
      InputError: Shapes that do not fit, or too few rows.
    """
    y, a = check_rows(real, before, _DENSITY)
    near, far = radii(y, _PRECISION), radii(y, _DENSITY)
    p = _parts(a, y, near, far)
    q = p if after is before else _parts(check_rows(real, after, _DENSITY)[1], y, near, far)
    return {name: _change(p[name], q[name], paired, level) for name in p}


def _change(p: _Parts, q: _Parts, paired: bool, level: float) -> NeighbourChange:
    var = lambda v: float(v.var(ddof=1)) / len(v)
    errors = [np.sqrt(var(s.fake) + var(s.real)) for s in (p, q)]
    moved = var(q.fake - p.fake) if paired else var(p.fake) + var(q.fake)
    change = np.sqrt(moved + var(q.real - p.real))
    cis = [interval(v, e, level) for v, e in zip((p.value, q.value, q.value - p.value), (*errors, change), strict=True)]
    return NeighbourChange(p.value, cis[0], q.value, cis[1], q.value - p.value, cis[2])


def _parts(x: np.ndarray, y: np.ndarray, near: np.ndarray, far: np.ndarray) -> dict[str, _Parts]:
    n, m, own = len(x), len(y), radii(x, _PRECISION)
    in_near, in_far = _Balls(n, m), _Balls(n, m)
    around, last = np.zeros(m, int), np.zeros(m, int)
    for i in range(0, n, _BLOCK):
        rows = slice(i, i + _BLOCK)
        d = squared(x[rows], y)
        in_near.add(rows, d <= near)
        in_far.add(rows, d < far)
        hits = d <= own[rows, None]
        around += hits.sum(0)
        last = np.where(hits.any(0), i + hits.argmax(0), last)
    touched = np.bincount(last[around == 1], minlength=n)  # a real point in exactly one fake's ball needs that fake
    return {
        "precision": _Parts(
            float((in_near.of_fake > 0).mean()), (in_near.of_fake > 0) * 1.0, in_near.needed_real * (m / n)
        ),
        "recall": _Parts(float((around > 0).mean()), touched * (n / m), (around > 0) * 1.0),
        "density": _Parts(
            float(in_far.of_fake.sum() / (_DENSITY * n)),
            in_far.of_fake / _DENSITY,
            in_far.of_real * (m / (n * _DENSITY)),
        ),
        "coverage": _Parts(
            float((in_far.of_real > 0).mean()), in_far.needed_fake() * (n / m), (in_far.of_real > 0) * 1.0
        ),
    }


class _Balls:
    """Which fakes lie in which real balls, counted block by block.

    Attributes:
      of_fake: ``(n,)`` balls around each fake.
      of_real: ``(m,)`` fakes in each ball.
      needed_real: ``(m,)`` fakes that lie in this ball alone.
    """

    def __init__(self, n: int, m: int) -> None:
        self.of_fake, self.of_real = np.zeros(n, int), np.zeros(m, int)
        self.needed_real, self._last = np.zeros(m, int), np.zeros(m, int)

    def add(self, rows: slice, inside: np.ndarray) -> None:
        """Count a block ``(rows, m)``."""
        count = inside.sum(1)
        self.of_fake[rows] = count
        self.of_real += inside.sum(0)
        self.needed_real += inside[count == 1].sum(0)
        self._last = np.where(inside.any(0), rows.start + inside.argmax(0), self._last)

    def needed_fake(self) -> np.ndarray:
        """``(n,)`` balls that hold this fake alone."""
        return np.bincount(self._last[self.of_real == 1], minlength=len(self.of_fake))
