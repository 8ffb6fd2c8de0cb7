"""Contrastive divergence after the search, in turns.

Nothing in the loss of :func:`dcd.contrast` says when the critic has become too steep for the chain's steps, so it is
made in turns: each goes on from where the critic came nearest to the held-out data so far, Adam's averages included,
and one that comes no nearer is taken back and followed by turns with a third of the step size, which also falls
linearly to 0 over all turns that the evaluations allow. After a first turn that comes no nearer it is the penalty on
squared scores that changes, where the course has one: without it the scores of a pair whose samples are nearly right
were seen to run away. :mod:`dcd.tuning.courses` says what the turns begin with. Where another course has come much
nearer than the first turn does, the rest is not made.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
from jax import Array

from pairs import InputError, Pair
from pairs.io.work import Work

from ..critics.contrast_settings import Contrast
from ..critics.contrastive_divergence import contrast_on, state_of
from ..critics.kept_critic import kept_critic
from ..critics.update import CriticState
from ..langevin.settings import Langevin
from .courses import Course
from .winner import CriticData, Improved, Winner, lowest

__all__ = ["contrast_turns"]

SLOWER, TAKEN_BACK = 3.0, 3
"""What the step size is divided by after a turn that came no nearer, and how many such turns end the training."""
TRIED, FAR = 1, 2.0
"""Turns after which a course ends that is so many times as far from the data as another one."""


def contrast_turns(
    winner: Winner,
    course: Course,
    data: CriticData,
    key: Array,
    on_progress: Callable[[str, float], None] | None = None,
    work: Work | None = None,
    allowed: float = math.inf,
    rival: float = math.inf,
) -> Improved:
    """Fine-tune the critic of a course, in at most ``contrasts`` turns.

    Args:
      winner: The winner, which the turns must come nearer than, and the seeds they are measured on.
      course: Critic, chain and settings that the turns begin with.
      data: What the critic is trained on.
      key: Typed key.
      on_progress: Function that is called with (what is running, fraction of the turns done).
      work: Where critics, the state of a training that is not finished, and trials are kept; nowhere by default.
      allowed: Most gradient evaluations, each counted with the course's price.
      rival: Distance that another course has come to.

    Returns:
      What came of it, the winner where no critic came nearer.

    Raises:
      InputError: The data do not fit the pair.
    """
    work, config, best = work or Work(), winner.config, winner.choice
    fine = dataclasses.replace(best, critic=course.critic, chain=course.chain, acceptance=1.0)
    cost = course.turn(winner.n)
    affordable = math.inf if math.isinf(allowed) else allowed // (cost * course.price)
    turns = min(config.contrasts, affordable)
    pair, found, trials, spent = winner.pair, winner.nearest, [], 0
    last, turn_best, rate, taken_back = None, course.nearest, course.first.learning_rate, 0
    begin: Callable[[], CriticState | None] = lambda: None
    energy, steadied = course.first.energy, course.steadying is None
    for turn in range(1, config.contrasts + 1):
        dear = "the gradient evaluations were spent" if turn > turns else None
        far = "another course is nearer by far" if turn > TRIED and turn_best > FAR * rival else None
        if why := dear or far or winner.too_late(work):
            return Improved(pair, best, found, trials, spent, (f"{course.name}, turn {turn}: {why}",))
        if on_progress is not None:
            on_progress(f"{course.name}, turn {turn}", (turn - 1) / config.contrasts)
        left = turns - turn + 1
        falling = rate * left / turns
        settings = course.first.replace(learning_rate=falling, final_rate=(left - 1) / left, energy=energy)
        try:
            last = last or course.start(work)
            run = (data, jax.random.fold_in(key, turn), course.chain, settings)
            made, end = _turn(work, turn, last, begin, *run)
        except InputError as error:
            if error.field == work.field:  # the folder of the run, not the training
                raise
            if error.field == "training" and not steadied:  # a loss that is not finite has run away too
                energy, steadied, taken_back, spent = course.steadying, True, taken_back + 1, spent + cost
                continue
            return Improved(pair, best, found, trials, spent, (f"{course.name}, turn {turn}: {error}",))
        tuned = winner.pair.replace(
            critic=made.critic, critic_kind=made.critic_kind, calibrated=made.calibrated, record=made.record
        )
        trial = winner.trial(work, f"turn-{turn}", tuned, fine)
        spent += cost
        entry = {"round": config.rounds + config.boosts + turn - 1, "n": winner.n, "choice": fine.to_dict()}
        trials.append({**entry, "course": course.name, "turn": turn, "learning_rate": falling, **trial})
        distance, chosen = lowest(trial, fine)
        if distance < turn_best:
            last, begin, turn_best, steadied = made, end, distance, True
        elif steadied:
            rate, taken_back = rate / SLOWER, taken_back + 1
        else:
            energy, steadied, taken_back = course.steadying, True, taken_back + 1
        if distance < found:
            pair, best, found = tuned, chosen, distance
        if taken_back == TAKEN_BACK:
            break
    return Improved(pair, best, found, trials, spent, ())


def _turn(
    work: Work,
    turn: int,
    pair: Pair,
    begin: Callable[[], CriticState | None],
    data: CriticData,
    key: Array,
    chain: Langevin,
    settings: Contrast,
) -> tuple[Pair, Callable[[], CriticState]]:
    """One turn's critic, made once, and what gives the state that its training ended in."""
    name, ended = f"state-{turn}", None

    def make(inner: Work) -> tuple[Pair, dict[str, Any]]:
        nonlocal ended
        given = (pair, data.train_x, key, settings, chain)
        made, report, ended = contrast_on(*given, labels=data.train_labels, work=inner, start=begin())
        work.save(name, ended, None)  # before the critic, whose file stands for the whole turn
        return made, report.to_dict()

    made, _ = kept_critic(work, f"critic-{turn}", pair, make)

    def end() -> CriticState:
        if ended is not None:
            return ended
        found = work.load(name, state_of(pair))
        if found is None:
            raise InputError(work.field, f"{work.root} lacks {name}", "delete the folder and run again")
        return found[0]

    return made, end
