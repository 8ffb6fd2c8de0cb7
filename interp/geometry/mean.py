r"""Karcher means and interpolation among many points with weights on a simplex.

.. math:: m = \arg\min_m \sum_k \omega_k\, d(z_k, m)^2
           = \arg\min_{m,\,\gamma_k} \sum_k \omega_k E(\gamma_k), \quad \gamma_k(0) = z_k,\; \gamma_k(1) = m

The right side is one smooth problem: the star of curves from the points to the mean, all sharing their
end, is relaxed by L-BFGS together with the mean itself. Starts from the weighted mean
:math:`\sum \omega_k z_k`, divided by :math:`\sqrt{\sum \omega_k^2}` for a normal prior so that it has the
prior's law (arXiv 2408.08558). Each row of weights is a problem of its own: a grid of weights is a
multi-point interpolation.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Net, Normal, Pair

from ..curves.sine_curve import sine_basis
from ..metric.energy import Metric, observe, path_energy
from ..metric.path_weight import Calibration
from ..settings import GeodesicConfig
from ..shortest_paths import make_metric
from ..solve.lbfgs import LbfgsConfig, minimise
from ..support import check_ends

__all__ = ["MeanResult", "karcher_mean", "weighted_start"]

_DEFAULT = GeodesicConfig()


class MeanResult(NamedTuple):
    """``mean`` ``(m, *latent)``; ``value`` the weighted squared lengths ``(m,)`` and those of the start; flags."""

    mean: Array
    value: Array
    start: Array
    start_value: Array
    converged: Array
    evaluations: Array


class _Star(NamedTuple):
    points: Array
    weights: Array


@dataclasses.dataclass(frozen=True)
class _StarObjective:
    """``x`` holds the mean and the curves' coefficients, ``(m, d + k * modes * d)``."""

    segments: int
    modes: int
    jitted: bool = True

    def value(self, metric: Metric, star: _Star, x: Array) -> Array:
        m, k, d = star.points.shape
        mean, a = x[:, :d], x[:, d:].reshape(m, k, self.modes, d)
        t = jnp.linspace(0, 1, self.segments + 1, dtype=x.dtype)
        line = star.points[:, :, None] * (1 - t)[:, None] + mean[:, None, None] * t[:, None]
        path = line + jnp.einsum("nj,mkjd->mknd", sine_basis(t, self.modes), a)
        energy = path_energy(metric, observe(metric, path.reshape(m * k, -1, d))).reshape(m, k)
        return jnp.sum(star.weights * energy, axis=1)

    def __call__(self, metric: Metric, star: _Star, x: Array) -> tuple[Array, Array]:
        def total(x: Array) -> tuple[Array, Array]:
            value = self.value(metric, star, x)
            return jnp.sum(value), value

        (_, value), gradient = jax.value_and_grad(total, has_aux=True)(x)
        return value, gradient


def weighted_start(pair: Pair, points: Array, weights: Array) -> Array:
    """Weighted means ``(m, d)`` of flat points ``(k, d)``, with the radius of the prior where it is normal."""
    mean = weights @ points
    if isinstance(pair.prior, Normal):
        mean = mean / jnp.sqrt(jnp.sum(weights**2, axis=1, keepdims=True))
    return pair.prior.project(mean.reshape(-1, *pair.prior.shape)).reshape(mean.shape)


def karcher_mean(
    pair: Pair,
    points: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    config: GeodesicConfig = _DEFAULT,
    features: Net | None = None,
    weight: Any = None,
    calibration: Calibration | None = None,
) -> MeanResult:
    """Means of ``points`` ``(k, *latent)`` for every row of ``weights`` ``(m, k)`` (equal weights where None).

    Rows must not be negative and sum to one. A row that puts everything on one point returns that point.
    Curves are free of the prior's chart; normal latents of 8 dimensions and more are held to their shell
    by the radial factor (unless ``keep="free"``).

    Raises:
      InputError: weights off the simplex, modes that are no metric.
    """
    if config.mode not in ("none", "conformal"):
        raise InputError("mode", f"is '{config.mode}', which is no metric", "use conformal or none")
    z = check_ends(pair, "points", jnp.asarray(points))
    w = jnp.full((1, len(z)), 1 / len(z), z.dtype) if weights is None else jnp.atleast_2d(jnp.asarray(weights, z.dtype))
    if w.shape[1] != len(z):
        raise InputError("weights", f"have {w.shape[1]} columns for {len(z)} points", "give one weight per point")
    if not np.all(np.isfinite(w)) or np.min(w) < 0 or np.max(np.abs(np.asarray(w).sum(1) - 1)) > 1e-4:
        raise InputError("weights", "are not on the simplex", "give numbers of at least 0 whose rows sum to 1")
    if config.keep in ("auto", "sphere") and isinstance(pair.prior, Normal) and pair.prior.size >= 8:
        # shortest stars of a large normal latent run through its empty middle
        config = dataclasses.replace(config, keep="radial")
    metric, _ = make_metric(pair, config, features=features, weight=weight, calibration=calibration)
    m, (k, d) = len(w), z.shape
    modes = min(config.mode_count, 8)
    objective = _StarObjective(config.segments, modes)
    # a corner of the simplex has nothing to find: its mean is the point itself
    corner = jnp.max(w, axis=1) > 1 - 1e-6
    start = jnp.where(corner[:, None], z[jnp.argmax(w, axis=1)], weighted_start(pair, z, w))
    star = _Star(jnp.broadcast_to(z, (m, k, d)), w)
    x = jnp.concatenate([start, jnp.zeros((m, k * modes * d), z.dtype)], axis=1)
    size = jnp.sqrt(jnp.sum(w * jnp.sum((z - start[:, None]) ** 2, axis=-1), axis=1)) + 1e-6
    settings = LbfgsConfig(evaluations=config.evaluations, tolerance=config.tolerance)
    solution = minimise(objective, metric, star, x, size, settings)
    begin = jax.jit(_StarObjective.value, static_argnums=0)(objective, metric, star, x)
    mean = jnp.where(corner[:, None], start, solution.x[:, :d])
    mean = pair.prior.project(mean.reshape(m, *pair.prior.shape))
    return MeanResult(
        mean,
        solution.value,
        start.reshape(m, *pair.prior.shape),
        begin,
        solution.converged | corner,
        solution.evaluations,
    )
