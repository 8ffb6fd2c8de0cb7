r"""Precision and recall (arXiv 1904.06991), density and coverage (arXiv 2002.09797) from nearest neighbours.

With :math:`r_k(y_j)` the distance from a real row to its k-th nearest other real row,

.. math::
   \text{precision} &= \tfrac1n \#\{i : \exists j,\ |x_i - y_j| \le r_k(y_j)\}, \quad
   \text{recall} = \text{precision with the sets exchanged} \\
   \text{density} &= \tfrac{1}{kn} \sum_{i,j} [\,|x_i - y_j| < r_k(y_j)\,], \quad
   \text{coverage} = \tfrac1m \#\{j : \min_i |x_i - y_j| < r_k(y_j)\}.

Conventions as published: k = 3 and "at most" for precision and recall (torch-fidelity),
k = 5 and "less than" for density and coverage (prdc). All depend on n and m: compare equal sizes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pairs import InputError

__all__ = [
    "DensityCoverage",
    "PrecisionRecall",
    "check_rows",
    "density_coverage",
    "precision_recall",
    "radii",
    "squared",
]

_BLOCK = 1000


class PrecisionRecall(NamedTuple):
    """Share of fakes near real data; share of real data near fakes."""

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """Real balls around a fake, over k (may exceed 1); share of real balls that hold a fake."""

    density: float
    coverage: float


def check_rows(real: ArrayLike, fake: ArrayLike, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Real and fake rows in float64, if they have k neighbours each."""
    y, x = np.asarray(real, np.float64), np.asarray(fake, np.float64)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise InputError("features", f"have shapes {y.shape} and {x.shape}", "give (m, d) and (n, d) of one net")
    if not 1 <= k < min(len(x), len(y)):
        raise InputError("k", f"is {k} for {len(y)} and {len(x)} samples", "give at least 1, fewer than the samples")
    return y, x


def squared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared distances ``(n, m)`` of rows ``(n, d)`` to rows ``(m, d)``."""
    return np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T, 0)


def radii(x: np.ndarray, k: int) -> np.ndarray:
    """Squared distance of each row to its k-th nearest other row."""
    found = np.empty(len(x))
    for i in range(0, len(x), _BLOCK):
        d = squared(x[i : i + _BLOCK], x)
        d[np.arange(len(d)), i + np.arange(len(d))] = np.inf
        found[i : i + _BLOCK] = np.partition(d, k - 1, axis=1)[:, k - 1]
    return found


def _inside(points: np.ndarray, centres: np.ndarray, reach: np.ndarray, strict: bool) -> float:
    hits = 0
    for i in range(0, len(points), _BLOCK):
        d = squared(points[i : i + _BLOCK], centres)
        hits += int(np.any(d < reach if strict else d <= reach, axis=1).sum())
    return hits / len(points)


def precision_recall(real: ArrayLike, fake: ArrayLike, k: int = 3, strict: bool = False) -> PrecisionRecall:
    """``real (m, d)``, ``fake (n, d)``; ``strict`` uses "less than".

    >>> precision_recall([[0.0], [1.0], [2.0]], [[1.0], [1.1], [9.0]], k=1).precision
    0.6666666666666666
    """
    y, x = check_rows(real, fake, k)
    return PrecisionRecall(_inside(x, y, radii(y, k), strict), _inside(y, x, radii(x, k), strict))


def density_coverage(real: ArrayLike, fake: ArrayLike, k: int = 5) -> DensityCoverage:
    """``real (m, d)``, ``fake (n, d)``."""
    y, x = check_rows(real, fake, k)
    reach, inside, nearest = radii(y, k), 0, np.full(len(y), np.inf)
    for i in range(0, len(x), _BLOCK):
        d = squared(x[i : i + _BLOCK], y)
        inside += int((d < reach).sum())
        nearest = np.minimum(nearest, d.min(0))
    return DensityCoverage(inside / (k * len(x)), float((nearest < reach).mean()))
