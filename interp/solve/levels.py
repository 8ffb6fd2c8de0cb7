"""One level of resolution by the solver the config names; several starts, the best kept."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..curves.sine_curve import Curve
from ..metric.energy import Metric
from ..settings import GeodesicConfig
from .lbfgs import LbfgsConfig, minimise
from .objective import CurveObjective

__all__ = ["Level", "solve_level", "solve_all_levels", "solve_again", "stack_starts", "fit_modes"]


class Level(NamedTuple):
    """A solved level: curve with all its modes; per pair its energy there, convergence, calls and images."""

    curve: Curve
    value: Array
    converged: Array
    evaluations: Array
    images: Array


def fit_modes(coefficients: Array, modes: int) -> Array:
    """Cut or pad ``(batch, K, d)`` to ``modes`` (padding is exact)."""
    have = coefficients.shape[1]
    if have >= modes:
        return coefficients[:, :modes]
    return jnp.pad(coefficients, ((0, 0), (0, modes - have), (0, 0)))


def solve_level(
    metric: Metric,
    config: GeodesicConfig,
    curve: Curve,
    labels: Array | None,
    segments: int,
    modes: int,
    evaluations: int,
    *,
    coarse: bool = False,
) -> Level:
    """Improve a curve on ``segments`` segments with at most ``modes`` modes; ``coarse`` levels always use L-BFGS."""
    whole = config.mode_count
    if config.solver in ("gauss-newton", "georce") and not coarse:
        from .gauss_newton import solve_nodes

        found, value, converged, used = solve_nodes(metric, config, curve, labels, segments, evaluations)
        return Level(found, value, converged, used, used * (segments + 1))
    start = fit_modes(curve.coefficients, modes)
    batch, _, d = start.shape
    if config.solver == "adam" and not coarse:
        from .adam import solve_adam

        coefficients, value, used = solve_adam(metric, config, curve, start, labels, segments, evaluations)
        converged = jnp.zeros((batch,), bool)
    else:
        objective = CurveObjective(segments, modes, curve.chart, config.chunk)
        rows = objective.rows(metric, curve, labels)
        size = jnp.linalg.norm(curve.z1 - curve.z0, axis=1)
        settings = LbfgsConfig(evaluations=evaluations, tolerance=1e-3 if coarse else config.tolerance)
        solution = minimise(objective, metric, rows, start.reshape(batch, -1), size, settings)
        coefficients, value = solution.x.reshape(start.shape), solution.value
        converged, used = solution.converged, solution.evaluations
    found = curve.replace(coefficients=fit_modes(coefficients, whole))
    return Level(found, value, converged, used, used * (segments * metric.substeps + 1))


def stack_starts(
    metric: Metric,
    config: GeodesicConfig,
    curve: Curve,
    labels: Array | None,
    initial: Array | None,
    restarts: int,
    segments: int,
    modes: int,
    evaluations: int,
) -> tuple[Curve, Array, Array]:
    """Solve the coarse level from the base path, from ``initial`` and from bent paths; keep each pair's best."""
    batch, d = curve.z0.shape
    starts = [curve.coefficients]
    if initial is not None:
        starts.append(fit_modes(initial, config.mode_count))
    starts += bent(jax.random.key(config.seed), curve, restarts, config.mode_count)
    count = len(starts)
    tile = lambda v: jnp.tile(v, (count,) + (1,) * (v.ndim - 1))
    many = Curve(tile(curve.z0), tile(curve.z1), tile(curve.base), jnp.concatenate(starts), curve.prior, curve.chart)
    many_labels = None if labels is None else tile(labels)
    # a warm start knows more than the coarse modes can hold
    modes = config.mode_count if initial is not None else modes
    segments = config.segments if initial is not None else segments
    level = solve_level(metric, config, many, many_labels, segments, modes, evaluations, coarse=True)
    pick = jnp.argmin(jnp.where(jnp.isfinite(level.value), level.value, jnp.inf).reshape(count, batch), axis=0)
    stacked = level.curve.coefficients.reshape(count, batch, -1, d)
    kept = jnp.take_along_axis(stacked, pick[None, :, None, None], axis=0)[0]
    total = lambda v: jnp.sum(v.reshape(count, batch), axis=0)
    return curve.replace(coefficients=kept), total(level.evaluations), total(level.images)


