r"""Underdamped Langevin dynamics: positions with velocities, by the BAOAB splitting.

.. math::
   du = v\,dt, \qquad dv = \nabla\log\pi(u)\,dt - \gamma v\,dt + \sqrt{2\gamma T}\,dW

One step of size h is kick, drift, friction and noise, drift, kick (arXiv 1203.5428):

.. math::
   v &\leftarrow v + \tfrac h2 \nabla\log\pi(u), \quad u \leftarrow u + \tfrac h2 v, \quad
   v \leftarrow e^{-\gamma h} v + \sqrt{T(1 - e^{-2\gamma h})}\,\xi, \\
   u &\leftarrow u + \tfrac h2 v, \quad v \leftarrow v + \tfrac h2 \nabla\log\pi(u).

The variance of its positions on a Gaussian is exact for every stable h (:math:`h < 2\sigma`). **Convention**:
``step_size`` is h, a time; as friction grows a step moves like the overdamped one of :math:`\eta = h^2/2`. A step costs
as much as one of the overdamped chain: F_G + F_D + B_D + B_G. The GEBM code (arXiv 2003.05033) has another integrator,
with friction :math:`2\sqrt\lambda` tied to its step.
"""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from pairs import Pair
from pairs.arguments import checked_key, differentiable
from pairs.checks import check_number

from .chain_settings import ChainSettings, check_multipliers
from .driver import DEFAULT_BATCH, run_chains
from .kernel import langevin_init
from .noise import draw_noise
from .result import Result
from .rows import norms, take_rows
from .target import Evaluation, Target
from .transition import LangevinInfo, Moment

__all__ = ["Underdamped", "UnderdampedKernel", "UnderdampedState", "make_underdamped_kernel", "refine_underdamped"]


@dataclasses.dataclass(frozen=True)
class Underdamped(ChainSettings):
    r"""Settings of the underdamped chain.

    The fields that are not listed here are those of :class:`dcd.Langevin` with the same names.

    Attributes:
      step_size: :math:`h > 0`, a time.
      prior_weight: :math:`\alpha \ge 0`, in latent space only.
      project: Whether a chain is kept in the sample range or in the prior's support, as by a wall.
      anneal: Multipliers of the step size, one per stage of equal length.
      friction: :math:`\gamma > 0`; 1 is near critical for a unit Gaussian prior.
      preset: The name that reports give to these settings.

    Raises:
      InputError: A value out of range, with the name of the field.
    """

    step_size: float = 0.1
    prior_weight: float = 1.0
    project: bool = True
    anneal: tuple[float, ...] = (1.0,)
    friction: float = 1.0
    preset: str = "underdamped"

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        check_number("friction", self.friction, above=0.0)
        check_multipliers("anneal", self.anneal)

    @property
    def name(self) -> str:
        """The field ``preset``."""
        return self.preset

    @property
    def multipliers(self) -> tuple[float, ...]:
        """The field ``anneal``."""
        return self.anneal

    def noise_scales(self) -> list[float]:
        r"""Standard deviation of the velocity's noise at every step, :math:`\sqrt{T(1 - e^{-2\gamma h_k})}`."""
        return [math.sqrt(self.temperature * -math.expm1(-2 * self.friction * h)) for h in self.step_sizes()]


