"""Labels beside samples: one whole number for each."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import InputError

__all__ = ["whole_labels"]


def whole_labels(labels: np.ndarray, n: int, source: Path) -> np.ndarray:
    """Labels as int64.

    Args:
      labels: as stored; floats must be whole.
      n: how many samples there are.
      source: where they come from, for messages.

    Raises:
      InputError: not one for each sample, or no whole numbers.
    """
    remedy = "store one whole number for each sample"
    if labels.shape != (n,):
        raise InputError("data", f"{source} holds {n} samples and labels of shape {labels.shape}", remedy)
    if labels.dtype.kind not in "iuf":
        raise InputError("data", f"{source} holds labels of type {labels.dtype}", remedy)
    if not ((labels == np.round(labels)) & (labels < 2**31) & (labels > -(2**31))).all():
        raise InputError("data", f"{source} holds labels that are no whole numbers of moderate size", remedy)
    return labels.astype(np.int64)
