r"""Discriminator rejection sampling (arXiv 1810.06758), for comparison: :mod:`dcd.selection.optimal_rejection` dominates it.

.. math::
   F(x) = d(x) - d_M - \log\left(1 - e^{d(x) - d_M - \epsilon}\right) - \gamma, \qquad a(x) = \sigma(F(x))

With :math:`\gamma = 0, \epsilon \to 0` this is :math:`e^{d - d_M}`, exact rejection at rate :math:`1/M`;
a larger :math:`\gamma` rejects more, a smaller (negative) one accepts more than exact rejection would.
"""

from __future__ import annotations

import math

import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Pair

from ..langevin.settings import Langevin
from .candidates import MOST_CANDIDATES, Selection, Source, check_count
from .rejection import reject

__all__ = ["drs", "drs_logit", "drs_acceptance"]

EPSILON = 1e-6


def drs_logit(log_ratio: ArrayLike, log_max: ArrayLike, epsilon: float = EPSILON) -> np.ndarray:
    """F without gamma, float64. Beyond the maximum d counts as the maximum."""
    below = np.minimum(np.asarray(log_ratio, np.float64) - log_max, 0.0)
    return below - np.log(-np.expm1(below - epsilon))


def drs_acceptance(
    log_ratio: ArrayLike, log_max: ArrayLike, gamma: float = 0.0, epsilon: float = EPSILON
) -> np.ndarray:
    """:math:`\\sigma(F)`.

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
    """``n`` samples. Cost: (F_G + F_D) / acceptance per sample, plus ``pilot`` candidates once.

    The maximum comes from the pilot and stays: released code raises it while it runs, so that its
    law depends on the order of the samples.

    Args:
      shift_percent: gamma is this percentile of F over the pilot; released code uses 60 to 95.
      gamma: gives gamma itself instead.

    Other arguments, return value and errors are those of :func:`dcd.select.obrs`.
    """
    source = Source(pair, key, n, "DRS", first=first, labels=labels, first_index=first_index, batch=batch)
    check_count("pilot", pilot, 16, 2**24)
    check_count("attempts", attempts, 1)
    d = source.pilot(pilot)
    log_max = float(d.max())
    if gamma is None:
        if shift_percent is None or not 0 <= shift_percent <= 100:
            raise InputError("shift_percent", f"is {shift_percent!r}", "give a percentage from 0 to 100, or gamma")
        gamma = float(np.percentile(drs_logit(d, log_max), shift_percent))
    elif not math.isfinite(gamma):
        raise InputError("gamma", f"is {gamma!r}", "give a finite number")
    shift = gamma
    settings = {"gamma": shift, "log_max": log_max, "pilot_acceptance": float(drs_acceptance(d, log_max, shift).mean())}
    return reject(source, lambda v, c: drs_acceptance(v, log_max, shift), attempts, then, settings)
