r"""Frechet distance between two sets of features (arXiv 1706.08500), in float64.

.. math::
   \mathrm{FD} = \lVert\mu_1 - \mu_2\rVert^2 + \mathrm{tr}\,\Sigma_1 + \mathrm{tr}\,\Sigma_2
                 - 2\,\mathrm{tr}\big(A^\top\Sigma_1 A\big)^{1/2}, \qquad A A^\top = \Sigma_2.

Any factor A serves, since :math:`A^\top\Sigma_1 A` has the eigenvalues of :math:`\Sigma_1\Sigma_2`. It is the
triangular one of Cholesky, or for a singular covariance the eigenvectors times the roots of their values; the trace
then takes the eigenvalues of one symmetric matrix, no vectors. So the result is real. The same number comes from
centred features alone, :math:`\mathrm{tr}(\cdot)^{1/2} = \lVert X_c Y_c^\top\rVert_* / \sqrt{(n-1)(m-1)}`, which
serves as an oracle.

FD is biased upwards by about a constant over N: compare sets of equal N, or
:func:`frechet_infinity` (arXiv 1911.07023). With features of another net than
Inception it is a Frechet distance, but not "the FID": name the net with it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import get_blas_funcs

from pairs import InputError

__all__ = [
    "Moments",
    "covariance_factor",
    "covariance_within",
    "frechet_distance",
    "frechet_from_features",
    "frechet_infinity",
    "moments",
    "moments_of_stream",
]


class Moments(NamedTuple):
    """Count, mean ``(d,)`` and scatter ``sum (x - mean)(x - mean)^T`` ``(d, d)`` of feature rows."""

    n: int
    mean: np.ndarray
    scatter: np.ndarray

    @property
    def covariance(self) -> np.ndarray:
        """Unbiased covariance."""
        if self.n < 2:
            raise InputError("n", f"is {self.n}", "a covariance needs at least 2 samples")
        return self.scatter / (self.n - 1)

    def merge(self, other: Moments) -> Moments:
        """Moments of both sets together (Chan's update, no cancellation)."""
        if self.n == 0 or other.n == 0:
            return other if self.n == 0 else self
        n, delta = self.n + other.n, other.mean - self.mean
        scatter = self.scatter + other.scatter + np.outer(delta, delta) * (self.n * other.n / n)
        return Moments(n, self.mean + delta * (other.n / n), scatter)

    def without(self, part: Moments) -> Moments:
        """Moments of the set without a part of it, the inverse of :meth:`merge`."""
        n = self.n - part.n
        if n < 1 or part.n == 0:
            return self if part.n == 0 else Moments(0, np.zeros_like(self.mean), np.zeros_like(self.scatter))
        mean = (self.n * self.mean - part.n * part.mean) / n
        delta = part.mean - mean
        return Moments(n, mean, self.scatter - part.scatter - np.outer(delta, delta) * (part.n * n / self.n))


def moments(x: ArrayLike) -> Moments:
    """:class:`Moments` of rows ``(n, d)``.

    >>> moments([[0.0, 0.0], [2.0, 0.0]]).covariance.tolist()
    [[2.0, 0.0], [0.0, 0.0]]
    """
    rows = _rows(x)
    mean = rows.mean(axis=0)
    centred = rows - mean
    return Moments(len(rows), mean, centred.T @ centred)  # of one array and itself BLAS computes half


def moments_of_stream(batches: Iterable[ArrayLike]) -> Moments:
    """:class:`Moments` of many arrays of rows, one at a time."""
    parts = (moments(batch) for batch in batches)
    first = next(parts, None)
    if first is None:
        raise InputError("features", "are empty", "give at least 2 samples")
    return functools.reduce(Moments.merge, parts, first)


def _rows(x: ArrayLike) -> np.ndarray:
    rows = np.asarray(x, np.float64)
    if rows.ndim != 2 or len(rows) == 0:
        raise InputError("features", f"have shape {rows.shape}", "give (n, d) with n at least 1")
    if not np.all(np.isfinite(rows)):
        raise InputError("features", "hold NaN or infinity", "check the images and the feature net")
    return rows


def covariance_factor(sigma: np.ndarray) -> np.ndarray:
    """A matrix A with ``A @ A.T`` equal to a positive semidefinite matrix; lower triangular where that is definite.

    Where it is singular, as far as rounding tells, eigenvalues below zero are rounding and become zero.

    >>> covariance_factor(np.array([[4.0, 2.0], [2.0, 2.0]])).tolist()
    [[2.0, 0.0], [1.0, 1.0]]
    """
    try:
        factor = np.linalg.cholesky(sigma)
    except np.linalg.LinAlgError:
        return _factor_of_singular(sigma)
    pivots = np.diagonal(factor)
    # a pivot that is rounding says that the matrix is singular: its column would be rounding divided by rounding
    if pivots.min(initial=np.inf) ** 2 < len(sigma) * np.finfo(np.float64).eps * np.diagonal(sigma).max(initial=0.0):
        return _factor_of_singular(sigma)
    return factor


def _factor_of_singular(sigma: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(sigma)
    return vectors * np.sqrt(np.clip(values, 0, None))


def covariance_within(factor: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """``factor.T @ sigma @ factor``, symmetric to the bit; a triangular factor takes half of the work."""
    if np.triu(factor, 1).any():
        inner = factor.T @ sigma @ factor
    else:
        (product,) = get_blas_funcs(("trmm",), dtype=np.float64)
        inner = product(1.0, factor, product(1.0, factor, sigma, lower=1, trans_a=1), side=1, lower=1)
    return (inner + inner.T) / 2


def frechet_distance(
    mu1: ArrayLike, sigma1: ArrayLike, mu2: ArrayLike, sigma2: ArrayLike, factor2: np.ndarray | None = None
) -> float:
    """FD of two Gaussians. ``factor2``, if given, is :func:`covariance_factor` of ``sigma2``, reused over many calls.

    >>> frechet_distance([0.0], [[1.0]], [3.0], [[4.0]])  # 9 + (2 - 1)^2
    10.0
    """
    m1, s1, m2, s2 = (np.asarray(a, np.float64) for a in (mu1, sigma1, mu2, sigma2))
    if m1.shape != m2.shape or s1.shape != s2.shape or s1.shape != (*m1.shape, *m1.shape):
        raise InputError("features", f"have {m1.shape[-1:]} and {m2.shape[-1:]} dimensions", "use one feature net")
    inner = covariance_within(covariance_factor(s2) if factor2 is None else factor2, s1)
    overlap = np.sqrt(np.clip(np.linalg.eigvalsh(inner), 0, None)).sum()
    delta = m1 - m2
    return max(float(delta @ delta + np.trace(s1) + np.trace(s2) - 2 * overlap), 0.0)


def frechet_from_features(x: ArrayLike, y: ArrayLike) -> float:
    """FD from features by singular values of the cross Gram matrix; exact for N below d, costs N^3."""
    a, b = _rows(x), _rows(y)
    n, m, delta = len(a), len(b), a.mean(0) - b.mean(0)
    a, b = a - a.mean(0), b - b.mean(0)
    overlap = np.linalg.svd(a @ b.T, compute_uv=False).sum() / np.sqrt((n - 1) * (m - 1))
    return float(delta @ delta + (a**2).sum() / (n - 1) + (b**2).sum() / (m - 1) - 2 * overlap)


def frechet_infinity(
    x: ArrayLike, mu: ArrayLike, sigma: ArrayLike, points: int = 15, seed: int = 0
) -> tuple[float, np.ndarray, np.ndarray]:
    """Intercept of a least-squares line through FD against 1/N, over random subsets without replacement.

    Returns:
      FD extrapolated to infinite N, the sizes ``(points,)``, and the FD at each.
    """
    rows, rng = _rows(x), np.random.default_rng(seed)
    n, d = rows.shape
    if n < 20 or points < 2:
        raise InputError("n", f"is {n} with {points} points", "extrapolation needs 20 samples and 2 points")
    sizes = np.linspace(max(n // 5, min(2 * d, n // 2)), n, points).astype(int)
    mu, sigma = np.asarray(mu, np.float64), np.asarray(sigma, np.float64)
    factor, values = covariance_factor(sigma), []
    for size in sizes:
        part = moments(rows[rng.permutation(n)[:size]])
        values.append(frechet_distance(part.mean, part.covariance, mu, sigma, factor))
    slope_intercept = np.polynomial.polynomial.polyfit(1 / sizes, values, 1)
    return float(slope_intercept[0]), sizes, np.asarray(values)
