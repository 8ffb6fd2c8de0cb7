r"""Confirmation: whether the winner of a search beats the generator on data that played no part in the search.

The winner refines samples of new seeds. With changes :math:`\Delta_i` (after minus before) of all distances of the
judge, it is a gain if the 95 % interval of every :math:`\Delta_i` lies below 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jax import Array

from pairs import Pair

from .choices import Choice, run_choice
from .judge import Change, Judge

__all__ = ["Confirmation", "confirm_choice", "is_gain"]


class Confirmation(NamedTuple):
    """Outcome of a confirmation.

    Attributes:
      gain: Whether the changes prove a gain.
      changes: Changes on untouched data, by name.
      evaluations: Gradient evaluations.
    """

    gain: bool
    changes: dict[str, Change]
    evaluations: int


def is_gain(changes: Mapping[str, Change]) -> bool:
    """Decide whether changes prove a gain.

    Args:
      changes: Changes by name.

    Returns:
      Whether every interval lies below 0.

    Example:
      >>> is_gain({"fid": Change(9.0, 7.0, -2.0, (-3.0, -1.0)), "kid": Change(0.2, 0.1, -0.1, (-0.3, 0.1))})
      False
    """
    return all(change.interval[1] < 0 for change in changes.values())


def confirm_choice(
    pair: Pair, choice: Choice, real: np.ndarray, judge: Judge, key: Array, n: int, batch: int
) -> Confirmation:
    """Run a choice once with new seeds and measure it against untouched data.

    Args:
      pair: Pair with the critic that the choice names.
      choice: Winner of the search.
      real: Real samples ``(m, *sample)`` that neither the search nor a critic has used.
      judge: Feature space and distances.
      key: Key that the search has not used.
      n: Number of samples.
      batch: Chains that are moved together.

    Returns:
      The outcome.
    """
    result = run_choice(pair, choice, key, n, batch=batch)
    changes = judge.changes(judge.features(result.before), judge.features(result.after), judge.features(real))
    return Confirmation(is_gain(changes), changes, n * choice.chain.steps)
