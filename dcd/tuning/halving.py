r"""Successive halving over choices (arXiv 1502.07943): in each round the better third goes on with more samples.

Round r runs :math:`k_r = \lceil k_0 / 3^r \rceil` choices (at least 2) with :math:`n_r = 3^r n_0` samples each, from
the same seeds. The distance to held-out real data is taken at several step counts of one run, and the distance at the
best step count ranks the choice. Distances at equal n have equal bias, so they can be compared. A choice that goes on
may take twice its best number of steps. The second round adds the best unselected chain of a calibrated critic once
more, after OBRS with two acceptance budgets.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

from pairs import Pair
from pairs.io.work import Work

from .choices import Choice, run_choice
from .judge import Judge
from .kept import kept_trial
from .settings import Tune

__all__ = ["HalvingResult", "halve_choices", "measured_trial", "run_trial"]

FRACTIONS = (0.06, 0.12, 0.25, 0.37, 0.5, 0.62, 0.75, 0.87, 1.0)
"""Shares of a chain's steps at which its samples are measured, in about equal ratios."""
ACCEPTANCES = (0.25, 0.1)
"""Acceptance budgets of the choices that the second round adds."""

Ranked = list[tuple[float, Choice]]


class HalvingResult(NamedTuple):
    """Outcome of the rounds.

    Attributes:
      choice: Best choice of the last round, with its best number of steps; None if the generator was better.
      trials: Every run, as in :class:`~dcd.tuning.settings.Tuned`.
      evaluations: Gradient evaluations.
      untried: Choices that were not run, as labels with the reason.
    """

    choice: Choice | None
    trials: list[dict[str, Any]]
    evaluations: int
    untried: tuple[str, ...] = ()


def halve_choices(
    pairs: dict[str, Pair],
    choices: Sequence[Choice],
    real: np.ndarray,
    judge: Judge,
    key: Array,
    config: Tune,
    on_progress: Callable[[str, float], None] | None = None,
    work: Work | None = None,
) -> HalvingResult:
    """Find the best choice on held-out data.

    Args:
      pairs: The same generator with each critic variant, by name.
      choices: Choices of the first round, at least one.
      real: Rows of real samples ``(m, d)`` in the judge's feature space.
      judge: Feature space and distance.
      key: Typed key; round r uses ``fold_in(key, r)``.
      config: Extent of the search.
      on_progress: Function that is called with (what is running, fraction of the search done).
      work: Where finished trials are kept; nowhere by default.

    Returns:
      The outcome.
    """
    work = work or Work()
    arms, trials, evaluations, untried = list(choices), [], 0, []
    plan = _plan(len(arms), config)
    total = sum(count for count, _ in plan)
    end = work.step("begun", lambda: work.seconds) + 60 * config.minutes if config.minutes else math.inf
    ranked: Ranked = []
    for number, (keep, n) in enumerate(plan):
        if number:
            longer = _next_round(ranked, pairs, 2, select=number == 1)
            share = (config.evaluations - evaluations) / (len(plan) - number) if config.evaluations else math.inf
            fits = sum(n * arm.chain.steps for arm in longer[:keep]) <= share
            arms = longer if fits else _next_round(ranked, pairs, 1, select=number == 1)
        ranked, base = [], None
        for place, arm in enumerate(arms[:keep]):
            cost = n * arm.chain.steps
            reason = ""
            if ranked and config.evaluations and evaluations + cost > config.evaluations:
                reason = "the gradient evaluations were spent"
            elif ranked and work.seconds > end:
                reason = "the minutes were over"
            if reason:
                untried.append(f"round {number + 1}, {arm.label}: {reason}")
                continue
            if on_progress is not None:
                on_progress(f"round {number + 1}: {arm.label}", min(1.0, len(trials) / total))
            seeds, variant = jax.random.fold_in(key, number), pairs[arm.critic]
            make = functools.partial(measured_trial, variant, arm, judge, real, seeds, n, config, base)
            trial = kept_trial(work, f"round-{number + 1}-{place}", make)
            base = trial["generator"]
            evaluations += cost
            trials.append({"round": number, "n": n, "choice": arm.to_dict(), **trial})
            curve = trial["after"]
            steps = min(curve, key=lambda s: curve[s] if np.isfinite(curve[s]) else np.inf)
            ranked.append((curve[steps], dataclasses.replace(arm, chain=arm.chain.replace(steps=steps))))
        ranked.sort(key=lambda item: item[0])
        if base is None or not ranked[0][0] < base:
            return HalvingResult(None, trials, evaluations, tuple(untried))
    return HalvingResult(ranked[0][1], trials, evaluations, tuple(untried))


def measured_trial(
    pair: Pair,
    arm: Choice,
    judge: Judge,
    real: np.ndarray,
    key: Array,
    n: int,
    config: Tune,
    generator: float | None = None,
) -> dict[str, Any]:
    """Run a choice as :func:`run_trial`, and add the distance of the ``generator`` to the trial.

    The arguments are those of :func:`run_trial`, and that distance where it is known: all choices of a round start from
    the same samples of the generator.
    """
    trial, rows = run_trial(pair, arm, judge, real, key, n, config)
    return {"generator": judge.distance(judge.features(rows), real) if generator is None else generator, **trial}


def run_trial(
    pair: Pair, arm: Choice, judge: Judge, real: np.ndarray, key: Array, n: int, config: Tune
) -> tuple[dict[str, Any], np.ndarray]:
    """Run a choice.

    Args:
      pair: Pair with the critic that the choice names.
      arm: Choice.
      judge: Feature space and distance.
      real: Rows of real samples in the judge's feature space.
      key: Typed key.
      n: Number of samples.
      config: Extent of the search, for its batch.

    Returns:
      The distance ``after`` each measured step count with the number of chains that ``stopped``, and the samples of the
      generator.
    """
    steps = arm.chain.steps
    counts = tuple(sorted({max(1, round(steps * f)) for f in FRACTIONS})) if steps else ()
    # more candidates for a selection's constant would cost more than the samples and tell no more than they can
    pilot = max(512, min(4 * n, 4096), 16 * (pair.classes or 1))
    result = run_choice(pair, arm, key, n, batch=min(config.batch, n), snapshots=counts, pilot=pilot)
    shots = result.snapshots if steps else {0: result.after}
    # all at once: a feature net pads its last batch
    rows = np.split(judge.features(np.concatenate(list(shots.values()))), len(shots))
    curve = {s: judge.distance(of, real) for s, of in zip(shots, rows, strict=True)}
    return {"after": curve, "stopped": int(result.stopped.sum())}, result.before


def _plan(arms: int, config: Tune) -> list[tuple[int, int]]:
    """Number of choices, and of samples for each, by round."""
    return [(max(2, -(-arms // 3**r)) if r else arms, config.n_first * 3**r) for r in range(config.rounds)]


def _next_round(ranked: Ranked, pairs: dict[str, Pair], longer: int, select: bool) -> list[Choice]:
    """Choices by rank with ``longer`` times their best step count; with ``select`` the best chain also after OBRS."""
    arms = [dataclasses.replace(c, chain=c.chain.replace(steps=longer * c.chain.steps)) for _, c in ranked]
    # a chain at the calibrated scale keeps the law that selection made; a scaled one leaves it
    moving = [c for c in arms if c.chain.steps and c.acceptance == 1 and pairs[c.critic].calibrated]
    moving.sort(key=lambda c: c.chain.critic_scale != 1)
    if select and moving:
        arms[1:1] = [dataclasses.replace(moving[0], acceptance=a) for a in ACCEPTANCES]
    return arms
