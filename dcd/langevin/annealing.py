"""Annealing from any function of the step: an optax schedule, say, as the numbers a chain stores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pairs import InputError

__all__ = ["sampled"]


def sampled(schedule: Callable[[int], Any], steps: int) -> tuple[float, ...]:
    r"""``schedule(0) .. schedule(steps - 1)`` as multipliers for ``Langevin(anneal=...)``, one stage a step.

    Settings stay plain numbers that a file can hold; the chain of ``steps`` steps then has exactly
    :math:`\eta_k = \eta\,\mathrm{schedule}(k)`.

    Raises:
      InputError: fewer than one step, or a schedule that is negative or not finite (found by the chain's settings).

    >>> import optax
    >>> sampled(optax.linear_schedule(1.0, 0.0, 4), 4)
    (1.0, 0.75, 0.5, 0.25)
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise InputError("steps", f"is {steps!r}", "give at least 1")
    return tuple(float(schedule(k)) for k in range(steps))
