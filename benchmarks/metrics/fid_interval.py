r"""Confidence intervals of the Frechet distance, and of its change between two sets.

Grouped jackknife: the rows are cut into g random groups, :math:`\theta_{(j)}` is FD without group j, and

.. math:: s^2 = \frac{g - 1}{g} \sum_j \big(\theta_{(j)} - \bar\theta_{(\cdot)}\big)^2, \qquad
   \mathrm{FD} \pm t_{g-1}\, s.

It costs g small eigenvalue problems and no further pass over the data. (A bootstrap repeats
samples, which adds the bias of FD a second time.) For the change ``after - before`` of paired
sets (same latents) the same rows are left out on both sides, so what they share cancels. The
reference stays fixed: its own sampling noise is common to both sides and not included.

Above ``DELTA_ABOVE`` dimensions :math:`s` comes from the influence function instead,

.. math:: \psi(x) = 2(\mu_1-\mu_2)^\top (x-\mu_1) + (x-\mu_1)^\top (I - T)(x-\mu_1) - \mathrm{tr}\,(I-T)\Sigma_1,
   \qquad s^2 = \mathrm{var}\,\psi / n,

:math:`T = A (A^\top\Sigma_1 A)^{-1/2} A^\top` the optimal transport map, for any A with :math:`A A^\top = \Sigma_2`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from pairs import InputError

from .fid import Moments, covariance_factor, covariance_within, frechet_distance, moments
from .metric_change import MetricChange

__all__ = ["DELTA_ABOVE", "fid_change", "fid_influence", "influence_map", "interval"]

DELTA_ABOVE = 512


def interval(estimate: float, error: float, level: float = 0.95, freedom: float = math.inf) -> tuple[float, float]:
    """``estimate`` plus and minus ``error`` times the quantile of Student's t (to second order in 1/freedom).

    >>> [round(v, 2) for v in interval(1.0, 1.0)]
    [-0.96, 2.96]
    """
    z = NormalDist().inv_cdf(0.5 + level / 2)
    t = z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    reach = t * error
    return float(estimate - reach), float(estimate + reach)


def fid_influence(x: ArrayLike, mu: ArrayLike, sigma: ArrayLike) -> np.ndarray:
    """First-order influence of each row on FD, shape ``(n,)``, mean zero."""
    rows = np.asarray(x, np.float64)
    psi = influence_map(moments(rows), mu, sigma)(rows)
    return psi - psi.mean()


def influence_map(own: Moments, mu: ArrayLike, sigma: ArrayLike) -> Callable[[np.ndarray], np.ndarray]:
    """The influence on FD of rows ``(n, d)`` of a set with these moments, up to a constant."""
    factor = covariance_factor(np.asarray(sigma, np.float64))
    values, vectors = np.linalg.eigh(covariance_within(factor, own.covariance))
    kept = values > values.max() * len(values) * np.finfo(np.float64).eps
    inverse = np.where(kept, 1 / np.sqrt(np.where(kept, values, 1.0)), 0.0)
    half = factor @ (vectors * np.sqrt(inverse))
    transport = half @ half.T
    slope = 2 * (own.mean - np.asarray(mu, np.float64))

    def influence(rows: np.ndarray) -> np.ndarray:
        centred = rows - own.mean
        return centred @ slope + (centred**2).sum(1) - ((centred @ transport) * centred).sum(1)

    return influence


def _without_groups(
    rows: np.ndarray, groups: list[np.ndarray], mu: np.ndarray, sigma: np.ndarray, factor: np.ndarray
) -> np.ndarray:
    """FD without each group in turn."""
    centre = rows.mean(0)
    x = rows - centre
    second, values = x.T @ x, np.empty(len(groups))
    for j, group in enumerate(groups):
        part, n = x[group], len(x) - len(group)
        mean = -part.sum(0) / n
        covariance = (second - part.T @ part - n * np.outer(mean, mean)) / (n - 1)
        values[j] = frechet_distance(mean + centre, covariance, mu, sigma, factor)
    return values


def fid_change(
    before: ArrayLike,
    after: ArrayLike,
    mu: ArrayLike,
    sigma: ArrayLike,
    *,
    paired: bool = True,
    groups: int = 25,
    level: float = 0.95,
    seed: int = 0,
) -> MetricChange:
    """FD of ``before`` and ``after`` (both ``(n, d)``, equal n) to one reference, with intervals.

    ``seed`` decides the groups. Fewer than ``2 * groups`` rows take ``n // 2`` groups.

    Raises:
      InputError: unequal n, which would compare two biases; fewer than 4 rows.
    """
    a, b = np.asarray(before, np.float64), np.asarray(after, np.float64)
    if a.shape != b.shape:
        problem = f"before and after have shapes {a.shape} and {b.shape}"
        raise InputError("n", problem, "FD depends on n: give equally many samples of one feature net")
    if len(a) < 4:
        raise InputError("n", f"is {len(a)}", "give at least 4 samples")
    mu, sigma = np.asarray(mu, np.float64), np.asarray(sigma, np.float64)
    factor, n, g = covariance_factor(sigma), len(a), max(2, min(groups, len(a) // 2))
    values = [frechet_distance(m.mean, m.covariance, mu, sigma, factor) for m in (moments(a), moments(b))]
    if a.shape[1] > DELTA_ABOVE:
        effect = lambda x: fid_influence(x, mu, sigma)
        spread, freedom = lambda v: float(v.std(ddof=1)) / math.sqrt(n), math.inf
    else:
        parts = np.array_split(np.random.default_rng(seed).permutation(n), g)
        effect = lambda x: _without_groups(x, parts, mu, sigma, factor)
        spread, freedom = lambda v: float(v.std(ddof=0)) * math.sqrt(g - 1), float(g - 1)
    first = effect(a)
    second = first if b is a else effect(b)
    errors = spread(first), spread(second)
    change = spread(second - first) if paired else math.hypot(*errors)
    difference = values[1] - values[0]
    cis = [interval(v, e, level, freedom) for v, e in zip((*values, difference), (*errors, change), strict=True)]
    return MetricChange(values[0], cis[0], values[1], cis[1], difference, cis[2])
