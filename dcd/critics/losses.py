r"""What a critic is trained to minimise: losses on scores, and penalties on slopes.

With scores :math:`d` of real samples and :math:`\tilde d` of negatives (generated or refined):

.. math::
   \text{bce} &= \mathbb{E}\,\mathrm{softplus}(-d) + \mathbb{E}\,\mathrm{softplus}(\tilde d),
       & d^* &= \log p/q \\
   \text{hinge} &= \mathbb{E}\,(1 - d)_+ + \mathbb{E}\,(1 + \tilde d)_+ \\
   \text{wgan} &= \mathbb{E}\,\tilde d - \mathbb{E}\,d \\
   \text{kale} &= -\mathbb{E}\,(d - c) + \mathbb{E}\,e^{\tilde d - c} - 1, & d^* - c^* &= \log p/q

``kale`` is minus the lower bound of :math:`KL(p\Vert q)` of arXiv 2003.05033; for a given critic it is least at
:math:`c = \log\mathbb{E}_q e^{d}`, which is tracked rather than learned. Penalties:

.. math:: \tfrac{\gamma}{2}\,\mathbb{E}\lVert\nabla D\rVert^2
   \qquad\text{and}\qquad \lambda\,\mathbb{E}\,(\lVert\nabla D(\hat x)\rVert - t)^2,

the first at real samples (R1, arXiv 1801.04406) or negatives (R2), the second on segments between
them (arXiv 1704.00028, t = 1).
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
    "score_loss",
    "energy_penalty",
    "slopes",
    "slope_norm",
    "segment_penalty",
    "log_mean_exp",
]

Loss = Literal["bce", "hinge", "wgan", "kale"]
Critic = Callable[[Array], Array]


def score_loss(loss: Loss, real: Array, negative: Array, log_normaliser: Array | float = 0.0) -> Array:
    """One of the losses above, a scalar, from scores ``(n,)`` and ``(m,)``; ``log_normaliser`` is c of ``kale``.

    >>> float(score_loss("hinge", jnp.array([2.0]), jnp.array([-3.0])))
    0.0
    """
    if loss == "bce":
        return jnp.mean(jax.nn.softplus(-real)) + jnp.mean(jax.nn.softplus(negative))
    if loss == "hinge":
        return jnp.mean(jax.nn.relu(1.0 - real)) + jnp.mean(jax.nn.relu(1.0 + negative))
    if loss == "wgan":
        return jnp.mean(negative) - jnp.mean(real)
    # e^20 is beyond any weight that a batch could hold; the clip keeps one outlier from ending a run
    weights = jnp.exp(jnp.minimum(negative - log_normaliser, 20.0))
    return jnp.mean(weights) - jnp.mean(real - log_normaliser) - 1.0


def energy_penalty(real: Array, negative: Array) -> Array:
    r""":math:`\mathbb{E}\,d^2 + \mathbb{E}\,\tilde d^2`: holds the offset and the scale of the scores."""
    return jnp.mean(real**2) + jnp.mean(negative**2)


def slopes(critic: Critic, x: Array) -> tuple[Array, Array]:
    r"""Scores and squared slopes :math:`\lVert\nabla D\rVert^2`, both ``(n,)``, in one forward and backward pass."""

    def total(x: Array) -> tuple[Array, Array]:
        score = critic(x)
        return jnp.sum(score), score

    gradient, score = jax.grad(total, has_aux=True)(x)
    return score, jnp.sum(gradient.reshape(x.shape[0], -1) ** 2, axis=1)


def slope_norm(square: Array) -> Array:
    """Root with a finite derivative at zero."""
    return jnp.sqrt(square + 1e-12)


def segment_penalty(critic: Critic, real: Array, negative: Array, key: Array, target: ArrayLike = 1.0) -> Array:
    r"""Mean of :math:`(\lVert\nabla D(\hat x)\rVert - t)^2`, one uniform point per couple."""
    t = jax.random.uniform(key, (real.shape[0],) + (1,) * (real.ndim - 1))
    _, square = slopes(critic, t * real + (1 - t) * negative)
    return jnp.mean((slope_norm(square) - target) ** 2)


def log_mean_exp(score: Array) -> Array:
    r""":math:`\log\frac1n\sum e^{d_i}`."""
    return jax.nn.logsumexp(score) - jnp.log(score.size)
