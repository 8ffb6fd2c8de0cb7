r"""Choose how to refine on held-out data, and prove a gain on data that played no part, or say that there is none.

Successive halving over :class:`~dcd.choice.Choice`: in round r every surviving choice refines
:math:`n_r` samples from the same seeds, its distance to the held-out features is taken at several
step counts of the one run, and the better third goes on with three times the samples. Distances at
equal n have equal bias, so they rank. The winner is then run once with new seeds against untouched data;
it counts as a gain only if the 95 % intervals of both changes, Frechet and kernel distance, lie
below zero.

The first round's best chain also meets selection: where its critic is a density ratio, the next round
adds it with OBRS before it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

from pairs import InputError, Pair

from .choices import Choice, default_choices, run_choice

__all__ = ["Judge", "Change", "Tune", "Tuned", "tune"]


class Change(NamedTuple):
    """A distance to real data before and after, and the 95 % interval of after minus before."""

    before: float
    after: float
    difference: float
    interval: tuple[float, float]


class Judge(NamedTuple):
    """How samples are judged; this package brings no feature net of its own."""

    features: Callable[[np.ndarray], np.ndarray]
    """Float samples ``(n, *sample)`` to rows ``(n, d)``."""
    distance: Callable[[np.ndarray, np.ndarray], float]
    """Rows and real rows to a distance, lower is better."""
    changes: Callable[[np.ndarray, np.ndarray, np.ndarray], dict[str, Change]]
    """Rows before, after and real to the changes that must all be gains, by name."""


@dataclasses.dataclass(frozen=True)
class Tune:
    """Extent of the search.

    Attributes:
      steps: most steps of a chain.
      n_first: samples per choice in the first round; each later round takes three times as many.
      rounds: rounds of halving (to a third).
      confirm_n: samples of the confirmation.
      budget: most gradient evaluations (sample steps) of the search; 0 for no bound.
      minutes: most minutes of the search, 0 for no bound. A bound makes the result depend on the machine's
        speed: each round has an equal share of what is left, chains grow only where that allows it, and a choice
        that would end too late is not begun.
      batch: chains moved together.
    """

    steps: int = 100
    n_first: int = 200
    rounds: int = 3
    confirm_n: int = 2000
    budget: int = 0
    minutes: float = 0.0
    batch: int = 100

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("n_first", 16), ("rounds", 1), ("confirm_n", 64), ("batch", 1)):
            if getattr(self, name) < least:
                raise InputError(name, f"is {getattr(self, name)}", f"give at least {least}")
        for name in ("budget", "minutes"):
            if getattr(self, name) < 0:
                raise InputError(name, f"is {getattr(self, name)}", "give 0 for no bound, or more")


class Tuned(NamedTuple):
    """The outcome. ``gain`` False means: keep the generator's samples."""

    gain: bool
    choice: Choice | None
    """The best choice with its best number of steps; None where none beat the generator in the search."""
    confirmed: dict[str, Change]
    """The changes on untouched data; empty where nothing was worth confirming."""
    trials: list[dict[str, Any]]
    """Every run of the search: round, choice, n, distance of the generator and after each step count."""
    evaluations: int
    seconds: float


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
    on_progress: Callable[[str, float], None] | None = None,
) -> Tuned:
    """Search on ``search_real``, confirm on ``confirm_real``.

    Args:
      pairs: the same generator with each critic variant, by name.
      search_real, confirm_real: disjoint real samples ``(n, *sample)`` in the sample range, neither used
        to train a critic.
      choices: what to try; :func:`~dcd.choice.default_choices` otherwise.
      confirm_judge: how the winner is confirmed, ``judge`` by default; another feature net is the stricter choice.
      on_progress: called with (what is running, fraction of the search done).

    Raises:
      InputError: no pairs, data that overlap or do not fit, a choice that names an unknown critic.
    """
    config = config or Tune()
    began = time.monotonic()
    if not pairs:
        raise InputError("pairs", "are empty", "give at least one critic variant")
    _check_disjoint(search_real, confirm_real, next(iter(pairs.values())))
    arms = list(choices if choices is not None else default_choices(pairs, config.steps))
    unknown = [a.critic for a in arms if a.critic not in pairs]
    if unknown or not arms:
        raise InputError(
            "choices", f"name critic {unknown[0]!r}" if unknown else "are empty", f"use {', '.join(pairs)}"
        )
    real = judge.features(search_real)
    trials: list[dict[str, Any]] = []
    clock = _Clock(config.minutes)
    survivors: list[tuple[float, Choice]] = []
    spent, best = 0, None
    plan = _plan(len(arms), config)
    total = sum(count for count, _ in plan)
    done = 0
    for number, (keep, n) in enumerate(plan):
        ranked: list[tuple[float, Choice]] = []
        base: float | None = None
        if number:
            twice = _next_round(survivors, pairs, 2, select=number == 1)
            share = clock.left() / (len(plan) - number)
            fits = clock.predict(twice[:keep], n) <= share
            arms = twice if fits else _next_round(survivors, pairs, 1, select=number == 1)
        for arm in arms[:keep]:
            late = clock.predict([arm], n) > clock.left()
            dear = config.budget and spent + n * arm.chain.steps > config.budget
            if ranked and (late or dear):
                break
            if on_progress is not None:
                on_progress(f"round {number + 1}: {arm.label}", min(1.0, done / total))
            with clock.time(arm, n):
                result, shots = _run(pairs[arm.critic], arm, jax.random.fold_in(key, number), n, config)
            if base is None:
                base = judge.distance(judge.features(result.before), real)
            curve = {s: judge.distance(judge.features(x), real) for s, x in shots.items()}
            spent += n * arm.chain.steps
            done += 1
            trials.append(
                {
                    "round": number,
                    "n": n,
                    "choice": arm.to_dict(),
                    "generator": base,
                    "after": curve,
                    "stopped": int(result.stopped.sum()),
                }
            )
            steps = min(curve, key=lambda s: curve[s] if np.isfinite(curve[s]) else np.inf)
            ranked.append((curve[steps], dataclasses.replace(arm, chain=arm.chain.replace(steps=steps))))
        ranked.sort(key=lambda item: item[0])
        best = ranked[0] if base is not None and ranked[0][0] < base else None
        if best is None:
            break
        survivors = ranked
    if best is None:
        return Tuned(False, None, {}, trials, spent, time.monotonic() - began)
    choice = best[1]
    if on_progress is not None:
        on_progress(f"confirm: {choice.label}, {choice.chain.steps} steps", 1.0)
    confirm_key = jax.random.fold_in(key, 0xC0F)
    result = run_choice(pairs[choice.critic], choice, confirm_key, config.confirm_n, batch=config.batch)
    spent += config.confirm_n * choice.chain.steps
    final = confirm_judge or judge
    changes = final.changes(final.features(result.before), final.features(result.after), final.features(confirm_real))
    gain = all(c.interval[1] < 0 for c in changes.values())
    return Tuned(gain, choice, changes, trials, spent, time.monotonic() - began)


