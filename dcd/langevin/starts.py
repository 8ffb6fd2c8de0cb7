"""What chains start from: latents and labels of samples by their global number, and checks of those given."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Pair, Prior
from pairs.arrays import as_floats, on_device
from pairs.checks import check_labels

__all__ = ["check_latents", "draw_latents", "labels_for", "labels_of", "latents_of"]


def latents_of(pair: Pair, key: Array, index: ArrayLike, labels: ArrayLike | None = None) -> Array:
    """The latents of samples ``index``; each depends on the key and its own index alone.

    Args:
      pair: Its prior is sampled.
      key: Typed key of the run.
      index: ``(batch,)`` global numbers of the samples.
      labels: ``(batch,)`` classes of a conditional pair.

    Returns:
      ``(batch, *latent)``.
    """
    return _latents(pair.prior, key, index, labels)


def _latents(prior: Prior, key: Array, index: ArrayLike, labels: ArrayLike | None = None) -> Array:
    keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.fold_in(key, 0), jnp.asarray(index))
    return prior.sample_each(keys, labels)


draw_latents = jax.jit(_latents)
"""As :func:`latents_of` for a prior, as one compiled call: for many batches of one shape."""


def labels_of(pair: Pair, index: ArrayLike) -> Array | None:
    """Labels of a conditional pair's samples, all classes in turn; None for an unconditional pair."""
    return None if pair.classes is None else jnp.asarray(index) % pair.classes


def labels_for(pair: Pair, n: int, labels: ArrayLike | None = None, first_index: int = 0) -> Array | None:
    """Labels of samples ``first_index`` to ``first_index + n - 1``: those given, or all classes in turn.

    Args:
      pair: Its number of classes counts.
      n: Number of samples.
      labels: ``(n,)`` classes that a user gave, or None.
      first_index: Global number of the first sample.

    Returns:
      ``(n,)`` whole numbers; None for an unconditional pair.

    Raises:
      InputError: Labels that do not fit the pair.
    """
    if labels is None:
        return labels_of(pair, np.arange(n) + first_index)
    given = check_labels(pair, labels, n)
    return None if given is None else on_device(given)


def check_latents(pair: Pair, n: int, latents: ArrayLike | None) -> Array | None:
    """Latents that a user gave, as an array; None where none are given.

    Raises:
      InputError: Another shape than ``(n, *latent)``, NaN or infinity.
    """
    if latents is None:
        return None
    z = as_floats("latents", latents)
    if z.shape != (n, *pair.prior.shape):
        raise InputError("latents", f"have shape {z.shape}", f"give ({n}, {', '.join(map(str, pair.prior.shape))})")
    if not np.isfinite(np.asarray(z)).all():
        raise InputError("latents", "hold NaN or infinity", "draw them from the pair's prior")
    return z
