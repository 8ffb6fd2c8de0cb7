r"""Adam in sine coefficients, on randomly shifted time grids: for objectives that are noisy or full of kinks.

Every step draws inner parameters :math:`t_i + \epsilon_i / N` with :math:`\epsilon_i \sim U(-1/2, 1/2)`, so that a path
cannot hide a bad region between fixed nodes. Adam is elementwise, so a batch is as many independent runs. The updates
are those of Optax, in units of :math:`|z_1 - z_0|`, with a rate that falls to zero with a cosine (arXiv 1412.6980).
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from pairs import Pair
from pairs.checks import check_count

from ..curves.charts import Chart
from ..curves.sine_curve import fit_modes
from ..metric.energy import Mode, observe, path_energy
from .problem import PathProblem, PathSolution

__all__ = ["Adam", "AdamState"]

_RATE = 0.05


class AdamState(NamedTuple):
    """The state of Adam.

    Attributes:
      x: Coefficients, ``(batch, modes, d)``.
      optimiser: The moments, as Optax keeps them.
      best: The least energy seen, ``(batch,)``.
      best_x: The coefficients that had it.
      steps: Steps so far, ``()``.
      done: Always False: a noisy energy has no test for convergence.
    """

    x: Array
    optimiser: Any
    best: Array
    best_x: Array
    steps: Array
    done: Array


@dataclasses.dataclass(frozen=True)
class Adam:
    """Adam on random nodes; the result never counts as converged.

    Attributes:
      evaluations: Number of steps.
      seed: Randomness of the nodes.
      check_every: Steps between two checks of which rows are done; no row is, before the last step.

    Raises:
      InputError: ``evaluations`` is below 1.

    References:
      arXiv 1412.6980.
    """

    evaluations: int = 60
    seed: int = 0
    check_every: int = 1000

    def __post_init__(self) -> None:
        check_count("evaluations", self.evaluations)

    def check(self, pair: Pair, chart: Chart, mode: Mode, substeps: int) -> None:
        """Nothing is refused."""

    def init(self, problem: PathProblem) -> AdamState:
        """The start of the problem, with empty moments."""
        start = fit_modes(problem.curve.coefficients, problem.modes)
        infinite = jnp.full((len(start),), jnp.inf, start.dtype)
        moments = _optimiser(self.evaluations).init(start)
        return AdamState(start, moments, infinite, start, jnp.zeros((), jnp.int32), jnp.zeros((len(start),), bool))

    def step(self, problem: PathProblem, state: AdamState) -> AdamState:
        """One gradient step on a new draw of nodes."""
        return _step(self, problem, state, jax.random.fold_in(jax.random.key(self.seed), 7))

    def finish(self, problem: PathProblem, state: AdamState) -> PathSolution:
        """The best of start, last iterate and best iterate, by the energy on even nodes."""
        batch = len(state.x)
        candidates = [fit_modes(problem.curve.coefficients, problem.modes), state.x, state.best_x]
        values = jnp.stack([_value(problem, c.reshape(batch, -1)) for c in candidates])
        values = jnp.where(jnp.isfinite(values), values, jnp.inf)
        pick = jnp.argmin(values, axis=0)
        best = jnp.take_along_axis(jnp.stack(candidates), pick[None, :, None, None], axis=0)[0]
        used = jnp.full((batch,), self.evaluations + len(candidates), jnp.int32)
        return problem.solution(best.reshape(batch, -1), jnp.min(values, axis=0), state.done, used)


@partial(jax.jit, static_argnums=0)
def _step(options: Adam, problem: PathProblem, state: AdamState, key: Array) -> AdamState:
    metric, x = problem.metric, state.x
    count = problem.segments * metric.substeps
    jitter = jax.random.uniform(jax.random.fold_in(key, state.steps), (count - 1,), x.dtype, -0.5, 0.5)
    t = jnp.linspace(0, 1, count + 1, dtype=x.dtype)
    t = t.at[1:-1].add(jitter / count)

    def total(x: Array) -> tuple[Array, Array]:
        seen = observe(metric, problem.curve.replace(coefficients=x)(t), problem.labels)
        value = path_energy(metric, seen)
        return jnp.sum(value), value

    (_, value), gradient = jax.value_and_grad(total, has_aux=True)(x)
    gradient = jnp.where(jnp.isfinite(gradient), gradient, 0.0)
    better = value < state.best
    updates, optimiser = _optimiser(options.evaluations).update(gradient, state.optimiser)
    return AdamState(
        x + problem.size[:, None, None] * jnp.asarray(updates),
        optimiser,
        jnp.where(better, value, state.best),
        jnp.where(better[:, None, None], x, state.best_x),
        state.steps + 1,
        state.done,
    )


def _optimiser(steps: int) -> optax.GradientTransformation:
    return optax.adam(optax.cosine_decay_schedule(_RATE, steps), b1=0.9, b2=0.99)


_value = jax.jit(PathProblem.value)
