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
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pairs import InputError

from .fid import Moments, covariance_factor, covariance_within, frechet_distance, moments
from .metric_change import MetricChange

__all__ = [
    "DELTA_ABOVE",
    "FidSpread",
    "fid_between",
    "fid_change",
    "fid_influence",
    "fid_spread",
    "influence_map",
    "interval",
]

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


class FidSpread(NamedTuple):
    """The Frechet distance of one set, and how it varies with the rows.

    Attributes:
      value: The distance.
      effect: Distances without each group, or the influence of each row.
      scale: What the standard deviation of ``effect`` is multiplied with to be the error of ``value``.
      freedom: Degrees of freedom of that error.
    """

    value: float
    effect: np.ndarray
    scale: float
    freedom: float

    def error(self, effect: np.ndarray) -> float:
        """The standard error of a quantity with such effects."""
        return float(effect.std()) * self.scale


def fid_spread(
    rows: ArrayLike,
    mu: ArrayLike,
    sigma: ArrayLike,
    *,
    groups: int = 25,
    seed: int = 0,
    factor: np.ndarray | None = None,
) -> FidSpread:
    """What :func:`fid_between` needs of one set, so that a set that is compared with many is measured once.

    Args:
      rows: ``(n, d)``, at least 4 rows.
      mu: Mean of the reference.
      sigma: Its covariance.
      groups: As in :func:`fid_change`.
      seed: Decides the groups.
      factor: :func:`~benchmarks.metrics.fid.covariance_factor` of ``sigma``, where it is known.

    Raises:
      InputError: fewer than 4 rows.
    """
    a, mu, sigma = (np.asarray(v, np.float64) for v in (rows, mu, sigma))
    if len(a) < 4:
        raise InputError("n", f"is {len(a)}", "give at least 4 samples")
    factor = covariance_factor(sigma) if factor is None else factor
    n, g, own = len(a), max(2, min(groups, len(a) // 2)), moments(a)
    value = frechet_distance(own.mean, own.covariance, mu, sigma, factor)
    if a.shape[1] > DELTA_ABOVE:
        return FidSpread(value, fid_influence(a, mu, sigma), 1 / math.sqrt(n - 1), math.inf)
    parts = np.array_split(np.random.default_rng(seed).permutation(n), g)
    return FidSpread(value, _without_groups(a, parts, mu, sigma, factor), math.sqrt(g - 1), float(g - 1))


def fid_between(before: FidSpread, after: FidSpread, *, paired: bool = True, level: float = 0.95) -> MetricChange:
    """The change between two sets that were measured against one reference, with the same groups.

    Example:
      >>> rng = np.random.default_rng(0)
      >>> a, b = rng.standard_normal((200, 2)), rng.standard_normal((200, 2)) + 1
      >>> one, two = (fid_spread(x, np.zeros(2), np.eye(2)) for x in (a, b))
      >>> fid_between(one, two) == fid_change(a, b, np.zeros(2), np.eye(2))
      True
    """
    errors = before.error(before.effect), after.error(after.effect)
    change = before.error(after.effect - before.effect) if paired else math.hypot(*errors)
    values = before.value, after.value, after.value - before.value
    cis = [interval(v, e, level, before.freedom) for v, e in zip(values, (*errors, change), strict=True)]
    return MetricChange(values[0], cis[0], values[1], cis[1], values[2], cis[2])


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
    factor = covariance_factor(np.asarray(sigma, np.float64))
    first = fid_spread(a, mu, sigma, groups=groups, seed=seed, factor=factor)
    second = first if b is a else fid_spread(b, mu, sigma, groups=groups, seed=seed, factor=factor)
    return fid_between(first, second, paired=paired, level=level)
