"""Samples of a pair by their number, and critic scores of whole sets, in batches of one shape."""

from __future__ import annotations

import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import Pair
from pairs.arrays import on_device
from pairs.batches import apply_in_batches

from ..langevin.starts import draw_latents

__all__ = ["generate_set", "scores_of"]


def scores_of(pair: Pair, x: ArrayLike, labels: ArrayLike | None = None) -> np.ndarray:
    """Score a set of samples.

    Args:
      pair: Pair whose critic scores.
      x: Samples ``(n, *sample)``.
      labels: Their classes ``(n,)``, for a conditional pair.

    Returns:
      ``D(x)``, shape ``(n,)``; higher means more real.
    """
    return apply_in_batches(pair.critic, x, *(() if labels is None else (labels,)))


def generate_set(
    pair: Pair, key: Array, n: int, labels: ArrayLike | None = None, *, first_index: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Generate samples ``first_index`` to ``first_index + n - 1`` of a key, from which :func:`dcd.refine` starts too.

    Args:
      pair: Pair whose generator is run.
      key: Typed key.
      n: Number of samples.
      labels: Their classes ``(n,)``, for a conditional pair.
      first_index: Number of the first sample.

    Returns:
      Latents ``(n, *latent)`` and samples ``(n, *sample)``.
    """
    given = () if labels is None else (on_device(labels),)
    z = np.asarray(draw_latents(pair.prior, key, on_device(np.arange(n) + first_index), *given))
    return z, apply_in_batches(pair.generator, z, *given)
