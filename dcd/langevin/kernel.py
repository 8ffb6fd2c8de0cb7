r"""One Langevin transition over a batch of independent chains, with optional Metropolis correction.

.. math:: u' = P(u + \eta M\,b(u) + s\,M^{1/2}\xi), \qquad b = \mathrm{clip}(\nabla \log\pi)

``s`` is the noise's standard deviation, :math:`\sqrt{2\eta T}` for temperature T; M is the
identity or a positive diagonal. The corrected
form accepts u' with probability

.. math::
   \min\left(1, \exp\left[\tfrac1T(\log\pi(u') - \log\pi(u))
   + \log N(u; u' + \eta M b(u'), s^2 M) - \log N(u'; u + \eta M b(u), s^2 M)\right]\right),

which leaves :math:`\pi^{1/T}` invariant (MALA). A sample whose next state is not finite
stays where it was, for good, and is counted in ``Info.stopped``.

The target's value and gradient at the current state are part of the state, so a step
costs one evaluation; whoever moves ``position`` by other means must call :func:`init` again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike

from .settings import Structure

__all__ = ["Evaluation", "State", "Info", "init", "transition"]


class Evaluation(NamedTuple):
    """The target at points: ``log_density`` and the critic's ``score`` are (batch,), ``gradient`` like the points."""

    log_density: Array
    score: Array
    gradient: Array


Target = Callable[[Array, Array], Evaluation]
"""``(position, origin) -> Evaluation``"""


class State(NamedTuple):
    """Chains at one moment. All fields lead with the batch axis."""

    position: Array
    """Current points."""
    origin: Array
    """Where each chain started."""
    at: Evaluation
    """The target at ``position``."""
    stopped: Array
    """True where a chain met NaN or infinity and rests at its last finite state."""
    ids: Array
    """Global number of each sample: it names the sample's noise."""


class Info(NamedTuple):
    """One step's record, each (batch,); a run's record, each (steps, batch) and on the host."""

    energy: Array | np.ndarray
    """Minus log density after the step."""
    score: Array | np.ndarray
    """Critic's score after the step."""
    gradient_norm: Array | np.ndarray
    """Norm of the target's gradient at the point the drift was taken from."""
    acceptance: Array | np.ndarray
    """Acceptance probability (1 without Metropolis correction)."""
    norm: Array | np.ndarray
    """Norm of the position after the step."""
    displacement: Array | np.ndarray
    """Length of the step taken (0 where rejected or stopped)."""
    stopped: Array | np.ndarray
    """As in :class:`State`."""


def init(target: Target, position: ArrayLike, index: ArrayLike | None = None) -> State:
    """State at step 0. A chain that starts at NaN, or where the target is not finite, is stopped there."""
    u = jnp.asarray(position)
    ids = jnp.arange(u.shape[0]) if index is None else jnp.asarray(index)
    at = target(u, u)
    return State(u, u, at, ~_finite(u, at), ids.astype(jnp.int32))


