"""Arithmetic of batches row by row: a row is one chain, whatever the shape of its state."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

__all__ = ["finite_rows", "norms", "square_norms", "take_rows", "widen"]


def square_norms(u: Array) -> Array:
    """Squared Euclidean norm of every row, ``(batch,)``."""
    return jnp.sum((u * u).reshape(u.shape[0], -1), axis=1)


def norms(u: Array) -> Array:
    """Euclidean norm of every row, ``(batch,)``."""
    return jnp.sqrt(square_norms(u))


def widen(row: Array, like: Array) -> Array:
    """One number per row, ``(batch,)``, with trailing axes of length 1, so that it broadcasts against ``like``."""
    return row.reshape(row.shape[0], *(1,) * (like.ndim - 1))


def take_rows(take: Array, new: Array, old: Array) -> Array:
    """Rows of ``new`` where ``take`` is true, of ``old`` elsewhere."""
    return jnp.where(widen(take, new), new, old)


def finite_rows(u: Array) -> Array:
    """Whether a row is finite, ``(batch,)``.

    The squared norm decides, which a chain's record needs anyway: a norm beyond the type's range counts as infinite.
    """
    return jnp.isfinite(square_norms(u))
