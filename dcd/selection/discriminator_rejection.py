r"""Discriminator rejection sampling, for comparison: :mod:`dcd.selection.optimal_rejection` dominates it.

.. math::
   F(x) = d(x) - d_M - \log\left(1 - e^{d(x) - d_M - \epsilon}\right) - \gamma, \qquad a(x) = \sigma(F(x))

(arXiv 1810.06758). With :math:`\gamma = 0, \epsilon \to 0` this is :math:`e^{d - d_M}`, exact rejection at rate
:math:`1/M`; a larger :math:`\gamma` rejects more, a smaller (negative) one accepts more than exact rejection would.
"""

from __future__ import annotations

import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Pair
from pairs.checks import check_count, check_number

from ..langevin.settings import Langevin
from .candidates import MOST_CANDIDATES, Source
from .rejection import reject
from .selected import Selection

__all__ = ["drs", "drs_acceptance", "drs_logit"]

EPSILON = 1e-6


def drs_logit(log_ratio: ArrayLike, log_max: ArrayLike, epsilon: float = EPSILON) -> np.ndarray:
    """F without gamma, in float64; d beyond the maximum counts as the maximum."""
    below = np.minimum(np.asarray(log_ratio, np.float64) - log_max, 0.0)
    return below - np.log(-np.expm1(below - epsilon))


def drs_acceptance(
    log_ratio: ArrayLike, log_max: ArrayLike, gamma: float = 0.0, epsilon: float = EPSILON
) -> np.ndarray:
    r"""The acceptance probability :math:`\sigma(F)`.

    Args:
      log_ratio: Log density ratios d.
      log_max: :math:`d_M`, the log of the largest ratio.
      gamma: :math:`\gamma`.
      epsilon: :math:`\epsilon`.

    Returns:
      Probabilities, shaped like ``log_ratio``.

    Example:
      >>> bool(np.allclose(drs_acceptance([-1.0], 0.5, epsilon=1e-12), np.exp(-1.5)))
      True
    """
    return np.exp(-np.logaddexp(0.0, gamma - drs_logit(log_ratio, log_max, epsilon)))


def drs(
    pair: Pair,
    n: int,
    key: Array,
    *,
    shift_percent: float | None = 80.0,
    gamma: float | None = None,
    pilot: int = 4096,
    attempts: int = MOST_CANDIDATES,
    first: Langevin | None = None,
    then: Langevin | None = None,
    labels: ArrayLike | None = None,
    first_index: int = 0,
    batch: int = 256,
) -> Selection:
    """Draw ``n`` samples by discriminator rejection.

    The cost is (F_G + F_D) / acceptance per sample, and ``pilot`` candidates once. The maximum comes from the pilot and
    stays: released code raises it while it runs, so that its law depends on the order of the samples.

    Args:
      pair: A pair with a calibrated critic.
      n: Number of samples.
      key: Typed key.
      shift_percent: Percentile of F over the pilot that gamma becomes; released code uses 60 to 95.
      gamma: gamma itself, instead of a percentile.
      pilot: Candidates that set the constants, at least 16.
      attempts: Candidates that an output may see before its last one stands in.
      first: Chain that refines every candidate before it is judged.
      then: Chain that refines what was selected.
      labels: ``(n,)`` classes of a conditional pair; all in turn by default.
      first_index: Global number of the first sample.
      batch: Candidates per compiled call.

    Returns:
      The samples with their log ratios.

    Raises:
      InputError: An uncalibrated critic or settings out of range.

    References:
      Azadi et al., Discriminator Rejection Sampling, arXiv 1810.06758.
    """
    source = Source(pair, key, n, "DRS", first=first, labels=labels, first_index=first_index, batch=batch)
    check_count("pilot", pilot, 16, 2**24)
    check_count("attempts", attempts, 1, MOST_CANDIDATES)
    d = source.pilot(pilot)
    log_max = float(d.max())
    if gamma is None:
        if shift_percent is None:
            raise InputError("shift_percent", "is None", "give a percentage from 0 to 100, or gamma")
        check_number("shift_percent", shift_percent, at_least=0.0, at_most=100.0)
        gamma = float(np.percentile(drs_logit(d, log_max), shift_percent))
    check_number("gamma", gamma)
    shift = gamma
    settings = {"gamma": shift, "log_max": log_max, "pilot_acceptance": float(drs_acceptance(d, log_max, shift).mean())}
    return reject(source, lambda v, c: drs_acceptance(v, log_max, shift), attempts, then, settings)
