"""One compiled step of a critic's recovery: draw real and generated samples, then update the critic."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
from jax import Array

from pairs import Net, Prior
from pairs.augment import shift_images

from .frame import CriticFrame
from .objective import CriticTerms, CriticWeights
from .training_data import draw_samples
from .update import CriticBatch, CriticState, update_critic

__all__ = ["RecoveryInputs", "RecoveryShape", "step_recovery"]


class RecoveryShape(NamedTuple):
    """What shapes the compiled step; static.

    Attributes:
      terms: Terms of the loss.
      batch: Samples of each side.
      shift: Pixels by which images are moved at most.
      classes: Number of classes of a conditional pair, else None.
    """

    terms: CriticTerms
    batch: int
    shift: int
    classes: int | None


class RecoveryInputs(NamedTuple):
    """Inputs of every step that none of them returns: the generator is frozen because it is among them.

    Attributes:
      generator: Generator.
      prior: Its prior.
      real: Real samples ``(n, *sample)``.
      labels: Their classes ``(n,)``, or None.
      frame: The critic without its trained weights.
      weights: Numbers of the update.
    """

    generator: Net
    prior: Prior
    real: Array
    labels: Array | None
    frame: CriticFrame
    weights: CriticWeights


@functools.partial(jax.jit, static_argnames=("shape",), donate_argnames=("state",))
def step_recovery(
    state: CriticState, key: Array, inputs: RecoveryInputs, shape: RecoveryShape
) -> tuple[CriticState, dict[str, Array]]:
    """Draw a batch of each side and update the critic.

    Args:
      state: State of the critic; its buffers are given up.
      key: Key of the step.
      inputs: Generator, data and the rest of the critic.
      shape: Static settings.

    Returns:
      The new state, and the loss without penalties.
    """
    rows_key, negative_key, real_view, negative_view, segment_key = jax.random.split(key, 5)
    rows = jax.random.randint(rows_key, (shape.batch,), 0, inputs.real.shape[0])
    real, real_labels = inputs.real[rows], () if inputs.labels is None else (inputs.labels[rows],)
    negative, labels = draw_samples(inputs.generator, inputs.prior, negative_key, shape.batch, shape.classes)
    # the first of two keys: the streams under which the published figures were made
    real, negative = (
        shift_images(jax.random.split(view)[0], x, shape.shift)
        for x, view in ((real, real_view), (negative, negative_view))
    )
    batch = CriticBatch(real, real_labels, negative, labels)
    state, record = update_critic(state, batch, segment_key, inputs.frame, inputs.weights, shape.terms)
    return state, {"loss": record["loss"]}
