r"""An affine map from a score to a log density ratio, fitted by logistic regression.

.. math::
   \min_{a, b}\; \tfrac12\,\mathbb{E}_i\,\ell(a s_i + b,\; t_+) + \tfrac12\,\mathbb{E}_j\,\ell(a \tilde s_j + b,\; t_-),
   \qquad \ell(d, t) = \log(1 + e^d) - t d

by Newton's method, for scores :math:`s_i` of n real and :math:`\tilde s_j` of m generated samples. Both sides weigh one
half whatever their counts, so the fitted logit is :math:`\log p/q` and not shifted by the prior odds of the set.
Platt's targets :math:`t_+ = (n + 1)/(n + 2)` and :math:`t_- = 1/(m + 2)` keep the slope finite where the two sides
separate.
"""

from __future__ import annotations

import numpy as np

__all__ = ["fit_logistic"]


def fit_logistic(real: np.ndarray, fake: np.ndarray) -> tuple[float, float]:
    """Fit the affine map from a score to the balanced logit.

    Args:
      real: Scores ``(n,)`` of real samples.
      fake: Scores ``(m,)`` of generated samples.

    Returns:
      ``(a, b)``, so that ``a * score + b`` is the logit. a is positive where real samples score higher. Constant
      scores give (0, 0).

    Example:
      >>> fit_logistic(np.array([1.0, 2.0, 0.5]), np.array([0.0, 1.5, -1.0]))[0] > 0
      True
    """
    s = np.concatenate([real, fake]).astype(np.float64)
    mean, spread = s.mean(), s.std()
    if spread <= 1e-12 * max(1.0, abs(mean)):
        return 0.0, 0.0
    n, m = len(real), len(fake)
    target = np.concatenate([np.full(n, (n + 1) / (n + 2)), np.full(m, 1 / (m + 2))])
    weight = np.concatenate([np.full(n, 0.5 / n), np.full(m, 0.5 / m)])
    x = np.stack([(s - mean) / spread, np.ones_like(s)], axis=1)

    def loss(theta: np.ndarray) -> float:
        logit = x @ theta
        return float(np.sum(weight * (np.logaddexp(0.0, logit) - target * logit)))

    theta = np.zeros(2)
    for _ in range(100):
        p = np.exp(-np.logaddexp(0.0, -(x @ theta)))
        gradient = x.T @ (weight * (p - target))
        hessian = (x * (weight * p * (1 - p))[:, None]).T @ x + 1e-12 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        scale = 1.0
        while loss(theta - scale * step) > loss(theta) and scale > 1e-8:
            scale /= 2
        theta = theta - scale * step
        if np.abs(scale * step).max() < 1e-10:
            break
    return float(theta[0] / spread), float(theta[1] - theta[0] * mean / spread)
