"""What tuning keeps of its work, so that a search that was stopped goes on: trials, critics of boosting, looks.

A trial is a few numbers. A look of the confirmation is rows of features, which cost whole chains; the pool of a
boosting round is kept as samples until its critic is there. What the seeds give cheaply is computed again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jax import Array

from pairs import Pair
from pairs.digests import key_record, net_digest, tree_digest, whole_digest
from pairs.io.work import Work

from .choices import Choice
from .settings import Tune

__all__ = ["agree_on_search", "kept_trial"]


def kept_trial(work: Work, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The trial that ``make`` runs, or that it ran before; keys of its curve are numbers of steps."""
    trial = work.step(name, make)
    return trial | {"after": {int(steps): value for steps, value in trial["after"].items()}}


def agree_on_search(
    work: Work,
    pairs: dict[str, Pair],
    real: dict[str, np.ndarray],
    key: Array,
    config: Tune,
    choices: Sequence[Choice],
    critic_data: Any,
) -> None:
    """Refuse to go on with other inputs than the search began with.

    Args:
      work: The finished steps.
      pairs: Pairs by name of their critic.
      real: Real samples by name of the argument.
      key: Key of the search.
      config: Its extent.
      choices: What it tries.
      critic_data: A :class:`~dcd.tuning.winner.CriticData`, or None.

    Raises:
      InputError: One of them differs; the error names it.
    """
    if work.root is None:
        return
    boosted = None
    if critic_data is not None:
        net, arrays = critic_data.features, critic_data._replace(features=None)
        boosted = tree_digest([None if net is None else net_digest(net)], arrays._asdict())
    work.agree(
        pairs={name: whole_digest(pair) for name, pair in pairs.items()},
        key=key_record(key),
        choices=[choice.to_dict() for choice in choices],
        critic_data=boosted,
        **{name: tree_digest(None, x) for name, x in real.items()},
        **dataclasses.asdict(config),
    )
