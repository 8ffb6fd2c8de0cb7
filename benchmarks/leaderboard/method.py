"""What a method of the leaderboard is: settings that fit a budget, a knob with five values, and a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jax import Array

from pairs import Pair
from pairs.heads.affine_score import affine

from .passes import Passes, Prices

__all__ = ["FACTORS", "SHARPNESS", "Drawn", "Contest", "Method", "Plan", "RealData", "Training", "sharpened"]

FACTORS = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Step sizes that a chain tries, in units of the published one."""
SHARPNESS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Factors on the log ratio that a selection tries, which has no step size; 1 is what the paper does."""


class RealData(NamedTuple):
    """Real samples that critics are trained on; those that judge are others.

    Attributes:
      train_x: For recovery, ``(m, *sample)`` in the sample range.
      held_x: For calibration.
      train_labels: Classes of ``train_x``, for a conditional pair.
      held_labels: Classes of ``held_x``, for a conditional pair.
    """

    train_x: np.ndarray
    held_x: np.ndarray
    train_labels: np.ndarray | None = None
    held_labels: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class Training:
    """How long what needs training is trained.

    Attributes:
      pool: Samples of the chain that boosting recovers a critic for.
      critic_steps: Updates of that critic.
      flow_steps: Updates of a flow.
      flow_batch: Latents of an update.
      contrast_rounds: Batches of chains of contrastive divergence.
      contrast_batch: Chains of a batch.
    """

    pool: int = 2000
    critic_steps: int = 800
    flow_steps: int = 500
    flow_batch: int = 128
    contrast_rounds: int = 500
    contrast_batch: int = 64


@dataclasses.dataclass
class Contest:
    """What every method on one critic shares.

    Attributes:
      pair: The pair, calibrated.
      prices: Of its passes.
      key: Typed key of the samples: sample i begins with the same latent in every method.
      data: Real samples for methods that train.
      batch: Samples moved together.
      chosen: The knob's value that a method of the board has chosen, by name and budget.
      made: What methods have trained, so that it is trained once.
      training: Settings of what is trained.
    """

    pair: Pair
    prices: Prices
    key: Array
    data: RealData
    batch: int = 100
    chosen: dict[tuple[str, float], float] = dataclasses.field(default_factory=dict)
    made: dict[Any, Any] = dataclasses.field(default_factory=dict)
    training: Training = dataclasses.field(default_factory=Training)


class Plan(NamedTuple):
    """How a method would use a budget.

    Attributes:
      settings: In JSON form; None where the budget is too small.
      cost: Gradient evaluations per sample, at most the budget; where it is too small, the least that is needed.
      reason: Why no budget would do, where that is so.
    """

    settings: dict[str, Any] | None
    cost: float
    reason: str | None = None


class Drawn(NamedTuple):
    """Samples of a method.

    Attributes:
      samples: ``(n, *sample)``.
      passes: Per sample, as they were made.
      prices: Of these passes.
      once: What was spent once, whatever the number of samples, in gradient evaluations.
      about: Further figures for the report.
    """

    samples: np.ndarray
    passes: Passes
    prices: Prices
    once: float = 0.0
    about: dict[str, Any] | None = None


@dataclasses.dataclass(frozen=True)
class Method:
    """One row of the leaderboard.

    Attributes:
      name: As tables show it.
      source: arXiv id of the paper, or what else it is.
      knob: ``step size``, ``sharpness`` or ``learning rate``.
      values: The values that are tried, as many for every method.
      plan: From a contest and a budget to settings.
      run: From a contest, settings, the knob's value, the number of samples and that of the first one to samples.
      after: Name of the method whose chosen value this one builds on.
      whole: Whether the method has one price, so that it is run once and not for every budget.
    """

    name: str
    source: str
    knob: str
    values: tuple[float, ...]
    plan: Callable[[Contest, float], Plan]
    run: Callable[[Contest, dict[str, Any], float, int, int], Drawn]
    after: str | None = None
    whole: bool = False


def sharpened(pair: Pair, factor: float) -> Pair:
    """The pair with its log ratio multiplied; 1 is the pair itself.

    Example:
      >>> import jax.numpy as jnp
      >>> import pairs
      >>> from dcd import pool_pair
      >>> pair = pool_pair(np.eye(3)).replace(critic=pairs.wrap(lambda p, x: x @ p, jnp.ones(3)))
      >>> sharpened(pair, 2.0).score(jnp.ones((1, 3))).tolist()
      [6.0]
    """
    return pair if factor == 1.0 else pair.replace(critic=affine(pair.critic, factor, 0.0))
