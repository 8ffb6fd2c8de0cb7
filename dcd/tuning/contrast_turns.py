"""Contrastive divergence after the search: the winner's critic is fine-tuned against the chain that it drives.

A critic that was recovered for the generator's samples tells a chain where to go from there. What few steps of the
chain produce still differs from the data, and contrastive divergence (:func:`dcd.contrast`) changes the critic until
that difference, in the critic's own features, is gone. Nothing in its loss says when the critic has become too steep
for the chain's steps, so it is made in turns: each goes on from the critic that came nearest to the held-out data so
far, and one that comes no nearer is taken back and followed by turns with a third of the step size. The chain takes at
most ``steps`` steps, those of the search's first round, since every update pays for a chain, and has critic scale 1: a
scale would magnify every update, and the critic finds its own.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
from jax import Array

from pairs import Pair
from pairs.io.work import Work

from ..critics.contrast_settings import Contrast
from ..critics.contrastive_divergence import contrast
from ..critics.kept_critic import kept_critic
from ..langevin.settings import Langevin
from .winner import CriticData, Improved, Winner, lowest

__all__ = ["contrast_turns"]

TURN = Contrast(rounds=50, batch=64, critic_updates=5, learning_rate=2e-4)
"""The first turn."""
SLOWER, TAKEN_BACK = 3.0, 3
"""What the step size is divided by after a turn that came no nearer, and how many such turns end the training."""


def contrast_turns(
    winner: Winner,
    data: CriticData,
    key: Array,
    on_progress: Callable[[str, float], None] | None = None,
    work: Work | None = None,
) -> Improved:
    """Fine-tune the critic of the winner of a search, in at most ``contrasts`` turns.

    Args:
      winner: The winner, a chain.
      data: What the critic is trained on.
      key: Typed key.
      on_progress: Function that is called with (what is running, fraction of the turns done).
      work: Where critics, the state of a training that is not finished, and trials are kept; nowhere by default.

    Returns:
      What came of it; it spends at most as many gradient evaluations as the search may.

    Raises:
      InputError: The data do not fit the pair, or a loss became NaN.
    """
    work, config, best = work or Work(), winner.config, winner.choice
    chain = best.chain.replace(steps=min(best.chain.steps, config.steps), critic_scale=1.0)
    fine = dataclasses.replace(best, critic=f"{best.critic}+cd", chain=chain)
    cost = (TURN.rounds * TURN.batch + winner.n) * chain.steps
    pair, found, trials, spent = winner.pair, winner.nearest, [], 0
    # another chain than the winner's starts from a distance of its own, which may be larger
    turn_best = winner.nearest if chain == best.chain else float("inf")
    last, rate, taken_back = winner.pair, TURN.learning_rate, 0
    for turn in range(1, config.contrasts + 1):
        if why := winner.too_dear(spent, cost, work):
            return Improved(pair, best, found, trials, spent, (f"contrastive divergence, turn {turn}: {why}",))
        if on_progress is not None:
            on_progress(f"contrastive divergence, turn {turn}", (turn - 1) / config.contrasts)
        make = functools.partial(_contrasted, last, data, jax.random.fold_in(key, turn), chain, rate)
        made, _ = kept_critic(work, f"critic-{turn}", last, make)
        trial = winner.trial(work, f"turn-{turn}", made, fine)
        spent += cost
        entry = {"round": config.rounds + config.boosts + turn - 1, "n": winner.n, "choice": fine.to_dict()}
        trials.append({**entry, "turn": turn, "learning_rate": rate, **trial})
        distance, chosen = lowest(trial, fine)
        if distance < turn_best:
            last, turn_best = made, distance
        else:
            rate, taken_back = rate / SLOWER, taken_back + 1
        if distance < found:
            pair, best, found = made, chosen, distance
        if taken_back == TAKEN_BACK:
            break
    return Improved(pair, best, found, trials, spent, ())


def _contrasted(
    pair: Pair, data: CriticData, key: Array, chain: Langevin, rate: float, work: Work
) -> tuple[Pair, dict[str, Any]]:
    """One turn's critic."""
    settings = TURN.replace(learning_rate=rate)
    made, report = contrast(pair, data.train_x, key, settings, chain, labels=data.train_labels, work=work)
    return made, report.to_dict()
