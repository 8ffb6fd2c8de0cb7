r"""How far a logit is from the log density ratio it claims to be.

With equally many real (y = 1) and generated (y = 0) samples, a critic that is the log ratio
:math:`d = \log p/q` has :math:`P(y = 1 \mid x) = \sigma(d(x))`. From that follow the measures here:
the reliability table, the expected calibration error :math:`\sum_b \tfrac{n_b}{n}|\bar y_b - \bar p_b|`,

.. math:: Z = \frac{\sum (y - p)}{\sqrt{\sum p (1 - p)}} \to N(0, 1)

(arXiv 1811.11357), and, over generated samples, :math:`E_q\,e^d = 1`. The effective sample size
:math:`(\sum w)^2 / \sum w^2` of :math:`w = e^d` says how many samples selection can count on.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from pairs.ranking import auc

__all__ = ["Reliability", "reliability", "weights_ess"]


@dataclasses.dataclass(frozen=True)
class Reliability:
    """Measures of one logit on one labelled set.

    Attributes:
      z_statistic: Standard normal for a calibrated logit; beyond 2 in size, the logit is off on average.
      ece: Expected calibration error, in [0, 1].
      auc: Probability that a real sample scores above a generated one; 0.5 carries nothing, 1 means no overlap.
      log_loss: Mean of -log p(y), in nats; the constant 1/2 has log 2.
      mean_weight: Mean of e^d over generated samples; 1 for a density ratio.
      ess: Effective sample size of e^d over generated samples, as a fraction of them.
      max_log_ratio: Largest d over generated samples; exact rejection accepts the fraction exp(-max) of them.
      table: Bins of equal count by predicted probability, each with ``low``, ``high``, ``predicted``, ``observed`` and
        ``count``.
    """

    z_statistic: float
    ece: float
    auc: float
    log_loss: float
    mean_weight: float
    ess: float
    max_log_ratio: float
    table: tuple[dict[str, float], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the measures in JSON form."""
        return dataclasses.asdict(self)


def weights_ess(log_weights: np.ndarray) -> float:
    r"""Compute the effective sample size :math:`(\sum w)^2 / (n \sum w^2)`, as a fraction.

    Args:
      log_weights: Logarithms of the weights ``(n,)``, up to a constant.

    Returns:
      A number in (0, 1].

    Example:
      >>> weights_ess(np.zeros(5))
      1.0
    """
    w = np.exp(np.asarray(log_weights, np.float64) - np.max(log_weights))
    return float(w.sum() ** 2 / (len(w) * (w**2).sum()))


def reliability(real: np.ndarray, fake: np.ndarray, bins: int = 10) -> Reliability:
    r"""Measure logits of real and of generated samples.

    Unequal counts are allowed: the shift :math:`\log(n_{real}/n_{fake})` turns the balanced logit into that of the set.

    Args:
      real: Logits ``(n,)`` of real samples.
      fake: Logits ``(m,)`` of generated samples.
      bins: Rows of the table.

    Returns:
      The measures.
    """
    real, fake = np.asarray(real, np.float64), np.asarray(fake, np.float64)
    d = np.concatenate([real, fake])
    y = np.concatenate([np.ones(len(real)), np.zeros(len(fake))])
    logit = d + math.log(len(real) / len(fake))
    p = _sigmoid(logit)
    variance = float(np.sum(p * (1 - p)))
    residual = float(np.sum(y - p))
    z = residual / math.sqrt(variance) if variance > 0 else (0.0 if residual == 0 else math.copysign(1e9, residual))
    rows, ece = [], 0.0
    for part in np.array_split(np.argsort(p, kind="stable"), min(bins, len(p))):
        predicted, observed = float(p[part].mean()), float(y[part].mean())
        ece += len(part) / len(p) * abs(observed - predicted)
        rows.append(
            {
                "low": float(p[part].min()),
                "high": float(p[part].max()),
                "predicted": predicted,
                "observed": observed,
                "count": len(part),
            }
        )
    weight = float(np.exp(np.minimum(fake, 700.0)).mean())
    loss = float(np.mean(np.logaddexp(0.0, np.where(y > 0, -logit, logit))))
    return Reliability(z, ece, auc(real, fake), loss, weight, weights_ess(fake), float(fake.max()), tuple(rows))


def _sigmoid(logit: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0.0, -logit))
