r"""Between bytes and a pair's sample range: the one quantisation that everything here uses.

Between bytes :math:`u` and samples :math:`x` in :math:`[a, b]`,

.. math::
   x = a + (b - a)\, u / 255, \qquad u = \mathrm{round}\big(255\,\mathrm{clip}((x - a) / (b - a), 0, 1)\big),

halves round to even; ``to_uint8(to_range(u)) == u`` for every byte.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InputError

__all__ = ["to_range", "to_uint8"]


def to_range(x: ArrayLike, sample_range: tuple[float, float]) -> np.ndarray:
    """Bytes as float32 in ``(low, high)``.

    Example:
      >>> to_range(np.uint8([0, 255]), (-1.0, 1.0)).tolist()
      [-1.0, 1.0]
    """
    low, high = sample_range
    return (low + np.asarray(x, np.float32) * np.float32((high - low) / 255)).astype(np.float32)


def to_uint8(x: ArrayLike, sample_range: tuple[float, float]) -> np.ndarray:
    """Samples in ``(low, high)`` as bytes: values outside are cut to the range, then scaled and rounded.

    Raises:
      InputError: NaN or infinity among the samples, which no byte stands for.

    Example:
      >>> to_uint8([-1.0, 0.0, 3.0], (-1.0, 1.0)).tolist()
      [0, 128, 255]
    """
    low, high = sample_range
    x = np.asarray(x, np.float32)
    if not np.all(np.isfinite(x)):
        raise InputError("samples", "hold NaN or infinity", "take smaller steps, or check the weights")
    return np.rint(np.clip((x - low) / (high - low), 0, 1) * 255).astype(np.uint8)
