r"""Diversity of samples: mean pairwise distance, and class histograms by their total variation.

.. math:: \bar d = \frac{1}{n(n-1)}\sum_{i \ne j} \lVert x_i - x_j\rVert, \qquad
   \mathrm{TV}(p, q) = \tfrac12 \sum_c \lvert p_c - q_c\rvert
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pairs import InputError

from ..langevin.result import Result

__all__ = ["Classify", "diversity", "mean_pairwise_distance", "total_variation"]

Classify = Callable[[np.ndarray], ArrayLike]
"""From samples to labels ``(n,)`` or to class scores ``(n, classes)``."""


def mean_pairwise_distance(x: ArrayLike, most: int = 1000) -> float:
    """Mean Euclidean distance between two different samples.

    Args:
      x: ``(n, *sample)``.
      most: Number of samples that count, the first of them.

    Returns:
      The mean distance.

    Raises:
      InputError: Fewer than two samples.

    Example:
      >>> mean_pairwise_distance(np.array([[0.0], [1.0], [3.0]]))
      2.0
    """
    flat = np.asarray(x, np.float64)[:most].reshape(min(len(np.asarray(x)), most), -1)
    if len(flat) < 2:
        raise InputError("x", f"holds {len(flat)} samples", "give at least 2")
    square = np.sum(flat**2, axis=1)
    distance = np.sqrt(np.maximum(square[:, None] + square - 2 * flat @ flat.T, 0.0))
    np.fill_diagonal(distance, 0.0)
    return float(distance.sum() / (len(flat) * (len(flat) - 1)))


def total_variation(p: ArrayLike, q: ArrayLike) -> float:
    """Half the sum of absolute differences of two histograms, each scaled to sum to 1.

    Example:
      >>> total_variation([3, 1], [1, 1])
      0.25
    """
    a, b = np.asarray(p, np.float64), np.asarray(q, np.float64)
    return float(np.abs(a / a.sum() - b / b.sum()).sum() / 2)


def diversity(result: Result, real: np.ndarray | None, classify: Classify | None) -> dict[str, Any] | None:
    """Distances and classes of a run's samples, in the form that JSON holds; None for fewer than two samples.

    Args:
      result: The run.
      real: Held-out real samples, or None.
      classify: A classifier, or None.

    Returns:
      ``pairwise_distance``, its ratios, and ``classes``.

    Raises:
      InputError: A classifier whose output does not fit.
    """
    if len(result.after) < 2:
        return None
    sets = {"before": result.before, "after": result.after} | ({} if real is None else {"real": real})
    distance = {k: mean_pairwise_distance(v) for k, v in sets.items()}
    report: dict[str, Any] = {
        "pairwise_distance": distance,
        "distance_ratio": _ratio(distance["after"], distance["before"]),
        "distance_ratio_to_real": None if real is None else _ratio(distance["after"], distance["real"]),
        "classes": None,
    }
    if classify is not None:
        labels = {k: _labels(classify(v), len(v)) for k, v in sets.items()}
        count = max(int(v.max()) for v in labels.values()) + 1
        histograms = {k: np.bincount(v, minlength=count) for k, v in labels.items()}
        report["classes"] = {
            "histograms": {k: v.tolist() for k, v in histograms.items()},
            "from_uniform": {k: total_variation(v, np.ones(count)) for k, v in histograms.items()},
            "from_real": {k: total_variation(v, histograms["real"]) for k, v in histograms.items() if real is not None},
        }
    return report


def _labels(out: ArrayLike, n: int) -> np.ndarray:
    values = np.asarray(out)
    values = values.argmax(axis=1) if values.ndim == 2 else values
    if values.shape != (n,) or values.dtype.kind not in "iu" or values.min() < 0:
        raise InputError("classify", f"returns {values.dtype} of shape {values.shape}", f"return {n} whole numbers")
    return values


def _ratio(a: float, b: float) -> float | None:
    return a / b if b > 0 else None
