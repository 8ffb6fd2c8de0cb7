"""Noise as a function of (key, step, sample index), by the counter of a counter-based generator.

One Threefry block turns the pair (sample index, word number) into two random words under the step's key. That is the
generator JAX uses, fed with counters of our own, so that a batch costs one call however many samples it has, and
neither batch size nor order nor devices change a sample's noise. The rounds are written out because XLA:CPU then fuses
them into one pass; the library's form is a loop of calls there and several times slower.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

__all__ = ["draw_noise", "threefry"]

_ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
_PARITY = 0x1BD11BDA
_ROUNDS = 20


def threefry(key: Array, first: Array, second: Array) -> tuple[Array, Array]:
    """Threefry-2x32 with 20 rounds: a block of two uint32 words per counter pair.

    Args:
      key: Two uint32 words.
      first: First words of the counters.
      second: Second words of the counters, shaped like ``first``.

    Returns:
      The first and the second words of the blocks.

    Example:
      >>> a, b = threefry(jnp.zeros(2, jnp.uint32), jnp.zeros(1, jnp.uint32), jnp.zeros(1, jnp.uint32))
      >>> hex(int(a[0])), hex(int(b[0]))
      ('0x6b200159', '0x99ba4efe')

    References:
      Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011.
    """
    keys = (key[0], key[1], key[0] ^ key[1] ^ jnp.uint32(_PARITY))
    first, second = first + keys[0], second + keys[1]
    for i in range(_ROUNDS):
        by = _ROTATIONS[i % 8]
        first = first + second
        second = ((second << by) | (second >> (32 - by))) ^ first
        if i % 4 == 3:
            part = i // 4 + 1
            first = first + keys[part % 3]
            second = second + keys[(part + 1) % 3] + jnp.uint32(part)
    return first, second


def draw_noise(key: Array, step: ArrayLike, index: Array, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """The noise of samples ``index`` at ``step``.

    Args:
      key: Typed key of the run.
      step: Number of the step.
      index: ``(batch,)`` global numbers of the samples.
      shape: Shape of one state.

    Returns:
      Standard normal numbers, ``(batch, *shape)``, and uniform numbers in [0, 1), ``(batch,)``.

    Example:
      >>> xi, u = draw_noise(jax.random.key(0), 3, jnp.arange(4), (2,))
      >>> xi.shape, u.shape
      ((4, 2), (4,))
    """
    size = math.prod(shape)
    blocks = (size + 2) // 2  # one word more than the normals, for the uniform
    here = jax.random.key_data(jax.random.fold_in(key, step)).reshape(-1)
    # Threefry keys have two words; other generators' keys are folded into two
    here = here[:2] if here.size == 2 else here[:2] ^ here[2:4]
    batch = index.shape[0]
    sample = jnp.broadcast_to(index.astype(jnp.uint32)[:, None], (batch, blocks))
    word = jnp.broadcast_to(jnp.arange(blocks, dtype=jnp.uint32)[None], (batch, blocks))
    first, second = threefry(here, sample, word)
    normal = jnp.concatenate([_normal(first), _normal(second)], axis=1)[:, :size]
    last = second[:, size - blocks] if size >= blocks else first[:, size]
    return normal.reshape(batch, *shape), (last >> 9).astype(jnp.float32) * 2.0**-23


def _normal(bits: Array) -> Array:
    """Standard normal numbers by the inverse of the distribution function, from 23 bits as in ``jax.random.uniform``.

    The centre of each cell keeps the tails finite and symmetric.
    """
    return math.sqrt(2.0) * jax.lax.erf_inv(((bits >> 9).astype(jnp.float32) + 0.5) * 2.0**-22 - 1.0)
