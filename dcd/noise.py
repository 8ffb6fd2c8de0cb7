"""Noise as a function of (key, step, sample index): the counter of a counter-based generator, not a chain of keys.

One Threefry block turns the pair (sample index, word number) into two random words under the
step's key. That is the generator JAX uses, fed with our own counters, so a batch costs one call however
many samples it has, and neither batch size nor order nor devices change a sample's noise.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import Array
from jax.extend.random import threefry_2x32
from jax.typing import ArrayLike

__all__ = ["draw_noise"]


def draw_noise(key: Array, step: ArrayLike, index: Array, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Standard normal ``(batch, *shape)`` and uniform ``(batch,)`` in [0, 1) of samples ``index`` at ``step``.

    >>> xi, u = draw_noise(jax.random.key(0), 3, jnp.arange(4), (2,))
    >>> xi.shape, u.shape
    ((4, 2), (4,))
    """
    size = math.prod(shape)
    blocks = (size + 2) // 2  # one word more than the normals, for the uniform
    here = jax.random.key_data(jax.random.fold_in(key, step)).reshape(-1)
    # Threefry keys have two words; other generators' keys are folded into two
    here = here[:2] if here.size == 2 else here[:2] ^ here[2:4]
    samples = jnp.repeat(index.astype(jnp.uint32)[:, None], blocks, axis=1)
    words = jnp.repeat(jnp.arange(blocks, dtype=jnp.uint32)[None], index.shape[0], axis=0)
    bits = threefry_2x32(here, jnp.stack([samples, words]).reshape(-1)).reshape(2, index.shape[0], blocks)
    bits = jnp.concatenate([bits[0], bits[1]], axis=1)
    # 23 bits as in jax.random.uniform; the centre of each cell keeps the tails finite and symmetric
    cells = (bits >> 9).astype(jnp.float32)
    normal = math.sqrt(2.0) * jax.lax.erf_inv((cells[:, :size] + 0.5) * 2.0**-22 - 1.0)
    return normal.reshape(index.shape[0], *shape), cells[:, size] * 2.0**-23
