r"""How a critic does on samples that it was not trained on.

With scores :math:`d_i` of m real and :math:`\tilde d_j` of n other samples,

.. math:: \mathrm{AUC} = \frac{1}{mn}\sum_{ij} \mathbf 1[d_i > \tilde d_j] + \tfrac12\,\mathbf 1[d_i = \tilde d_j].
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import Net
from pairs.arrays import on_device
from pairs.batches import apply_in_batches, map_batches
from pairs.ranking import auc

from .losses import Loss, log_mean_exp, score_and_slope, score_loss, segment_penalty, slope_norm

__all__ = ["CriticFit", "HeldOut", "critic_fit", "held_out_loss"]

SEGMENTS = 256


class CriticFit(NamedTuple):
    """Figures of a critic on held-out samples.

    Attributes:
      loss: Loss on scores, without penalties.
      auc: Probability that a real sample scores above a negative one; 0.5 carries nothing, 1 means no overlap.
      accuracy: Fraction on the right side of the loss's own threshold: 0, the log normaliser for ``kale``, the mean
        of the two mean scores for ``wgan``.
      mean_real: Mean score of real samples.
      mean_negative: Mean score of negative (generated or refined) samples.
      gradient_real: Mean norm of the score's gradient at real samples.
      gradient_negative: The same at negative samples.
    """

    loss: float
    auc: float
    accuracy: float
    mean_real: float
    mean_negative: float
    gradient_real: float
    gradient_negative: float


class HeldOut(NamedTuple):
    """Real and negative samples that no update sees.

    Attributes:
      real: Real samples ``(m, *sample)``.
      negative: Generated or refined samples ``(n, *sample)``.
      real_labels: A tuple of the labels ``(m,)``, empty for an unconditional critic.
      negative_labels: A tuple of the labels ``(n,)``, empty for an unconditional critic.
    """

    real: ArrayLike
    negative: ArrayLike
    real_labels: tuple[ArrayLike, ...] = ()
    negative_labels: tuple[ArrayLike, ...] = ()


def critic_fit(critic: Net, loss: Loss, held: HeldOut) -> CriticFit:
    """Measure how ``critic`` tells the two sides of ``held`` apart, with its slopes.

    Args:
      critic: Critic to measure.
      loss: Loss that it was trained with.
      held: Held-out samples.

    Returns:
      The figures.
    """

    def measured(x: ArrayLike, labels: tuple[ArrayLike, ...]) -> tuple[np.ndarray, np.ndarray]:
        return map_batches(lambda v, *c: _score_and_norm(critic, v, c), x, *labels)

    d_real, g_real = measured(held.real, held.real_labels)
    d_other, g_other = measured(held.negative, held.negative_labels)
    normaliser = _normaliser(loss, d_other)
    middle = {"wgan": 0.5 * (jnp.mean(d_real) + jnp.mean(d_other)), "kale": normaliser}.get(loss, 0.0)
    right = 0.5 * (jnp.mean(d_real > middle) + jnp.mean(d_other < middle))
    value = score_loss(loss, on_device(d_real), on_device(d_other), normaliser)
    means = (jnp.mean(v) for v in (d_real, d_other, g_real, g_other))
    return CriticFit(float(value), auc(d_real, d_other), float(right), *map(float, means))


def held_out_loss(
    critic: Net, loss: Loss, held: HeldOut, segments: float, target: float, key: Array
) -> tuple[float, float]:
    """Held-out loss and AUC, the two figures that the stopping rule of a recovery uses.

    Args:
      critic: Critic to measure.
      loss: Loss that it is trained with. For ``wgan`` the slope penalty on segments is added: without it, a steeper
        critic always has the smaller loss.
      held: Held-out samples.
      segments: Weight of that penalty.
      target: Slope that it asks for.
      key: Key of the points on the segments; the same key gives the same points.

    Returns:
      ``(loss, auc)``.
    """
    d_real = apply_in_batches(critic, held.real, *held.real_labels)
    d_other = apply_in_batches(critic, held.negative, *held.negative_labels)
    value = score_loss(loss, on_device(d_real), on_device(d_other), _normaliser(loss, d_other))
    if loss == "wgan" and segments:
        n = min(SEGMENTS, len(d_real), len(d_other))
        sides = (jnp.asarray(v)[:n] for v in (held.real, held.negative))
        labels = tuple(jnp.asarray(c)[:n] for c in held.real_labels)
        value += segments * _segments(critic, *sides, labels, key, target)
    return float(value), auc(d_real, d_other)


def _normaliser(loss: Loss, negative: np.ndarray) -> ArrayLike:
    """The number that ``kale`` alone takes; it costs some programs for every new number of scores."""
    return log_mean_exp(on_device(negative)) if loss == "kale" else 0.0


@jax.jit
def _score_and_norm(critic: Net, x: Array, labels: tuple[Array, ...]) -> tuple[Array, Array]:
    score, square = score_and_slope(lambda v: critic(v, *labels), x)
    return score, slope_norm(square)


@jax.jit
def _segments(critic: Net, real: Array, other: Array, labels: tuple[Any, ...], key: Array, target: ArrayLike) -> Array:
    return segment_penalty(lambda v: critic(v, *labels), real, other, key, target)
