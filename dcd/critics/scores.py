"""Critic scores and generator samples of whole sets, in batches of one shape."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Net, Pair

from ..langevin.starts import latents_of

__all__ = ["scores_of", "apply_in_batches", "generate_set", "check_samples"]

BATCH = 256


@functools.partial(jax.jit)
def _apply(net: Net, *inputs: Any) -> Array:
    return net(*inputs)


def apply_in_batches(net: Net, *inputs: Any, batch: int = BATCH) -> np.ndarray:
    """``net`` on all rows; the last batch is padded, so that one program serves every size."""
    n = len(inputs[0])
    rows = [np.minimum(np.arange(low, low + batch), n - 1) for low in range(0, n, batch)]
    pieces = [np.asarray(_apply(net, *(jnp.asarray(np.asarray(v)[r]) for v in inputs))) for r in rows]
    return np.concatenate(pieces)[:n]


def scores_of(pair: Pair, x: ArrayLike, labels: ArrayLike | None = None, batch: int = BATCH) -> np.ndarray:
    """``D(x)`` for ``(n, *sample)``, shape ``(n,)``."""
    return apply_in_batches(pair.critic, x, *(() if labels is None else (labels,)), batch=batch)


def generate_set(
    pair: Pair, key: Array, n: int, labels: ArrayLike | None = None, batch: int = BATCH
) -> tuple[np.ndarray, np.ndarray]:
    """``(latents, samples)``: samples 0 to n - 1 of ``key``, as :func:`dcd.refine` would start from them."""
    given = () if labels is None else (np.asarray(labels),)
    z = np.asarray(_latents(pair, key, jnp.arange(n), None if labels is None else jnp.asarray(labels)))
    return z, apply_in_batches(pair.generator, z, *given, batch=batch)


_latents = jax.jit(latents_of)


def check_samples(field: str, pair: Pair, x: ArrayLike, least: int = 2) -> np.ndarray:
    """Samples given by the user, as an array.

    Raises:
      InputError: another shape than the pair's, too few, not finite, or outside the sample range.
    """
    values = np.asarray(x)
    shape = ", ".join(map(str, pair.sample_shape))
    if values.ndim < 1 or values.shape[1:] != pair.sample_shape or len(values) < least:
        raise InputError(field, f"have shape {values.shape}", f"give (n, {shape}) with n at least {least}")
    if values.dtype.kind not in "fiu" or not np.all(np.isfinite(values)):
        raise InputError(field, f"are {values.dtype} or hold NaN or infinity", "give finite numbers")
    if pair.sample_range is not None:
        low, high = pair.sample_range
        slack = 1e-3 * (high - low)
        if values.min() < low - slack or values.max() > high + slack:
            raise InputError(
                field,
                f"lie in [{values.min():.4g}, {values.max():.4g}], the pair's samples in [{low:g}, {high:g}]",
                "scale them to the pair's range",
            )
    return values.astype(np.float32)
