"""What every chain is to the code that runs it: an ``init`` and a ``step``, and the record that a step leaves.

A kernel is a pytree with two pure methods, ``init(target, position, ids, key) -> state`` and
``step(target, state, now) -> (state, info)``. Its numbers are leaves and whatever shapes the compiled program is
static. :mod:`dcd.langevin.driver` runs any such kernel.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from jax import Array
from jax.typing import ArrayLike

from .target import Evaluation, Target

__all__ = ["ChainState", "Kernel", "LangevinInfo", "Moment", "State"]


class Moment(NamedTuple):
    """What differs from step to step.

    Attributes:
      noise: Standard normal numbers, shaped like the positions.
      uniform: Uniform numbers in [0, 1), ``(batch,)``, which the Metropolis correction alone uses.
      step_size: Size of the step.
      noise_scale: Standard deviation of the noise.
    """

    noise: Array
    uniform: Array
    step_size: ArrayLike
    noise_scale: ArrayLike


class LangevinInfo(NamedTuple):
    """The record of one step, each field ``(batch,)``, or of a run, each ``(steps, batch)`` and on the host.

    Attributes:
      energy: Minus log density after the step.
      score: Critic's score after the step.
      gradient_norm: Norm of the target's gradient at the point that the drift was taken from.
      acceptance: Acceptance probability, 1 without Metropolis correction.
      norm: Norm of the position after the step.
      displacement: Length of the step, 0 where it was rejected or the chain is stopped.
      stopped: Whether the chain has met NaN or infinity.
    """

    energy: Array | np.ndarray
    score: Array | np.ndarray
    gradient_norm: Array | np.ndarray
    acceptance: Array | np.ndarray
    norm: Array | np.ndarray
    displacement: Array | np.ndarray
    stopped: Array | np.ndarray


class ChainState(Protocol):
    """The fields that the state of every kernel has; all lead with the batch axis."""

    @property
    def position(self) -> Array:
        """Current points."""
        ...

    @property
    def at(self) -> Evaluation:
        """The target at ``position``."""
        ...

    @property
    def stopped(self) -> Array:
        """Whether a chain met NaN or infinity and rests at its last finite state."""
        ...

    @property
    def ids(self) -> Array:
        """Global number of each sample, which names the sample's noise."""
        ...


State = TypeVar("State", bound=ChainState)


class Kernel(Protocol[State]):
    """A chain's transition: a registered dataclass with an ``init`` and a ``step``."""

    def init(self, target: Target, position: Array, ids: Array, key: Array) -> State:
        """The state at step 0; ``key`` is the run's, for kernels whose states have more than a position."""
        ...

    def step(self, target: Target, state: State, now: Moment) -> tuple[State, LangevinInfo]:
        """One transition of every chain, a deterministic function of the noise in ``now``."""
        ...
