"""Rounds of boosting after the search: a critic for what the best chain produced, added to the one that drove it.

Each round refines a pool with the best choice, recovers a critic for what is left between the pool and the data
(:func:`dcd.boost`), and runs chains of the sum, from the generator, on the search data. The round counts if its
samples come nearer to the held-out data than those of the best choice with the same seeds; else the rounds end.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import Array

from pairs import Pair
from pairs.io.work import Work

from ..critics.boosting import boost, boost_weight
from ..critics.kept_critic import kept_critic
from ..critics.recovery_settings import Recover
from ..langevin.starts import labels_of
from .choices import Choice, run_choice
from .settings import Tune
from .winner import CriticData, Improved, Winner, lowest

__all__ = ["boost_rounds"]

LEARNING_RATE = 5e-4
"""Of the recoveries; the log ratio that is left is small and smooth."""


def boost_rounds(
    winner: Winner,
    data: CriticData,
    key: Array,
    on_progress: Callable[[str, float], None] | None = None,
    work: Work | None = None,
) -> Improved:
    """Boost the critic of the winner of a search.

    Args:
      winner: The winner, a chain.
      data: What the critics are trained on.
      key: Typed key.
      on_progress: Function that is called with (what is running, fraction of the rounds done).
      work: Where trials, critics, and the pool of a critic that is not finished are kept; nowhere by default.

    Returns:
      What came of ``boosts`` rounds with pools of ``pool`` samples; together they spend at most as many gradient
      evaluations as the search may.

    Raises:
      InputError: The data do not fit the pair, or a loss became NaN.
    """
    work, config = work or Work(), winner.config
    pair, best, nearest = winner.pair, winner.choice, winner.nearest
    trials: list[dict[str, Any]] = []
    spent, name = 0, best.critic
    for r in range(1, config.boosts + 1):
        pool, steps = _pool_size(pair, config.pool), best.chain.steps
        cost = pool * steps + winner.n * 2 * steps
        if why := winner.too_dear(spent, cost, work):
            return Improved(pair, best, nearest, trials, spent, (f"boosting, round {r}: {why}",))
        if on_progress is not None:
            on_progress(f"boosting, round {r}", (r - 1) / config.boosts)
        add = functools.partial(_boosted, pair, best, data, jax.random.fold_in(key, r), pool, config)
        made, report = kept_critic(work, f"critic-{r}", pair, add)
        longer = dataclasses.replace(
            best, critic=f"{name}+{r}", chain=best.chain.replace(critic_scale=1.0, steps=2 * steps)
        )
        trial = winner.trial(work, f"round-{r}", made, longer)
        spent += cost
        auc = report["recover"]["held_out"]["auc"]
        trials.append({"round": config.rounds + r - 1, "n": winner.n, "choice": longer.to_dict(), "auc": auc, **trial})
        distance, chosen = lowest(trial, longer)
        if not distance < nearest:
            reason = f"boosting, round {r + 1}: round {r} came no nearer to the data"
            return Improved(pair, best, nearest, trials, spent, (reason,) if r < config.boosts else ())
        pair, nearest, best = made, distance, chosen
    return Improved(pair, best, nearest, trials, spent, ())


def _boosted(
    pair: Pair, best: Choice, data: CriticData, key: Array, pool: int, config: Tune, work: Work
) -> tuple[Pair, dict[str, Any]]:
    """One round's critic, from a pool of the best choice."""
    pool_key, critic_key = jax.random.split(key)
    draw = lambda: {"x": run_choice(pair, best, pool_key, pool, batch=min(config.batch, pool)).after}
    return boost(
        pair,
        work.arrays("pool", draw)["x"],
        data.train_x,
        data.held_x,
        critic_key,
        critic_scale=best.chain.critic_scale,
        weight=boost_weight(best.chain),
        features=data.features,
        recovery=Recover(r1=1.0 if data.features else None, steps=data.steps, learning_rate=LEARNING_RATE),
        pool_labels=labels_of(pair, np.arange(pool)),
        train_labels=data.train_labels,
        held_labels=data.held_labels,
        work=work,
    )


def _pool_size(pair: Pair, wanted: int) -> int:
    """The size of a pool; as many of each class for a conditional pair, at least 10."""
    return wanted if pair.classes is None else max(10, -(-wanted // pair.classes)) * pair.classes
