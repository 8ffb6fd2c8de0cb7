"""Points of a curve at equal feature distance.

A curve is measured on a dense grid, resampled to equal steps, measured again, and evaluated at the parameters where
the accumulated length is a multiple of the whole divided by the number of steps. Nothing is refitted.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from ..curves.sine_curve import Curve, resample_times
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
    return _constant_speed(metric, curve, labels, points)


@partial(jax.jit, static_argnums=3)
def _constant_speed(metric: Metric, curve: Curve, labels: Array | None, points: int) -> tuple[Array, Array]:
    dense = _DENSITY * (points - 1) + 1
    t = jnp.linspace(0, 1, dense, dtype=curve.z0.dtype)
    plain = metric.replace(substeps=1, mode="none", radial=0.0)
    # the second measurement resolves a curve that does all its moving within one step of t
    for count in (dense, points):
        steps = step_lengths(plain, observe(plain, curve(t), labels)).plain
        t = resample_times(t, steps, count)
    return curve(t), t
