r"""The problem that a solver of paths is given: a metric, curves with their start, and a resolution.

The energy is that of the nodes at equal steps of t. Its gradient in the sine coefficients is plain reverse-mode
differentiation, or exact in chunks of images, which holds the activations of one chunk only: a first pass without
derivatives collects features and scores, the cotangents of the energy on them are formed, and a second pass pulls them
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

from ..curves.sine_curve import Curve, fit_modes, sine_basis
from ..metric.energy import Metric, Observed, observe, path_energy

__all__ = ["PathProblem", "PathSolution", "path_problem"]


class PathSolution(NamedTuple):
    """Solved paths.

    Attributes:
      curve: The curves, with as many modes as the curves of the problem.
      energy: Energy on the solver's nodes, ``(batch,)``.
      converged: Whether the solver's own test was met, ``(batch,)``.
      evaluations: Evaluations of the objective per path, ``(batch,)``.
      images: Generator images that those cost, ``(batch,)``.
    """

    curve: Curve
    energy: Array
    converged: Array
    evaluations: Array
    images: Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class PathProblem:
    """Curves to be improved; :func:`path_problem` makes it.

    Attributes:
      metric: How length is measured.
      curve: Ends, base path and chart; its coefficients are the start.
      base: Points of the base paths at the nodes, ``(batch, segments * substeps + 1, d)``.
      labels: Class of every path, ``(batch,)``, or None.
      segments: Number of segments.
      modes: Number of sine modes that are free.
      chunk: Images differentiated at a time, 0 for all at once.
    """

    metric: Metric
    curve: Curve
    base: Array
    labels: Array | None
    segments: int = dataclasses.field(metadata=dict(static=True))
    modes: int = dataclasses.field(metadata=dict(static=True))
    chunk: int = dataclasses.field(default=0, metadata=dict(static=True))

    @property
    def jitted(self) -> bool:
        """Whether a solver may compile the evaluation with its own step; chunks are run from the host."""
        return self.chunk == 0

    @property
    def start(self) -> Array:
        """Coefficients to start from, ``(batch, modes * d)``."""
        a = fit_modes(self.curve.coefficients, self.modes)
        return a.reshape(len(a), -1)

    @property
    def size(self) -> Array:
        """Latent distance of the ends, ``(batch,)``, the scale of a path."""
        return jnp.linalg.norm(self.curve.z1 - self.curve.z0, axis=1)

    def points(self, x: Array) -> Array:
        """Nodes ``(batch, n, d)`` of the curves with coefficients ``x``, ``(batch, modes * d)``."""
        t = jnp.linspace(0, 1, self.segments * self.metric.substeps + 1, dtype=x.dtype)
        a = x.reshape(x.shape[0], self.modes, -1)
        moved = self.curve.chart.move(self.base, jnp.einsum("nk,bkd->bnd", sine_basis(t, self.modes), a))
        return jnp.concatenate([self.base[:, :1], moved[:, 1:-1], self.base[:, -1:]], axis=1)

    def value(self, x: Array) -> Array:
        """Energies ``(batch,)`` at coefficients ``x``."""
        return path_energy(self.metric, observe(self.metric, self.points(x), self.labels))

    def evaluate(self, x: Array) -> tuple[Array, Array]:
        """Energies ``(batch,)`` and their gradients, ``(batch, modes * d)``."""
        if self.chunk:
            return _evaluate_in_chunks(self, x)

        def total(x: Array) -> tuple[Array, Array]:
            energy = self.value(x)
            return jnp.sum(energy), energy

        (_, energy), gradient = jax.value_and_grad(total, has_aux=True)(x)
        return energy, gradient

    def solution(self, x: Array, energy: Array, converged: Array, evaluations: Array) -> PathSolution:
        """The solution with coefficients ``x``, padded to all modes of the curve."""
        a = x.reshape(x.shape[0], self.modes, -1)
        curve = self.curve.replace(coefficients=fit_modes(a, self.curve.coefficients.shape[1]))
        return PathSolution(curve, energy, converged, evaluations, evaluations * self.base.shape[1])

    def take(self, rows: Array) -> PathProblem:
        """The problem of some rows only."""
        curve, base, labels = _take((self.curve, self.base, self.labels), rows)
        return dataclasses.replace(self, curve=curve, base=base, labels=labels)


def path_problem(
    metric: Metric, curve: Curve, labels: Array | None, segments: int, modes: int, chunk: int = 0
) -> PathProblem:
    """The problem of improving curves on ``segments`` segments with ``modes`` modes; arguments as attributes there."""
    base = _base(curve.replace(coefficients=curve.coefficients[:, :0]), segments * metric.substeps + 1)
    return PathProblem(metric, curve, base, labels, segments, modes, chunk)


@partial(jax.jit, static_argnums=1)
def _base(curve: Curve, count: int) -> Array:
    return curve(jnp.linspace(0, 1, count, dtype=curve.z0.dtype))


@jax.jit
def _take(tree: tuple[Curve, Array, Array | None], rows: Array) -> tuple[Curve, Array, Array | None]:
    return jax.tree.map(lambda a: a[rows], tree)


def _evaluate_in_chunks(problem: PathProblem, x: Array) -> tuple[Array, Array]:
    metric, chunk = problem.metric, problem.chunk
    z = _points(problem, x)
    batch, n, d = z.shape
    flat = z.reshape(batch * n, 1, d)
    labels = None if problem.labels is None else jnp.repeat(problem.labels, n)
    parts = [slice(i, i + chunk) for i in range(0, batch * n, chunk)]
    pick = lambda part: None if labels is None else labels[part]
    seen = [_observe(metric, flat[part], pick(part)) for part in parts]
    features = jnp.concatenate([s.features for s in seen]).reshape(batch, n, -1)
    score = jnp.concatenate([s.score for s in seen]).reshape(batch, n)
    energy, by_features, by_score, by_z = _cotangents(metric, Observed(features, score, z))
    by_features, by_score = by_features.reshape(batch * n, 1, -1), by_score.reshape(batch * n, 1)
    pulled = [_pull(metric, flat[p], pick(p), by_features[p], by_score[p]) for p in parts]
    by_z = by_z + jnp.concatenate(pulled).reshape(z.shape)
    return energy, _by_coefficients(problem, x, by_z)


_points = jax.jit(PathProblem.points)
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


@jax.jit
def _by_coefficients(problem: PathProblem, x: Array, by_z: Array) -> Array:
    return jax.vjp(problem.points, x)[1](by_z)[0]
