"""All methods on the same ends: linear, slerp, matched line, cross-fade, plain geodesic, critic-weighted geodesic.

Every path is put at constant feature speed before it is judged, or a method could hide its bad
stretch between two points.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import Net, Pair

from .curves.baselines import BASELINES, cross_fade
from .curves.measures import Diagnostics, constant_speed, diagnose
from .curves.sine_curve import Chart, Curve
from .metric.energy import Metric
from .metric.path_weight import Calibration
from .settings import GeodesicConfig, GeodesicResult
from .shortest_paths import geodesic, make_metric
from .support import check_ends, check_labels, hashable_prior

__all__ = ["Comparison", "compare", "baseline_at_constant_speed", "METHODS"]

METHODS = ("linear", "slerp", "matched", "plain", "geodesic")
"""Methods with latents; ``plain`` is the geodesic without critic, ``geodesic`` the one of the config."""


class Comparison(NamedTuple):
    """Per method: latents ``(batch, points, *latent)`` and diagnostics of them in the metric of the config.

    ``cross_fade`` are samples, ``cross_fade_critic`` their scores ``(batch, points)``.
    """

    paths: dict[str, Array]
    diagnostics: dict[str, Diagnostics]
    results: dict[str, GeodesicResult]
    cross_fade: Array
    cross_fade_critic: Array
    metric: Metric
    calibration: Calibration | None


def baseline_at_constant_speed(
    metric: Metric, name: str, z0: ArrayLike, z1: ArrayLike, points: int, labels: Array | None = None
) -> Array:
    """A baseline's points at equal feature distance, flat ends in, ``(batch, points, d)`` out."""
    z0, z1 = jnp.asarray(z0), jnp.asarray(z1)
    which = jnp.full((z0.shape[0],), BASELINES.index(name), jnp.int32)
    zero = jnp.zeros((z0.shape[0], 1, z0.shape[1]), z0.dtype)
    curve = Curve(z0, z1, which, zero, hashable_prior(metric.pair.prior), Chart())
    return constant_speed(metric, curve, points, labels=labels)[0]


@jax.jit
def _fade_scores(pair: Pair, x: Array, labels: Array | None) -> Array:
    flat = x.reshape(-1, *x.shape[2:])
    return pair.score(flat, None if labels is None else jnp.repeat(labels, x.shape[1])).reshape(x.shape[:2])


def compare(
    pair: Pair,
    z0: ArrayLike,
    z1: ArrayLike,
    *,
    config: GeodesicConfig | None = None,
    features: Net | None = None,
    calibration: Calibration | None = None,
    weight: Any = None,
    labels: ArrayLike | None = None,
    initial: ArrayLike | None = None,
) -> Comparison:
    """Run every method; arguments as :func:`interp.geodesic`, ``initial`` for the one the critic weighs."""
    config = config or GeodesicConfig()
    metric, calibration = make_metric(pair, config, features=features, weight=weight, calibration=calibration)
    a, b = check_ends(pair, "z0", jnp.asarray(z0)), check_ends(pair, "z1", jnp.asarray(z1))
    label = check_labels(pair, None if labels is None else jnp.asarray(labels), a.shape[0])
    shape = (a.shape[0], config.points, *pair.prior.shape)
    paths: dict[str, Array] = {}
    for name in BASELINES:
        paths[name] = baseline_at_constant_speed(metric, name, a, b, config.points, label).reshape(shape)
    run = lambda c, start: geodesic(
        pair, z0, z1, config=c, features=features, weight=weight, calibration=calibration, labels=labels, initial=start
    )
    results = {"geodesic": run(config, initial)}
    if config.mode != "none":
        results["plain"] = run(dataclasses.replace(config, mode="none"), None)
    paths |= {name: result.path for name, result in results.items()}
    floor = None if calibration is None else calibration.floor
    diagnostics = {name: diagnose(metric, path, labels=label, floor=floor) for name, path in paths.items()}
    t = np.linspace(0, 1, config.points)
    fade = cross_fade(pair, jnp.asarray(z0), jnp.asarray(z1), t, label)
    return Comparison(paths, diagnostics, results, fade, _fade_scores(pair, fade, label), metric, calibration)
