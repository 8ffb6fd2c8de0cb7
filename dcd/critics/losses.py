r"""What a critic is trained to minimise: losses on scores, and penalties on slopes.

With scores :math:`d` of real samples and :math:`\tilde d` of negatives (generated or refined):

.. math::
   \text{bce} &= \mathbb{E}\,\mathrm{softplus}(-d) + \mathbb{E}\,\mathrm{softplus}(\tilde d),
       & d^* &= \log p/q \\
   \text{hinge} &= \mathbb{E}\,(1 - d)_+ + \mathbb{E}\,(1 + \tilde d)_+ \\
   \text{wgan} &= \mathbb{E}\,\tilde d - \mathbb{E}\,d \\
   \text{kale} &= -\mathbb{E}\,(d - c) + \mathbb{E}\,e^{\tilde d - c} - 1, & d^* - c^* &= \log p/q

All of them fall as real samples score higher and negatives score lower. ``kale`` is minus the lower bound of
:math:`KL(p\Vert q)` of arXiv 2003.05033; for a given critic it is least at :math:`c = \log\mathbb{E}_q e^{d}`, which
is tracked and not learned. Penalties:

.. math:: \tfrac{\gamma}{2}\,\mathbb{E}\lVert\nabla D\rVert^2
   \qquad\text{and}\qquad \lambda\,\mathbb{E}\,(\lVert\nabla D(\hat x)\rVert - t)^2,

the first at real samples (R1, arXiv 1801.04406), the second on segments between real samples and negatives
(arXiv 1704.00028, t = 1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

__all__ = [
    "Loss",
    "ScoreFunction",
    "energy_penalty",
    "log_mean_exp",
    "score_and_slope",
    "score_loss",
    "segment_penalty",
    "slope_norm",
]

Loss = Literal["bce", "hinge", "wgan", "kale"]
ScoreFunction = Callable[[Array], Array]


def score_loss(loss: Loss, real: ArrayLike, negative: ArrayLike, log_normaliser: ArrayLike = 0.0) -> Array:
    """Compute one of the losses of this module from scores.

    Args:
      loss: Name of the loss.
      real: Scores ``(n,)`` of real samples.
      negative: Scores ``(m,)`` of negatives.
      log_normaliser: c of ``kale``; the other losses do not use it.

    Returns:
      A scalar.

    Example:
      >>> float(score_loss("hinge", jnp.array([2.0]), jnp.array([-3.0])))
      0.0
    """
    d, other = jnp.asarray(real), jnp.asarray(negative)
    if loss == "bce":
        return jnp.mean(jax.nn.softplus(-d)) + jnp.mean(jax.nn.softplus(other))
    if loss == "hinge":
        return jnp.mean(jax.nn.relu(1.0 - d)) + jnp.mean(jax.nn.relu(1.0 + other))
    if loss == "wgan":
        return jnp.mean(other) - jnp.mean(d)
    # e^20 is beyond any weight that a batch could hold; the clip keeps one outlier from ending a run
    weights = jnp.exp(jnp.minimum(other - log_normaliser, 20.0))
    return jnp.mean(weights) - jnp.mean(d - log_normaliser) - 1.0


def energy_penalty(real: Array, negative: Array) -> Array:
    r"""Compute :math:`\mathbb{E}\,d^2 + \mathbb{E}\,\tilde d^2`, which bounds the offset and the scale of the scores.

    Args:
      real: Scores ``(n,)``.
      negative: Scores ``(m,)``.

    Returns:
      A scalar of at least 0.
    """
    return jnp.mean(real**2) + jnp.mean(negative**2)


def score_and_slope(critic: ScoreFunction, x: Array) -> tuple[Array, Array]:
    r"""Compute scores and squared slopes in one forward and one backward pass.

    Args:
      critic: ``(n, *sample) -> (n,)``.
      x: Samples ``(n, *sample)``.

    Returns:
      :math:`D(x)` and :math:`\lVert\nabla D(x)\rVert^2`, both ``(n,)``.
    """

    def total(x: Array) -> tuple[Array, Array]:
        score = critic(x)
        return jnp.sum(score), score

    gradient, score = jax.grad(total, has_aux=True)(x)
    return score, jnp.sum(gradient.reshape(x.shape[0], -1) ** 2, axis=1)


def slope_norm(square: Array) -> Array:
    """Compute a square root that has a finite derivative at 0.

    Args:
      square: Squared slopes.

    Returns:
      Slopes, of the same shape.
    """
    return jnp.sqrt(square + 1e-12)


def segment_penalty(critic: ScoreFunction, real: Array, negative: Array, key: Array, target: ArrayLike = 1.0) -> Array:
    r"""Compute the mean of :math:`(\lVert\nabla D(\hat x)\rVert - t)^2`, one uniform point on each segment.

    Args:
      critic: ``(n, *sample) -> (n,)``.
      real: One end of each segment, ``(n, *sample)``.
      negative: The other end, ``(n, *sample)``.
      key: Key of the points.
      target: t, the slope that is asked for.

    Returns:
      A scalar of at least 0.
    """
    t = jax.random.uniform(key, (real.shape[0],) + (1,) * (real.ndim - 1))
    _, square = score_and_slope(critic, t * real + (1 - t) * negative)
    return jnp.mean((slope_norm(square) - target) ** 2)


def log_mean_exp(score: ArrayLike) -> Array:
    r"""Compute :math:`\log\frac1n\sum_i e^{d_i}`.

    Args:
      score: Scores, any shape.

    Returns:
      A scalar.
    """
    values = jnp.asarray(score)
    return jax.nn.logsumexp(values) - jnp.log(values.size)