def _plan(arms: int, config: Tune) -> list[tuple[int, int]]:
    """(choices, samples each) of every round."""
    return [(max(2, -(-arms // 3**r)) if r else arms, config.n_first * 3**r) for r in range(config.rounds)]


class _Clock:
    """Time left of the search, and what a choice will take by what its critic's gradients took so far."""

    def __init__(self, minutes: float):
        self.end = time.monotonic() + 60 * minutes if minutes else math.inf
        self.seconds: dict[str, float] = {}

    def left(self) -> float:
        return self.end - time.monotonic()

    @contextlib.contextmanager
    def time(self, arm: Choice, n: int) -> Iterator[None]:
        began = time.monotonic()
        yield
        if arm.chain.steps:
            each = (time.monotonic() - began) / (n * arm.chain.steps)
            # the least: others hold compilation
            self.seconds[arm.critic] = min(each, self.seconds.get(arm.critic, math.inf))

    def predict(self, arms: Sequence[Choice], n: int) -> float:
        return sum(n * a.chain.steps * self.seconds.get(a.critic, 0.0) for a in arms)


def _next_round(ranked: list[tuple[float, Choice]], pairs: dict[str, Pair], longer: int, select: bool) -> list[Choice]:
    """Survivors, each free to go on to ``longer`` times its best step count; with ``select`` the best chain also
    after OBRS.
    """
    arms = [dataclasses.replace(c, chain=c.chain.replace(steps=longer * c.chain.steps)) for _, c in ranked]
    # a chain at the calibrated scale keeps the law that selection made; a scaled one leaves it
    moving = [c for c in arms if c.chain.steps and c.budget == 1 and pairs[c.critic].calibrated]
    moving.sort(key=lambda c: c.chain.critic_scale != 1)
    if select and moving:
        arms[1:1] = [dataclasses.replace(moving[0], budget=b) for b in (0.25, 0.1)]
    return arms


def _snapshots(steps: int) -> tuple[int, ...]:
    """Step counts to look at: about equal ratios, the last always."""
    counts = {max(1, round(steps * f)) for f in (0.06, 0.12, 0.25, 0.37, 0.5, 0.62, 0.75, 0.87, 1.0)} if steps else {0}
    return tuple(sorted(counts))


def _run(pair: Pair, arm: Choice, key: Array, n: int, config: Tune) -> tuple[Any, dict[int, np.ndarray]]:
    result = run_choice(pair, arm, key, n, batch=min(config.batch, n), snapshots=_snapshots(arm.chain.steps))
    return result, ({0: result.after} if not arm.chain.steps else result.snapshots)


def _check_disjoint(search: np.ndarray, confirm: np.ndarray, pair: Pair) -> None:
    for name, x in (("search_real", search), ("confirm_real", confirm)):
        if x.shape[1:] != pair.sample_shape or len(x) < 16:
            raise InputError(name, f"has shape {x.shape}", f"give at least 16 samples of shape {pair.sample_shape}")
    rows = {x.tobytes() for x in np.asarray(search)}
    if sum(x.tobytes() in rows for x in np.asarray(confirm)) > len(confirm) // 10:
        raise InputError("confirm_real", "repeats the search data", "split the data without overlap")
