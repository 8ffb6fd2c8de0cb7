r"""One Langevin transition over a batch of independent chains, with optional Metropolis correction.

.. math:: u' = P(u + \eta M\,b(u) + s\,M^{1/2}\xi), \qquad b = \mathrm{clip}(\nabla \log\pi)

``s`` is the noise's standard deviation, :math:`\sqrt{2\eta T}` for temperature T; M is the identity or a positive
diagonal. The corrected form accepts u' with probability

.. math::
   \min\left(1, \exp\left[\tfrac1T(\log\pi(u') - \log\pi(u))
   + \log N(u; u' + \eta M b(u'), s^2 M) - \log N(u'; u + \eta M b(u), s^2 M)\right]\right),

which leaves :math:`\pi^{1/T}` invariant (MALA). A sample whose next state is not finite stays where it was, for good,
and is counted in :attr:`dcd.LangevinInfo.stopped`.

The target's value and gradient at the current state are part of the state, so that a step costs one evaluation. Code
that moves ``position`` by other means must call :func:`langevin_init` again.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike

from pairs import InputError

from .rows import finite_rows, norms, square_norms, take_rows, widen
from .settings import Langevin, NoiseOrder, NoiseScale
from .target import Evaluation, Target
from .transition import LangevinInfo, Moment

__all__ = ["LangevinKernel", "LangevinState", "langevin_init", "make_kernel"]


class LangevinState(NamedTuple):
    """Chains at one moment; all fields lead with the batch axis.

    Attributes:
      position: Current points.
      origin: Where each chain started.
      at: The target at ``position``.
      stopped: True where a chain met NaN or infinity and rests at its last finite state.
      ids: Global number of each sample, which names the sample's noise.
    """

    position: Array
    origin: Array
    at: Evaluation
    stopped: Array
    ids: Array


def langevin_init(target: Target, position: ArrayLike, ids: ArrayLike) -> LangevinState:
    """The state at step 0.

    Args:
      target: Density of the chains.
      position: ``(batch, ...)`` points to start from.
      ids: ``(batch,)`` global numbers of the samples.

    Returns:
      The state. A chain that starts at NaN, or where the target is not finite, is stopped there.
    """
    u = jnp.asarray(position)
    at = target.evaluate(u, u)
    return LangevinState(u, u, at, ~_finite(u, at), jnp.asarray(ids).astype(jnp.int32))


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class LangevinKernel:
    """The transition of :class:`dcd.Langevin`.

    Attributes:
      temperature: T.
      clip: Bound on each coordinate of the gradient; used where ``clipped``.
      root: Square root of the diagonal preconditioner, one number per coordinate; None for the identity.
      clipped: Whether the gradient is clipped.
      noise_order: As in the settings.
      noise_scale: As in the settings.
      tangent: As in the settings.
      project: Whether the target's projection ends a step.
      metropolis: Whether a step is accepted or rejected.
      hold: As in the settings.
    """

    temperature: ArrayLike
    clip: ArrayLike
    root: ArrayLike | None
    clipped: bool = dataclasses.field(metadata=dict(static=True))
    noise_order: NoiseOrder = dataclasses.field(metadata=dict(static=True))
    noise_scale: NoiseScale = dataclasses.field(metadata=dict(static=True))
    tangent: bool = dataclasses.field(metadata=dict(static=True))
    project: bool = dataclasses.field(metadata=dict(static=True))
    metropolis: bool = dataclasses.field(metadata=dict(static=True))
    hold: tuple[int, ...] = dataclasses.field(metadata=dict(static=True))

    def init(self, target: Target, position: Array, ids: Array, key: Array) -> LangevinState:
        """:func:`langevin_init`; the key is not used."""
        return langevin_init(target, position, ids)

    def step(self, target: Target, state: LangevinState, now: Moment) -> tuple[LangevinState, LangevinInfo]:
        """One step of every chain.

        Args:
          target: Density of the chains.
          state: The chains before the step.
          now: Noise and step size; ``now.noise_scale`` is the standard deviation s, per unit of the gradient's norm
            where the kernel's ``noise_scale`` says so.

        Returns:
          The chains after the step, and the record of the step.
        """
        u, at, noise = state.position, state.at, now.noise
        root = jnp.asarray(1.0 if self.root is None else jnp.asarray(self.root).reshape(u.shape[1:]), u.dtype)
        free = self._free(u)
        if free is not None:
            noise = jnp.where(free, noise, 0.0)
        drift = _masked(at.gradient, free)
        if self.noise_order == "before":
            u = u + now.noise_scale * root * noise
            drift = _masked(target.evaluate(u, state.origin).gradient, free)
        gradient_norm = norms(drift)
        moved = u + now.step_size * root * root * self._shaped(drift, u)
        if self.noise_order == "after":
            scale = now.noise_scale
            if self.noise_scale == "gradient":
                scale = scale * widen(gradient_norm, u)
            moved = moved + scale * root * noise
        if self.project:
            moved = target.project(moved)
        if free is not None:
            moved = jnp.where(free, moved, state.position)
        # without the barrier XLA:CPU computes the end of the backward pass anew in each of its users
        new = lax.optimization_barrier(target.evaluate(moved, state.origin))

        acceptance = jnp.ones(u.shape[0], u.dtype)
        take = ~state.stopped
        if self.metropolis:
            back = self._shaped(_masked(new.gradient, free), moved)
            log_forward = -0.5 * square_norms(noise)
            returning = u - moved - now.step_size * root * root * back
            log_backward = -0.5 * square_norms(returning / (now.noise_scale * root))
            log_ratio = (new.log_density - at.log_density) / self.temperature + log_backward - log_forward
            acceptance = jnp.exp(jnp.minimum(jnp.nan_to_num(log_ratio, nan=-jnp.inf), 0.0))
            # density zero is a rejection, not a breakdown
            broken = jnp.isnan(new.log_density) | (new.log_density == jnp.inf) | ~finite_rows(moved)
            take = take & (now.uniform < acceptance)
        else:
            broken = ~_finite(moved, new)
        take, stopped = take & ~broken, state.stopped | broken

        position = take_rows(take, moved, state.position)
        at = Evaluation(*(take_rows(take, a, b) for a, b in zip(new, at, strict=True)))
        info = LangevinInfo(
            energy=-at.log_density,
            score=at.score,
            gradient_norm=gradient_norm,
            acceptance=jnp.where(state.stopped, 0.0, acceptance),
            norm=norms(position),
            displacement=norms(position - state.position),
            stopped=stopped,
        )
        return LangevinState(position, state.origin, at, stopped, state.ids), info

    def _free(self, u: Array) -> Array | None:
        """True where coordinates may move, shaped like one row; None where all may."""
        if not self.hold:
            return None
        first, end = self.hold
        place = np.arange(u[0].size).reshape(u.shape[1:])
        return jnp.asarray((place < first) | (place >= end))

    def _shaped(self, gradient: Array, u: Array) -> Array:
        """The gradient without its radial part and clipped, as the settings say."""
        if self.tangent:
            along = jnp.sum((gradient * u).reshape(u.shape[0], -1), axis=1)
            gradient = gradient - widen(along / jnp.maximum(square_norms(u), 1e-12), u) * u
        return jnp.clip(gradient, -jnp.asarray(self.clip), self.clip) if self.clipped else gradient


def make_kernel(settings: Langevin) -> LangevinKernel:
    """The kernel that the settings describe.

    Raises:
      InputError: Settings of another kind of chain, whose step size means something else.
    """
    if not isinstance(settings, Langevin):
        if dataclasses.is_dataclass(settings):
            raise InputError("config", "is an underdamped chain", "run it with dcd.refine_underdamped")
        raise InputError("config", f"is {settings!r:.40}, no settings of a chain", "give ganrefine.preset('ddls')")
    return LangevinKernel(
        max(settings.temperature, 1e-30),  # a positive number keeps a chain without noise free of 0 / 0
        settings.clip,
        np.sqrt(np.asarray(settings.precondition, np.float32)) if settings.precondition else None,
        settings.clip > 0,
        settings.noise_order,
        settings.noise_scale,
        settings.tangent,
        settings.project and not settings.metropolis,
        settings.metropolis,
        settings.hold,
    )


def _masked(gradient: Array, free: Array | None) -> Array:
    return gradient if free is None else jnp.where(free, gradient, 0.0)


def _finite(u: Array, at: Evaluation) -> Array:
    return finite_rows(u) & jnp.isfinite(at.log_density) & jnp.isfinite(at.score) & finite_rows(at.gradient)
