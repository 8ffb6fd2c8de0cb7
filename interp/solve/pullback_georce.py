r"""GEORCE on the matrices that a pair's metric pulls back, as a solver of paths.

.. math:: G(z) = w(z)^2 J(z)^\top J(z) + \epsilon I, \qquad \epsilon = 10^{-6}\,\mathrm{tr}(w^2 J^\top J) / d

The energy that it lowers is that of the matrices (:mod:`interp.solve.georce`), which differs from that of chords by
O(N^-2); the energy of chords is reported. Second derivatives of the generator enter.
"""

from __future__ import annotations

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from pairs import InputError, Pair
from pairs.checks import check_count, check_number

from ..curves.charts import Chart
from ..metric.energy import Metric, Mode, observe, path_energy
from ..metric.pullback import metric_matrix
from .georce import GeorceState, georce_init, georce_step
from .nodes import check_nodes, start_nodes, through_nodes
from .problem import PathProblem, PathSolution

__all__ = ["Georce"]


@dataclasses.dataclass(frozen=True)
class Georce:
    """GEORCE on free nodes, for small latents, metrics and unconditional pairs.

    Attributes:
      evaluations: The largest number of steps.
      tolerance: A path is converged when an accepted step gains less than this share of its energy.
      check_every: Steps between two checks of which paths are done.

    Raises:
      InputError: An option is out of bounds.

    References:
      arXiv 2505.05961.
    """

    evaluations: int = 60
    tolerance: float = 1e-5
    check_every: int = 2

    def __post_init__(self) -> None:
        check_count("evaluations", self.evaluations)
        check_number("tolerance", self.tolerance, at_least=0)

    def check(self, pair: Pair, chart: Chart, mode: Mode, substeps: int) -> None:
        """Refuse conditional pairs and what does not suit free nodes; raises an ``InputError``."""
        if pair.classes:
            raise InputError("solver", "georce does not take labels", "use lbfgs for conditional pairs")
        check_nodes("georce", pair, chart, mode, substeps)

    def init(self, problem: PathProblem) -> GeorceState:
        """The nodes of the start, evaluated."""
        return _init(problem, start_nodes(problem))

    def step(self, problem: PathProblem, state: GeorceState) -> GeorceState:
        """One global linear solve with a line search per path."""
        return _step(self, problem, state)

    def finish(self, problem: PathProblem, state: GeorceState) -> PathSolution:
        """The curves through the nodes, with the energy of their chords."""
        energy = _chord_energy(problem.metric, state.z)
        return through_nodes(problem, state.z, energy, state.converged, state.evaluations)


def _matrices(metric: Metric, z: Array) -> Array:
    m, d = metric_matrix(metric, z), z.shape[-1]
    return m + 1e-6 * jnp.trace(m, axis1=1, axis2=2)[:, None, None] / d * jnp.eye(d, dtype=z.dtype)


@jax.jit
def _init(problem: PathProblem, z: Array) -> GeorceState:
    return jax.vmap(partial(georce_init, partial(_matrices, problem.metric), "trapezoid"))(z)


@partial(jax.jit, static_argnums=0)
def _step(options: Georce, problem: PathProblem, state: GeorceState) -> GeorceState:
    matrix = partial(_matrices, problem.metric)
    return jax.vmap(partial(georce_step, matrix, "trapezoid", options.tolerance))(state)


@jax.jit
def _chord_energy(metric: Metric, z: Array) -> Array:
    return path_energy(metric, observe(metric, z, None))
