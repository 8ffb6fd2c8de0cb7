"""BatchNorm statistics of averaged weights, which those gathered with the live weights do not fit."""

from __future__ import annotations

import functools
from typing import Any

import jax
from flax import nnx
from jax import Array

__all__ = ["settled_statistics"]


def settled_statistics(graph: Any, params: Any, statistics: Any, latent: int, key: Array, batches: int = 100) -> Any:
    """Run a generator in training mode on fresh latents until its running statistics are those of ``params``.

    Args:
      graph: Graph definition of the generator in training mode.
      params: Its parameters.
      statistics: Running statistics to begin with.
      latent: Numbers of a latent, drawn from N(0, I).
      key: Typed key; batch i takes ``fold_in(key, i)``.
      batches: Batches of 256 latents.

    Returns:
      The running statistics.
    """
    for i in range(batches):
        statistics = _advance(graph, latent, params, statistics, jax.random.fold_in(key, i))
    return statistics


@functools.partial(jax.jit, static_argnums=(0, 1))
def _advance(graph: Any, latent: int, params: Any, statistics: Any, key: Array) -> Any:
    model = nnx.merge(graph, params, statistics)
    model(jax.random.normal(key, (256, latent)))
    return nnx.as_pure(nnx.state(model, nnx.BatchStat))
