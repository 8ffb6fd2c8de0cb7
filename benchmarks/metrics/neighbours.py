r"""Precision, recall, density and coverage of two paired sets against one reference, with intervals.

Both sets are draws, so that the error of each figure :math:`\theta` has a term for each, from the delete-one jackknife:

.. math:: s^2 = \frac{\mathrm{var}_i\, a_i}{n} + \frac{\mathrm{var}_j\, b_j}{m}, \qquad
   a_i = n\,(\theta - \theta_{(-i)}), \quad b_j = m\,(\theta - \theta_{(-j)})

for n fakes and m reals. Without a point its ball is gone, and the balls of those that had it among their k nearest
reach to the next neighbour. With :math:`h_l` fakes in the ball of real l, :math:`h_l^+` in the larger one, and
:math:`A_{lj} = 1` where j is among the k nearest of l, density for instance has

.. math:: b_j = \frac{m}{nk} \Big(h_j - \sum_l A_{lj} (h_l^+ - h_l)\Big).

For a change between paired sets the variances are of :math:`a_i^{after} - a_i^{before}` and
:math:`b_j^{after} - b_j^{before}`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from .fid_interval import interval
from .metric_change import MetricChange
from .prdc import check_rows, squared

__all__ = ["neighbour_change"]

_BLOCK = 1000
_PRECISION, _DENSITY = 3, 5
"""Neighbours, as published; see :mod:`benchmarks.metrics.prdc`."""


class _Parts(NamedTuple):
    value: float
    fake: np.ndarray
    real: np.ndarray


def neighbour_change(
    before: ArrayLike, after: ArrayLike, real: ArrayLike, *, paired: bool = True, level: float = 0.95
) -> dict[str, MetricChange]:
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
    near, far = _balls(y, _PRECISION), _balls(y, _DENSITY)
    p = _parts(a, y, near, far)
    q = p if after is before else _parts(check_rows(real, after, _DENSITY)[1], y, near, far)
    return {name: _change(p[name], q[name], paired, level) for name in p}


def _change(p: _Parts, q: _Parts, paired: bool, level: float) -> MetricChange:
    var = lambda v: float(v.var(ddof=1)) / len(v)
    errors = [np.sqrt(var(s.fake) + var(s.real)) for s in (p, q)]
    moved = var(q.fake - p.fake) if paired else var(p.fake) + var(q.fake)
    change = np.sqrt(moved + var(q.real - p.real))
    cis = [interval(v, e, level) for v, e in zip((p.value, q.value, q.value - p.value), (*errors, change), strict=True)]
    return MetricChange(p.value, cis[0], q.value, cis[1], q.value - p.value, cis[2])


class _Balls(NamedTuple):
    """Squared radii to the k-th and to the next neighbour, and who are the k nearest, ``(m, m)``."""

    reach: np.ndarray
    larger: np.ndarray
    nearest: sparse.csr_array


def _balls(x: np.ndarray, k: int) -> _Balls:
    m = len(x)
    reach, larger, members = np.empty(m), np.empty(m), np.empty((m, k), int)
    for i in range(0, m, _BLOCK):
        d = squared(x[i : i + _BLOCK], x)
        d[np.arange(len(d)), i + np.arange(len(d))] = np.inf
        order = np.argpartition(d, [k - 1, min(k, m - 1)], axis=1)
        members[i : i + len(d)] = order[:, :k]
        reach[i : i + len(d)] = np.take_along_axis(d, order[:, k - 1 : k], 1)[:, 0]
        larger[i : i + len(d)] = np.take_along_axis(d, order[:, min(k, m - 1)][:, None], 1)[:, 0]
    entries = np.ones(m * k), members.ravel(), np.arange(0, m * k + 1, k)
    return _Balls(reach, larger, sparse.csr_array(entries, shape=(m, m)))


def _parts(x: np.ndarray, y: np.ndarray, near: _Balls, far: _Balls) -> dict[str, _Parts]:
    n, m = len(x), len(y)
    precision, of_real = _union(x, y, near)
    recall, of_fake = _union(y, x, _balls(x, _PRECISION))
    inside, within, alone, last = np.zeros(n), np.zeros((2, m)), np.zeros(n), np.zeros(m, int)
    for i in range(0, n, _BLOCK):
        d = squared(x[i : i + _BLOCK], y)
        hits = d < far.reach
        inside[i : i + len(d)] = hits.sum(1)
        within += hits.sum(0), (d < far.larger).sum(0)
        last = np.where(hits.any(0), i + hits.argmax(0), last)
    alone = np.bincount(last[within[0] == 1], minlength=n)  # balls that hold this fake alone
    held = within > 0
    # what balls gain that had a real point among their nearest, once it is gone
    gained, covered = (far.nearest.T @ (v[1] * 1.0 - v[0]) for v in (within, held))
    share = _DENSITY * n
    return {
        "precision": _Parts(float(precision.mean()), precision, of_real * (m / n)),
        "recall": _Parts(float(recall.mean()), of_fake * (n / m), recall),
        "density": _Parts(float(inside.sum() / share), inside / _DENSITY, (within[0] - gained) * (m / share)),
        "coverage": _Parts(float(held[0].mean()), alone * (n / m), held[0] - covered),
    }


def _union(points: np.ndarray, centres: np.ndarray, balls: _Balls) -> tuple[np.ndarray, np.ndarray]:
    """Whether each point lies in a ball, as 0 and 1; and how many points less do without each centre."""
    covered, lost = np.zeros(len(points)), np.zeros(len(centres))
    for i in range(0, len(points), _BLOCK):
        d = squared(points[i : i + _BLOCK], centres)
        inside = d <= balls.reach
        count = inside.sum(1)
        covered[i : i + len(d)] = count > 0
        # centres without which a ball would grow over the point
        saved = sparse.csr_array(~inside & (d <= balls.larger), dtype=float) @ balls.nearest
        lost -= (saved[count == 0] > 0).sum(0)
        once = np.flatnonzero(count == 1)
        only = inside[once].argmax(1)
        spare = sparse.csr_array(saved[once]).toarray()[np.arange(len(once)), only]
        np.add.at(lost, only, spare == 0)
    return covered, lost
