r"""Kernel distance (arXiv 1801.01401): squared maximum mean discrepancy with :math:`k(x, y) = (x \cdot y / d + 1)^3`.

.. math::
   \mathrm{KD} = \frac{1}{n(n-1)}\sum_{i\ne j} k(x_i, x_j) + \frac{1}{m(m-1)}\sum_{i\ne j} k(y_i, y_j)
                 - \frac{2}{nm}\sum_{i,j} k(x_i, y_j)

is unbiased for every n and m, and may be negative. Its standard error is that of the
first-order projection of the U-statistic, with a term for each of the two sets,

.. math::
   a_i = 2\Big(\frac{1}{n-1}\sum_{j \ne i} k(x_i, x_j) - \frac1m \sum_j k(x_i, y_j)\Big), \qquad
   s^2 = \frac{\mathrm{var}\,a}{n} + \frac{\mathrm{var}\,b}{m},

:math:`b_j` likewise; for a change between paired sets the variances are of :math:`a_i^{after} - a_i^{before}`
and :math:`b_j^{after} - b_j^{before}`, so the shared reference cancels where it should.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pairs import InputError

from .fid_interval import interval
from .metric_change import MetricChange

__all__ = ["kernel_distance", "kernel_distance_subsets", "kid_change"]

_BLOCK = 2000


class _Parts(NamedTuple):
    value: float
    x_projection: np.ndarray
    y_projection: np.ndarray


def _pair(x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        problem = f"have shapes {a.shape} and {b.shape}"
        raise InputError("features", problem, "give (n, d) and (m, d) of one feature net, n and m at least 2")
    return a, b


def _kernel_blocks(x: np.ndarray, y: np.ndarray, same: bool) -> Iterator[tuple[int, np.ndarray]]:
    """Rows of the kernel matrix and where they begin; the diagonal is zero if ``same``."""
    for i in range(0, len(x), _BLOCK):
        k = x[i : i + _BLOCK] @ y.T
        k /= x.shape[1]
        k += 1
        k *= k * k
        if same:
            k[np.arange(len(k)), i + np.arange(len(k))] = 0
        yield i, k


def _sums(x: np.ndarray, y: np.ndarray, same: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Row and column sums of the kernel matrix."""
    rows, columns = np.empty(len(x)), np.zeros(len(y))
    for i, k in _kernel_blocks(x, y, same):
        rows[i : i + len(k)] = k.sum(1)
        columns += k.sum(0)
    return rows, columns


def _parts(x: np.ndarray, y: np.ndarray, yy: np.ndarray) -> _Parts:
    n, m = len(x), len(y)
    xx, (xy, yx) = _sums(x, x, same=True)[0] / (n - 1), _sums(x, y)
    value = xx.mean() + (yy / (m - 1)).mean() - 2 * (xy / m).mean()
    return _Parts(float(value), 2 * (xx - xy / m), 2 * (yy / (m - 1) - yx / n))


def kernel_distance(x: ArrayLike, y: ArrayLike) -> float:
    """The U-statistic on all samples.

    >>> kernel_distance([[0.0], [0.0]], [[1.0], [1.0]])  # 1 + 8 - 2
    7.0
    """
    a, b = _pair(x, y)
    return _parts(a, b, _sums(b, b, same=True)[0]).value


def kernel_distance_subsets(
    x: ArrayLike, y: ArrayLike, subsets: int = 100, size: int = 1000, seed: int = 2020
) -> tuple[float, float]:
    """Mean and standard deviation over random subsets, drawn as torch-fidelity draws them.

    Raises:
      InputError: ``size`` above the number of samples.
    """
    a, b = _pair(x, y)
    if not 2 <= size <= min(len(a), len(b)):
        raise InputError("size", f"is {size} for {len(a)} and {len(b)} samples", "give 2 up to the smaller number")
    rng = np.random.RandomState(seed)  # the legacy stream is part of the published protocol
    drawn_x, drawn_y = np.zeros((subsets, len(a))), np.zeros((subsets, len(b)))
    for i in range(subsets):
        drawn_x[i, rng.choice(len(a), size, replace=False)] = 1
        drawn_y[i, rng.choice(len(b), size, replace=False)] = 1
    xx, yy = _subset_sums(a, a, drawn_x, drawn_x, True), _subset_sums(b, b, drawn_y, drawn_y, True)
    values = (xx + yy) / (size * (size - 1)) - 2 * _subset_sums(a, b, drawn_x, drawn_y) / size**2
    return float(values.mean()), float(values.std())


def _subset_sums(x: np.ndarray, y: np.ndarray, s: np.ndarray, t: np.ndarray, same: bool = False) -> np.ndarray:
    """Sums of the kernel over each pair of subsets, given as rows of zeros and ones: every entry is computed once."""
    total = np.zeros(len(s))
    for i, k in _kernel_blocks(x, y, same):
        total += ((s[:, i : i + len(k)] @ k) * t).sum(1)
    return total


def kid_change(
    before: ArrayLike, after: ArrayLike, real: ArrayLike, *, paired: bool = True, level: float = 0.95
) -> MetricChange:
    """KD of two sets to the same real rows, with intervals; ``paired``: row i of both comes from one latent."""
    (a, y), (b, _) = _pair(before, real), _pair(after, real)
    if paired and len(a) != len(b):
        raise InputError("n", f"is {len(a)} before and {len(b)} after", "paired sets need equal n")
    yy = _sums(y, y, same=True)[0]
    p, q = _parts(a, y, yy), _parts(b, y, yy)
    var = lambda v: float(v.var(ddof=1)) / len(v)
    errors = [np.sqrt(var(s.x_projection) + var(s.y_projection)) for s in (p, q)]
    moved = var(q.x_projection - p.x_projection) if paired else var(p.x_projection) + var(q.x_projection)
    change = np.sqrt(moved + var(q.y_projection - p.y_projection))
    difference = q.value - p.value
    return MetricChange(
        p.value,
        interval(p.value, errors[0], level),
        q.value,
        interval(q.value, errors[1], level),
        difference,
        interval(difference, change, level),
    )
