"""Tuning: choose how to refine on held-out data, then prove a gain on untouched data or say that there is none.

The search is successive halving (:mod:`dcd.tuning.halving`) over choices of a critic, a selection and a chain
(:mod:`dcd.tuning.choices`), after which the critic of the winner may be boosted (:mod:`dcd.tuning.boosting_rounds`) or
fine-tuned by contrastive divergence, which also trains a critic of the samples for a chain in sample space
(:mod:`dcd.tuning.courses`); what comes nearest to the data is the outcome.
The winner is confirmed with new seeds against data that the search has not seen
(:mod:`dcd.tuning.confirmation`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import jax
import numpy as np
from jax import Array

from pairs import InputError, Pair
from pairs.arguments import checked_key
from pairs.checks import check_samples
from pairs.io.work import Work

from ..langevin.settings import Langevin
from .boosting_rounds import boost_rounds
from .choices import Choice
from .confirmation import confirm_choice
from .contrast_turns import contrast_turns
from .courses import sample_course, winner_course
from .faults import Fault
from .halving import halve_choices
from .judge import Judge
from .kept import agree_on_search
from .rule import Rule
from .search_space import default_choices
from .settings import Tune, Tuned
from .winner import CriticData, Improved, measure_winner

__all__ = ["TURNS_SHARE", "tune"]

CONFIRM, BOOST, CONTRAST = 0xC0F, 0xB005, 0xCD
"""Numbers of the keys of confirmation, boosting and contrastive divergence; the rounds of the search use 0, 1, ..."""
COURSES = {"samples": 1, "contrast": 2}
"""Numbers of the keys of the courses of contrastive divergence."""
LEAST = 16
TURNS_SHARE = 4
"""Most evaluations of both courses of contrastive divergence, in those of the search."""
STILL = Langevin("latent", 0, 0.02, preset="none")
"""No chain: the generator's samples."""


def tune(
    pairs: dict[str, Pair],
    search_real: np.ndarray,
    confirm_real: np.ndarray,
    judge: Judge,
    key: Array,
    config: Tune | None = None,
    choices: Sequence[Choice] | None = None,
    *,
    confirm_judge: Judge | None = None,
    train_real: np.ndarray | None = None,
    faults: Callable[[Choice], tuple[Fault, ...]] = lambda choice: (),
    critic_data: CriticData | None = None,
    on_progress: Callable[[str, float], None] | None = None,
    work: Work | None = None,
) -> Tuned:
    """Search on ``search_real``, confirm on ``confirm_real``.

    Args:
      pairs: The same generator with each critic variant, by name.
      search_real: At least 16 real samples ``(n, *sample)`` in the sample range that trained no critic.
      confirm_real: At least 16 other real samples that trained no critic.
      judge: Feature space and distances.
      key: Typed key.
      config: Extent of the search; :class:`dcd.Tune` with its defaults if None.
      choices: What to try; :func:`dcd.tuning.search_space.default_choices` if None.
      confirm_judge: How the winner is confirmed, ``judge`` by default. Another feature net is the stricter choice.
      train_real: Real samples that the generator may have been trained on, for the warning of memory.
      faults: Warnings that the caller knows of a choice, such as a critic that sees the judge's own features.
      critic_data: What the critics after the search are trained on; needed where there are ``boosts`` or ``contrasts``.
      on_progress: Function that is called with (what is running, fraction of the search done).
      work: Where finished trials, critics and looks are kept, so that the same call goes on from them; nowhere by
        default. :func:`pairs.io.work_folder.work_folder` makes one; the judges are not compared, so name them there.

    Returns:
      The outcome.

    Raises:
      InputError: There are no pairs, the data overlap or do not fit, a choice names an unknown critic, or ``work``
        is of a search with other inputs.
    """
    key = checked_key(key, pairs=pairs, search_real=search_real, confirm_real=confirm_real)
    config = config or Tune()
    if not pairs:
        raise InputError("pairs", "are empty", "give at least one critic variant")
    if (config.boosts or config.contrasts) and critic_data is None:
        raise InputError("critic_data", "is missing", "give the data of the new critics, or set boosts=0, contrasts=0")
    pair = next(iter(pairs.values()))
    if critic_data is not None and pair.classes is not None and critic_data.train_labels is None:
        raise InputError("critic_data", "has no train_labels", "give the classes of train_x: the pair is conditional")
    search, held = (
        check_samples(name, pair, x, LEAST)
        for name, x in (("search_real", search_real), ("confirm_real", confirm_real))
    )
    _check_disjoint(search, held)
    arms = list(choices if choices is not None else default_choices(pairs, config.steps))
    _check_choices(arms, pairs)
    work = work or Work()
    real = {"search_real": search, "confirm_real": held}
    agree_on_search(work.part("tune"), pairs, real, key, config, arms, critic_data)
    began = work.step("begun", lambda: work.seconds)
    rows = judge.features(search)
    found = halve_choices(pairs, arms, rows, judge, key, config, on_progress, work.part("search"))
    choice, spent, trials, untried = found.choice, found.evaluations, found.trials, found.untried
    chosen = pair if choice is None else pairs[choice.critic]
    if critic_data is not None:
        end = began + 60 * config.minutes if config.minutes else math.inf
        first = choice or Choice(next(iter(pairs)), STILL)
        better = _improved(chosen, first, critic_data, rows, judge, key, config, on_progress, work, end)
        spent += better.evaluations
        trials, untried = [*trials, *better.trials], (*untried, *better.untried)
        if better.choice != first or choice is not None:
            chosen, choice = better.pair, better.choice
    if choice is None:
        return Tuned(None, None, trials, spent, work.seconds - began, untried)
    if on_progress is not None:
        on_progress(f"confirm: {choice.label}, {choice.chain.steps} steps", 1.0)
    n = config.confirm_n
    shown = confirm_choice(
        chosen,
        choice,
        held,
        confirm_judge or judge,
        jax.random.fold_in(key, CONFIRM),
        Rule(looks=(n, 2 * n, 4 * n)),
        config.batch,
        train=train_real,
        faults=faults(choice),
        work=work.part("confirm"),
    )
    spent += shown.evaluations
    return Tuned(shown.verdict, choice, trials, spent, work.seconds - began, untried, chosen)


