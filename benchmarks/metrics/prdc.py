r"""Precision and recall (arXiv 1904.06991), density and coverage (arXiv 2002.09797) from nearest neighbours.

With :math:`r_k(y_j)` the distance from a real row to its k-th nearest other real row,

.. math::
   \text{precision} &= \tfrac1n \#\{i : \exists j,\ |x_i - y_j| \le r_k(y_j)\}, \quad
   \text{recall} = \text{precision with the sets exchanged} \\
   \text{density} &= \tfrac{1}{kn} \sum_{i,j} [\,|x_i - y_j| < r_k(y_j)\,], \quad
   \text{coverage} = \tfrac1m \#\{j : \min_i |x_i - y_j| < r_k(y_j)\}.

Conventions as published: k = 3 and "at most" for precision and recall (torch-fidelity),
k = 5 and "less than" for density and coverage (prdc). All depend on n and m: compare equal sizes.

Distances are taken a tile at a time, in double precision, and those within a set once for both of their ends. Beside
the rows, which stay in the precision that they have, this holds three tiles, whatever the number of rows.
"""

from __future__ import annotations

from collections.abc import Iterator
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

_BLOCK = 2000


class PrecisionRecall(NamedTuple):
    """Share of fakes near real data; share of real data near fakes."""

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """Real balls around a fake, over k (may exceed 1); share of real balls that hold a fake."""

    density: float
    coverage: float


def check_rows(real: ArrayLike, fake: ArrayLike, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Real and fake rows, if they have k neighbours each."""
    y, x = np.asarray(real), np.asarray(fake)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise InputError("features", f"have shapes {y.shape} and {x.shape}", "give (m, d) and (n, d) of one net")
    if not 1 <= k < min(len(x), len(y)):
        raise InputError("k", f"is {k} for {len(y)} and {len(x)} samples", "give at least 1, fewer than the samples")
    return y, x


def squared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared distances ``(n, m)`` of rows ``(n, d)`` to rows ``(m, d)``, in double precision."""
    return np.concatenate([d for _, _, d in _tiles(a, b, max(len(b), 1))])


def _squares(x: np.ndarray) -> np.ndarray:
    """Squared length of each row in double precision; no copy of all rows is made."""
    parts = [x[i : i + _BLOCK].astype(np.float64) for i in range(0, len(x), _BLOCK)]
    return np.concatenate([np.einsum("ij,ij->i", part, part) for part in parts])


def _tiles(
    a: np.ndarray, b: np.ndarray | None = None, width: int | None = None
) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """Squared distances of rows of ``a`` to rows of ``b``, a tile at a time, in double precision.

    Without ``b``: distances within ``a``, the tiles on and above the diagonal alone. ``width``: rows of
    ``b`` in a tile, as many as of ``a`` by default.
    """
    other = a if b is None else b
    left, right, width = _squares(a), _squares(other), width or _BLOCK
    for i in range(0, len(a), _BLOCK):
        rows = slice(i, i + _BLOCK)
        part = a[rows].astype(np.float64)
        for j in range(i if b is None else 0, len(other), width):
            columns = slice(j, j + width)
            d = part @ other[columns].astype(np.float64).T
            d *= -2
            d += left[rows, None]
            d += right[columns]
            yield rows, columns, np.maximum(d, 0, out=d)


def radii(x: np.ndarray, k: int) -> np.ndarray:
    """Squared distance of each row to its k-th nearest other row."""
    nearest = np.full((len(x), k), np.inf)

    def put(rows: slice, d: np.ndarray) -> None:
        both = np.concatenate([nearest[rows], d], axis=1)
        nearest[rows] = np.partition(both, k - 1, axis=1)[:, :k]

    for rows, columns, d in _tiles(x):
        if rows == columns:
            np.fill_diagonal(d, np.inf)
            put(rows, d)
        else:
            put(rows, d)
            put(columns, d.T)
    return nearest.max(axis=1)


def precision_recall(real: ArrayLike, fake: ArrayLike, k: int = 3, strict: bool = False) -> PrecisionRecall:
    """``real (m, d)``, ``fake (n, d)``; ``strict`` uses "less than".

    >>> precision_recall([[0.0], [1.0], [2.0]], [[1.0], [1.1], [9.0]], k=1).precision
    0.6666666666666666
    """
    y, x = check_rows(real, fake, k)
    within = np.less if strict else np.less_equal
    around_y, around_x = radii(y, k), radii(x, k)
    near_y, near_x = np.zeros(len(x), bool), np.zeros(len(y), bool)
    for rows, columns, d in _tiles(x, y):
        near_y[rows] |= within(d, around_y[columns]).any(axis=1)
        near_x[columns] |= within(d, around_x[rows, None]).any(axis=0)
    return PrecisionRecall(float(near_y.mean()), float(near_x.mean()))


def density_coverage(real: ArrayLike, fake: ArrayLike, k: int = 5) -> DensityCoverage:
    """``real (m, d)``, ``fake (n, d)``."""
    y, x = check_rows(real, fake, k)
    reach, inside, nearest = radii(y, k), 0, np.full(len(y), np.inf)
    for _, columns, d in _tiles(x, y):
        inside += int((d < reach[columns]).sum())
        nearest[columns] = np.minimum(nearest[columns], d.min(axis=0))
    return DensityCoverage(inside / (k * len(x)), float((nearest < reach).mean()))
