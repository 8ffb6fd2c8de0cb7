r"""Annealing: how step size and noise change along a chain.

A chain of K steps with S multipliers :math:`m_0, \dots, m_{S-1}` gives step k the multiplier

.. math:: m_{\lfloor k S / K \rfloor},

so that all stages have equal length, up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pairs.checks import check_count

__all__ = ["sampled", "stages"]


def stages(multipliers: tuple[float, ...], steps: int) -> list[float]:
    """The multiplier of every step of a chain.

    Args:
      multipliers: One per stage, at least one.
      steps: Number of steps of the chain.

    Returns:
      ``steps`` numbers.

    Example:
      >>> stages((1.0, 0.5), 4)
      [1.0, 1.0, 0.5, 0.5]
    """
    return [multipliers[min(k * len(multipliers) // steps, len(multipliers) - 1)] for k in range(steps)]


def sampled(schedule: Callable[[int], Any], steps: int) -> tuple[float, ...]:
    r"""A function of the step, an optax schedule for example, as multipliers for ``Langevin(anneal=...)``.

    Settings stay plain numbers that a file can hold. A chain of as many steps then has exactly the step sizes
    :math:`\eta_k = \eta\,\mathrm{schedule}(k)`.

    Args:
      schedule: From the number of the step, 0 first, to the multiplier.
      steps: Number of steps of the chain.

    Returns:
      ``schedule(0) .. schedule(steps - 1)``, one stage per step.

    Raises:
      InputError: Fewer than one step. The chain's settings refuse multipliers that are negative or not finite.

    Example:
      >>> import optax
      >>> sampled(optax.linear_schedule(1.0, 0.0, 4), 4)
      (1.0, 0.75, 0.5, 0.25)
    """
    check_count("steps", steps, 1)
    return tuple(float(schedule(k)) for k in range(steps))
