r"""Interpolations that need no optimisation: line, slerp, transport-matched line, pixel cross-fade.

With ends :math:`z_0, z_1` and :math:`t \in [0, 1]`:

.. math::
   \mathrm{line}(t) &= (1-t) z_0 + t z_1 \\
   \mathrm{slerp}(t) &= r(t)\,\frac{\sin((1-t)\omega)\,u_0 + \sin(t\omega)\,u_1}{\sin\omega},
       \quad u_i = z_i / |z_i|,\; r(t) = (1-t)|z_0| + t|z_1| \\
   \mathrm{matched}(t) &= F^{-1}\bigl(F_t(\mathrm{line}(t))\bigr)

where :math:`F` is the prior's distribution function of one coordinate and :math:`F_t` that of the line. For
:math:`N(0, I)` the matched line is ``line / sqrt(t^2 + (1-t)^2)`` (arXiv 1711.01970). Slerp is that of
arXiv 1609.04468 with a radius that is linear in t, so that angle steps are equal for any two radii.
"""

from __future__ import annotations

from typing import Literal, get_args

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from pairs import Normal, Pair, Prior, Sphere, TruncatedNormal, Uniform
from pairs.checks import check_choice

__all__ = ["Baseline", "BASELINES", "lerp", "slerp", "matched", "baseline_path", "cross_fade", "combine", "exact_ends"]

Baseline = Literal["linear", "slerp", "matched"]
BASELINES: tuple[Baseline, ...] = get_args(Baseline)
"""The names of the baselines; a curve stores the position in this tuple."""

_OPPOSITE = 1e-6  # 1 + cosine below which ends count as opposite: 1.4e-3 radians


def _column(t: ArrayLike, z: Array) -> Array:
    """``t`` of shape (n,) or (batch, n) against ``z`` (batch, d): (1 or batch, n, 1)."""
    t = jnp.asarray(t, z.dtype)
    return t[None, :, None] if t.ndim == 1 else t[:, :, None]


def lerp(z0: ArrayLike, z1: ArrayLike, t: ArrayLike) -> Array:
    """Straight lines.

    Args:
      z0: First ends, ``(batch, d)``.
      z1: Last ends, ``(batch, d)``.
      t: Parameters in [0, 1], ``(n,)`` or ``(batch, n)``.

    Returns:
      Points, ``(batch, n, d)``.

    Example:
      >>> lerp([[0.0, 0.0]], [[1.0, 2.0]], [0.5]).tolist()
      [[[0.5, 1.0]]]
    """
    z0, z1 = jnp.asarray(z0), jnp.asarray(z1)
    t = _column(t, z0)
    return (1 - t) * z0[:, None] + t * z1[:, None]


def slerp(z0: ArrayLike, z1: ArrayLike, t: ArrayLike) -> Array:
    """Great arcs with a radius that is linear in ``t``; shapes as for :func:`lerp`.

    Parallel ends, and ends at the origin, give the line. Opposite ends have no unique shortest arc. Ends within 1.4e-3
    radians of opposite count as opposite, because rounding alone would choose their plane: the half circle then goes
    through the coordinate axis that is least aligned with the first end, is tilted evenly so that it arrives at the
    last end, and is projected to the sphere. So the path is finite, continuous and on the sphere for all ends; it is
    at most 1.4e-3 radians longer than the shortest arc.

    Example:
      >>> path = slerp(jnp.asarray([[1.0, 0.0]]), jnp.asarray([[0.0, 1.0]]), [0.5])
      >>> [round(float(v), 4) for v in path[0, 0]]
      [0.7071, 0.7071]

    References:
      arXiv 1609.04468.
    """
    z0, z1 = jnp.asarray(z0), jnp.asarray(z1)
    return _slerp(z0, z1, jnp.asarray(t, z0.dtype))


@jax.jit
def _slerp(z0: Array, z1: Array, t: Array) -> Array:
    tc = _column(t, z0)
    tiny = jnp.finfo(z0.dtype).tiny
    r0 = jnp.linalg.norm(z0, axis=-1, keepdims=True)
    r1 = jnp.linalg.norm(z1, axis=-1, keepdims=True)
    u0, u1 = z0 / jnp.maximum(r0, tiny), z1 / jnp.maximum(r1, tiny)
    cosine = jnp.sum(u0 * u1, axis=-1, keepdims=True)
    # a second unit vector of the plane of the arc, from u1 or (opposite ends) from a coordinate axis
    axis = jnp.zeros_like(u0).at[jnp.arange(z0.shape[0]), jnp.argmin(jnp.abs(u0), axis=-1)].set(1.0)
    opposite = cosine < -1 + _OPPOSITE
    toward = jnp.where(opposite, axis, u1)
    side = toward - jnp.sum(toward * u0, axis=-1, keepdims=True) * u0
    length = jnp.linalg.norm(side, axis=-1, keepdims=True)
    omega = jnp.where(opposite, jnp.pi, jnp.arctan2(length, cosine)).astype(z0.dtype)
    side = side / jnp.maximum(length, tiny)
    # near opposite ends the difference above is mostly rounding, so that it has to be made orthogonal once more
    again = side - jnp.sum(side * u0, axis=-1, keepdims=True) * u0
    again = again / jnp.maximum(jnp.linalg.norm(again, axis=-1, keepdims=True), tiny)
    side = jnp.where(cosine < -0.99, again, side)
    arc = jnp.cos(tc * omega[:, None]) * u0[:, None] + jnp.sin(tc * omega[:, None]) * side[:, None]
    tilted = arc + tc * (u0 + u1)[:, None]
    tilted = tilted / jnp.maximum(jnp.linalg.norm(tilted, axis=-1, keepdims=True), tiny)
    arc = ((1 - tc) * r0[:, None] + tc * r1[:, None]) * jnp.where(opposite[:, None], tilted, arc)
    # parallel ends, or an end at the origin, span no plane
    flat = (omega < 1e-4) | (r0 < 1e-12) | (r1 < 1e-12)
    return exact_ends(jnp.where(flat[:, None], lerp(z0, z1, t), arc), z0, z1, t)


