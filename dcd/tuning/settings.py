"""Extent of a search, and its outcome."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from pairs.checks import check_count, check_number

from .choices import Choice
from .judge import Change

__all__ = ["Tune", "Tuned"]


@dataclasses.dataclass(frozen=True)
class Tune:
    """Extent of the search of :func:`dcd.tune`.

    Attributes:
      steps: Most steps of a chain in the first round.
      n_first: Samples per choice in the first round; each later round takes three times as many. At least 16.
      rounds: Rounds; after each, a third of the choices goes on.
      confirm_n: Samples of the confirmation, at least 64.
      evaluations: Most gradient evaluations (samples times steps) of the search; 0 for no bound. The first choice of a
        round is run in any case.
      minutes: Most minutes of the search; 0 for no bound. A bound makes the result depend on the speed of the
        machine: each round has an equal share of what is left, chains grow only if that share allows it, and a choice
        that would end too late is not begun.
      batch: Chains that are moved together.

    Raises:
      InputError: A value is out of range; the error names the field.
    """

    steps: int = 100
    n_first: int = 200
    rounds: int = 3
    confirm_n: int = 2000
    evaluations: int = 0
    minutes: float = 0.0
    batch: int = 100

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        least = {"steps": 1, "n_first": 16, "rounds": 1, "confirm_n": 64, "evaluations": 0, "batch": 1}
        for name, bound in least.items():
            check_count(name, getattr(self, name), bound)
        check_number("minutes", self.minutes, at_least=0.0)


class Tuned(NamedTuple):
    """Outcome of :func:`dcd.tune`.

    Attributes:
      gain: Whether the choice is proven to help. If not, the generator's samples are the better ones to keep.
      choice: The best choice with its best number of steps; None if no choice beat the generator in the search.
      confirmed: The changes on untouched data; empty if nothing was worth a confirmation.
      trials: Every run of the search: ``round``, ``n``, ``choice``, distance of the ``generator`` and ``after`` each
        step count, and the number of chains that ``stopped``.
      evaluations: Gradient evaluations of the search and the confirmation.
      seconds: Duration.
    """

    gain: bool
    choice: Choice | None
    confirmed: dict[str, Change]
    trials: list[dict[str, Any]]
    evaluations: int
    seconds: float
