r"""L-BFGS for a batch of independent problems: every row has its own history, step length and stop.

Per row, with :math:`p = -H g` from the last ``history`` pairs :math:`(s, y)`, the step
:math:`x + \alpha p` is accepted when

.. math:: f(x + \alpha p) \le f(x) + 10^{-4} \alpha\, g^\top p

and otherwise :math:`\alpha` shrinks to the minimiser of the parabola through what is known, kept in
[0.1, 0.5] of itself. One joint line search over a batch would be wrong: the hardest row would
set everybody's step.

A solver step evaluates the objective once for all rows, whatever each row does with it, so
generators run in one full batch and outside of compiled loops (on CPU, convolution gradients
inside loops are several times slower). Rows that are done are frozen, and dropped
from the batch when few remain.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pairs import InputError

__all__ = ["LbfgsConfig", "LbfgsState", "Solution", "Objective", "minimise"]


class Objective(Protocol):
    """``(shared, rows, x) -> (value (batch,), gradient (batch, m))``; hashable, so that compilation is shared."""

    @property
    def jitted(self) -> bool: ...

    def __call__(self, shared: Any, rows: Any, x: Array, /) -> tuple[Array, Array]: ...


@dataclasses.dataclass(frozen=True)
class LbfgsConfig:
    """``evaluations`` caps the objective calls of a row. A row is converged when its value fell by less than
    ``tolerance`` (relative) over ``patience`` accepted steps, or ``|g| * size <= gradient_tolerance * f``.
    """

    evaluations: int = 60
    history: int = 10
    tolerance: float = 1e-5
    patience: int = 5
    gradient_tolerance: float = 1e-4
    check_every: int = 5

    def __post_init__(self) -> None:
        for name in ("evaluations", "history", "patience", "check_every"):
            if getattr(self, name) < 1:
                raise InputError(name, f"is {getattr(self, name)}", "give at least 1")
        for name in ("tolerance", "gradient_tolerance"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(name, f"is {getattr(self, name)}", "give a number in [0, 1)")


class LbfgsState(NamedTuple):
    """All arrays lead with the batch. ``recent`` holds the values of the last accepted steps."""

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


class Solution(NamedTuple):
    """Per row: argument, value, gradient norm, flags, calls used; ``trace`` the best value after every call."""

    x: Array
    value: Array
    gradient_norm: Array
    converged: Array
    evaluations: Array
    trace: np.ndarray | None


def _direction(state: LbfgsState) -> Array:
    """Two-loop recursion; empty slots have rho = 0 and change nothing. Loops over slots, newest first."""
    slots = (jnp.moveaxis(state.s, 1, 0), jnp.moveaxis(state.y, 1, 0), jnp.moveaxis(state.rho, 1, 0))

    def first(q: Array, slot: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        s, y, rho = slot
        a = rho * jnp.sum(s * q, axis=1)
        return q - a[:, None] * y, a

    def second(q: Array, slot: tuple[Array, Array, Array, Array]) -> tuple[Array, None]:
        s, y, rho, a = slot
        return q + (a - rho * jnp.sum(y * q, axis=1))[:, None] * s, None

    q, alphas = jax.lax.scan(first, state.g, slots)
    q, _ = jax.lax.scan(second, q * state.gamma[:, None], (slots[0], slots[1], slots[2], alphas), reverse=True)
    return -q


def _update(config: LbfgsConfig, state: LbfgsState, ft: Array, gt: Array) -> LbfgsState:
    """Digest one evaluation at ``x + alpha p``."""
    eps = jnp.finfo(state.f.dtype).eps
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
    gamma = jnp.where(curved, safe / jnp.maximum(jnp.sum(change**2, axis=1), jnp.finfo(safe.dtype).tiny), state.gamma)
    # a flat generator with |z1 - z0| = size has the Hessian 2 E / size^2
    guess = state.size**2 / jnp.maximum(2 * jnp.abs(ft), jnp.finfo(ft.dtype).tiny)
    gamma = jnp.where(first & finite & (gamma <= 0), guess, gamma)

    f, g = jnp.where(accept, ft, state.f), jnp.where(col, gt, state.g)
    recent = jnp.where(col, push(state.recent, ft), state.recent)
    moved = state._replace(x=jnp.where(col, state.x + step, state.x), f=f, g=g, s=s, y=y, rho=rho, gamma=gamma)
    p = _direction(moved)
    descends = jnp.sum(p * g, axis=1) < 0
    p = jnp.where(descends[:, None], p, -gamma[:, None] * g)
    p = jnp.where(col, p, state.p)

    drop = jnp.where(finite, ft - state.f - state.alpha * slope, jnp.inf)
    parabola = jnp.clip(-0.5 * state.alpha * slope / jnp.maximum(drop, jnp.finfo(f.dtype).tiny), 0.1, 0.5)
    alpha = jnp.where(accept, 1.0, jnp.where(live, state.alpha * parabola, state.alpha))
    shrinks = jnp.where(accept, 0, state.shrinks + live)
    # a direction that fails six times is dropped with its history; steepest descent that fails ten times is the end
    stuck = live & ~accept & (shrinks == 6)
    p = jnp.where(stuck[:, None], -state.gamma[:, None] * state.g, p)
    rho = jnp.where(stuck[:, None], 0.0, rho)
    alpha = jnp.where(stuck, 1.0, alpha)
    gradient_small = jnp.linalg.norm(g, axis=1) * state.size <= config.gradient_tolerance * jnp.abs(f)
    flat = recent[:, -1] - f <= config.tolerance * jnp.abs(f)  # recent[:, -1] is inf until enough steps were taken
    converged = state.converged | (live & (gradient_small | (accept & flat)))
    evaluations = state.evaluations + live
    done = state.done | converged | (shrinks >= 16) | (evaluations >= config.evaluations) | (first & ~finite)
    return moved._replace(
        p=p,
        rho=rho,
        alpha=alpha,
        recent=recent,
        evaluations=evaluations,
        shrinks=shrinks,
        done=done,
        converged=converged,
    )


def _start(config: LbfgsConfig, x: Array, scale: Array | None, size: Array) -> LbfgsState:
    """Nothing evaluated yet: value infinity, direction zero, so the first evaluation is accepted where it stands."""
    batch, m = x.shape
    zeros = lambda *shape: jnp.zeros((batch, *shape), x.dtype)
    infinite = lambda *shape: jnp.full((batch, *shape), jnp.inf, x.dtype)
    memory = zeros(config.history, m)
    return LbfgsState(
        x=x,
        f=infinite(),
        g=zeros(m),
        p=zeros(m),
        alpha=zeros(),
        s=memory,
        y=memory,
        rho=zeros(config.history),
        gamma=zeros() if scale is None else scale,
        recent=infinite(config.patience + 1),
        size=size,
        evaluations=jnp.zeros((batch,), jnp.int32),
        shrinks=jnp.zeros((batch,), jnp.int32),
        done=jnp.zeros((batch,), bool),
        converged=jnp.zeros((batch,), bool),
    )


@partial(jax.jit, static_argnums=(0, 1))
def _fused_step(objective: Objective, config: LbfgsConfig, shared: Any, rows: Any, state: LbfgsState) -> LbfgsState:
    trial = state.x + state.alpha[:, None] * state.p
    return _update(config, state, *objective(shared, rows, trial))


_jit_start = jax.jit(_start, static_argnums=0)
_jit_update = jax.jit(_update, static_argnums=0)


def minimise(
    objective: Objective,
    shared: Any,
    rows: Any,
    x: Array,
    size: Array,
    config: LbfgsConfig = LbfgsConfig(),
    *,
    scale: Array | None = None,
    trace: bool = False,
) -> Solution:
    """Minimise every row's objective from its own start.

    Args:
      objective: see :class:`Objective`.
      shared: pytree handed to every call (nets, weights).
      rows: pytree whose leaves lead with the batch.
      x: starts, ``(batch, m)``.
      size: magnitude of the argument, ``(batch,)``, for the scale-free gradient test.
      scale: inverse Hessian guess of the first step, ``(batch,)``; ``size^2 / (2 f)`` where None.
      trace: record the best value after every call, ``(calls, batch)``.
    """

    def step(rows: Any, state: LbfgsState) -> LbfgsState:
        if objective.jitted:
            return _fused_step(objective, config, shared, rows, state)
        trial = state.x + state.alpha[:, None] * state.p
        return _jit_update(config, state, *objective(shared, rows, trial))

    state = _jit_start(config, x, scale, size)
    total = x.shape[0]
    result, live = state, np.arange(total)
    history: list[np.ndarray] | None = [] if trace else None
    values = np.full(total, np.inf)
    for call in range(1, config.evaluations + 1):
        state = step(rows, state)
        if history is not None:
            values = values.copy()
            values[live] = np.asarray(state.f)[: len(live)]
            history.append(values)
        if call % config.check_every and call != config.evaluations:
            continue
        active = ~np.asarray(state.done)[: len(live)]
        if not active.any():
            break
        bucket = max(1, 4 ** int(np.ceil(np.log(active.sum()) / np.log(4))))
        if bucket * 2 <= state.x.shape[0] and state.x.shape[0] >= 16:  # tiny batches are not worth a compilation
            result = _scatter(result, state, live)
            chosen = np.flatnonzero(active)
            padded = np.resize(chosen, bucket)
            state = _gather(state, padded)
            state = state._replace(done=state.done | (jnp.arange(bucket) >= len(chosen)))
            rows, live = _gather(rows, padded), live[chosen]
    result = _scatter(result, state, live)
    norm = jnp.linalg.norm(result.g, axis=1)
    record = None if history is None else np.stack(history)
    return Solution(result.x, result.f, norm, result.converged, result.evaluations, record)


@jax.jit
def _take(tree: Any, index: Array) -> Any:
    return jax.tree.map(lambda a: a[index], tree)


def _gather(tree: Any, index: np.ndarray) -> Any:
    return _take(tree, jnp.asarray(index))


def _scatter(whole: LbfgsState, part: LbfgsState, live: np.ndarray) -> LbfgsState:
    if len(live) == whole.x.shape[0] == part.x.shape[0]:
        return part
    at, count = jnp.asarray(live), len(live)
    return jax.tree.map(lambda w, p: w.at[at].set(p[:count]), whole, part)
