"""Extent of a search, and its outcome."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from pairs import Pair
from pairs.checks import check_count, check_number

from .choices import Choice
from .judge import Change
from .verdict import Verdict

__all__ = ["Tune", "Tuned"]


@dataclasses.dataclass(frozen=True)
class Tune:
    """Extent of the search of :func:`dcd.tune`.

    Attributes:
      steps: Most steps of a chain in the first round; a choice that goes on may take twice as many.
      n_first: Samples per choice in the first round; each later round takes three times as many. At least 16.
      rounds: Rounds; after each, a third of the choices goes on.
      confirm_n: Samples of the confirmation's first look, at least 500; where the rule cannot decide, it looks again
        after twice and after four times as many.
      evaluations: Most gradient evaluations (samples times steps) of the search; 0 for no bound. Each round has an
        equal share of what is left: chains grow only if that share allows it, and a choice that does not fit is not
        begun, but for the first of a round. The same key gives the same search on any machine.
      minutes: Minutes after which no further choice is begun; 0 for no stop. A stop makes the result depend on the
        speed of the machine, and :attr:`Tuned.untried` names what was left out.
      batch: Chains that are moved together.
      boosts: Most rounds of boosting after the search (:mod:`dcd.tuning.boosting_rounds`), which together may spend as
        many gradient evaluations as the search.
      contrasts: Most turns of each course of contrastive divergence after the search (:mod:`dcd.tuning.courses`). Both
        together may spend four times the gradient evaluations of the search; an evaluation in sample space counts as
        the part of one through the generator that its operations are.
      pool: Samples of the best chain that the critic of each of these rounds is recovered from, at least 64.

    Raises:
      InputError: A value is out of range; the error names the field.
    """

    steps: int = 20
    n_first: int = 200
    rounds: int = 3
    confirm_n: int = 2000
    evaluations: int = 0
    minutes: float = 0.0
    batch: int = 100
    boosts: int = 0
    contrasts: int = 0
    pool: int = 3000

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        least = {"steps": 1, "n_first": 16, "rounds": 1, "confirm_n": 500, "evaluations": 0, "batch": 1}
        least |= {"boosts": 0, "contrasts": 0, "pool": 64}
        for name, bound in least.items():
            check_count(name, getattr(self, name), bound)
        check_number("minutes", self.minutes, at_least=0.0)


class Tuned(NamedTuple):
    """Outcome of :func:`dcd.tune`.

    Attributes:
      verdict: The decision on untouched data; None if nothing beat the generator on the search data.
      choice: The best choice with its best number of steps; None if nothing beat the generator on the search data.
      trials: Every run of the search: ``round``, ``n``, ``choice``, distance of the ``generator`` and ``after`` each
        step count, and the number of chains that ``stopped``.
      evaluations: Gradient evaluations of search, new critics and confirmation, each counted as one.
      seconds: Duration.
      untried: Choices that were not run, as labels with the reason.
      pair: Pair with the critic of ``choice``; None without a choice.
    """

    verdict: Verdict | None
    choice: Choice | None
    trials: list[dict[str, Any]]
    evaluations: int
    seconds: float
    untried: tuple[str, ...] = ()
    pair: Pair | None = None

    @property
    def gain(self) -> bool:
        """Whether the choice is proven to help; if not, the generator's samples are the better ones to keep."""
        return self.verdict is not None and self.verdict.gain

    @property
    def confirmed(self) -> dict[str, Change]:
        """The changes on untouched data, by measure; empty if nothing was worth a confirmation."""
        found = () if self.verdict is None else self.verdict.findings
        return {f.name: Change(f.before, f.after, f.change, f.interval) for f in found}
