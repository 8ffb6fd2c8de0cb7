r"""Monotone rational-quadratic splines on an interval, the identity outside it.

With knots :math:`(x_k, y_k)`, slopes :math:`\delta_k`, :math:`s = (y_{k+1} - y_k) / (x_{k+1} - x_k)` and
:math:`\xi = (x - x_k) / (x_{k+1} - x_k)` in the bin that holds x,

.. math::
   y = y_k + (y_{k+1} - y_k)\,\frac{s \xi^2 + \delta_k \xi (1 - \xi)}
   {s + (\delta_k + \delta_{k+1} - 2 s)\,\xi (1 - \xi)}, \qquad
   \frac{dy}{dx} = \frac{s^2 (\delta_{k+1} \xi^2 + 2 s \xi (1 - \xi) + \delta_k (1 - \xi)^2)}
   {(s + (\delta_k + \delta_{k+1} - 2 s)\,\xi (1 - \xi))^2}.

The first and the last slope are 1, so that the spline joins the identity smoothly.

References:
  Durkan et al., Neural Spline Flows, arXiv 1906.04032; Gregory and Delbourgo, 1982.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import Array

__all__ = ["spline", "spline_inverse", "spline_numbers"]

EDGE = 5.0
"""The spline acts on ``[-EDGE, EDGE]``, which holds all but 6e-7 of a standard normal."""
_LEAST = 1e-3  # least width, height and slope of a bin, so that the inverse is well conditioned
_ONE = math.log(math.expm1(1 - _LEAST))  # raw slope of which the slope is 1


def spline_numbers(bins: int) -> int:
    """Raw numbers that a spline of ``bins`` bins takes for one coordinate: zeros give the identity."""
    return max(0, 3 * bins - 1)


def _knots(raw: Array) -> tuple[Array, Array, Array]:
    """Knots ``(..., bins + 1)`` of x and y, and the slopes there, from raw numbers ``(..., 3 bins - 1)``."""
    bins = (raw.shape[-1] + 1) // 3
    edge = jnp.full((*raw.shape[:-1], 1), EDGE, raw.dtype)

    def places(numbers: Array) -> Array:
        share = _LEAST + (1 - _LEAST * bins) * jax.nn.softmax(numbers, axis=-1)
        inner = 2 * EDGE * jnp.cumsum(share[..., :-1], axis=-1) - EDGE
        return jnp.concatenate([-edge, inner, edge], axis=-1)

    slopes = _LEAST + jax.nn.softplus(raw[..., 2 * bins :] + _ONE)
    one = jnp.ones_like(edge)
    return places(raw[..., :bins]), places(raw[..., bins : 2 * bins]), jnp.concatenate([one, slopes, one], axis=-1)


def _bin(at: Array, knots: Array, *values: Array) -> list[Array]:
    """Each of ``values`` at the left end of the bin of ``knots`` that holds ``at``, and at its right end."""
    number = jnp.sum(at[..., None] >= knots[..., 1:-1], axis=-1)
    # a product with zeros and a one: the gradient of a lookup would be a scatter, which is slow on a CPU
    left = jax.nn.one_hot(number, knots.shape[-1] - 1, dtype=knots.dtype)
    ends = [(v[..., :-1], v[..., 1:]) for v in values]
    return [jnp.sum(left * end, axis=-1) for pair in ends for end in pair]


def spline(x: Array, raw: Array) -> tuple[Array, Array]:
    """The spline at x and the logarithm of its slope.

    Args:
      x: Points, any shape.
      raw: Raw numbers of each point's spline, ``(*x.shape, 3 bins - 1)``.

    Returns:
      Values and log slopes, shaped like x.

    Example:
      >>> y, log_slope = spline(jnp.asarray([0.5, 7.0]), jnp.zeros((2, 11)))
      >>> y.tolist(), (abs(log_slope) < 1e-6).tolist()
      ([0.5, 7.0], [True, True])
    """
    inside = jnp.abs(x) < EDGE
    at = jnp.where(inside, x, 0.0)
    xs, ys, slopes = _knots(raw)
    x0, x1, y0, y1, d0, d1 = _bin(at, xs, xs, ys, slopes)
    s, xi = (y1 - y0) / (x1 - x0), (at - x0) / (x1 - x0)
    y = y0 + (y1 - y0) * (s * xi**2 + d0 * xi * (1 - xi)) / (s + (d0 + d1 - 2 * s) * xi * (1 - xi))
    return jnp.where(inside, y, x), jnp.where(inside, _log_slope(xi, s, d0, d1), 0.0)


def spline_inverse(y: Array, raw: Array) -> tuple[Array, Array]:
    """The point whose spline is y, and the logarithm of the spline's slope there.

    Args:
      y: Values, any shape.
      raw: Raw numbers as :func:`spline` takes them.

    Returns:
      Points and log slopes of the spline (not of its inverse), shaped like y.
    """
    inside = jnp.abs(y) < EDGE
    at = jnp.where(inside, y, 0.0)
    xs, ys, slopes = _knots(raw)
    x0, x1, y0, y1, d0, d1 = _bin(at, ys, xs, ys, slopes)
    s, up = (y1 - y0) / (x1 - x0), at - y0
    bend = d0 + d1 - 2 * s
    a, b, c = (y1 - y0) * (s - d0) + up * bend, (y1 - y0) * d0 - up * bend, -s * up
    # the root of a xi^2 + b xi + c in [0, 1], in the form that does not cancel
    xi = 2 * c / (-b - jnp.sqrt(jnp.maximum(b**2 - 4 * a * c, 0.0)))
    return jnp.where(inside, xi * (x1 - x0) + x0, y), jnp.where(inside, _log_slope(xi, s, d0, d1), 0.0)


def _log_slope(xi: Array, s: Array, d0: Array, d1: Array) -> Array:
    mixed = xi * (1 - xi)
    rise = d1 * xi**2 + 2 * s * mixed + d0 * (1 - xi) ** 2
    return 2 * jnp.log(s) + jnp.log(rise) - 2 * jnp.log(s + (d0 + d1 - 2 * s) * mixed)
