r"""The objective of one update of a critic: loss on scores, slope penalties, squared scores.

.. math::
   L(D(x), D(x^-)) + \tfrac\gamma2\,\mathbb{E}\lVert\nabla D(x)\rVert^2
   + \lambda\,\mathbb{E}(\lVert\nabla D(\hat x)\rVert - t)^2 + \alpha(\mathbb{E}D(x)^2 + \mathbb{E}D(x^-)^2)

with the losses of :mod:`dcd.critics.losses`, real samples x and negatives :math:`x^-`. The constant c of ``kale`` is
a running average over updates, :math:`e^c \leftarrow 0.95\,e^c + 0.05\,\mathbb{E}e^{D(x^-)}`.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from .losses import (
    Loss,
    ScoreFunction,
    energy_penalty,
    log_mean_exp,
    score_and_slope,
    score_loss,
    segment_penalty,
)
from .training_settings import CriticTraining

__all__ = ["CriticTerms", "CriticWeights", "critic_loss", "terms_and_weights"]

NORMALISER_DECAY = 0.95


class CriticTerms(NamedTuple):
    """Terms that the compiled loss has; static.

    Attributes:
      loss: Loss on scores.
      r1: Whether slopes at real samples are penalised.
      segments: Whether slopes on segments between real samples and negatives are penalised.
      energy: Whether squared scores are penalised.
      adam_decay: Decay of Adam's average of squared gradients, in (0, 1).
    """

    loss: Loss
    r1: bool = False
    segments: bool = False
    energy: bool = False
    adam_decay: float = 0.9


class CriticWeights(NamedTuple):
    r"""Numbers of the update; arguments of the compiled function, so that changing them compiles nothing.

    Attributes:
      r1: :math:`\gamma`.
      segments: :math:`\lambda`.
      target: t, the slope asked for on segments.
      energy: :math:`\alpha`.
      learning_rate: :math:`\eta`, above 0; the update descends.
      ema: :math:`\beta`, in [0, 1).
    """

    r1: ArrayLike = 0.0
    segments: ArrayLike = 0.0
    target: ArrayLike = 1.0
    energy: ArrayLike = 0.0
    learning_rate: ArrayLike = 1e-4
    ema: ArrayLike = 0.0


def terms_and_weights(
    settings: CriticTraining, energy: float = 0.0, adam_decay: float = 0.9
) -> tuple[CriticTerms, CriticWeights]:
    r"""Split settings into what compiles and what does not.

    Args:
      settings: Settings of a training; a penalty that is None takes the default of the loss.
      energy: :math:`\alpha`.
      adam_decay: Decay of Adam's average of squared gradients.

    Returns:
      The static terms and the numbers.
    """
    found = settings.resolved()
    r1, segments = float(found.r1 or 0.0), float(found.gradient_penalty or 0.0)
    names: dict[str, Loss] = {"bce": "bce", "hinge": "hinge", "wgan": "wgan", "wgan-gp": "wgan", "kale": "kale"}
    terms = CriticTerms(names[found.loss], r1 > 0, segments > 0, energy > 0, adam_decay)
    return terms, CriticWeights(r1, segments, found.penalty_target, energy, found.learning_rate, found.ema)


def critic_loss(
    on_real: ScoreFunction,
    on_negative: ScoreFunction,
    real: Array,
    negative: Array,
    key: Array,
    terms: CriticTerms,
    weights: CriticWeights,
    log_normaliser: ArrayLike = 0.0,
    count: ArrayLike = 0,
) -> tuple[Array, dict[str, Array]]:
    """Compute the objective of one update.

    Args:
      on_real: Score of real samples, and of points on segments: a conditional critic is penalised there under the
        labels of the real samples.
      on_negative: Score of negatives.
      real: Real samples ``(n, *sample)``.
      negative: Negatives ``(n, *sample)``.
      key: Key of the points on segments.
      terms: Terms of the loss.
      weights: Their weights.
      log_normaliser: c of ``kale`` before this update.
      count: Number of updates made.

    Returns:
      The objective, and a record with ``loss`` (without penalties), ``mean_real``, ``mean_negative`` and the new
      ``log_normaliser``.
    """
    extra = jnp.zeros(())
    if terms.r1:
        d_real, square = score_and_slope(on_real, real)
        extra += 0.5 * weights.r1 * jnp.mean(square)
    else:
        d_real = on_real(real)
    d_negative = on_negative(negative)
    if terms.segments:
        extra += weights.segments * segment_penalty(on_real, real, negative, key, weights.target)
    if terms.energy:
        extra += weights.energy * energy_penalty(d_real, d_negative)
    c = jnp.asarray(log_normaliser)
    if terms.loss == "kale":
        now = jax.lax.stop_gradient(log_mean_exp(d_negative))
        old, new = jnp.log(NORMALISER_DECAY) + c, jnp.log(1.0 - NORMALISER_DECAY) + now
        c = jnp.where(jnp.asarray(count) == 0, now, jnp.logaddexp(old, new))
    loss = score_loss(terms.loss, d_real, d_negative, c)
    means = {"mean_real": jnp.mean(d_real), "mean_negative": jnp.mean(d_negative)}
    return loss + extra, {"loss": loss, **means, "log_normaliser": c}
