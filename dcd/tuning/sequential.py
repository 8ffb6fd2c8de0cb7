"""Draw samples until the verdict stands or the budget ends.

Each look sees all samples drawn so far: :func:`dcd.tuning.verdict.weigh` decides, and only where it cannot are more
drawn, up to the last look of the rule. The rows are searched for faults at the first look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from pairs import InputError

from .faults import Fault, row_faults
from .rule import Paired, Rule
from .verdict import Verdict, weigh

__all__ = ["confirm"]


def confirm(
    draw: Callable[[int, int], tuple[np.ndarray, np.ndarray]],
    real: np.ndarray,
    measure: Callable[[np.ndarray, np.ndarray, np.ndarray], Mapping[str, Paired]],
    rule: Rule | None = None,
    *,
    train: np.ndarray | None = None,
    faults: tuple[Fault, ...] = (),
    may_draw: Callable[[int], bool] = lambda more: True,
) -> Verdict:
    """Draw samples until the rule decides, the last look has passed, or the budget ends.

    Args:
      draw: from (first index, count) to feature rows before and after of those samples, row i of both from one latent.
      real: feature rows of real data that played no part so far, in random order.
      measure: from rows before, after and real to the measures that the rule names.
      rule: the settings; by default ``Rule()``.
      train: feature rows of the generator's training data, for the warning of memory.
      faults: warnings that are known already, such as those of :func:`dcd.tuning.faults.dead_critic`.
      may_draw: asked before each look whether so many more samples are within the budget.

    Returns:
      The verdict of the look that decided, or of the last one.

    Raises:
      InputError: the budget ends before the first look, or the rows do not fit.
    """
    rule = rule or Rule()
    before: list[np.ndarray] = []
    after: list[np.ndarray] = []
    verdict: Verdict | None = None
    for look, n in enumerate(rule.looks):
        first = rule.looks[look - 1] if look else 0
        if not may_draw(n - first):
            break
        for side, rows in zip((before, after), draw(first, n - first), strict=True):
            side.append(rows)
        a, b = np.concatenate(before), np.concatenate(after)
        if look == 0:
            faults = faults + row_faults(b, real, train)
        verdict = weigh(rule, look, measure(a, b, real), faults)
        if verdict.outcome != "undecided":
            return verdict
    if verdict is None:
        raise InputError(
            "budget", f"ends before {rule.looks[0]} samples", "give more, or a rule with a smaller first look"
        )
    ended = "no samples are left" if verdict.n == rule.looks[-1] else "the budget ended"
    return verdict._replace(reason=f"{verdict.reason} by {verdict.n} samples, and {ended}")
