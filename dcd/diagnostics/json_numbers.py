"""Numbers in the form that JSON holds: NaN and infinity become None."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["finite", "finite_list", "mean_per_step"]


def finite(value: Any) -> float | None:
    """A float, or None where it is not finite.

    Example:
      >>> finite(np.float32(2)), finite(np.nan)
      (2.0, None)
    """
    return float(value) if math.isfinite(float(value)) else None


def finite_list(values: Any) -> list[float | None]:
    """:func:`finite` of every entry."""
    return [finite(v) for v in values]


def mean_per_step(field: Any) -> list[float | None]:
    """Means over chains of a record's field ``(steps, n)``, in float64."""
    return finite_list(np.mean(np.asarray(field, np.float64), axis=1))
