"""Operations of one gradient evaluation, as :mod:`pairs.operations` counts them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from pairs import Pair
from pairs.operations import operations

__all__ = ["gradient_operations"]


def gradient_operations(pair: Pair, space: str = "latent") -> float:
    """Operations of one gradient evaluation of one sample; the nets are traced, not run.

    Args:
      pair: Generator and critic; one without a critic counts its generator alone.
      space: ``latent`` for the gradient through both nets, ``pixel`` for that of the critic alone.

    Example:
      >>> import pairs
      >>> linear = pairs.wrap(lambda p, z: z @ p, jnp.ones((3, 5)))
      >>> critic = pairs.wrap(lambda p, x: (x @ p)[:, 0], jnp.ones((5, 1)))
      >>> pair = pairs.make_pair(linear, critic, pairs.Normal((3,)), sample_range=None, critic_kind="logit")
      >>> gradient_operations(pair)  # 2 (15 + 5) forward, as many backward to the latent
      80.0
    """
    batch = 2
    label = None if pair.classes is None else jax.ShapeDtypeStruct((batch,), jnp.int32)
    critic = pair.score if pair.has_critic else lambda x, c: x
    shape = pair.sample_shape if space == "pixel" else pair.prior.shape
    given = jax.ShapeDtypeStruct((batch, *shape), jnp.zeros(()).dtype)

    def score(x: Any, c: Any) -> Any:
        return jnp.sum(critic(x if space == "pixel" else pair.generate(x, c), c))

    return (operations(jax.value_and_grad(score), given, label, turns=1.0) or 0.0) / batch
