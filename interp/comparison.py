"""All methods on the same ends: linear, slerp, matched line, cross-fade, geodesics with and without the critic.

Every path is put at constant feature speed before it is judged; otherwise a method could hide its bad stretch between
two points.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import Net, Pair

from .checks import check_labels, check_pairs_of_ends
from .curves.baselines import BASELINES, Baseline, cross_fade
from .curves.charts import static_prior
from .curves.sine_curve import Curve, resample_times
from .metric.critic_weight import Weight
from .metric.diagnostics import Diagnostics, diagnose
from .metric.energy import Metric
from .metric.path_weight import PathWeight
from .metric.speed import constant_speed
from .result import GeodesicResult
from .settings import GeodesicSettings
from .shortest_paths import geodesic, make_metric

__all__ = [
    "METHODS",
    "Comparison",
    "baseline_at_constant_speed",
    "compare",
    "cross_fade_at_constant_speed",
]

METHODS = ("linear", "slerp", "matched", "plain", "geodesic")
"""Methods with latents; ``plain`` is the geodesic without critic, ``geodesic`` the one that the settings ask for."""

_DEFAULT = GeodesicSettings()
_DENSITY = 4  # mixtures whose features are measured per mixture wanted


class Comparison(NamedTuple):
    """Paths of every method between the same ends.

    Attributes:
      paths: Latents per method, ``(batch, points, *latent)``.
      diagnostics: Measurements per method, in the metric of the settings.
      results: What the solver says of ``geodesic`` and ``plain``.
      cross_fade: Pixel mixtures at equal feature distance, ``(batch, points, *sample)``.
      cross_fade_critic: Their scores, ``(batch, points)``.
      metric: The metric of the settings.
      path_weight: The critic's weight with its evidence, or None.
    """

    paths: dict[str, Array]
    diagnostics: dict[str, Diagnostics]
    results: dict[str, GeodesicResult]
    cross_fade: Array
    cross_fade_critic: Array
    metric: Metric
    path_weight: PathWeight | None


def baseline_at_constant_speed(
    metric: Metric, name: Baseline, z0: ArrayLike, z1: ArrayLike, points: int, labels: Array | None = None
) -> Array:
    """Points of a baseline at equal feature distance.

    Args:
      metric: Generator and features.
      name: One of :data:`interp.BASELINES`.
      z0: First ends, flat, ``(batch, d)``.
      z1: Last ends, flat, ``(batch, d)``.
      points: Points per path.
      labels: Class of every path, ``(batch,)``, for conditional pairs.

    Returns:
      Flat latents, ``(batch, points, d)``.
    """
    z0, z1 = jnp.asarray(z0), jnp.asarray(z1)
    which = jnp.full((z0.shape[0],), BASELINES.index(name), jnp.int32)
    zero = jnp.zeros((z0.shape[0], 1, z0.shape[1]), z0.dtype)
    curve = Curve(z0, z1, which, zero, static_prior(metric.pair.prior))
    return constant_speed(metric, curve, points, labels=labels)[0]


def cross_fade_at_constant_speed(
    metric: Metric, z0: ArrayLike, z1: ArrayLike, points: int, labels: Array | None = None
) -> Array:
    """Pixel mixtures at equal feature distance.

    Args:
      metric: Generator and features.
      z0: First ends, ``(batch, *latent)``.
      z1: Last ends, ``(batch, *latent)``.
      points: Mixtures per pair of ends, ends included.
      labels: Class of every pair of ends, ``(batch,)``, for conditional pairs.

    Returns:
      Samples, ``(batch, points, *sample)``.
    """
    t = np.linspace(0, 1, _DENSITY * (points - 1) + 1)
    dense = cross_fade(metric.pair, jnp.asarray(z0), jnp.asarray(z1), t, labels)
    if metric.features is None:
        return dense[:, ::_DENSITY]  # pixels mix at constant speed
    return _evenly(metric.features, dense, points)


@functools.partial(jax.jit, static_argnames=("points",))
def _evenly(features: Net, dense: Array, points: int) -> Array:
    f = features(dense.reshape(-1, *dense.shape[2:])).reshape(*dense.shape[:2], -1)
    steps = jnp.linalg.norm(f[:, 1:] - f[:, :-1], axis=-1)
    t = resample_times(jnp.linspace(0, 1, dense.shape[1]), steps, points)
    t = t.reshape(*t.shape, *[1] * (dense.ndim - 2))
    return (1 - t) * dense[:, :1] + t * dense[:, -1:]


def compare(
    pair: Pair,
    z0: ArrayLike,
    z1: ArrayLike,
    *,
    settings: GeodesicSettings = _DEFAULT,
    features: Net | None = None,
    weight: PathWeight | Weight | Net | None = None,
    labels: ArrayLike | None = None,
    initial: ArrayLike | None = None,
) -> Comparison:
    """Run every method; arguments as :func:`interp.geodesic`, ``initial`` for the geodesic with the critic only."""
    metric, known = make_metric(pair, settings, features=features, weight=weight)
    weight = weight if known is None else known
    a, b = check_pairs_of_ends(pair, z0, z1)
    label = check_labels(pair, labels, len(a))
    shape = (len(a), settings.points, *pair.prior.shape)
    paths: dict[str, Array] = {}
    for name in BASELINES:
        paths[name] = baseline_at_constant_speed(metric, name, a, b, settings.points, label).reshape(shape)
    run = lambda settings, start: geodesic(
        pair, z0, z1, settings=settings, features=features, weight=weight, labels=labels, initial=start
    )
    results = {"geodesic": run(settings, initial)}
    if settings.mode != "none":
        results["plain"] = run(dataclasses.replace(settings, mode="none"), None)
    paths |= {name: result.path for name, result in results.items()}
    floor = None if known is None else known.floor
    diagnostics = {name: diagnose(metric, path, labels=label, floor=floor) for name, path in paths.items()}
    fade = cross_fade_at_constant_speed(metric, z0, z1, settings.points, label)
    return Comparison(paths, diagnostics, results, fade, _fade_scores(pair, fade, label), metric, known)


@jax.jit
def _fade_scores(pair: Pair, x: Array, labels: Array | None) -> Array:
    if not pair.has_critic:
        return jnp.full(x.shape[:2], jnp.nan, x.dtype)
    flat = x.reshape(-1, *x.shape[2:])
    return pair.score(flat, None if labels is None else jnp.repeat(labels, x.shape[1])).reshape(x.shape[:2])
