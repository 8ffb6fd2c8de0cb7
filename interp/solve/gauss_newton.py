r"""Gauss-Newton with Levenberg-Marquardt damping on free nodes, block tridiagonal.

Residuals :math:`r_i = \sqrt N\,\bar w_i (f_{i+1} - f_i)` of segment i depend on two nodes,

.. math::
   P_i = \partial r_i/\partial z_i, \qquad Q_i = \partial r_i/\partial z_{i+1}

so :math:`J^\top J` has diagonal blocks :math:`Q_{i-1}^\top Q_{i-1} + P_i^\top P_i` and off-diagonal blocks
:math:`P_i^\top Q_i`. The weight is differentiated, so :math:`J^\top r` is half the exact gradient. Each path has its
own damping :math:`\mu` (times the diagonal), divided by 3 on success and multiplied by 8 on failure.

A step costs d forward derivatives of the generator at every node: for latents of up to some 32 dimensions.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pairs import Pair
from pairs.checks import check_count, check_number

from ..curves.charts import Chart
from ..metric.energy import Mode, observe, path_energy
from ..metric.pullback import linearise
from .block_tridiagonal import block_tridiagonal_solve
from .nodes import check_nodes, start_nodes, through_nodes
from .problem import PathProblem, PathSolution

__all__ = ["GaussNewton", "GaussNewtonState"]


class GaussNewtonState(NamedTuple):
    """The state of Gauss-Newton; all arrays lead with the batch.

    Attributes:
      z: Nodes with the ends, ``(batch, n, d)``.
      energy: Their energy.
      damping: mu.
      evaluations: Evaluations so far.
      done: Whether the path has stopped.
      converged: Whether it stopped because an accepted step gained little.
    """

    z: Array
    energy: Array
    damping: Array
    evaluations: Array
    done: Array
    converged: Array


@dataclasses.dataclass(frozen=True)
class GaussNewton:
    """Gauss-Newton on free nodes, for small latents and metrics.

    Attributes:
      evaluations: The largest number of steps.
      tolerance: A path is converged when an accepted step gains less than this share of its energy.
      check_every: Steps between two checks of which paths are done.

    Raises:
      InputError: An option is out of bounds.
    """

    evaluations: int = 60
    tolerance: float = 1e-5
    check_every: int = 2

    def __post_init__(self) -> None:
        check_count("evaluations", self.evaluations)
        check_number("tolerance", self.tolerance, at_least=0)

    def check(self, pair: Pair, chart: Chart, mode: Mode, substeps: int) -> None:
        """Refuse charts, modes, latents and sub-steps that do not suit free nodes; raises an ``InputError``."""
        check_nodes("gauss-newton", pair, chart, mode, substeps)

    def init(self, problem: PathProblem) -> GaussNewtonState:
        """The nodes of the start, evaluated."""
        return _init(problem, start_nodes(problem))

    def step(self, problem: PathProblem, state: GaussNewtonState) -> GaussNewtonState:
        """One damped linear solve; the trial is taken where it lowers the energy."""
        return _step(self, problem, state)

    def finish(self, problem: PathProblem, state: GaussNewtonState) -> PathSolution:
        """The curves through the nodes."""
        return through_nodes(problem, state.z, state.energy, state.converged, state.evaluations)


@jax.jit
def _init(problem: PathProblem, z: Array) -> GaussNewtonState:
    energy = path_energy(problem.metric, observe(problem.metric, z, problem.labels))
    one, no = jnp.ones((len(z),), jnp.int32), jnp.zeros((len(z),), bool)
    return GaussNewtonState(
        z, energy, jnp.full((len(z),), 1e-3, z.dtype), one, ~jnp.isfinite(energy) | (energy <= 0), no
    )


@partial(jax.jit, static_argnums=0)
def _step(options: GaussNewton, problem: PathProblem, state: GaussNewtonState) -> GaussNewtonState:
    metric, labels, z = problem.metric, problem.labels, state.z
    f, jf, w, jw = linearise(metric, z, labels)
    df = f[:, 1:] - f[:, :-1]
    bar = 0.5 * (w[:, 1:] + w[:, :-1])
    p = -bar[..., None, None] * jf[:, :-1] + 0.5 * df[..., None] * jw[:, :-1, None]
    q = bar[..., None, None] * jf[:, 1:] + 0.5 * df[..., None] * jw[:, 1:, None]
    r = bar[..., None] * df
    pp, qq = jnp.einsum("bnDi,bnDj->bnij", p, p), jnp.einsum("bnDi,bnDj->bnij", q, q)
    pq = jnp.einsum("bnDi,bnDj->bnij", p, q)
    gradient = jnp.einsum("bnDi,bnD->bni", q, r)[:, :-1] + jnp.einsum("bnDi,bnD->bni", p, r)[:, 1:]
    diagonal = qq[:, :-1] + pp[:, 1:]
    own = jnp.einsum("bnii->bni", diagonal)
    trace = jnp.mean(own, axis=-1, keepdims=True)  # where the generator stands still along one axis
    damp = state.damping[:, None, None] * own + (1e-6 * trace + 1e-12 * jnp.max(trace, axis=1, keepdims=True))
    blocks = diagonal + damp[..., None] * jnp.eye(z.shape[-1], dtype=z.dtype)
    trial = z.at[:, 1:-1].add(-jax.vmap(block_tridiagonal_solve)(blocks, pq[:, 1:-1], gradient))
    energy = path_energy(metric, observe(metric, trial, labels))
    live = ~state.done
    better = live & jnp.isfinite(energy) & (energy <= state.energy)
    converged = state.converged | (better & (state.energy - energy <= options.tolerance * state.energy))
    damping = jnp.where(better, jnp.maximum(state.damping / 3, 1e-9), jnp.where(live, state.damping * 8, state.damping))
    return GaussNewtonState(
        jnp.where(better[:, None, None], trial, z),
        jnp.where(better, energy, state.energy),
        damping,
        state.evaluations + live,
        state.done | converged | (damping > 1e8),
        converged,
    )
