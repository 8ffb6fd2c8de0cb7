"""Rounds of boosting after the search: a critic for what the best chain produced, added to the one that drove it.

Each round refines a pool with the best choice, recovers a critic for what is left between the pool and the data
(:func:`dcd.boost`), and runs chains of the sum, from the generator, on the search data. The round counts if its
samples come nearer to the held-out data than those of the best choice with the same seeds; else the rounds end.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

from pairs import Net, Pair
from pairs.io.work import Work

from ..critics.boosting import boost, boost_weight
from ..critics.kept_critic import kept_critic
from ..critics.recovery_settings import Recover
from ..langevin.starts import labels_of
from .choices import Choice, run_choice
from .halving import HalvingResult, measured_trial
from .judge import Judge
from .kept import kept_trial
from .settings import Tune

__all__ = ["BoostData", "Boosted", "boost_rounds"]

LEARNING_RATE = 5e-4
"""Of the recoveries; the log ratio that is left is small and smooth."""


class BoostData(NamedTuple):
    """What the critics of the rounds are trained on.

    Attributes:
      train_x: Real samples for recovery, which the search does not use.
      held_x: Other real samples, for calibration.
      features: Net as :func:`dcd.recover_on_features` takes it; None recovers on the samples.
      steps: Updates of each recovery.
      train_labels: Classes of ``train_x``, for a conditional pair.
      held_labels: Classes of ``held_x``, for a conditional pair.
    """

    train_x: np.ndarray
    held_x: np.ndarray
    features: Net | None = None
    steps: int = 1500
    train_labels: np.ndarray | None = None
    held_labels: np.ndarray | None = None


class Boosted(NamedTuple):
    """Outcome of the rounds.

    Attributes:
      pair: Pair with the critic of the best choice.
      choice: The best choice, that of the search if no round came nearer to the data.
      trials: Every run, in the form of :class:`~dcd.tuning.settings.Tuned`.
      evaluations: Gradient evaluations.
      untried: Why no further round was made, in words.
    """

    pair: Pair
    choice: Choice
    trials: list[dict[str, Any]]
    evaluations: int
    untried: tuple[str, ...]


def boost_rounds(
    pair: Pair,
    found: HalvingResult,
    data: BoostData,
    real: np.ndarray,
    judge: Judge,
    key: Array,
    config: Tune,
    on_progress: Callable[[str, float], None] | None = None,
    work: Work | None = None,
) -> Boosted:
    """Boost the winner of a search.

    Args:
      pair: Pair with the critic of the winner.
      found: Outcome of the search, with a winner.
      data: What the critics are trained on.
      real: Rows of real samples ``(m, d)`` in the judge's feature space.
      judge: Feature space and distance.
      key: Typed key.
      config: Extent: ``boosts`` rounds with pools of ``pool`` samples. Together they may spend as many gradient
        evaluations as the search may.
      on_progress: Function that is called with (what is running, fraction of the rounds done).
      work: Where trials, critics, and the pool of a critic that is not finished are kept; nowhere by default.

    Returns:
      The outcome.

    Raises:
      InputError: The data do not fit the pair, or a loss became NaN.
    """
    best = found.choice
    assert best is not None
    if best.acceptance < 1 or not best.chain.steps:
        what = "a selection, whose law a sum of critics does not describe"
        return Boosted(pair, best, [], 0, (f"boosting: the best choice has {what}",))
    work = work or Work()
    trials: list[dict[str, Any]] = []
    spent, n, number = 0, config.n_first * 3 ** (config.rounds - 1), config.rounds
    seeds, name = jax.random.fold_in(key, 0), best.critic
    make = functools.partial(measured_trial, pair, best, judge, real, seeds, n, config)
    first = kept_trial(work, "round-0", make)
    generator = first["generator"]
    spent += n * best.chain.steps
    nearest = first["after"][best.chain.steps]
    for r in range(1, config.boosts + 1):
        pool, steps = _pool_size(pair, config.pool), best.chain.steps
        cost = pool * steps + n * 2 * steps
        if config.evaluations and spent + cost > config.evaluations:
            return Boosted(pair, best, trials, spent, (f"boosting, round {r}: the gradient evaluations were spent",))
        if on_progress is not None:
            on_progress(f"boosting, round {r}", (r - 1) / config.boosts)
        add = functools.partial(_boosted, pair, best, data, jax.random.fold_in(key, r), pool, config)
        made, report = kept_critic(work, f"critic-{r}", pair, add)
        longer = dataclasses.replace(
            best, critic=f"{name}+{r}", chain=best.chain.replace(critic_scale=1.0, steps=2 * steps)
        )
        make = functools.partial(measured_trial, made, longer, judge, real, seeds, n, config, generator)
        trial = kept_trial(work, f"round-{r}", make)
        spent += cost
        curve = trial["after"]
        chosen = min(curve, key=lambda s: curve[s] if np.isfinite(curve[s]) else np.inf)
        auc = report["recover"]["held_out"]["auc"]
        entry = {"round": number + r - 1, "n": n, "choice": longer.to_dict(), "generator": generator, "auc": auc}
        trials.append(entry | trial)
        if not curve[chosen] < nearest:
            reason = f"boosting, round {r + 1}: round {r} came no nearer to the data"
            return Boosted(pair, best, trials, spent, (reason,) if r < config.boosts else ())
        pair, nearest = made, curve[chosen]
        best = dataclasses.replace(longer, chain=longer.chain.replace(steps=chosen))
    return Boosted(pair, best, trials, spent, ())


def _boosted(
    pair: Pair, best: Choice, data: BoostData, key: Array, pool: int, config: Tune, work: Work
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
