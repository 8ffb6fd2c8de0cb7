r"""Energy of a curve and its gradient in the sine coefficients, whole or in chunks of images.

The whole form is plain reverse-mode differentiation. The chunked form is exact too and
holds the activations of one chunk only: a first pass without derivatives collects
features and scores, the energy's cotangents on them are formed, and a second pass pulls them
back chunk by chunk,

.. math:: \partial_{z_i} E = J_i^\top\,\partial_{f_i} E + (\partial s_i/\partial z_i)\,\partial_{s_i} E .
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ..curves.sine_curve import Chart, Curve, sine_basis
from ..metric.energy import Metric, Observed, observe, path_energy

__all__ = ["Rows", "CurveObjective"]


class Rows(NamedTuple):
    """What belongs to one pair of ends: its base path on the solver's grid ``(batch, n, d)`` and its label."""

    base: Array
    labels: Array | None


@dataclasses.dataclass(frozen=True)
class CurveObjective:
    """``(metric, rows, flat coefficients) -> (energy, gradient)`` on ``segments`` equal steps of ``t``.

    Hashable: equal settings share one compiled solver. ``chunk`` is the number of images
    differentiated at a time, 0 for all at once.
    """

    segments: int
    modes: int
    chart: Chart = Chart()
    chunk: int = 0

    @property
    def jitted(self) -> bool:
        """Whether the solver may compile this together with its own step (chunks run from the host)."""
        return self.chunk == 0

    def rows(self, metric: Metric, curve: Curve, labels: Array | None) -> Rows:
        """The parts of a curve that the solver does not change."""
        return Rows(_base(curve, self.segments * metric.substeps + 1), labels)

    def points(self, metric: Metric, rows: Rows, x: Array) -> Array:
        t = jnp.linspace(0, 1, self.segments * metric.substeps + 1, dtype=x.dtype)
        a = x.reshape(x.shape[0], self.modes, -1)
        moved = self.chart.move(rows.base, jnp.einsum("nk,bkd->bnd", sine_basis(t, self.modes), a))
        return jnp.concatenate([rows.base[:, :1], moved[:, 1:-1], rows.base[:, -1:]], axis=1)

    def value(self, metric: Metric, rows: Rows, x: Array) -> Array:
        return path_energy(metric, observe(metric, self.points(metric, rows, x), rows.labels))

    def __call__(self, metric: Metric, rows: Rows, x: Array) -> tuple[Array, Array]:
        if self.chunk:
            return self._chunked(metric, rows, x)

        def total(x: Array) -> tuple[Array, Array]:
            energy = self.value(metric, rows, x)
            return jnp.sum(energy), energy

        (_, energy), gradient = jax.value_and_grad(total, has_aux=True)(x)
        return energy, gradient

    def _chunked(self, metric: Metric, rows: Rows, x: Array) -> tuple[Array, Array]:
        z = _points(self, metric, rows, x)
        batch, n, d = z.shape
        flat = z.reshape(batch * n, 1, d)
        labels = None if rows.labels is None else jnp.repeat(rows.labels, n)
        parts = [slice(i, i + self.chunk) for i in range(0, batch * n, self.chunk)]
        pick = lambda part: None if labels is None else labels[part]
        seen = [_observe(metric, flat[part], pick(part)) for part in parts]
        features = jnp.concatenate([s.features for s in seen]).reshape(batch, n, -1)
        score = jnp.concatenate([s.score for s in seen]).reshape(batch, n)
        energy, by_features, by_score, by_z = _cotangents(metric, Observed(features, score, z))
        by_features, by_score = by_features.reshape(batch * n, 1, -1), by_score.reshape(batch * n, 1)
        pulled = [_pull(metric, flat[p], pick(p), by_features[p], by_score[p]) for p in parts]
        by_z = by_z + jnp.concatenate(pulled).reshape(z.shape)
        return energy, _to_coefficients(self, metric, rows, x, by_z)


@partial(jax.jit, static_argnums=1)
def _base(curve: Curve, count: int) -> Array:
    return curve.replace(coefficients=curve.coefficients[:, :0])(jnp.linspace(0, 1, count, dtype=curve.z0.dtype))


_points = jax.jit(CurveObjective.points, static_argnums=0)
_observe = jax.jit(observe)


@jax.jit
def _cotangents(metric: Metric, seen: Observed) -> tuple[Array, Array, Array, Array]:
    def total(features: Array, score: Array, z: Array) -> tuple[Array, Array]:
        energy = path_energy(metric, Observed(features, score, z))
        return jnp.sum(energy), energy

    (_, energy), grads = jax.value_and_grad(total, argnums=(0, 1, 2), has_aux=True)(*seen)
    return energy, *grads


@jax.jit
def _pull(metric: Metric, z: Array, labels: Array | None, by_features: Array, by_score: Array) -> Array:
    def outputs(z: Array) -> tuple[Array, Array]:
        seen = observe(metric, z, labels)
        return seen.features, seen.score

    return jax.vjp(outputs, z)[1]((by_features, by_score))[0]


def _coefficients_gradient(objective: CurveObjective, metric: Metric, rows: Rows, x: Array, by_z: Array) -> Array:
    return jax.vjp(lambda x: objective.points(metric, rows, x), x)[1](by_z)[0]


_to_coefficients = jax.jit(_coefficients_gradient, static_argnums=0)