def matched(prior: Prior, z0: ArrayLike, z1: ArrayLike, t: ArrayLike) -> Array:
    """Lines whose every point has the prior's law where the ends have it; shapes as for :func:`lerp`.

    The law is exact for normal and uniform priors. A truncated normal takes the correction of the normal, projected to
    the box. A sphere takes slerp. A class mixture takes the line, because its ends decide the component.

    References:
      arXiv 1711.01970.
    """
    z0, z1 = jnp.asarray(z0), jnp.asarray(z1)
    return _matched(prior, z0, z1, jnp.asarray(t, z0.dtype))


@jax.jit
def _matched(prior: Prior, z0: Array, z1: Array, t: Array) -> Array:
    return combine(prior, jnp.full((), 2), lerp(z0, z1, t), _slerp(z0, z1, t), z0, z1, t)


def combine(prior: Prior | None, which: Array, line: Array, arc: Array, z0: Array, z1: Array, t: ArrayLike) -> Array:
    """Select a baseline for every pair of ends.

    Args:
      prior: The law of the matched line; None takes the line for it.
      which: Positions in :data:`BASELINES`; must broadcast over the batch.
      line: Points of the lines, ``(batch, n, d)``.
      arc: Points of the great arcs, ``(batch, n, d)``.
      z0: First ends, ``(batch, d)``.
      z1: Last ends, ``(batch, d)``.
      t: Parameters of the points.

    Returns:
      Points, ``(batch, n, d)``.
    """
    tc = _column(t, z0)
    if isinstance(prior, Uniform):
        third = _uniform_matched(prior, line, tc)
    elif isinstance(prior, (Normal, TruncatedNormal)):
        third = line / jnp.sqrt(tc**2 + (1 - tc) ** 2)
        third = prior.project(third) if isinstance(prior, TruncatedNormal) else third
    elif isinstance(prior, Sphere):
        third = arc
    else:
        third = line
    which = jnp.reshape(which, (-1, 1, 1))
    path = jnp.where(which == 0, line, jnp.where(which == 1, arc, third))
    return exact_ends(path, z0, z1, t)


def _uniform_matched(prior: Uniform, line: Array, t: Array) -> Array:
    """The sum of two independent uniforms of widths t and 1 - t has a trapezoid law; its CDF, coordinate-wise."""
    v = (line - prior.low) / (prior.high - prior.low)
    a, b = jnp.minimum(t, 1 - t), jnp.maximum(t, 1 - t)
    a = jnp.maximum(a, 1e-6)
    low = v**2 / (2 * a * b)
    middle = (2 * v - a) / (2 * b)
    high = 1 - (1 - v) ** 2 / (2 * a * b)
    cdf = jnp.where(v < a, low, jnp.where(v <= b, middle, high))
    return prior.low + (prior.high - prior.low) * jnp.clip(cdf, 0, 1)


def exact_ends(path: Array, z0: Array, z1: Array, t: ArrayLike) -> Array:
    """``path`` ``(batch, n, d)`` with the ends themselves where ``t`` is 0 or 1, free of rounding."""
    tc = _column(t, z0)
    return jnp.where(tc <= 0, z0[:, None], jnp.where(tc >= 1, z1[:, None], path))


def baseline_path(prior: Prior, name: Baseline, z0: ArrayLike, z1: ArrayLike, t: ArrayLike) -> Array:
    """One of :data:`BASELINES` by its name; shapes as for :func:`lerp`.

    Raises:
      InputError: The name is unknown.
    """
    check_choice("baseline", name, BASELINES)
    if name == "matched":
        return matched(prior, z0, z1, t)
    return lerp(z0, z1, t) if name == "linear" else slerp(z0, z1, t)


def cross_fade(pair: Pair, z0: ArrayLike, z1: ArrayLike, t: ArrayLike, labels: ArrayLike | None = None) -> Array:
    """Pixel mixtures of the samples of both ends: what an interpolation must not look like.

    Args:
      pair: The pair that makes the samples.
      z0: First ends, ``(batch, *latent)``.
      z1: Last ends, ``(batch, *latent)``.
      t: Shares of the last sample, ``(n,)``.
      labels: Class of every pair of ends, ``(batch,)``, for conditional pairs.

    Returns:
      Samples, ``(batch, n, *sample)``.
    """
    x0, x1 = pair.generate(jnp.asarray(z0), labels), pair.generate(jnp.asarray(z1), labels)
    t = jnp.asarray(t, x0.dtype).reshape((1, -1) + (1,) * (x0.ndim - 1))
    return (1 - t) * x0[:, None] + t * x1[:, None]
