r"""Optimal budgeted rejection sampling (arXiv 2311.00460).

With :math:`r = p/q` and :math:`M = \sup r`, candidates of q are accepted with probability

.. math:: a(x) = \min\left(1,\; c\,\frac{r(x)}{M}\right), \qquad c \ge 1 \text{ so that } E_q\,a = K

for the acceptance budget K, the share of candidates that one can afford to keep. Among all acceptance functions of that
budget it brings the law closest to p in every f-divergence. At :math:`K \le 1/M` c is 1 and the law is p.
"""

from __future__ import annotations

import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import Pair
from pairs.checks import check_count, check_number

from ..langevin.settings import Langevin
from .candidates import MOST_CANDIDATES, Source
from .rejection import reject
from .selected import Selection

__all__ = ["obrs", "obrs_acceptance", "obrs_log_scale"]


def obrs_log_scale(log_ratio: ArrayLike, budget: float, weights: ArrayLike | None = None) -> float:
    r"""The :math:`\log(c/M)` with which a set of candidates meets the budget exactly.

    The mean of :math:`\min(1, e^{d+s})` is found by sorting: if the k largest are cut at 1, then
    :math:`e^s = (K - W_k) / \sum_{\text{rest}} w\,e^d`.

    Args:
      log_ratio: ``(n,)`` log density ratios d of the candidates.
      budget: K.
      weights: ``(n,)`` weights w of the candidates, equal by default.

    Returns:
      The number s, at least :math:`-\max d` (c = 1); infinity for a budget of 1 and more.

    Example:
      >>> round(float(np.exp(obrs_log_scale(np.log([0.5, 1.5]), 0.75))), 9)  # 1.5 is cut: (0.5 + 1) / 2
      1.0
    """
    if budget >= 1:
        return np.inf
    d = np.asarray(log_ratio, np.float64)
    w = np.full(len(d), 1 / len(d)) if weights is None else np.asarray(weights, np.float64)
    order = np.argsort(-d, kind="stable")
    d, w = d[order], w[order] / w.sum()
    top = d[0]
    mass = w * np.exp(d - top)  # relative to the largest: no overflow
    rest = np.cumsum(mass[::-1])[::-1]
    cut = np.concatenate([[0.0], np.cumsum(w)[:-1]])  # weight of the k largest
    with np.errstate(divide="ignore", invalid="ignore"):
        s = np.log(np.maximum(budget - cut, 0.0)) - np.log(rest)
    # the first k whose largest uncut member stays within 1
    fits = s + (d - top) <= 1e-12
    return max(float(s[np.argmax(fits)]), 0.0) - float(top)


def obrs_acceptance(log_ratio: ArrayLike, log_scale: ArrayLike) -> np.ndarray:
    r"""The acceptance probability :math:`\min(1, e^{d + \log(c/M)})`, in float64."""
    return np.exp(np.minimum(np.asarray(log_ratio, np.float64) + log_scale, 0.0))


def obrs(
    pair: Pair,
    n: int,
    key: Array,
    *,
    budget: float = 0.25,
    pilot: int = 4096,
    attempts: int = MOST_CANDIDATES,
    first: Langevin | None = None,
    then: Langevin | None = None,
    labels: ArrayLike | None = None,
    first_index: int = 0,
    batch: int = 256,
) -> Selection:
    """Draw ``n`` samples at a mean acceptance of ``budget``, on average from n / budget candidates.

    The cost is (F_G + F_D) / budget per sample, and ``pilot`` candidates once. c/M is estimated on the pilot, per class
    for conditional pairs, so that each class meets the budget with its labels held. The released code finds c by
    bisection on 10,000 samples; here it is solved for exactly.

    Args:
      pair: A pair with a calibrated critic.
      n: Number of samples.
      key: Typed key.
      budget: K in (0, 1]; 1 accepts everything.
      pilot: Candidates that set the constant, at least 16 per class.
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
      Verine et al., Optimal Budgeted Rejection Sampling for Generative Models, arXiv 2311.00460.
    """
    source = Source(pair, key, n, "OBRS", first=first, labels=labels, first_index=first_index, batch=batch)
    check_number("budget", budget, above=0.0, at_most=1.0)
    check_count("pilot", pilot, 16 * (pair.classes or 1), 2**24)
    check_count("attempts", attempts, 1, MOST_CANDIDATES)
    groups = [None] if pair.classes is None else list(range(pair.classes))
    d = [source.pilot(pilot // len(groups), of=g) for g in groups]
    scale = np.array([obrs_log_scale(v, budget) for v in d])
    rate = float(np.mean([obrs_acceptance(v, s).mean() for v, s in zip(d, scale, strict=True)]))
    accept = lambda v, c: obrs_acceptance(v, scale[0] if c is None else scale[c])
    settings = {"budget": budget, "pilot_acceptance": rate, "log_max": float(max(v.max() for v in d))}
    return reject(source, accept, attempts, then, settings)
