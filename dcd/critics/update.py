r"""One update of a critic: loss on scores, slope penalties, spectral caps, Adam, and an average of the weights.

.. math::
   g &= \nabla_\theta\,\text{objective}(\theta; x, x^-) \\
   \theta &\leftarrow \theta - \eta\,\mathrm{Adam}(g), \qquad
   \bar\theta \leftarrow \beta_k \bar\theta + (1 - \beta_k)\,\theta, \qquad
   \beta_k = \min\big(\beta, \tfrac{1 + k}{10 + k}\big)

for real samples x, negatives :math:`x^-` that are data (no gradient enters them), and update number k from 0. The
objective is that of :mod:`dcd.critics.objective`. Recovery on samples, recovery on features and contrastive divergence
differ in their negatives alone and share this update.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from pairs.arrays import copied

from .frame import CriticFrame
from .objective import CriticTerms, CriticWeights, critic_loss
from .spectral_caps import Caps, apply_caps, init_caps, refresh_caps

__all__ = ["CriticBatch", "CriticState", "init_critic", "update_critic"]


def _adam(decay: float) -> optax.GradientTransformation:
    return optax.scale_by_adam(b1=0.0, b2=decay)


_init_adam = jax.jit(_adam(0.9).init)  # zeros, whatever the decay


class CriticState(NamedTuple):
    r"""What an update changes.

    Attributes:
      trained: Weights :math:`\theta`, before the caps.
      caps: Spectral caps by kernel; empty without a bound.
      adam: State of Adam.
      average: :math:`\bar\theta`, the average of the capped weights.
      log_normaliser: c of ``kale``, a running average.
      updates: k, the number of updates made.
    """

    trained: dict[str, Array]
    caps: Caps
    adam: Any
    average: dict[str, Array]
    log_normaliser: Array
    updates: Array


class CriticBatch(NamedTuple):
    """Samples of one update.

    Attributes:
      real: Real samples ``(batch, *sample)``.
      real_labels: A tuple of their labels ``(batch,)``, empty for an unconditional critic.
      negative: Negatives ``(batch, *sample)``.
      negative_labels: A tuple of their labels ``(batch,)``, empty for an unconditional critic.
    """

    real: Array
    real_labels: tuple[Array, ...]
    negative: Array
    negative_labels: tuple[Array, ...]


def init_critic(trained: dict[str, Array], key: Array, spectral_norm: float | None, relative: bool) -> CriticState:
    """Make the state before the first update; its arrays are copies.

    Args:
      trained: Weights to start from.
      key: Key of the spectral caps.
      spectral_norm: Bound on every kernel's largest singular value; 0 or None for no bound.
      relative: Whether the bound counts in units of the largest singular value at the start.

    Returns:
      The state.
    """
    caps = jax.jit(init_caps, static_argnums=3)(trained, key, spectral_norm, relative) if spectral_norm else {}
    average = copied(apply_caps(trained, caps))
    trained = copied(trained)
    return CriticState(trained, caps, _init_adam(trained), average, jnp.zeros(()), jnp.zeros((), jnp.int32))


def update_critic(
    state: CriticState, batch: CriticBatch, key: Array, frame: CriticFrame, weights: CriticWeights, terms: CriticTerms
) -> tuple[CriticState, dict[str, Array]]:
    """Make one update, inside a compiled function.

    Args:
      state: State before the update.
      batch: Samples of the update; they are data, and no gradient enters them.
      key: Key of the points on segments.
      frame: The rest of the critic.
      weights: Numbers of the update.
      terms: Terms of the loss.

    Returns:
      The new state, and the losses ``loss``, ``mean_real`` and ``mean_negative``.
    """
    caps = refresh_caps(state.trained, state.caps)

    def objective(trained: dict[str, Array]) -> tuple[Array, dict[str, Array]]:
        trained = apply_caps(trained, caps)
        on_real, on_negative = (frame.score(trained, *c) for c in (batch.real_labels, batch.negative_labels))
        return critic_loss(
            on_real, on_negative, batch.real, batch.negative, key, terms, weights, state.log_normaliser, state.updates
        )

    grads, record = jax.grad(objective, has_aux=True)(state.trained)
    delta, adam = _adam(terms.adam_decay).update(grads, state.adam, state.trained)
    trained = jax.tree.map(lambda w, d: w - weights.learning_rate * d, state.trained, delta)
    # a short memory at first: the start is not worth averaging
    decay = jnp.minimum(weights.ema, (1.0 + state.updates) / (10.0 + state.updates))
    average = jax.tree.map(lambda a, v: decay * a + (1.0 - decay) * v, state.average, apply_caps(trained, caps))
    log_normaliser = record.pop("log_normaliser")
    return CriticState(trained, caps, adam, average, log_normaliser, state.updates + 1), record
