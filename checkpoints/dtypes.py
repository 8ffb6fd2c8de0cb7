"""Which numbers are weights: those of floating point, NumPy's and the short ones that machine learning added."""

from __future__ import annotations

import numpy as np

__all__ = ["is_float"]

_SHORT = ("bfloat16", "float8_e4m3fn", "float8_e5m2")


def is_float(dtype: np.dtype) -> bool:
    """Whether a type has real floating-point numbers; raw bytes, which NPZ makes of bfloat16, are none.

    Args:
      dtype: The type.

    Example:
      >>> is_float(np.dtype("f2")), is_float(np.dtype("V2")), is_float(np.dtype("c8"))
      (True, False, False)
    """
    return dtype.kind == "f" or dtype.name in _SHORT
