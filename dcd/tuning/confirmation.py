"""Confirmation: whether the winner of a search beats the generator on data that played no part in the search.

The winner refines samples of new seeds, and the rule of :mod:`dcd.tuning.verdict` decides, with more samples where it
cannot decide yet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jax import Array

from pairs import Pair
from pairs.batches import apply_in_batches
from pairs.io.work import Work

from .choices import Choice, run_choice
from .faults import Fault, dead_critic
from .judge import Judge
from .rule import Rule
from .sequential import confirm
from .verdict import Verdict

__all__ = ["Confirmation", "confirm_choice"]

CRITIC_SAMPLES = 256
"""Real samples whose scores tell whether the critic is dead."""


class Confirmation(NamedTuple):
    """Outcome of a confirmation.

    Attributes:
      verdict: The decision.
      evaluations: Gradient evaluations.
    """

    verdict: Verdict
    evaluations: int


def confirm_choice(
    pair: Pair,
    choice: Choice,
    real: np.ndarray,
    judge: Judge,
    key: Array,
    rule: Rule,
    batch: int,
    *,
    train: np.ndarray | None = None,
    faults: tuple[Fault, ...] = (),
    may_draw: Callable[[int], bool] = lambda more: True,
    work: Work | None = None,
) -> Confirmation:
    """Run a choice with new seeds and decide it against untouched data.

    Args:
      pair: Pair with the critic that the choice names.
      choice: Winner of the search.
      real: Real samples ``(m, *sample)`` that neither the search nor a critic has used, in random order.
      judge: Feature space and measures.
      key: Key that the search has not used.
      rule: The rule of the verdict.
      batch: Chains that are moved together.
      train: Real samples ``(k, *sample)`` that the generator may have been trained on, for the warning of memory.
      faults: Warnings that are known already.
      may_draw: Asked before each look whether so many more samples may be drawn.
      work: Where the rows of each look are kept; nowhere by default.

    Returns:
      The outcome.
    """
    work, drawn = work or Work(), 0

    def rows(first: int, count: int) -> dict[str, np.ndarray]:
        result = run_choice(pair, choice, key, count, batch=batch, first_index=first)
        return {"before": judge.features(result.before), "after": judge.features(result.after)}

    def draw(first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        nonlocal drawn
        drawn += count
        found = work.arrays(f"from-{first}", lambda: rows(first, count))
        return found["before"], found["after"]

    dead = None
    if pair.classes is None:
        dead = dead_critic(apply_in_batches(pair.critic, real[:CRITIC_SAMPLES]))
    verdict = confirm(
        draw,
        judge.features(real),
        judge.measure,
        rule,
        train=None if train is None else judge.features(train),
        faults=faults if dead is None else (*faults, dead),
        may_draw=may_draw,
    )
    return Confirmation(verdict, drawn * choice.chain.steps)
