r"""Underdamped Langevin dynamics: positions with velocities, by the BAOAB splitting.

.. math::
   du = v\,dt, \qquad dv = \nabla\log\pi(u)\,dt - \gamma v\,dt + \sqrt{2\gamma T}\,dW

One step of size h is kick, drift, friction and noise, drift, kick (arXiv 1203.5428):

.. math::
   v &\leftarrow v + \tfrac h2 \nabla\log\pi(u), \quad u \leftarrow u + \tfrac h2 v, \quad
   v \leftarrow e^{-\gamma h} v + \sqrt{T(1 - e^{-2\gamma h})}\,\xi, \\
   u &\leftarrow u + \tfrac h2 v, \quad v \leftarrow v + \tfrac h2 \nabla\log\pi(u).

Its position variance on a Gaussian is exact for every stable h (:math:`h < 2\sigma`). **Convention**:
``step_size`` is h, a time; as friction grows a step moves like the overdamped one of
:math:`\eta = h^2/2`. Cost as the overdamped chain: F_G + F_D + B_D + B_G per step. The GEBM code
(arXiv 2003.05033) has another integrator, with friction :math:`2\sqrt\lambda` tied to its step.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Pair

from .kernel import Evaluation, Info, Target, init
from .noise import draw_noise
from .result import Result, join
from .settings import Langevin, Structure
from .starts import labels_of, latents_of
from .target import Parts, Weights, make_projection, make_target, parts_of, to_samples, weights_of

__all__ = ["Underdamped", "UnderdampedState", "underdamped_init", "underdamped_step", "refine_underdamped"]


@dataclasses.dataclass(frozen=True)
class Underdamped(Langevin):
    r"""Settings of the underdamped chain: those of :class:`~dcd.Langevin` that make sense here, and friction.

    Attributes:
      step_size: h > 0, a time.
      friction: :math:`\gamma > 0`; 1 for a unit Gaussian prior is near critical.
    """

    step_size: float = 0.1
    prior_weight: float = 1.0
    friction: float = 1.0
    preset: str = "underdamped"

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.friction, bool) or not (math.isfinite(self.friction) and self.friction > 0):
            raise InputError("friction", f"is {self.friction!r}", "give a finite number above 0")
        for name, plain in (
            ("metropolis", False),
            ("tangent", False),
            ("noise_order", "after"),
            ("precondition", ()),
            ("noise_scale", "temperature"),
            ("anneal_noise", (1.0,)),
        ):
            if getattr(self, name) != plain:
                raise InputError(name, f"is {getattr(self, name)!r}", "the underdamped chain has no such setting")

    def structure(self) -> Structure:
        """Refuses: the overdamped step would read ``step_size`` as something else."""
        raise InputError("config", "is an underdamped chain", "run it with dcd.refine_underdamped")

    def noise_scales(self) -> list[float]:
        r"""Standard deviation of the velocity's noise at every step, :math:`\sqrt{T(1 - e^{-2\gamma h_k})}`."""
        return [math.sqrt(self.temperature * -math.expm1(-2 * self.friction * h)) for h in self.step_sizes()]


class UnderdampedState(NamedTuple):
    """As :class:`dcd.State`, with velocities."""

    position: Array
    velocity: Array
    origin: Array
    at: Evaluation
    stopped: Array
    ids: Array


def underdamped_init(target: Target, position: ArrayLike, velocity: ArrayLike, index: ArrayLike) -> UnderdampedState:
    """State at step 0. Velocities of the stationary law are :math:`N(0, T I)`."""
    s = init(target, position, index)
    return UnderdampedState(s.position, jnp.asarray(velocity), s.origin, s.at, s.stopped, s.ids)


def underdamped_step(
    state: UnderdampedState,
    noise: Array,
    target: Target,
    step_size: ArrayLike,
    friction: ArrayLike,
    temperature: ArrayLike = 1.0,
    clip: ArrayLike | None = None,
    project: Callable[[Array], Array] | None = None,
) -> tuple[UnderdampedState, Info]:
    """One BAOAB step, a deterministic function of ``noise`` (standard normal, like the position).

    Where ``project`` moves a point back to the support, the velocity component that ran out is
    reversed in sign, as at a wall. A sample whose next state is not finite stays where it was, for good.
    """
    u, v, h, friction = state.position, state.velocity, jnp.asarray(step_size), jnp.asarray(friction)
    force = lambda at: at.gradient if bound is None else jnp.clip(at.gradient, -bound, bound)
    bound = None if clip is None else jnp.asarray(clip)
    keep = jnp.exp(-friction * h)
    v = v + h / 2 * force(state.at)
    moved = u + h / 2 * v
    v = keep * v + jnp.sqrt(temperature * -jnp.expm1(-2 * friction * h)) * noise
    moved = moved + h / 2 * v
    if project is not None:
        inside = project(moved)
        v = jnp.where(inside == moved, v, -v)
        moved = inside
    new = target(moved, state.origin)
    v = v + h / 2 * force(new)

    rows = lambda a: jnp.all(jnp.isfinite(a.reshape(a.shape[0], -1)), axis=1)
    good = rows(moved) & rows(v) & rows(new.gradient) & jnp.isfinite(new.log_density) & jnp.isfinite(new.score)
    stopped = state.stopped | ~good
    pick = lambda a, b: jnp.where(stopped.reshape(-1, *(1,) * (a.ndim - 1)), b, a)
    position, velocity = pick(moved, u), pick(v, jnp.zeros_like(v))
    at = Evaluation(*(pick(a, b) for a, b in zip(new, state.at, strict=True)))
    norm = lambda a: jnp.sqrt(jnp.sum((a * a).reshape(a.shape[0], -1), axis=1))
    info = Info(
        energy=-at.log_density,
        score=at.score,
        gradient_norm=norm(state.at.gradient),
        acceptance=jnp.where(stopped, 0.0, 1.0),
        norm=norm(position),
        displacement=norm(position - u),
        stopped=stopped,
    )
    return UnderdampedState(position, velocity, state.origin, at, stopped, state.ids), info


