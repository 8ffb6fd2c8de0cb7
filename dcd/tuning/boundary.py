r"""Critical values of a test that looks several times, and quantiles of Student's t.

A group-sequential test looks at the data after shares :math:`t_1 < \dots < t_K = 1` of the samples and may decide at
each look. With the statistics :math:`Z_k = S_{t_k} / \sqrt{t_k}`, where :math:`S` is a Brownian motion under the null
hypothesis, the bounds :math:`b_k` solve

.. math:: P\big(Z_1 < b_1, \dots, Z_{k-1} < b_{k-1},\ Z_k \ge b_k\big) = \alpha(t_k) - \alpha(t_{k-1}), \qquad
   \alpha(t) = \alpha\, t^{\rho},

so that the probability of ever crossing is :math:`\alpha`, and stays below it where looks are left out at the end. The
density of :math:`S_{t_k}` on the event that no bound was crossed follows from look to look by quadrature.

References:
  Lan and DeMets, "Discrete sequential boundaries for clinical trials", Biometrika 70 (1983).
  Kim and DeMets, "Design and analysis of group sequential tests based on the type I error spending rate function",
  Biometrika 74 (1987).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np

from pairs import InputError

__all__ = ["spending_bounds", "student_cdf", "student_quantile"]

_NODES = 160
_REACH = 8.0  # standard deviations below zero where the density is cut


def _upper_tail(z: np.ndarray) -> np.ndarray:
    return np.array([0.5 * math.erfc(v / math.sqrt(2)) for v in z])


def _bisect(low: float, high: float, above: Callable[[float], bool], rounds: int = 60) -> float:
    """The point where the predicate ``above`` turns from false to true."""
    for _ in range(rounds):
        middle = (low + high) / 2
        low, high = (low, middle) if above(middle) else (middle, high)
    return (low + high) / 2


@functools.lru_cache(maxsize=64)
def spending_bounds(shares: tuple[float, ...], alpha: float = 0.025, power: float = 2.0) -> tuple[float, ...]:
    """One-sided bounds on the standard normal statistic, one for each look.

    Args:
      shares: the share of all samples that each look has seen, rising, the last one 1.
      alpha: probability of crossing any bound under the null hypothesis.
      power: exponent of the spending function; larger values spend later.

    Returns:
      The bounds :math:`b_1, \\dots, b_K`.

    Raises:
      InputError: shares that do not rise from above 0 to 1, ``alpha`` outside (0, 0.5), ``power`` not above 0.

    Example:
      >>> [round(b, 2) for b in spending_bounds((1.0,))]
      [1.96]
      >>> [round(b, 2) for b in spending_bounds((0.25, 0.5, 1.0))]
      [2.96, 2.56, 2.02]
    """
    if not shares or shares[0] <= 0 or shares[-1] != 1 or any(a >= b for a, b in zip(shares, shares[1:], strict=False)):
        raise InputError("shares", f"are {shares}", "give rising shares of the samples that end at 1")
    if not 0 < alpha < 0.5:
        raise InputError("alpha", f"is {alpha}", "give an error rate in (0, 0.5)")
    if power <= 0:
        raise InputError("power", f"is {power}", "give an exponent above 0")
    spent = [alpha * t**power for t in shares]
    bounds = [NormalDist().inv_cdf(1 - spent[0])]
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    # the first stretch of the Brownian motion starts at zero
    points, mass = np.zeros(1), np.ones(1)
    for k, share in enumerate(shares):
        step = math.sqrt(share - (shares[k - 1] if k else 0.0))
        root = math.sqrt(share)
        if k:
            wanted = spent[k] - spent[k - 1]
            cross = lambda b, p=points, m=mass, r=root, s=step: float(m @ _upper_tail((b * r - p) / s))
            bounds.append(_bisect(-_REACH, _REACH + 2, lambda b, c=cross, w=wanted: c(b) < w))
        low, high = -_REACH * root, bounds[k] * root
        grid = (high - low) / 2 * nodes + (high + low) / 2
        density = np.exp(-(((grid[:, None] - points) / step) ** 2) / 2) @ mass / (step * math.sqrt(2 * math.pi))
        points, mass = grid, density * weights * (high - low) / 2
    return tuple(bounds)


def student_cdf(t: float, freedom: int) -> float:
    """Distribution function of Student's t with a whole number of degrees of freedom, by its finite series.

    Example:
      >>> round(student_cdf(2.228, 10), 4)
      0.975
    """
    angle = math.atan2(abs(t), math.sqrt(freedom))
    cosine, sine = math.cos(angle), math.sin(angle)
    odd = freedom % 2
    total = term = cosine if odd else 1.0
    for j in range(2 + odd, freedom, 2):
        term *= cosine**2 * (j - 1) / j
        total += term
    if odd:
        inside = 2 / math.pi * (angle + (sine * total if freedom > 1 else 0.0))
    else:
        inside = sine * total
    return 0.5 + math.copysign(inside / 2, t)


@functools.lru_cache(maxsize=1024)
def student_quantile(probability: float, freedom: int) -> float:
    """Inverse of :func:`student_cdf`.

    Args:
      probability: in (0, 1).
      freedom: degrees of freedom, at least 1.

    Raises:
      InputError: a probability outside (0, 1), fewer than 1 degree of freedom.

    Example:
      >>> round(student_quantile(0.975, 10), 3)
      2.228
    """
    if not 0 < probability < 1:
        raise InputError("probability", f"is {probability}", "give a number in (0, 1)")
    if freedom < 1:
        raise InputError("freedom", f"is {freedom}", "give at least 1 degree of freedom")
    if probability < 0.5:
        return -student_quantile(1 - probability, freedom)
    high = 2.0
    while student_cdf(high, freedom) < probability:
        high *= 2
    return _bisect(0.0, high, lambda t: student_cdf(t, freedom) >= probability)