def transition(
    state: State,
    noise: Array,
    uniform: Array,
    target: Target,
    structure: Structure,
    step_size: ArrayLike,
    noise_scale: ArrayLike,
    temperature: ArrayLike = 1.0,
    clip: ArrayLike = 0.0,
    project: Callable[[Array], Array] | None = None,
    root: Array | None = None,
) -> tuple[State, Info]:
    """One step, as a deterministic function of its noise (:func:`dcd.noise.draw_noise`).

    Args:
      noise: standard normal, like ``state.position``.
      uniform: (batch,) in [0, 1), used by the Metropolis correction alone.
      noise_scale: standard deviation s; per unit of gradient norm where the structure says so.
      project: map back to the support, applied where ``structure.project``.
      root: square root of the diagonal preconditioner, one number per coordinate; None for the identity.
    """
    u, at = state.position, state.at
    spread = jnp.asarray(1.0 if root is None else root.reshape(u.shape[1:]), u.dtype)
    free = _free(structure, u)
    if free is not None:
        noise = jnp.where(free, noise, 0.0)
    drift = at.gradient if free is None else jnp.where(free, at.gradient, 0.0)
    if structure.noise_order == "before":
        u = u + noise_scale * spread * noise
        drift = target(u, state.origin).gradient
        drift = drift if free is None else jnp.where(free, drift, 0.0)
    gradient_norm = _norm(drift)
    drift = _shape_drift(drift, u, structure, clip)
    moved = u + step_size * spread * spread * drift
    if structure.noise_order == "after":
        scale = noise_scale * _wide(gradient_norm, u) if structure.noise_scale == "gradient" else noise_scale
        moved = moved + scale * spread * noise
    if structure.project and project is not None:
        moved = project(moved)
    if free is not None:
        moved = jnp.where(free, moved, state.position)
    # else XLA:CPU computes the end of the backward pass anew in each of its users
    new = lax.optimization_barrier(target(moved, state.origin))

    acceptance = jnp.ones(u.shape[0], u.dtype)
    take = ~state.stopped
    if structure.metropolis:
        back = new.gradient if free is None else jnp.where(free, new.gradient, 0.0)
        back = _shape_drift(back, moved, structure, clip)
        log_forward = -0.5 * _norm2(noise)
        returning = u - moved - step_size * spread * spread * back
        log_backward = -0.5 * _norm2(returning / (noise_scale * spread))
        log_ratio = (new.log_density - at.log_density) / temperature + log_backward - log_forward
        acceptance = jnp.exp(jnp.minimum(jnp.nan_to_num(log_ratio, nan=-jnp.inf), 0.0))
        # out of the support is a rejection, not a breakdown
        broken = jnp.isnan(new.log_density) | (new.log_density == jnp.inf) | ~_finite_rows(moved)
        take = take & (uniform < acceptance) & ~broken
        stopped = state.stopped | broken
    else:
        broken = ~_finite(moved, new)
        take = take & ~broken
        stopped = state.stopped | broken

    position = _where(take, moved, state.position)
    at = Evaluation(*(_where(take, a, b) for a, b in zip(new, at, strict=True)))
    info = Info(
        energy=-at.log_density,
        score=at.score,
        gradient_norm=gradient_norm,
        acceptance=jnp.where(state.stopped, 0.0, acceptance),
        norm=_norm(position),
        displacement=_norm(position - state.position),
        stopped=stopped,
    )
    return State(position, state.origin, at, stopped, state.ids), info


def _free(structure: Structure, u: Array) -> Array | None:
    """True where coordinates may move, shaped like one row; None where all may."""
    if not structure.hold:
        return None
    first, end = structure.hold
    place = np.arange(u[0].size).reshape(u.shape[1:])
    return jnp.asarray((place < first) | (place >= end))


def _shape_drift(gradient: Array, u: Array, structure: Structure, clip: ArrayLike) -> Array:
    if structure.tangent:
        along = jnp.sum((gradient * u).reshape(u.shape[0], -1), axis=1)
        gradient = gradient - _wide(along / jnp.maximum(_norm2(u), 1e-12), u) * u
    return jnp.clip(gradient, -jnp.asarray(clip), clip) if structure.clip else gradient


def _norm2(u: Array) -> Array:
    return jnp.sum((u * u).reshape(u.shape[0], -1), axis=1)


def _norm(u: Array) -> Array:
    return jnp.sqrt(_norm2(u))


def _wide(row: Array, like: Array) -> Array:
    return row.reshape(row.shape[0], *(1,) * (like.ndim - 1))


def _where(take: Array, new: Array, old: Array) -> Array:
    return jnp.where(_wide(take, new), new, old)


def _finite_rows(u: Array) -> Array:
    # by the square norm, which the record needs anyway: a norm beyond the type's range is as good as infinite
    return jnp.isfinite(_norm2(u))


def _finite(u: Array, at: Evaluation) -> Array:
    return _finite_rows(u) & jnp.isfinite(at.log_density) & jnp.isfinite(at.score) & _finite_rows(at.gradient)