def refine_underdamped(
    pair: Pair,
    config: Underdamped,
    key: Array,
    n: int,
    *,
    batch: int = 64,
    labels: ArrayLike | None = None,
    first_index: int = 0,
) -> Result:
    """Draw ``n`` samples and refine them; arguments and result as :func:`dcd.refine`.

    Starts are those of :func:`dcd.refine` with the same key; velocities start in their stationary
    law. Snapshots are not kept.

    Raises:
      InputError: n, batch or labels that do not fit.
    """
    for name, value in (("n", n), ("batch", batch)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(name, f"is {value!r}", "give at least 1")
    if labels is not None and (pair.classes is None or np.shape(labels) != (n,)):
        raise InputError("labels", f"have shape {np.shape(labels)}", f"give ({n},) for a conditional pair, else none")
    all_labels = labels_of(pair, np.arange(n) + first_index) if labels is None else jnp.asarray(labels)
    parts, weights, structure = parts_of(pair), weights_of(config), Langevin.structure(config)
    pieces: list[dict[str, Any]] = []
    for low in range(0, n, batch):
        rows = np.arange(low, low + batch)
        c = None if all_labels is None else all_labels[np.minimum(rows, n - 1)]
        index, keep = jnp.asarray(rows + first_index), min(batch, n - low)
        z = latents_of(pair, key, index, c)
        before = _samples(parts, z, c, structure._replace(space="latent"))
        position = z if config.space == "latent" else before
        state = _start(parts, key, position, index, weights, config.temperature, c, structure, pair.sample_range)
        start_score, infos = np.asarray(state.at.score), []
        for k, h in enumerate(config.step_sizes()):
            state, info = _run(
                parts,
                state,
                key,
                k,
                h,
                config.friction,
                config.temperature,
                config.clip,
                weights,
                c,
                structure,
                pair.sample_range,
            )
            infos.append(info)
        after = before if config.steps == 0 else _samples(parts, state.position, c, structure)
        empty = np.zeros((0, batch), np.float32)
        fields = (np.stack([np.asarray(getattr(i, f)) for i in infos]) if infos else empty for f in Info._fields)
        arrays = {
            "before": before,
            "after": after,
            "latents": z,
            "positions": state.position,
            "start_score": start_score,
            "stopped": state.stopped,
        }
        piece: dict[str, Any] = {name: np.asarray(v)[:keep] for name, v in arrays.items()}
        pieces.append({**piece, "trace": [f[:, :keep] for f in fields], "snapshots": {}})
    return join(pieces, (), config)


@functools.partial(jax.jit, static_argnames=("structure", "sample_range"))
def _start(
    parts: Parts,
    key: Array,
    position: Array,
    index: Array,
    weights: Weights,
    temperature: ArrayLike,
    labels: Array | None,
    structure: Structure,
    sample_range: tuple[float, float] | None,
) -> UnderdampedState:
    noise, _ = draw_noise(jax.random.fold_in(key, 2), 0, index, position.shape[1:])
    target = make_target(parts, structure, weights, sample_range, labels)
    return underdamped_init(target, position, jnp.sqrt(temperature) * noise, index)


@functools.partial(jax.jit, static_argnames=("structure", "sample_range"))
def _run(
    parts: Parts,
    state: UnderdampedState,
    key: Array,
    step: ArrayLike,
    step_size: ArrayLike,
    friction: ArrayLike,
    temperature: ArrayLike,
    clip: ArrayLike,
    weights: Weights,
    labels: Array | None,
    structure: Structure,
    sample_range: tuple[float, float] | None,
) -> tuple[UnderdampedState, Info]:
    target = make_target(parts, structure, weights, sample_range, labels)
    project = make_projection(parts, structure, sample_range) if structure.project else None
    noise, _ = draw_noise(jax.random.fold_in(key, 1), step, state.ids, state.position.shape[1:])
    return underdamped_step(
        state, noise, target, step_size, friction, temperature, clip if structure.clip else None, project
    )


@functools.partial(jax.jit, static_argnames="structure")
def _samples(parts: Parts, position: Array, labels: Array | None, structure: Structure) -> Array:
    return to_samples(parts, structure, position, labels)
