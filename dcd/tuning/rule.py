r"""The settings of the verdict, and the form in which measures reach it.

A :class:`Paired` holds independent pieces of a measure before and after, so that every combination
:math:`a\,\mathrm{after} - b\,\mathrm{before}` has an estimate and an error. A :class:`Rule` names the distance that
must fall, the guards that may not become worse, and the looks; :mod:`dcd.tuning.verdict` applies it.
"""

from __future__ import annotations

import dataclasses
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from pairs import InputError

from .boundary import spending_bounds

__all__ = ["Guard", "Paired", "Rule"]


class Paired(NamedTuple):
    """Equally many independent pieces of a measure before and after; their means are the estimates."""

    before: np.ndarray
    after: np.ndarray


@dataclasses.dataclass(frozen=True)
class Guard:
    """A measure that may not become worse by more than a margin.

    Attributes:
      name: the measure.
      margin: allowed worsening as a share of the value before.
      slack: allowed worsening in the measure's own unit, on top.
      rises: True where more is better (a share), False for a distance.
    """

    name: str
    margin: float
    slack: float = 0.0
    rises: bool = False


@dataclasses.dataclass(frozen=True)
class Rule:
    """The rule's settings.

    Attributes:
      looks: samples after which a decision is tried, rising.
      primary: the distance that must fall.
      guards: what may not become worse.
      alpha: one-sided error rate of the primary distance over all looks.
      guard_alpha: one-sided error rate of each guard over all looks.
      spending: exponent of the spending function.
      relevance: an improvement below this share of the distance is no reason to go on.
    """

    looks: tuple[int, ...] = (2000, 4000, 8000)
    primary: str = "fid"
    guards: tuple[Guard, ...] = (
        Guard("kid", 0.5),
        Guard("recall", 0.1, 0.01, rises=True),
        Guard("coverage", 0.1, 0.01, rises=True),
    )
    alpha: float = 0.025
    guard_alpha: float = 0.05
    spending: float = 2.0
    relevance: float = 0.05

    def __post_init__(self) -> None:
        if not self.looks or self.looks[0] < 1 or sorted(set(self.looks)) != list(self.looks):
            raise InputError("looks", f"are {self.looks}", "give rising numbers of samples, such as (2000, 4000, 8000)")
        for name in ("alpha", "guard_alpha"):
            if not 0 < getattr(self, name) < 0.5:
                raise InputError(name, f"is {getattr(self, name)}", "give an error rate in (0, 0.5)")

    def level(self, look: int, guard: bool = False) -> float:
        """One-sided confidence level of a statement at the look of that number, from 0."""
        shares = tuple(n / self.looks[-1] for n in self.looks)
        bounds = spending_bounds(shares, self.guard_alpha if guard else self.alpha, self.spending)
        return NormalDist().cdf(bounds[look])
