r"""L-BFGS for a batch of independent problems: every row has its own history, step length and stop.

Per row, with :math:`p = -H g` from the last ``history`` pairs :math:`(s, y)`, the step :math:`x + \alpha p` is accepted
when

.. math:: f(x + \alpha p) \le f(x) + 10^{-4} \alpha\, g^\top p

and otherwise :math:`\alpha` shrinks to the minimiser of the parabola through what is known, kept in [0.1, 0.5] of
itself. One line search over a whole batch would let the hardest row set the step of all.

A step evaluates the objective once for all rows, whether they accept or shrink, so the generator runs in full batches.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import NamedTuple, Protocol, TypeVar

import jax
import jax.numpy as jnp
from jax import Array

from pairs import Pair
from pairs.checks import check_count, check_number

from ..curves.charts import Chart
from ..metric.energy import Mode

__all__ = ["Lbfgs", "LbfgsState", "Objective"]

Found = TypeVar("Found", covariant=True)


class Objective(Protocol[Found]):
    """A batch of functions to minimise; a pytree whose static parts are hashable, so that compilation is shared."""

    @property
    def jitted(self) -> bool:
        """Whether ``evaluate`` may be compiled together with the solver's step."""
        ...

    @property
    def start(self) -> Array:
        """Starts, ``(batch, m)``."""
        ...

    @property
    def size(self) -> Array:
        """Magnitude of the arguments, ``(batch,)``, for the first step and the scale-free gradient test."""
        ...

    def evaluate(self, x: Array, /) -> tuple[Array, Array]:
        """Values ``(batch,)`` and gradients ``(batch, m)``."""
        ...

    def take(self, rows: Array, /) -> Objective[Found]:
        """The objective of some rows only."""
        ...

    def solution(self, x: Array, value: Array, converged: Array, evaluations: Array, /) -> Found:
        """What the minimum is returned as."""
        ...


class LbfgsState(NamedTuple):
    """The state of L-BFGS; all arrays lead with the batch.

    Attributes:
      x: Argument, ``(batch, m)``.
      f: Value there; infinite before the first evaluation.
      g: Gradient there.
      p: Direction of the next trial.
      alpha: Step length of the next trial.
      s: Last steps, ``(batch, history, m)``, newest first.
      y: Last changes of the gradient.
      rho: ``1 / s^T y``; 0 marks an empty slot.
      gamma: Scale of the initial inverse Hessian.
      recent: Values of the last accepted steps, ``(batch, patience + 1)``.
      size: Magnitude of the argument.
      evaluations: Evaluations so far.
      shrinks: Rejected trials in a row.
      done: Whether the row has stopped.
      converged: Whether it stopped because its test was met.
    """

    x: Array
    f: Array
    g: Array
    p: Array
    alpha: Array
    s: Array
    y: Array
    rho: Array
    gamma: Array
    recent: Array
    size: Array
    evaluations: Array
    shrinks: Array
    done: Array
    converged: Array


@dataclasses.dataclass(frozen=True)
class Lbfgs:
    """L-BFGS in sine coefficients (or in the argument of any :class:`Objective`), for latents of any size.

    Attributes:
      evaluations: The largest number of evaluations of a row.
      tolerance: A row is converged when its value fell by less than this share over ``patience`` accepted steps.
      patience: Number of those steps.
      gradient_tolerance: A row is converged, too, when ``|g| * size <= gradient_tolerance * |f|``.
      history: Number of pairs of step and gradient change that are kept.
      check_every: Steps between two checks of which rows are done.

    Raises:
      InputError: An option is out of bounds.
    """

    evaluations: int = 60
    tolerance: float = 1e-5
    patience: int = 5
    gradient_tolerance: float = 1e-4
    history: int = 10
    check_every: int = 5

    def __post_init__(self) -> None:
        for name in ("evaluations", "history", "patience", "check_every"):
            check_count(name, getattr(self, name))
        for name in ("tolerance", "gradient_tolerance"):
            check_number(name, getattr(self, name), at_least=0, below=1)

    def check(self, pair: Pair, chart: Chart, mode: Mode, substeps: int) -> None:
        """Nothing is refused."""

    def init(self, problem: Objective[Found]) -> LbfgsState:
        """Nothing is evaluated yet; the value is infinite and the direction zero, so the first trial is accepted."""
        return _init(self, problem)

    def step(self, problem: Objective[Found], state: LbfgsState) -> LbfgsState:
        """One evaluation of every row, at ``x + alpha p``."""
        if problem.jitted:
            return _fused_step(self, problem, state)
        return _update(self, state, *problem.evaluate(state.x + state.alpha[:, None] * state.p))

    def finish(self, problem: Objective[Found], state: LbfgsState) -> Found:
        """What the problem makes of the best arguments."""
        return problem.solution(state.x, state.f, state.converged, state.evaluations)


@partial(jax.jit, static_argnums=0)
def _init(options: Lbfgs, problem: Objective) -> LbfgsState:
    x, size = problem.start, problem.size
    batch, m = x.shape
    zeros = lambda *shape: jnp.zeros((batch, *shape), x.dtype)
    infinite = lambda *shape: jnp.full((batch, *shape), jnp.inf, x.dtype)
    count, no = jnp.zeros((batch,), jnp.int32), jnp.zeros((batch,), bool)
    memory, rho, recent = zeros(options.history, m), zeros(options.history), infinite(options.patience + 1)
    return LbfgsState(
        x, infinite(), zeros(m), zeros(m), zeros(), memory, memory, rho, zeros(), recent, size, count, count, no, no
    )


