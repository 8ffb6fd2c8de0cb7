"""How good a batch of curves is: energies and lengths of baselines and solutions, and which baseline beats them."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from ..curves.sine_curve import Chart, Curve
from ..metric.energy import Metric, observe, path_energy, step_lengths
from ..settings import GeodesicConfig

__all__ = ["survey", "appraise", "shorter_baseline"]


@partial(jax.jit, static_argnums=3)
def survey(metric: Metric, curve: Curve, labels: Array | None, segments: int) -> tuple[Array, Array]:
    """Energy and charged length of the three base paths, ``(3, batch)`` each, outside any chart."""
    batch = curve.z0.shape[0]
    t = jnp.linspace(0, 1, segments * metric.substeps + 1, dtype=curve.z0.dtype)
    tile = lambda v: jnp.tile(v, (3,) + (1,) * (v.ndim - 1))
    zero = jnp.zeros((3 * batch, 1, curve.z0.shape[1]), curve.z0.dtype)
    three = Curve(tile(curve.z0), tile(curve.z1), jnp.repeat(jnp.arange(3), batch), zero, curve.prior, Chart())
    seen = observe(metric, three(t), None if labels is None else tile(labels))
    energy, length = path_energy(metric, seen), jnp.sum(step_lengths(metric, seen).weighted, axis=1)
    return energy.reshape(3, batch), length.reshape(3, batch)


@partial(jax.jit, static_argnums=3)
def appraise(metric: Metric, curve: Curve, labels: Array | None, segments: int) -> tuple[Array, ...]:
    """Energy and length on the solver's grid; length and largest weight on one four times finer; largest on its own."""
    n = segments * metric.substeps
    t = jnp.linspace(0, 1, 4 * n + 1, dtype=curve.z0.dtype)
    seen = observe(metric, curve(t), labels)
    coarse = jax.tree.map(lambda v: v[:, ::4], seen)
    charge = metric.weight(seen.score.reshape(-1)).reshape(seen.score.shape)
    charged = jnp.sum(step_lengths(metric.replace(substeps=1), seen).weighted, axis=1)
    length = jnp.sum(step_lengths(metric, coarse).weighted, axis=1)
    tops = jnp.max(charge, axis=1), jnp.max(charge[:, ::4], axis=1)
    return path_energy(metric, coarse), length, charged, *tops


def shorter_baseline(
    metric: Metric,
    config: GeodesicConfig,
    curve: Curve,
    labels: Array | None,
    energies: Array,
    lengths: Array,
    energy: Array,
    length: Array,
    charged: Array,
    jumped: Array,
    segments: int,
) -> tuple[Array, Array]:
    """Which pairs have a baseline better than what was found, and which one it is.

    By energy where the mode is no metric. By length where it is: chords of unequal steps are a
    little short, and nodes that leap tell nothing, so a suspicion is settled on a grid four times
    finer than ``segments`` (that of ``charged``), to 1e-4.
    """
    if config.mode in ("additive", "potential"):
        return ~(energy <= jnp.min(energies, axis=0) * (1 + 1e-6)), jnp.argmin(energies, axis=0).astype(jnp.int32)
    rival = jnp.argmin(lengths, axis=0).astype(jnp.int32)
    suspect = ~(length <= jnp.min(lengths, axis=0)) | jumped
    if not bool(jnp.any(suspect)):
        return suspect, rival
    straight = curve.replace(base=rival, coefficients=jnp.zeros_like(curve.coefficients))
    fine = appraise(metric, straight, labels, segments)[2]
    return suspect & ~(charged <= fine * (1 + 1e-4)), rival
