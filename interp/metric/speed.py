"""Points of a curve at equal feature distance.

A curve is measured on a dense grid, resampled to equal steps, measured again, and evaluated at the parameters where
the accumulated length is a multiple of the whole divided by the number of steps. Nothing is refitted.
"""

from __future__ import annotations

import jax
import numpy as np
from jax import Array

from pairs.arrays import on_device

from ..curves.sine_curve import Curve, evaluate, resample_times
from .critic_weight import UnitWeight
from .energy import Metric, observe, step_lengths

__all__ = ["constant_speed"]

_DENSITY = 4  # grid points of the measurement per point wanted


def constant_speed(metric: Metric, curve: Curve, points: int, *, labels: Array | None = None) -> tuple[Array, Array]:
    """Points of curves at equal plain feature distance, and their parameters.

    Args:
      metric: The generator and the feature net; its weights play no part.
      curve: Curves, a batch of them.
      points: Points wanted per curve, ends included.
      labels: Class of every curve, ``(batch,)``, for conditional pairs.

    Returns:
      Points ``(batch, points, d)``, and parameters ``(batch, points)``.
    """
    dense = _DENSITY * (points - 1) + 1
    t = on_device(np.broadcast_to(np.linspace(0, 1, dense, dtype=curve.z0.dtype), (len(curve.z0), dense)))
    plain = metric.replace(weight=UnitWeight(), substeps=1, mode="none", strength=0.0, radial=0.0)
    # the second measurement resolves a curve that does all its moving within one step of t
    for _ in range(2):
        t = _equalise(plain, curve, labels, t)
    t = t[:, ::_DENSITY]
    return evaluate(curve, t), t


@jax.jit
def _equalise(metric: Metric, curve: Curve, labels: Array | None, t: Array) -> Array:
    """As many parameters as there are in ``t``, at equal steps of the length measured at ``t``."""
    steps = step_lengths(metric, observe(metric, curve(t), labels)).plain
    return resample_times(t, steps, t.shape[1])
