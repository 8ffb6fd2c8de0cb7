r"""How well a score tells two sets of samples apart.

.. math:: \mathrm{AUC} = P(s_+ > s_-) + \tfrac12 P(s_+ = s_-)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["auc", "kolmogorov_smirnov"]


def auc(positive: ArrayLike, negative: ArrayLike) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counting half.

    Args:
      positive: Scores of one set, any shape.
      negative: Scores of the other set.

    Returns:
      A number in [0, 1]; 0.5 means that the score does not tell the sets apart.

    Example:
      >>> auc([1.0, 2.0], [0.0, 1.0])
      0.875
    """
    ordered = np.sort(np.asarray(negative, np.float64).ravel())
    scores = np.asarray(positive, np.float64).ravel()
    below = np.searchsorted(ordered, scores, "left") + np.searchsorted(ordered, scores, "right")
    return float(np.mean(below) / (2 * len(ordered)))


def kolmogorov_smirnov(first: ArrayLike, second: ArrayLike) -> float:
    """The largest gap between two empirical distribution functions, in [0, 1].

    Example:
      >>> kolmogorov_smirnov([0.0, 1.0], [0.5, 1.5])
      0.5
    """
    a, b = (np.sort(np.asarray(v, np.float64).ravel()) for v in (first, second))
    at = np.concatenate([a, b])
    gaps = np.searchsorted(a, at, "right") / len(a) - np.searchsorted(b, at, "right") / len(b)
    return float(np.max(np.abs(gaps)))
