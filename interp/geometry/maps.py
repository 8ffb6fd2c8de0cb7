r"""Distance, logarithm, exponential and parallel transport in the conformal or plain metric.

.. math:: M(z) = w(z)^2 J(z)^\top J(z), \qquad
   \ddot\gamma = -\Gamma(\dot\gamma, \dot\gamma), \qquad
   \dot v = -\Gamma(\dot\gamma, v), \qquad
   M\,\Gamma(a, b) = \tfrac12\bigl(\partial_a M\,b + \partial_b M\,a - \nabla_z (a^\top M b)\bigr)

``log_map`` is the initial velocity of the shortest path found, rescaled so that
:math:`v^\top M v = L^2`; ``exp_map`` and ``transport`` integrate the two equations by the classical
fourth-order rule. Matrices are d by d and need second derivatives of the generator: for latents of
up to some 32 dimensions. Modes ``additive`` and ``potential`` are no metrics and are refused.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Pair

from ..metric.energy import Metric, Observed, node_weight, observe
from ..settings import GeodesicConfig, GeodesicResult
from ..shortest_paths import geodesic
from ..support import check_ends

__all__ = ["distance", "log_map", "exp_map", "transport", "metric_matrix"]

_DEFAULT = GeodesicConfig()


def distance(pair: Pair, z0: ArrayLike, z1: ArrayLike, **options: Any) -> Array:
    """Length of the shortest path found, ``(batch,)``; options as :func:`interp.geodesic`. Zero for equal ends."""
    _refuse_modes(options.get("config", _DEFAULT).mode)
    return geodesic(pair, z0, z1, **options).length


def metric_matrix(metric: Metric, z: ArrayLike) -> Array:
    """``M(z)``, ``(points, d, d)`` for flat latents ``(points, d)``, by d forward derivatives."""
    z = jnp.asarray(z)

    def at(z: Array) -> tuple[Array, Array]:
        seen = observe(metric, z[:, None], None)
        scale = seen.features.shape[-1] ** -0.5 if metric.unit == "mean" else 1.0
        bare = Observed(jnp.zeros_like(seen.features), seen.score, seen.z)
        return seen.features[:, 0] * scale, node_weight(metric, bare)[:, 0]

    along = lambda e: jax.jvp(at, (z,), (jnp.broadcast_to(e, z.shape),))[1][0]
    j = jax.vmap(along, out_axes=-1)(jnp.eye(z.shape[-1], dtype=z.dtype))
    j = j * at(z)[1][:, None, None]
    return jnp.einsum("nDi,nDj->nij", j, j)


def _christoffel(metric: Metric, z: Array, a: Array, b: Array) -> Array:
    r""":math:`\Gamma(a, b)` at ``(points, d)``; a damping of 1e-9 of the trace where the generator stands still."""
    matrix = lambda z: metric_matrix(metric, z)
    m, along_a = jax.jvp(matrix, (z,), (a,))
    _, along_b = jax.jvp(matrix, (z,), (b,))
    gradient = jax.grad(lambda z: jnp.einsum("ni,nij,nj->", a, matrix(z), b))(z)
    lowered = 0.5 * (jnp.einsum("nij,nj->ni", along_a, b) + jnp.einsum("nij,nj->ni", along_b, a) - gradient)
    d = z.shape[-1]
    damping = 1e-9 * jnp.trace(m, axis1=1, axis2=2)[:, None, None] * jnp.eye(d, dtype=z.dtype)
    return jnp.linalg.solve(m + damping, lowered[..., None])[..., 0]


def log_map(pair: Pair, z0: ArrayLike, z1: ArrayLike, metric: Metric, **options: Any) -> tuple[Array, GeodesicResult]:
    """Tangent at ``z0`` that :func:`exp_map` carries to ``z1``, ``(batch, *latent)``, and the path it belongs to.

    ``metric`` must be the one of the path (:func:`interp.make_metric` with the same arguments).
    """
    _refuse_modes(metric.mode)
    found = geodesic(pair, z0, z1, **{**options, "config": options.get("config", _DEFAULT)})
    start = found.curve.z0
    velocity = found.curve.velocity(jnp.zeros((1,), start.dtype))[:, 0]
    squared = jnp.einsum("ni,nij,nj->n", velocity, _jit_matrix(metric, start), velocity)
    scale = found.length / jnp.sqrt(jnp.maximum(squared, jnp.finfo(squared.dtype).tiny))
    scale = jnp.where(found.flags.identical, 0.0, scale)
    return (scale[:, None] * velocity).reshape(-1, *pair.prior.shape), found


def exp_map(metric: Metric, z: ArrayLike, v: ArrayLike, steps: int = 64) -> Array:
    """End point of the geodesic that leaves ``z`` with velocity ``v`` for unit time, ``(batch, *latent)`` all."""
    _refuse_modes(metric.mode)
    if steps < 1:
        raise InputError("steps", f"is {steps}", "give at least 1")
    flat = check_ends(metric.pair, "z", jnp.asarray(z))
    speed = jnp.asarray(v, flat.dtype).reshape(flat.shape)
    return _exp(metric, flat, speed, steps).reshape(-1, *metric.pair.prior.shape)


@partial(jax.jit, static_argnums=3)
def _exp(metric: Metric, z: Array, v: Array, steps: int) -> Array:
    field = lambda z, v: (v, -_christoffel(metric, z, v, v))

    def step(state: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], None]:
        return _runge_kutta(field, state, 1.0 / steps), None

    return jax.lax.scan(step, (z, v), None, length=steps)[0][0]


def _runge_kutta(field: Any, state: tuple[Array, Array], h: float) -> tuple[Array, Array]:
    move = lambda s, k, f: tuple(a + f * b for a, b in zip(s, k, strict=True))
    k1 = field(*state)
    k2 = field(*move(state, k1, h / 2))
    k3 = field(*move(state, k2, h / 2))
    k4 = field(*move(state, k3, h))
    mean = tuple((a + 2 * b + 2 * c + d) / 6 for a, b, c, d in zip(k1, k2, k3, k4, strict=True))
    z, v = move(state, mean, h)
    return z, v


def transport(metric: Metric, path: ArrayLike, v: ArrayLike) -> Array:
    """Parallel transport of tangents ``v`` ``(batch, *latent)`` along paths ``(batch, n, *latent)``, any curve.

    Angles and :math:`v^\\top M v` are kept; nodes are joined by straight latent segments, so an
    error of O(n^-2) remains.
    """
    _refuse_modes(metric.mode)
    path = jnp.asarray(path)
    if path.ndim < 3 or path.shape[1] < 2:
        raise InputError("path", f"has shape {path.shape}", "give (batch, n, *latent) with n at least 2")
    flat = path.reshape(*path.shape[:2], -1)
    start = jnp.asarray(v, flat.dtype)
    return _transport(metric, flat, start.reshape(flat.shape[0], -1)).reshape(start.shape)


@jax.jit
def _transport(metric: Metric, path: Array, v: Array) -> Array:
    def segment(v: Array, ends: tuple[Array, Array]) -> tuple[Array, None]:
        a, b = ends
        rate = lambda s, v: -_christoffel(metric, a + s * (b - a), b - a, v)
        k1 = rate(0.0, v)
        k2 = rate(0.5, v + 0.5 * k1)
        k3 = rate(0.5, v + 0.5 * k2)
        k4 = rate(1.0, v + k3)
        return v + (k1 + 2 * k2 + 2 * k3 + k4) / 6, None

    nodes = jnp.swapaxes(path, 0, 1)
    return jax.lax.scan(segment, v, (nodes[:-1], nodes[1:]))[0]


_jit_matrix = jax.jit(metric_matrix)


def _refuse_modes(mode: str) -> None:
    if mode not in ("none", "conformal"):
        raise InputError("mode", f"is '{mode}', which is no metric", "use conformal or none")
