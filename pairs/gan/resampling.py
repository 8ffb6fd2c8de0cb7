r"""Resampling by two with the filter :math:`[1, 3, 3, 1]`, one axis after the other, zeros outside the image.

.. math::
   \mathrm{up}(x)[2i] = \tfrac14 x[i-1] + \tfrac34 x[i], \quad
   \mathrm{up}(x)[2i+1] = \tfrac34 x[i] + \tfrac14 x[i+1], \quad
   \mathrm{blur}_p(x)[i] = \tfrac18 \sum_t f_t\, x[i + t - p]

References:
  Karras et al. (2020), arXiv:1912.04958, appendix B.
"""

from __future__ import annotations

import functools

import jax.numpy as jnp
from jax import Array, lax

__all__ = ["FILTER", "blur", "up_by_two"]

FILTER = (1.0, 3.0, 3.0, 1.0)


def blur(x: Array, padding: int, stride: int = 1, gain: float = 1.0) -> Array:
    """The filter on both sides of images ``(B, H, W, C)``, of ``gain`` per axis."""
    taps = [gain * tap / sum(FILTER) for tap in FILTER]
    for axis in (1, 2):
        ends = [(0, 0)] * 4
        ends[axis] = (padding, padding)
        padded = jnp.pad(x, ends)
        last = padded.shape[axis] - len(taps)
        parts = (tap * lax.slice_in_dim(padded, i, i + last + 1, stride, axis) for i, tap in enumerate(taps))
        x = functools.reduce(jnp.add, parts)
    return x


def up_by_two(x: Array) -> Array:
    """Images of twice the sides."""
    for axis in (1, 2):
        ends = [(0, 0)] * 4
        ends[axis] = (1, 1)
        padded, n = jnp.pad(x, ends), x.shape[axis]
        before, after = (lax.slice_in_dim(padded, i, i + n, axis=axis) for i in (0, 2))
        both = jnp.stack([0.25 * before + 0.75 * x, 0.75 * x + 0.25 * after], axis + 1)
        x = both.reshape(*x.shape[:axis], 2 * n, *x.shape[axis + 1 :])
    return x
