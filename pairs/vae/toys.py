r"""Four laws in the plane, drawn afresh for every batch: ``8-gaussians``, ``2-spirals``, ``checkerboard``, ``rings``.

As in the released code of Soft-IntroVAE (arXiv 2012.13253):

* 8-gaussians: centres at radius :math:`2 / 1.414`, 45 degrees apart, standard deviation :math:`0.02 / 1.414`;
* 2-spirals: :math:`r = \sqrt{U}\,3\pi`, arms :math:`\pm(-r\cos r + U/2,\; r\sin r + U/2) / 3` plus noise 0.1;
* checkerboard: eight unit squares of a 4 by 4 board, scaled by 2;
* rings: radii 0.75, 1.5, 2.25, 3 with equal shares, noise 0.08.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from ..errors import InputError

__all__ = ["TOYS", "CENTRES", "SPREAD", "toy", "window"]

SPREAD = 0.02 / 1.414
"""Standard deviation of each of the eight Gaussians."""


def _centres() -> Array:
    angle = jnp.arange(8) * (math.pi / 4)
    return jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1) * (2 / 1.414)


CENTRES = tuple((2 / 1.414 * math.cos(k * math.pi / 4), 2 / 1.414 * math.sin(k * math.pi / 4)) for k in range(8))
"""Their centres."""


def _eight(key: Array, n: int) -> Array:
    pick, noise = jax.random.split(key)
    return _centres()[jax.random.randint(pick, (n,), 0, 8)] + SPREAD * jax.random.normal(noise, (n, 2))


def _spirals(key: Array, n: int) -> Array:
    radius_key, jitter_key, side_key, noise_key = jax.random.split(key, 4)
    r = jnp.sqrt(jax.random.uniform(radius_key, (n,))) * 3 * math.pi
    jitter = 0.5 * jax.random.uniform(jitter_key, (n, 2))
    arm = jnp.stack([-r * jnp.cos(r), r * jnp.sin(r)], axis=1) + jitter
    side = 2.0 * jax.random.bernoulli(side_key, shape=(n, 1)) - 1.0
    return side * arm / 3 + 0.1 * jax.random.normal(noise_key, (n, 2))


def _checkerboard(key: Array, n: int) -> Array:
    across, up, row = jax.random.split(key, 3)
    x = 4 * jax.random.uniform(across, (n,)) - 2
    y = jax.random.uniform(up, (n,)) - 2.0 * jax.random.bernoulli(row, shape=(n,))
    return 2 * jnp.stack([x, y + jnp.floor(x) % 2], axis=1)


def _rings(key: Array, n: int) -> Array:
    angle_key, ring_key, noise_key = jax.random.split(key, 3)
    angle = 2 * math.pi * jax.random.uniform(angle_key, (n,))
    radius = 0.75 * (1 + jax.random.randint(ring_key, (n,), 0, 4))
    return radius[:, None] * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1) + 0.08 * jax.random.normal(
        noise_key, (n, 2)
    )


TOYS: dict[str, Callable[[Array, int], Array]] = {
    "8-gaussians": _eight,
    "2-spirals": _spirals,
    "checkerboard": _checkerboard,
    "rings": _rings,
}


def toy(name: str) -> Callable[[Array, int], Array]:
    """The sampler ``(key, n) -> (n, 2)`` of that name.

    >>> toy("rings")(jax.random.key(0), 5).shape
    (5, 2)
    """
    if name not in TOYS:
        raise InputError("data", f"toy set '{name}' is unknown", f"use one of {', '.join(TOYS)}")
    return TOYS[name]


def window(name: str) -> float:
    """Half the side of the square that holds the set: 2 for the Gaussians, else 4."""
    toy(name)
    return 2.0 if name == "8-gaussians" else 4.0
