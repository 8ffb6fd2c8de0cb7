r"""Adam in sine coefficients, on randomly shifted time grids: for objectives that are noisy or full of kinks.

Every step draws inner parameters :math:`t_i + \epsilon_i / N`, so a path cannot hide a bad region between fixed
nodes. Adam is elementwise, so a batch is as many independent runs; updates are Optax's.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from ..curves.sine_curve import Curve
from ..metric.energy import Metric, observe, path_energy
from ..settings import GeodesicConfig

__all__ = ["solve_adam", "RATE"]

RATE = 0.05
"""Step in units of ``|z1 - z0|``, halved with the cosine of the schedule toward zero."""


@partial(jax.jit, static_argnums=(0, 1))
def _step(segments: int, steps: int, metric: Metric, curve: Curve, labels: Array | None, state: Any, key: Array) -> Any:
    x, opt, best, best_x, i = state
    size = jnp.linalg.norm(curve.z1 - curve.z0, axis=1)[:, None, None]
    count = segments * metric.substeps
    jitter = jax.random.uniform(jax.random.fold_in(key, i), (count - 1,), x.dtype, -0.5, 0.5)
    t = jnp.linspace(0, 1, count + 1, dtype=x.dtype)
    t = t.at[1:-1].add(jitter / count)

    def total(x: Array) -> tuple[Array, Array]:
        seen = observe(metric, curve.replace(coefficients=x)(t), labels)
        value = path_energy(metric, seen)
        return jnp.sum(value), value

    (_, value), gradient = jax.value_and_grad(total, has_aux=True)(x)
    gradient = jnp.where(jnp.isfinite(gradient), gradient, 0.0)
    better = value < best
    best, best_x = jnp.where(better, value, best), jnp.where(better[:, None, None], x, best_x)
    updates, opt = _optimiser(steps).update(gradient, opt)
    return x + size * updates, opt, best, best_x, i + 1


def _optimiser(steps: int) -> optax.GradientTransformation:
    return optax.adam(optax.cosine_decay_schedule(RATE, steps), b1=0.9, b2=0.99)


@partial(jax.jit, static_argnums=0)
def _value(segments: int, metric: Metric, curve: Curve, labels: Array | None) -> Array:
    t = jnp.linspace(0, 1, segments * metric.substeps + 1, dtype=curve.z0.dtype)
    return path_energy(metric, observe(metric, curve(t), labels))


def solve_adam(
    metric: Metric, config: GeodesicConfig, curve: Curve, start: Array, labels: Array | None, segments: int, steps: int
) -> tuple[Array, Array, Array]:
    """(coefficients, energy on the even grid, evaluations): the better of last iterate, best seen and start."""
    batch = start.shape[0]
    key = jax.random.fold_in(jax.random.key(config.seed), 7)
    state = (
        start,
        _optimiser(steps).init(start),
        jnp.full((batch,), jnp.inf, start.dtype),
        start,
        jnp.zeros((), jnp.int32),
    )
    for _ in range(steps):
        state = _step(segments, steps, metric, curve, labels, state, key)
    candidates = [start, state[0], state[3]]
    values = jnp.stack([_value(segments, metric, curve.replace(coefficients=c), labels) for c in candidates])
    values = jnp.where(jnp.isfinite(values), values, jnp.inf)
    pick = jnp.argmin(values, axis=0)
    best = jnp.take_along_axis(jnp.stack(candidates), pick[None, :, None, None], axis=0)[0]
    return best, jnp.min(values, axis=0), jnp.full((batch,), steps + 3, jnp.int32)
