"""The winner of a search, measured once more on fresh seeds: what new critics must beat."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

from pairs import Net, Pair
from pairs.io.work import Work

from .choices import Choice
from .halving import measured_trial
from .judge import Judge
from .kept import kept_trial
from .settings import Tune

__all__ = ["CriticData", "Improved", "Winner", "lowest", "measure_winner"]


class CriticData(NamedTuple):
    """What the critics after the search are trained on.

    Attributes:
      train_x: Real samples for training, which the search does not use.
      held_x: Other real samples, for calibration.
      features: Net as :func:`dcd.recover_on_features` takes it; None recovers on the samples.
      steps: Updates of each recovery.
      train_labels: Classes of ``train_x``, for a conditional pair.
      held_labels: Classes of ``held_x``, for a conditional pair.
      rest_x: More real samples, which only the course in sample space is trained on.
      rest_labels: Classes of ``rest_x``, for a conditional pair.
    """

    train_x: np.ndarray
    held_x: np.ndarray
    features: Net | None = None
    steps: int = 1500
    train_labels: np.ndarray | None = None
    held_labels: np.ndarray | None = None
    rest_x: np.ndarray | None = None
    rest_labels: np.ndarray | None = None

    def with_rest(self) -> CriticData:
        """All samples for training in ``train_x``."""
        if self.rest_x is None or not len(self.rest_x):
            return self
        x, labels = np.concatenate([self.train_x, self.rest_x]), self.train_labels
        if labels is not None and self.rest_labels is not None:
            labels = np.concatenate([labels, self.rest_labels])
        return self._replace(train_x=x, train_labels=labels, rest_x=None, rest_labels=None)


@dataclasses.dataclass(frozen=True, eq=False)
class Winner:
    """The best choice of a search, or the generator alone, and its distance on fresh seeds.

    Attributes:
      pair: Pair with the critic of the choice.
      choice: The choice, with its best number of steps.
      nearest: Distance of its samples to the held-out data.
      generator: Distance of the generator's samples of the same seeds.
      real: Rows of real samples ``(m, d)`` in the judge's feature space.
      judge: Feature space and distance.
      seeds: Key of the samples.
      n: Number of samples.
      config: Extent of the search.
      end: Seconds of the run after which nothing further is begun.
    """

    pair: Pair
    choice: Choice
    nearest: float
    generator: float
    real: np.ndarray
    judge: Judge
    seeds: Array
    n: int
    config: Tune
    end: float = math.inf

    @property
    def evaluations(self) -> int:
        """Gradient evaluations of the measurement."""
        return self.n * self.choice.chain.steps

    def too_dear(self, spent: int, cost: int, work: Work) -> str | None:
        """Why what costs so many evaluations is not begun, when so many are spent; None if it may begin."""
        if self.config.evaluations and self.evaluations + spent + cost > self.config.evaluations:
            return "the gradient evaluations were spent"
        return self.too_late(work)

    def too_late(self, work: Work) -> str | None:
        """Why nothing more is begun; None before the end."""
        return "the minutes were over" if work.seconds > self.end else None

    def trial(self, work: Work, name: str, pair: Pair, choice: Choice) -> dict[str, Any]:
        """Another critic's choice on the same seeds, in the form of :func:`~dcd.tuning.halving.measured_trial`."""
        given = (self.judge, self.real, self.seeds, self.n, self.config, self.generator)
        return kept_trial(work, name, functools.partial(measured_trial, pair, choice, *given))


class Improved(NamedTuple):
    """What came of new critics after the search.

    Attributes:
      pair: Pair with the critic of the best choice.
      choice: The best choice, that of the search if no critic came nearer to the data.
      nearest: Its distance on the winner's seeds; infinite where nothing was run.
      trials: Every run, in the form of :class:`~dcd.tuning.settings.Tuned`.
      evaluations: Gradient evaluations.
      untried: What was not made and why, in words.
    """

    pair: Pair
    choice: Choice
    nearest: float
    trials: list[dict[str, Any]]
    evaluations: int
    untried: tuple[str, ...]


def measure_winner(
    pair: Pair,
    choice: Choice,
    real: np.ndarray,
    judge: Judge,
    key: Array,
    config: Tune,
    work: Work,
    end: float = math.inf,
) -> Winner:
    """Run the best choice of a search on fresh seeds, as many as its last round had.

    Args:
      pair: Pair with the critic of the choice.
      choice: The choice, with its best number of steps.
      real: Rows of real samples in the judge's feature space.
      judge: Feature space and distance.
      key: Key that the search has not used.
      config: Extent of the search.
      work: Where the run is kept.
      end: Seconds of the run after which nothing further is begun.
    """
    n, seeds = config.n_first * 3 ** (config.rounds - 1), jax.random.fold_in(key, 0)
    first = kept_trial(work, "round-0", functools.partial(measured_trial, pair, choice, judge, real, seeds, n, config))
    nearest = first["after"][choice.chain.steps]
    return Winner(pair, choice, nearest, first["generator"], real, judge, seeds, n, config, end)


def lowest(trial: dict[str, Any], choice: Choice) -> tuple[float, Choice]:
    """The lowest distance of a run, and its choice with the number of steps there."""
    curve = trial["after"]
    steps = min(curve, key=lambda s: curve[s] if np.isfinite(curve[s]) else np.inf)
    return curve[steps], dataclasses.replace(choice, chain=choice.chain.replace(steps=steps))
