r"""Distance, logarithm, exponential and parallel transport in the conformal or plain metric.

.. math:: M(z) = w(z)^2 J(z)^\top J(z), \qquad
   \ddot\gamma = -\Gamma(\dot\gamma, \dot\gamma), \qquad
   \dot v = -\Gamma(\dot\gamma, v), \qquad
   M\,\Gamma(a, b) = \tfrac12\bigl(\partial_a M\,b + \partial_b M\,a - \nabla_z (a^\top M b)\bigr)

:func:`log_map` is the initial velocity of the shortest path found, rescaled so that :math:`v^\top M v = L^2`.
:func:`exp_map` and :func:`transport` integrate the two equations by the classical fourth-order rule. Matrices are d by
d and need second derivatives of the generator: for latents of up to some 32 dimensions. Additive and potential modes
are no metrics and are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Net, Pair
from pairs.checks import check_count

from ..checks import check_ends
from ..metric.critic_weight import Weight
from ..metric.energy import Metric, Mode
from ..metric.path_weight import PathWeight
from ..metric.pullback import metric_matrix
from ..result import GeodesicResult
from ..settings import GeodesicSettings
from ..shortest_paths import geodesic, make_metric

__all__ = ["distance", "log_map", "exp_map", "transport", "check_metric_mode"]

_DEFAULT = GeodesicSettings()


def check_metric_mode(mode: Mode) -> None:
    """Refuse modes whose energies belong to no metric.

    Raises:
      InputError: The mode is additive or potential.
    """
    if mode not in ("none", "conformal"):
        raise InputError("mode", f"is '{mode}', which is no metric", "use conformal or none")


def distance(
    pair: Pair,
    z0: ArrayLike,
    z1: ArrayLike,
    *,
    settings: GeodesicSettings = _DEFAULT,
    features: Net | None = None,
    weight: PathWeight | Weight | Net | None = None,
    labels: ArrayLike | None = None,
) -> Array:
    """Length of the shortest path found, ``(batch,)``; zero for equal ends. Arguments as :func:`interp.geodesic`."""
    check_metric_mode(settings.mode)
    return geodesic(pair, z0, z1, settings=settings, features=features, weight=weight, labels=labels).length


def log_map(
    pair: Pair,
    z0: ArrayLike,
    z1: ArrayLike,
    *,
    settings: GeodesicSettings = _DEFAULT,
    features: Net | None = None,
    weight: PathWeight | Weight | Net | None = None,
) -> tuple[Array, GeodesicResult]:
    """The tangent at ``z0`` that :func:`exp_map` carries to ``z1``.

    Args:
      pair: An unconditional pair.
      z0: Where the tangent lives, ``(batch, *latent)``.
      z1: Where it points to, ``(batch, *latent)``.
      settings: How the path is found.
      features: As for :func:`interp.geodesic`.
      weight: As for :func:`interp.geodesic`.

    Returns:
      Tangents ``(batch, *latent)``, and the paths that they belong to.

    Raises:
      InputError: The mode is no metric, or :func:`interp.geodesic` refuses.
    """
    check_metric_mode(settings.mode)
    metric, known = make_metric(pair, settings, features=features, weight=weight)
    weight = weight if known is None else known
    found = geodesic(pair, z0, z1, settings=settings, features=features, weight=weight)
    start = found.curve.z0
    velocity = found.curve.velocity(jnp.zeros((1,), start.dtype))[:, 0]
    squared = jnp.einsum("ni,nij,nj->n", velocity, _matrix(metric, start), velocity)
    scale = found.length / jnp.sqrt(jnp.maximum(squared, jnp.finfo(squared.dtype).tiny))
    scale = jnp.where(found.flags.identical, 0.0, scale)
    return (scale[:, None] * velocity).reshape(-1, *pair.prior.shape), found


_matrix = jax.jit(metric_matrix)


def exp_map(metric: Metric, z: ArrayLike, v: ArrayLike, steps: int = 64) -> Array:
    """End points of the geodesics that leave ``z`` with velocity ``v`` for unit time.

    Args:
      metric: From :func:`interp.make_metric`.
      z: Starts, ``(batch, *latent)``.
      v: Velocities, ``(batch, *latent)``.
      steps: Steps of the fourth-order rule.

    Returns:
      End points, ``(batch, *latent)``.

    Raises:
      InputError: The mode is no metric, ``steps`` is below 1, or the starts do not fit the prior.
    """
    check_metric_mode(metric.mode)
    check_count("steps", steps)
    flat = check_ends(metric.pair, "z", z)
    speed = jnp.asarray(v, flat.dtype).reshape(flat.shape)
    return _exp(metric, flat, speed, steps).reshape(-1, *metric.pair.prior.shape)


def transport(metric: Metric, path: ArrayLike, v: ArrayLike) -> Array:
    r"""Parallel transport of tangents along any curves.

    Angles and :math:`v^\top M v` are kept. Straight latent segments join the nodes, so an error of O(n^-2) remains.

    Args:
      metric: From :func:`interp.make_metric`.
      path: Nodes of the curves, ``(batch, n, *latent)``.
      v: Tangents at the first nodes, ``(batch, *latent)``.

    Returns:
      Tangents at the last nodes, ``(batch, *latent)``.

    Raises:
      InputError: The mode is no metric, or there are fewer than two nodes.
    """
    check_metric_mode(metric.mode)
    path = jnp.asarray(path)
    if path.ndim < 3 or path.shape[1] < 2:
        raise InputError("path", f"has shape {path.shape}", "give (batch, n, *latent) with n at least 2")
    flat = path.reshape(*path.shape[:2], -1)
    start = jnp.asarray(v, flat.dtype)
    return _transport(metric, flat, start.reshape(flat.shape[0], -1)).reshape(start.shape)


def _christoffel(metric: Metric, z: Array, a: Array, b: Array) -> Array:
    r""":math:`\Gamma(a, b)` at ``(points, d)``; damped by 1e-9 of the trace where the generator stands still."""
    matrix = lambda z: metric_matrix(metric, z)
    m, along_a = jax.jvp(matrix, (z,), (a,))
    _, along_b = jax.jvp(matrix, (z,), (b,))
    gradient = jax.grad(lambda z: jnp.einsum("ni,nij,nj->", a, matrix(z), b))(z)
    lowered = 0.5 * (jnp.einsum("nij,nj->ni", along_a, b) + jnp.einsum("nij,nj->ni", along_b, a) - gradient)
    damping = 1e-9 * jnp.trace(m, axis1=1, axis2=2)[:, None, None] * jnp.eye(z.shape[-1], dtype=z.dtype)
    return jnp.linalg.solve(m + damping, lowered[..., None])[..., 0]


@partial(jax.jit, static_argnums=3)
def _exp(metric: Metric, z: Array, v: Array, steps: int) -> Array:
    # one second-order equation as two of first order: position and velocity stacked
    field = lambda time, s: jnp.stack([s[1], -_christoffel(metric, s[0], s[1], s[1])])
    step = lambda s, _: (_runge_kutta(field, s, 1.0 / steps), None)
    return jax.lax.scan(step, jnp.stack([z, v]), None, length=steps)[0][0]


@jax.jit
def _transport(metric: Metric, path: Array, v: Array) -> Array:
    def segment(v: Array, ends: tuple[Array, Array]) -> tuple[Array, None]:
        a, b = ends
        return _runge_kutta(lambda time, v: -_christoffel(metric, a + time * (b - a), b - a, v), v, 1.0), None

    nodes = jnp.swapaxes(path, 0, 1)
    return jax.lax.scan(segment, v, (nodes[:-1], nodes[1:]))[0]


def _runge_kutta(field: Callable[[float, Array], Array], state: Array, h: float) -> Array:
    """One classical step of length h from time 0."""
    k1 = field(0.0, state)
    k2 = field(h / 2, state + h / 2 * k1)
    k3 = field(h / 2, state + h / 2 * k2)
    k4 = field(h, state + h * k3)
    return state + h * (k1 + 2 * k2 + 2 * k3 + k4) / 6
