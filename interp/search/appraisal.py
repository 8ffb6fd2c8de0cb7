"""How good a batch of curves is: energies and lengths of the base paths and of solutions."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..curves.charts import Chart
from ..curves.sine_curve import Curve
from ..metric.energy import Metric, observe, path_energy, step_lengths

__all__ = ["Appraisal", "Baselines", "JUMP", "appraise", "survey"]

JUMP = 1.5
"""A weight between nodes above this many times the largest at the nodes makes a curve a jump."""


class Baselines(NamedTuple):
    """The three base paths of every pair of ends, outside any chart.

    Attributes:
      energy: ``(3, batch)``.
      length: Charged length, ``(3, batch)``.
      allowed: Which of the three the chart admits, ``(3, 1)``.
    """

    energy: np.ndarray
    length: np.ndarray
    allowed: np.ndarray

    def admissible(self, values: np.ndarray) -> np.ndarray:
        """``values`` ``(3, batch)``, infinite where they are not finite or the chart does not admit the path."""
        return np.where(self.allowed & np.isfinite(values), values, np.inf)


class Appraisal(NamedTuple):
    """What curves cost on a grid, and between its nodes.

    Attributes:
      energy: On the grid, ``(batch,)``.
      length: Charged, on the grid.
      fine_length: Charged, on a grid four times finer.
      jumped: Whether the weight between nodes is over :data:`JUMP` times the largest at the nodes.
    """

    energy: np.ndarray
    length: np.ndarray
    fine_length: np.ndarray
    jumped: np.ndarray


def survey(metric: Metric, curve: Curve, labels: Array | None, segments: int) -> Baselines:
    """Measure the base paths of a curve's ends on ``segments`` segments."""
    energy, length = _survey(metric, curve, labels, segments)
    # on a sphere only slerp is admissible; elsewhere all base paths are
    everywhere = curve.chart.kind != "sphere"
    return Baselines(np.asarray(energy), np.asarray(length), np.array([[everywhere], [True], [everywhere]]))


@partial(jax.jit, static_argnums=3)
def _survey(metric: Metric, curve: Curve, labels: Array | None, segments: int) -> tuple[Array, Array]:
    batch = curve.z0.shape[0]
    t = jnp.linspace(0, 1, segments * metric.substeps + 1, dtype=curve.z0.dtype)
    tile = lambda v: jnp.tile(v, (3,) + (1,) * (v.ndim - 1))
    zero = jnp.zeros((3 * batch, 1, curve.z0.shape[1]), curve.z0.dtype)
    three = Curve(tile(curve.z0), tile(curve.z1), jnp.repeat(jnp.arange(3), batch), zero, curve.prior, Chart())
    seen = observe(metric, three(t), None if labels is None else tile(labels))
    energy, length = path_energy(metric, seen), jnp.sum(step_lengths(metric, seen).weighted, axis=1)
    return energy.reshape(3, batch), length.reshape(3, batch)


def appraise(metric: Metric, curve: Curve, labels: Array | None, segments: int) -> Appraisal:
    """Measure curves on ``segments`` segments and on four times as many."""
    energy, length, fine_length, jumped = map(np.asarray, _appraise(metric, curve, labels, segments))
    return Appraisal(energy, length, fine_length, jumped & (metric.mode != "none"))


@partial(jax.jit, static_argnums=3)
def _appraise(metric: Metric, curve: Curve, labels: Array | None, segments: int) -> tuple[Array, ...]:
    n = segments * metric.substeps
    t = jnp.linspace(0, 1, 4 * n + 1, dtype=curve.z0.dtype)
    seen = observe(metric, curve(t), labels)
    coarse = jax.tree.map(lambda v: v[:, ::4], seen)
    charge = metric.weight(seen.score.reshape(-1)).reshape(seen.score.shape)
    fine_length = jnp.sum(step_lengths(metric.replace(substeps=1), seen).weighted, axis=1)
    length = jnp.sum(step_lengths(metric, coarse).weighted, axis=1)
    jumped = jnp.max(charge, axis=1) > JUMP * jnp.max(charge[:, ::4], axis=1)
    return path_energy(metric, coarse), length, fine_length, jumped
