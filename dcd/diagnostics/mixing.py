r"""How well chains mix: effective sample size and potential scale reduction, from the record of many chains.

With within-chain variance W, between-chain variance B of the means and
:math:`V = \tfrac{n-1}{n} W + B` (n steps, m chains; arXiv 1903.08008),

.. math::
   \hat R = \sqrt{V / W}, \qquad
   \rho_t = 1 - \frac{W - \bar c_t}{V}, \qquad
   \mathrm{ESS} = \frac{n m}{1 + 2\sum_{t \ge 1} \rho_t}

with :math:`\bar c_t` the mean autocovariance at lag t. The sum stops at Geyer's first negative pair. For an AR(1)
chain of coefficient :math:`\phi`, ESS/(nm) is :math:`(1 - \phi)/(1 + \phi)`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from pairs import InputError

__all__ = ["autocovariance", "effective_sample_size", "r_hat"]


def _series(series: ArrayLike) -> np.ndarray:
    x = np.asarray(series, np.float64)
    x = x[:, None] if x.ndim == 1 else x
    if x.ndim != 2 or x.shape[0] < 4 or not np.all(np.isfinite(x)):
        raise InputError("series", f"has shape {x.shape} or is not finite", "give (steps, chains), at least 4 steps")
    return x


def autocovariance(series: ArrayLike) -> np.ndarray:
    """Autocovariance at every lag, each chain about its own mean, divided by n, as the mean over chains.

    Args:
      series: ``(steps, chains)`` or ``(steps,)``, at least 4 steps.

    Returns:
      ``(steps,)``.

    Raises:
      InputError: A series that is too short or not finite.
    """
    x = _series(series)
    n = len(x)
    size = 1 << (2 * n - 1).bit_length()
    spectrum = np.fft.rfft(x - x.mean(axis=0), size, axis=0)
    return np.fft.irfft(np.abs(spectrum) ** 2, size, axis=0)[:n].mean(axis=1) / n


def effective_sample_size(series: ArrayLike) -> float:
    """Effective sample size of all chains together.

    Args:
      series: ``(steps, chains)`` or ``(steps,)``, at least 4 steps.

    Returns:
      A number, at most ``steps * chains * log10(steps * chains)``.

    Raises:
      InputError: A series that is too short or not finite.

    Example:
      >>> x = np.random.default_rng(0).standard_normal((100, 50))
      >>> 4000 < effective_sample_size(x) < 6000
      True

    References:
      Vehtari et al., Rank-Normalization, Folding, and Localization: An Improved R-hat, arXiv 1903.08008.
    """
    x = _series(series)
    n, m = x.shape
    covariance = autocovariance(x)
    within = covariance[0] * n / (n - 1)
    total = (n - 1) / n * within + (float(x.mean(axis=0).var(ddof=1)) if m > 1 else 0.0)
    if not total > 0:
        return float(n * m)
    rho = 1 - (within - covariance * n / (n - 1)) / total
    rho[0] = 1.0
    even = n // 2 * 2
    pairs = rho[:even:2] + rho[1:even:2]
    negative = np.flatnonzero(pairs < 0)
    pairs = np.minimum.accumulate(pairs[: negative[0]] if negative.size else pairs)
    time = max(-1 + 2 * float(pairs.sum()), 1 / math.log10(max(10, n * m)))
    return n * m / time


def r_hat(series: ArrayLike) -> float:
    r"""Split :math:`\hat R`: the halves of a chain count as two chains.

    Args:
      series: ``(steps, chains)`` or ``(steps,)``, at least 4 steps.

    Returns:
      A number that is 1 once all chains agree.

    Raises:
      InputError: A series that is too short or not finite.

    Example:
      >>> round(r_hat(np.random.default_rng(0).standard_normal((100, 50))), 1)
      1.0
    """
    x = _series(series)
    half = len(x) // 2
    x = np.concatenate([x[:half], x[-half:]], axis=1)
    within = float(x.var(axis=0, ddof=1).mean())
    between = float(x.mean(axis=0).var(ddof=1))
    if within <= 0:
        return 1.0 if between <= 0 else 1e9
    return math.sqrt(((half - 1) / half * within + between) / within)
