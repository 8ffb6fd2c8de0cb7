"""Latents as free variables: any vector of real numbers is a latent in the support of its prior, and back."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from pairs import Pair, Sphere, TruncatedNormal, Uniform

__all__ = ["from_free", "to_free"]


def _box(pair: Pair) -> tuple[float, float] | None:
    """Middle and half width of a prior that is a box."""
    prior = pair.prior
    if isinstance(prior, Uniform):
        return 0.5 * (prior.low + prior.high), 0.5 * (prior.high - prior.low)
    return (0.0, prior.bound) if isinstance(prior, TruncatedNormal) else None


def from_free(pair: Pair, y: Array) -> Array:
    """Flat free variables to latents in the prior's support."""
    box = _box(pair)
    if box is not None:
        y = box[0] + box[1] * jnp.tanh(y)
    z = y.reshape(len(y), *pair.prior.shape)
    return pair.prior.project(z) if isinstance(pair.prior, Sphere) else z


def to_free(pair: Pair, z: Array) -> Array:
    """Latents to flat free variables; the edge of a box comes a thousandth nearer to its middle."""
    y = pair.prior.project(z).reshape(len(z), -1)
    box = _box(pair)
    return y if box is None else jnp.arctanh(jnp.clip((y - box[0]) / box[1], -1 + 1e-3, 1 - 1e-3))
