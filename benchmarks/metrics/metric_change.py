"""What every metric of two paired sets reports: the values, their difference, and the intervals of all three."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["MetricChange"]


class MetricChange(NamedTuple):
    """A metric of two sets and its difference ``after - before``, each with its interval."""

    before: float
    before_ci: tuple[float, float]
    after: float
    after_ci: tuple[float, float]
    difference: float
    difference_ci: tuple[float, float]