def _improved(
    pair: Pair,
    choice: Choice,
    data: CriticData,
    rows: np.ndarray,
    judge: Judge,
    key: Array,
    config: Tune,
    on_progress: Callable[[str, float], None] | None,
    work: Work,
    end: float,
) -> Improved:
    """The nearest of the search's winner and what new critics reach, with the account of all of them."""
    if not (config.boosts or config.contrasts):
        return Improved(pair, choice, np.inf, [], 0, ())
    boost_key, contrast_key = (jax.random.fold_in(key, number) for number in (BOOST, CONTRAST))
    part = work.part("boost")
    winner = measure_winner(pair, choice, rows, judge, boost_key, config, part, end)
    moves, untried = choice.acceptance == 1 and choice.chain.steps > 0, []
    if config.boosts and not moves:
        untried.append("boosting: the search chose no chain without a selection, the only choice it can add to")
    found = [boost_rounds(winner, data, boost_key, on_progress, part)] if config.boosts and moves else []
    if config.contrasts:
        # for both courses
        left = TURNS_SHARE * config.evaluations - winner.evaluations if config.evaluations else math.inf
        keys = {name: jax.random.fold_in(contrast_key, number) for name, number in COURSES.items()}
        whole = data.with_rest()
        courses = {"samples": (sample_course(winner, whole, keys["samples"]), whole)}
        if moves:
            courses["contrast"] = winner_course(winner), data
        # the first leaves the second a turn, where there is enough for that
        kept = courses["contrast"][0].turn(winner.n) if moves else 0
        kept = kept if kept < left else 0
        for name, (course, seen) in courses.items():
            # what came no nearer than the winner stands at the winner's own distance
            rival = min((f.nearest for f in found if f.nearest < winner.nearest), default=math.inf)
            allowed = left - kept if name == "samples" else left
            made = contrast_turns(winner, course, seen, keys[name], on_progress, work.part(name), allowed, rival)
            left -= made.evaluations * course.price
            found.append(made)
    best = min(found, key=lambda f: f.nearest, default=Improved(pair, choice, np.inf, [], 0, ()))
    trials = [t for f in found for t in f.trials]
    spent = winner.evaluations + sum(f.evaluations for f in found)
    untried += [w for f in found for w in f.untried]
    return best._replace(trials=trials, evaluations=spent, untried=tuple(untried))


def _check_disjoint(search: np.ndarray, held: np.ndarray) -> None:
    """Refuse data of which more than a tenth is in both sets; data may hold some samples twice."""
    rows = {x.tobytes() for x in search}
    if sum(x.tobytes() in rows for x in held) > len(held) // 10:
        raise InputError("confirm_real", "repeats the search data", "split the data without overlap")


def _check_choices(choices: Sequence[Choice], pairs: dict[str, Pair]) -> None:
    """Refuse an empty list and unknown critics."""
    unknown = [c.critic for c in choices if c.critic not in pairs]
    if unknown or not choices:
        problem = f"name critic {unknown[0]!r}" if unknown else "are empty"
        raise InputError("choices", problem, f"use {', '.join(pairs)}")
