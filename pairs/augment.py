"""Augmentation of image batches while a net is trained."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

__all__ = ["shift_images"]


def shift_images(key: Array, x: Array, most: int) -> Array:
    """Each image moved by whole pixels, uniformly from -``most`` to ``most`` both ways; the edge is repeated."""
    if not most:
        return x
    wide = jnp.pad(x, ((0, 0), (most, most), (most, most), (0, 0)), mode="edge")
    offsets = jax.random.randint(key, (len(x), 2), 0, 2 * most + 1)
    crop = lambda image, at: jax.lax.dynamic_slice(image, (at[0], at[1], 0), x.shape[1:])
    return jax.vmap(crop)(wide, offsets)
