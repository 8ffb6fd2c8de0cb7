r"""A non-decreasing map from a score to a log density ratio, by pool adjacent violators.

.. math:: \min_{g\ \text{non-decreasing}} \; \sum_k w_k\,(y_k - g(s_k))^2, \qquad d = \log\frac{g}{1 - g}

over the scores :math:`s_k` of real (y = 1) and generated (y = 0) samples. Both sides weigh one half whatever their
counts. The solution is constant on blocks of scores; the knot of a block is its mean score, and straight lines join the
knots. Probabilities are kept away from 0 and 1 by 1/(n + 2): n samples cannot tell a larger ratio.
"""

from __future__ import annotations

import numpy as np

__all__ = ["fit_isotonic"]


def fit_isotonic(real: np.ndarray, fake: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit a non-decreasing, piecewise linear map from a score to the balanced logit.

    Args:
      real: Scores ``(n,)`` of real samples.
      fake: Scores ``(m,)`` of generated samples.

    Returns:
      Scores and logits of the knots, both ascending, at least one. Outside the knots the map is constant.

    Example:
      >>> fit_isotonic(np.array([1.0, 3.0]), np.array([0.0, 2.0]))[0].tolist()
      [0.0, 1.5, 3.0]
    """
    n, m = len(real), len(fake)
    s = np.concatenate([real, fake]).astype(np.float64)
    y = np.concatenate([np.ones(n), np.zeros(m)])
    w = np.concatenate([np.full(n, 0.5 / n), np.full(m, 0.5 / m)])
    values, place = np.unique(s, return_inverse=True)
    mass = np.bincount(place, w)
    mean = np.bincount(place, w * y) / mass
    blocks: list[list[float]] = []  # mean of y, mass, mean score
    for label, weight, score in zip(mean, mass, values, strict=True):
        blocks.append([label, weight, score])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            (y1, w1, s1), (y0, w0, s0) = blocks.pop(), blocks.pop()
            total = w0 + w1
            blocks.append([(w0 * y0 + w1 * y1) / total, total, (w0 * s0 + w1 * s1) / total])
    levels, _, knots = np.array(blocks).T
    edge = 1.0 / (n + m + 2)
    levels = np.clip(levels, edge, 1 - edge)
    return knots, np.log(levels) - np.log1p(-levels)