@partial(jax.jit, static_argnums=0)
def _fused_step(options: Lbfgs, problem: Objective, state: LbfgsState) -> LbfgsState:
    return _update(options, state, *problem.evaluate(state.x + state.alpha[:, None] * state.p))


@partial(jax.jit, static_argnums=0)
def _update(options: Lbfgs, state: LbfgsState, ft: Array, gt: Array) -> LbfgsState:
    """The state after one evaluation: ``ft`` and ``gt`` are value and gradient at ``x + alpha p``."""
    eps, tiny = jnp.finfo(state.f.dtype).eps, jnp.finfo(state.f.dtype).tiny
    slope = jnp.sum(state.g * state.p, axis=1)
    finite = jnp.isfinite(ft) & jnp.all(jnp.isfinite(gt), axis=1)
    gt = jnp.where(finite[:, None], gt, 0.0)
    # near convergence a decrease smaller than rounding is as good as one
    enough = ft <= state.f + 1e-4 * state.alpha * slope + 2 * eps * jnp.abs(state.f)
    live = ~state.done
    first = live & jnp.isinf(state.f)
    accept = live & finite & enough
    col = accept[:, None]

    step, change = state.alpha[:, None] * state.p, gt - state.g
    sy = jnp.sum(step * change, axis=1)
    norms = jnp.linalg.norm(step, axis=1) * jnp.linalg.norm(change, axis=1)
    curved = accept & (sy > 1e-8 * norms) & (sy > 0)
    push = lambda old, new: jnp.concatenate([new[:, None], old[:, :-1]], axis=1)
    keep = lambda old, new: jnp.where(curved.reshape((-1,) + (1,) * (old.ndim - 1)), new, old)
    s, y = keep(state.s, push(state.s, step)), keep(state.y, push(state.y, change))
    safe = jnp.where(curved, sy, 1.0)
    rho = keep(state.rho, push(state.rho, 1 / safe))
    gamma = jnp.where(curved, safe / jnp.maximum(jnp.sum(change**2, axis=1), tiny), state.gamma)
    # a flat generator with |z1 - z0| = size has the Hessian 2 E / size^2
    guess = state.size**2 / jnp.maximum(2 * jnp.abs(ft), tiny)
    gamma = jnp.where(first & finite & (gamma <= 0), guess, gamma)

    f, g = jnp.where(accept, ft, state.f), jnp.where(col, gt, state.g)
    recent = jnp.where(col, push(state.recent, ft), state.recent)
    moved = state._replace(x=jnp.where(col, state.x + step, state.x), f=f, g=g, s=s, y=y, rho=rho, gamma=gamma)
    p = _direction(moved)
    descends = jnp.sum(p * g, axis=1) < 0
    p = jnp.where(descends[:, None], p, -gamma[:, None] * g)
    p = jnp.where(col, p, state.p)

    drop = jnp.where(finite, ft - state.f - state.alpha * slope, jnp.inf)
    parabola = jnp.clip(-0.5 * state.alpha * slope / jnp.maximum(drop, tiny), 0.1, 0.5)
    alpha = jnp.where(accept, 1.0, jnp.where(live, state.alpha * parabola, state.alpha))
    shrinks = jnp.where(accept, 0, state.shrinks + live)
    # a direction that fails six times is dropped with its history; steepest descent that fails ten times is the end
    stuck = live & ~accept & (shrinks == 6)
    p = jnp.where(stuck[:, None], -state.gamma[:, None] * state.g, p)
    rho = jnp.where(stuck[:, None], 0.0, rho)
    alpha = jnp.where(stuck, 1.0, alpha)
    gradient_small = jnp.linalg.norm(g, axis=1) * state.size <= options.gradient_tolerance * jnp.abs(f)
    flat = recent[:, -1] - f <= options.tolerance * jnp.abs(f)  # recent[:, -1] is inf until enough steps were taken
    converged = state.converged | (live & (gradient_small | (accept & flat)))
    evaluations = state.evaluations + live
    done = state.done | converged | (shrinks >= 16) | (evaluations >= options.evaluations) | (first & ~finite)
    changed = dict(p=p, rho=rho, alpha=alpha, recent=recent, evaluations=evaluations, shrinks=shrinks)
    return moved._replace(**changed, done=done, converged=converged)


def _direction(state: LbfgsState) -> Array:
    """Two-loop recursion over slots, newest first; empty slots have rho = 0 and change nothing."""
    slots = (jnp.moveaxis(state.s, 1, 0), jnp.moveaxis(state.y, 1, 0), jnp.moveaxis(state.rho, 1, 0))

    def first(q: Array, slot: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        s, y, rho = slot
        a = rho * jnp.sum(s * q, axis=1)
        return q - a[:, None] * y, a

    def second(q: Array, slot: tuple[Array, Array, Array, Array]) -> tuple[Array, None]:
        s, y, rho, a = slot
        return q + (a - rho * jnp.sum(y * q, axis=1))[:, None] * s, None

    q, alphas = jax.lax.scan(first, state.g, slots)
    q, _ = jax.lax.scan(second, q * state.gamma[:, None], (*slots, alphas), reverse=True)
    return -q
