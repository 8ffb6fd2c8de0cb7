r"""Karcher means, and interpolation among many points with weights on a simplex.

.. math:: m = \arg\min_m \sum_k \omega_k\, d(z_k, m)^2
           = \arg\min_{m,\,\gamma_k} \sum_k \omega_k E(\gamma_k), \quad \gamma_k(0) = z_k,\; \gamma_k(1) = m

The right side is one smooth problem: the star of curves from the points to the mean, all with one common end, is
relaxed by L-BFGS together with the mean itself. The start is the weighted mean :math:`\sum \omega_k z_k`, divided by
:math:`\sqrt{\sum \omega_k^2}` for a normal prior so that it has the prior's law (arXiv 2408.08558). Each row of weights
is a problem of its own, so a grid of weights is a multi-point interpolation.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Net, Normal, Pair

from ..checks import check_ends
from ..curves.sine_curve import sine_basis
from ..metric.critic_weight import Weight
from ..metric.energy import Metric, observe, path_energy
from ..metric.path_weight import PathWeight
from ..settings import GeodesicSettings
from ..shortest_paths import make_metric
from ..solve.driver import minimise
from ..solve.lbfgs import Lbfgs
from .maps import check_metric_mode

__all__ = ["MeanResult", "karcher_mean"]

_DEFAULT = GeodesicSettings()
_MODES = 8  # sine modes of a curve of the star at most


class MeanResult(NamedTuple):
    """Means, one per row of weights.

    Attributes:
      mean: ``(m, *latent)``.
      value: Weighted squared lengths of the star, ``(m,)``.
      start: The weighted means that were started from, ``(m, *latent)``.
      start_value: Weighted squared lengths of their stars, ``(m,)``.
      converged: Whether the solver's test was met, ``(m,)``.
      evaluations: Evaluations of the objective, ``(m,)``.
    """

    mean: Array
    value: Array
    start: Array
    start_value: Array
    converged: Array
    evaluations: Array


class _Star(NamedTuple):
    """What L-BFGS returns: the argument, its value, and how it went."""

    x: Array
    value: Array
    converged: Array
    evaluations: Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class _StarObjective:
    """The right side of the module's equation; the argument is mean and curves, ``(m, d + k * modes * d)``."""

    metric: Metric
    points: Array
    weights: Array
    start: Array
    size: Array
    segments: int = dataclasses.field(metadata=dict(static=True))
    modes: int = dataclasses.field(metadata=dict(static=True))
    jitted: bool = dataclasses.field(default=True, metadata=dict(static=True))

    def value(self, x: Array) -> Array:
        k, d = self.points.shape
        m = x.shape[0]
        mean, a = x[:, :d], x[:, d:].reshape(m, k, self.modes, d)
        t = jnp.linspace(0, 1, self.segments + 1, dtype=x.dtype)
        line = self.points[None, :, None] * (1 - t)[:, None] + mean[:, None, None] * t[:, None]
        path = line + jnp.einsum("nj,mkjd->mknd", sine_basis(t, self.modes), a)
        energy = path_energy(self.metric, observe(self.metric, path.reshape(m * k, -1, d))).reshape(m, k)
        return jnp.sum(self.weights * energy, axis=1)

    def evaluate(self, x: Array, /) -> tuple[Array, Array]:
        def total(x: Array) -> tuple[Array, Array]:
            value = self.value(x)
            return jnp.sum(value), value

        (_, value), gradient = jax.value_and_grad(total, has_aux=True)(x)
        return value, gradient

    def take(self, rows: Array, /) -> _StarObjective:
        return dataclasses.replace(self, weights=self.weights[rows], start=self.start[rows], size=self.size[rows])

    def solution(self, x: Array, value: Array, converged: Array, evaluations: Array, /) -> _Star:
        return _Star(x, value, converged, evaluations)


_value = jax.jit(_StarObjective.value)


def karcher_mean(
    pair: Pair,
    points: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    settings: GeodesicSettings = _DEFAULT,
    features: Net | None = None,
    weight: PathWeight | Weight | Net | None = None,
) -> MeanResult:
    """Means of points for every row of weights.

    A row that puts everything on one point returns that point. Curves are free of the prior's chart; normal latents of
    8 dimensions and more are held to their shell by the radial factor (unless ``keep="free"``).

    Args:
      pair: Generator, critic and prior.
      points: Points, ``(k, *latent)``.
      weights: Rows on the simplex, ``(m, k)``; equal weights where None.
      settings: Resolution, mode and evaluations.
      features: As for :func:`interp.geodesic`.
      weight: As for :func:`interp.geodesic`.

    Raises:
      InputError: Weights are off the simplex, the mode is no metric, or points do not fit the prior.

    References:
      arXiv 2408.08558.
    """
    check_metric_mode(settings.mode)
    z = check_ends(pair, "points", points)
    w = jnp.full((1, len(z)), 1 / len(z), z.dtype) if weights is None else jnp.atleast_2d(jnp.asarray(weights, z.dtype))
    if w.shape[1] != len(z):
        raise InputError("weights", f"have {w.shape[1]} columns for {len(z)} points", "give one weight per point")
    if not np.all(np.isfinite(w)) or np.min(w) < 0 or np.max(np.abs(np.asarray(w).sum(1) - 1)) > 1e-4:
        raise InputError("weights", "are not on the simplex", "give numbers of at least 0 whose rows sum to 1")
    if settings.keep in ("auto", "sphere") and isinstance(pair.prior, Normal) and pair.prior.size >= 8:
        # shortest stars of a large normal latent run through its empty middle
        settings = dataclasses.replace(settings, keep="radial")
    metric, _ = make_metric(pair, settings, features=features, weight=weight)
    m, (k, d) = len(w), z.shape
    modes = min(settings.mode_count, _MODES)
    # a corner of the simplex has nothing to find: its mean is the point itself
    corner = jnp.max(w, axis=1) > 1 - 1e-6
    start = jnp.where(corner[:, None], z[jnp.argmax(w, axis=1)], _weighted_mean(pair, z, w))
    x = jnp.concatenate([start, jnp.zeros((m, k * modes * d), z.dtype)], axis=1)
    size = jnp.sqrt(jnp.sum(w * jnp.sum((z - start[:, None]) ** 2, axis=-1), axis=1)) + 1e-6
    objective = _StarObjective(metric, z, w, x, size, settings.segments, modes)
    found = minimise(objective, Lbfgs(settings.evaluations, settings.tolerance))
    mean = jnp.where(corner[:, None], start, found.x[:, :d])
    return MeanResult(
        mean=pair.prior.project(mean.reshape(m, *pair.prior.shape)),
        value=found.value,
        start=start.reshape(m, *pair.prior.shape),
        start_value=_value(objective, x),
        converged=found.converged | corner,
        evaluations=found.evaluations,
    )


def _weighted_mean(pair: Pair, points: Array, weights: Array) -> Array:
    """Weighted means ``(m, d)`` of flat points ``(k, d)``, with the radius of the prior where it is normal."""
    mean = weights @ points
    if isinstance(pair.prior, Normal):
        mean = mean / jnp.sqrt(jnp.sum(weights**2, axis=1, keepdims=True))
    return pair.prior.project(mean.reshape(-1, *pair.prior.shape)).reshape(mean.shape)