def bent(key: Array, curve: Curve, count: int, modes: int) -> list[Array]:
    """``a_1 = +-|z1 - z0| / 2`` along random directions orthogonal to the chord, in opposite couples."""
    batch, d = curve.z0.shape
    chord = curve.z1 - curve.z0
    length = jnp.linalg.norm(chord, axis=1, keepdims=True)
    along = chord / jnp.maximum(length, jnp.finfo(chord.dtype).tiny)
    starts: list[Array] = []
    for i in range(count):
        q = jax.random.normal(jax.random.fold_in(key, i // 2), (d,), chord.dtype)
        q = q - jnp.sum(q * along, axis=1, keepdims=True) * along
        q = q / jnp.maximum(jnp.linalg.norm(q, axis=1, keepdims=True), 1e-12)
        # the second couple bends less: a far bend may land in another valley
        size = (0.5, 0.5, 0.2, 0.2)[i % 4] * (-1) ** i * jnp.sqrt(jnp.asarray(2.0, chord.dtype))
        bend = jnp.zeros((batch, modes, d), chord.dtype).at[:, 0].set(size * length * q)
        starts.append(bend)
    return starts


def solve_all_levels(
    metric: Metric, config: GeodesicConfig, curve: Curve, labels: Array | None, initial: Array | None
) -> tuple[Curve, Array, Array, Array]:
    """Coarse to fine; bent starts on the coarsest level. Returns curve, converged, evaluations, images."""
    segments, modes = config.segments, config.mode_count
    plan = [(4, 8, 12), (12, 16, 20)] if config.multiresolution else []
    plan = [(k, n, e) for k, n, e in plan if n < segments and k <= modes]
    batch, d = curve.z0.shape
    restarts = config.restarts if config.restarts >= 0 else (4 if d <= 3 else 0)
    evaluations, images = jnp.zeros((batch,), jnp.int32), jnp.zeros((batch,), jnp.int32)
    if restarts or initial is not None:
        k, n, e = plan[0] if plan else (min(modes, 4), min(segments, 8), 12)
        curve, used, cost = stack_starts(metric, config, curve, labels, initial, restarts, n, k, e)
        evaluations, images = evaluations + used, images + cost
        # a coarser level would cut off the modes that a warm start came for
        plan = plan[1:] if initial is None else []
    for k, n, e in plan:
        level = solve_level(metric, config, curve, labels, n, k, e, coarse=True)
        curve, evaluations, images = level.curve, evaluations + level.evaluations, images + level.images
    last = solve_level(metric, config, curve, labels, segments, modes, config.evaluations)
    return last.curve, last.converged, evaluations + last.evaluations, images + last.images


def solve_again(
    metric: Metric, config: GeodesicConfig, curve: Curve, labels: Array | None, chosen: np.ndarray, factor: int
) -> tuple[Curve, Array, Array, Array]:
    """Solve the pairs numbered ``chosen`` on ``factor`` times as many segments; same shapes as the whole batch back."""
    batch = curve.z0.shape[0]
    bucket = min(batch, 4 ** int(np.ceil(np.log(len(chosen)) / np.log(4))))
    rows = jnp.asarray(np.resize(chosen, bucket))
    take = lambda v: v[rows]
    part = jax.tree.map(take, curve)
    part_labels = None if labels is None else take(labels)
    level = solve_level(
        metric, config, part, part_labels, factor * config.segments, config.mode_count, config.evaluations
    )
    at, count = jnp.asarray(chosen), len(chosen)
    put = lambda whole, values: whole.at[at].set(values[:count])
    zero = jnp.zeros((batch,), jnp.int32)
    solved = curve.replace(coefficients=put(curve.coefficients, level.curve.coefficients))
    flag = put(jnp.zeros((batch,), bool), level.converged)
    return solved, flag, put(zero, level.evaluations), put(zero, level.images)
