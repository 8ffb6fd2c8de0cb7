"""What a run starts from: latents and labels of samples by their global number, and checks of those given."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Pair

__all__ = ["check_inputs", "labels_of", "latents_of"]


def latents_of(pair: Pair, key: Array, index: ArrayLike, labels: ArrayLike | None = None) -> Array:
    """The latents of samples ``index``: each depends on (key, its own index) alone."""
    keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.fold_in(key, 0), jnp.asarray(index))
    return pair.prior.sample_each(keys, labels)


def labels_of(pair: Pair, index: ArrayLike) -> Array | None:
    """Labels of a conditional pair's samples, all classes in turn; None for an unconditional pair."""
    return None if pair.classes is None else jnp.asarray(index) % pair.classes


def check_inputs(
    pair: Pair, n: int, latents: ArrayLike | None, labels: ArrayLike | None, first_index: int
) -> tuple[Array | None, Array | None]:
    """Latents and labels as arrays, labels in turn where none are given; refuses what does not fit."""
    z = None if latents is None else jnp.asarray(latents)
    if z is not None and z.shape != (n, *pair.prior.shape):
        raise InputError("latents", f"have shape {z.shape}", f"give ({n}, {', '.join(map(str, pair.prior.shape))})")
    if z is not None and not bool(jnp.all(jnp.isfinite(z))):
        raise InputError("latents", "hold NaN or infinity", "draw them from the pair's prior")
    if labels is not None and pair.classes is None:
        raise InputError("labels", "are given for an unconditional pair", "leave them out")
    c = labels_of(pair, np.arange(n) + first_index) if labels is None else jnp.asarray(labels)
    if c is not None and pair.classes is not None:
        whole = c.shape == (n,) and jnp.issubdtype(c.dtype, jnp.integer)
        if not whole or not bool(jnp.all((c >= 0) & (c < pair.classes))):
            problem = f"go from {c.min()} to {c.max()}" if whole else f"are {c.dtype.name} of shape {c.shape}"
            raise InputError("labels", problem, f"give {n} whole numbers from 0 to {pair.classes - 1}")
    return z, c
