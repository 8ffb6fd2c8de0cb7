"""Contrastive divergence after the search: the winner's critic is fine-tuned against the chain that it drives.

A critic that was recovered for the generator's samples tells a chain where to go from there. What few steps of the
chain produce still differs from the data, and contrastive divergence (:func:`dcd.contrast`) changes the critic until
that difference, in the critic's own features, is gone. The chain keeps its settings and takes at most ``steps`` steps,
those of the search's first round, since every update pays for a chain. The critic counts if its samples come nearer to
the held-out data than those of the winner with the same seeds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from jax import Array

from pairs import Pair
from pairs.io.work import Work

from ..critics.contrast_settings import Contrast
from ..critics.contrastive_divergence import contrast
from ..critics.kept_critic import kept_critic
from .winner import CriticData, Improved, Winner, lowest

__all__ = ["contrast_round"]

BATCH, UPDATES, LEARNING_RATE = 64, 5, 3e-4
"""Chains of a batch of negatives, updates for each, and the step size of the first update."""


def contrast_round(
    winner: Winner,
    data: CriticData,
    key: Array,
    on_progress: Callable[[str, float], None] | None = None,
    work: Work | None = None,
) -> Improved:
    """Fine-tune the critic of the winner of a search, with ``contrasts`` batches of negatives.

    Args:
      winner: The winner, a chain.
      data: What the critic is trained on.
      key: Typed key.
      on_progress: Function that is called with (what is running, fraction done).
      work: Where the critic, or the state of its training, and the trial are kept; nowhere by default.

    Returns:
      What came of it; it spends at most as many gradient evaluations as the search may.

    Raises:
      InputError: The data do not fit the pair, or a loss became NaN.
    """
    work, config, best = work or Work(), winner.config, winner.choice
    chain = best.chain.replace(steps=min(best.chain.steps, config.steps))
    cost = (config.contrasts * BATCH + winner.n) * chain.steps
    same = Improved(winner.pair, best, winner.nearest, [], 0, ())
    if config.evaluations and cost > config.evaluations:
        words = f"contrastive divergence: it takes {cost:,} gradient evaluations, and the search may take fewer"
        return same._replace(untried=(words,))
    settings = Contrast(rounds=config.contrasts, batch=BATCH, critic_updates=UPDATES, learning_rate=LEARNING_RATE)

    def note(done: int, of: int, losses: dict[str, float], left: float) -> None:
        if on_progress is not None:
            on_progress("contrastive divergence", done / of)

    def make(inner: Work) -> tuple[Pair, dict[str, Any]]:
        more: dict[str, Any] = {"labels": data.train_labels, "on_progress": note, "work": inner}
        made, report = contrast(winner.pair, data.train_x, key, settings, chain, **more)
        return made, report.to_dict()

    made, _ = kept_critic(work, "critic", winner.pair, make)
    choice = dataclasses.replace(best, critic=f"{best.critic}+cd", chain=chain)
    trial = winner.trial(work, "trial", made, choice)
    entry = {"round": config.rounds + config.boosts, "n": winner.n, "choice": choice.to_dict(), **trial}
    nearest, chosen = lowest(trial, choice)
    if nearest < winner.nearest:
        return Improved(made, chosen, nearest, [entry], cost, ())
    return same._replace(trials=[entry], evaluations=cost)