class UnderdampedState(NamedTuple):
    """Chains at one moment; all fields lead with the batch axis.

    Attributes:
      position: Current points.
      velocity: Current velocities.
      origin: Where each chain started.
      at: The target at ``position``.
      stopped: True where a chain met NaN or infinity and rests at its last finite state.
      ids: Global number of each sample, which names the sample's noise.
    """

    position: Array
    velocity: Array
    origin: Array
    at: Evaluation
    stopped: Array
    ids: Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class UnderdampedKernel:
    """The transition of :class:`dcd.Underdamped`.

    Attributes:
      friction: As in the settings.
      temperature: As in the settings.
      clip: Bound on each coordinate of the gradient; used where ``clipped``.
      clipped: Whether the gradient is clipped.
      project: Whether the target's projection acts as a wall.
    """

    friction: ArrayLike
    temperature: ArrayLike
    clip: ArrayLike
    clipped: bool = dataclasses.field(metadata=dict(static=True))
    project: bool = dataclasses.field(metadata=dict(static=True))

    def init(self, target: Target, position: Array, ids: Array, key: Array) -> UnderdampedState:
        """The state at step 0, with velocities of their stationary law :math:`N(0, T I)`."""
        noise, _ = draw_noise(jax.random.fold_in(key, 2), 0, ids, position.shape[1:])
        return self.with_velocity(target, position, jnp.sqrt(self.temperature) * noise, ids)

    def with_velocity(self, target: Target, position: Array, velocity: Array, ids: Array) -> UnderdampedState:
        """The state at step 0 with velocities that are given."""
        s = langevin_init(target, position, ids)
        return UnderdampedState(s.position, velocity, s.origin, s.at, s.stopped, s.ids)

    def step(self, target: Target, state: UnderdampedState, now: Moment) -> tuple[UnderdampedState, LangevinInfo]:
        """One BAOAB step of every chain.

        Where the projection moves a point back to the support, the velocity component that ran out is reversed in
        sign, as at a wall. A chain whose next state is not finite stays where it was, for good.

        Args:
          target: Density of the chains.
          state: The chains before the step.
          now: Noise and step size; the noise's scale follows from friction and temperature.

        Returns:
          The chains after the step, and the record of the step.
        """
        u, v = state.position, state.velocity
        h, friction = jnp.asarray(now.step_size), jnp.asarray(self.friction)
        keep = jnp.exp(-friction * h)
        v = v + h / 2 * self._force(state.at)
        moved = u + h / 2 * v
        v = keep * v + jnp.sqrt(self.temperature * -jnp.expm1(-2 * friction * h)) * now.noise
        moved = moved + h / 2 * v
        if self.project:
            inside = target.project(moved)
            v = jnp.where(inside == moved, v, -v)
            moved = inside
        new = target.evaluate(moved, state.origin)
        v = v + h / 2 * self._force(new)

        good = _finite(moved) & _finite(v) & _finite(new.gradient)
        good = good & jnp.isfinite(new.log_density) & jnp.isfinite(new.score)
        stopped = state.stopped | ~good
        position, velocity = take_rows(stopped, u, moved), take_rows(stopped, jnp.zeros_like(v), v)
        at = Evaluation(*(take_rows(stopped, old, fresh) for old, fresh in zip(state.at, new, strict=True)))
        info = LangevinInfo(
            energy=-at.log_density,
            score=at.score,
            gradient_norm=norms(state.at.gradient),
            acceptance=jnp.where(stopped, 0.0, 1.0),
            norm=norms(position),
            displacement=norms(position - u),
            stopped=stopped,
        )
        return UnderdampedState(position, velocity, state.origin, at, stopped, state.ids), info

    def _force(self, at: Evaluation) -> Array:
        if not self.clipped:
            return at.gradient
        bound = jnp.asarray(self.clip)
        return jnp.clip(at.gradient, -bound, bound)


def make_underdamped_kernel(settings: Underdamped) -> UnderdampedKernel:
    """The kernel that the settings describe."""
    return UnderdampedKernel(
        settings.friction, settings.temperature, settings.clip, settings.clip > 0, settings.project
    )


def refine_underdamped(
    pair: Pair,
    config: Underdamped,
    key: Array,
    n: int,
    *,
    batch: int = DEFAULT_BATCH,
    labels: ArrayLike | None = None,
    first_index: int = 0,
) -> Result:
    """Draw ``n`` samples from the generator and refine them with the underdamped chain.

    Starts are those of :func:`dcd.refine` with the same key; velocities start in their stationary law.

    Args:
      pair: Generator, critic and prior.
      config: Settings of the chain.
      key: Typed key.
      n: Number of samples.
      batch: Chains that run side by side.
      labels: ``(n,)`` classes of a conditional pair; all in turn by default.
      first_index: Global number of the first sample; runs over disjoint ranges join up.

    Returns:
      Samples before and after with the record.

    Raises:
      InputError: n, batch or labels that do not fit.
    """
    key = checked_key(key, pair=pair, labels=labels)
    pair = differentiable(pair)
    kernel = make_underdamped_kernel(config)
    return run_chains(pair, config, kernel, key, n, batch=batch, labels=labels, first_index=first_index)


def _finite(a: Array) -> Array:
    return jnp.all(jnp.isfinite(a.reshape(a.shape[0], -1)), axis=1)
