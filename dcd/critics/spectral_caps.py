r"""Spectral caps: the largest singular value of every kernel is held at or below a bound.

.. math:: \bar W = W \min(1, b / \sigma(W)), \qquad \sigma(W) \approx \lVert W^\top u\rVert,
   \quad u \leftarrow \frac{W W^\top u}{\lVert W W^\top u\rVert}

with power iterations between updates (arXiv 1802.05957, which divides by :math:`\sigma` even where
it is small). A kernel is any array of two axes or more, seen as a matrix whose columns are the
last axis. For convolutions
that matrix bounds the operator's norm only up to a factor of the kernel's size, so a capped
net has a bounded, not a unit, slope. The cap is folded into the weights: the finished critic is a plain net.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

__all__ = ["Cap", "init_caps", "refresh", "capped", "settled"]

Leaves = dict[str, Array]


class Cap(NamedTuple):
    """Left singular vector estimate ``(rows,)`` and the bound of one kernel."""

    left: Array
    bound: Array


def _matrix(kernel: Array) -> Array:
    return kernel.reshape(-1, kernel.shape[-1])


def _iterate(kernel: Array, left: Array) -> Array:
    matrix = _matrix(kernel)
    new = matrix @ (matrix.T @ left)
    return new / (jnp.linalg.norm(new) + 1e-12)


def init_caps(leaves: Leaves, key: Array, bound: float, relative: bool) -> dict[str, Cap]:
    """Caps for every kernel: at ``bound``, or (``relative``) at ``bound`` times its present largest singular value."""
    caps = {}
    for i, (name, leaf) in enumerate(leaves.items()):
        if leaf.ndim < 2:
            continue
        left = jax.random.normal(jax.random.fold_in(key, i), (_matrix(leaf).shape[0],))
        left = lax.fori_loop(0, 50, lambda _, u, w=leaf: _iterate(w, u), left)
        sigma = jnp.linalg.norm(_matrix(leaf).T @ left)
        caps[name] = Cap(left, bound * sigma if relative else jnp.asarray(bound, leaf.dtype))
    return caps


def refresh(leaves: Leaves, caps: dict[str, Cap], iterations: int = 2) -> dict[str, Cap]:
    """Better singular vectors; a few iterations keep up with weights that move slowly."""
    new = {}
    for name, cap in caps.items():
        left = lax.fori_loop(0, iterations, lambda _, u, w=leaves[name]: _iterate(w, u), cap.left)
        new[name] = cap._replace(left=left)
    return new


def settled(leaves: Leaves, caps: dict[str, Cap]) -> Leaves:
    """Finished weights, capped by converged singular values."""
    return capped(leaves, refresh(leaves, caps, 100))


def capped(leaves: Leaves, caps: dict[str, Cap]) -> Leaves:
    """The leaves with every kernel scaled down to its bound; differentiable in the leaves."""
    new = dict(leaves)
    for name, cap in caps.items():
        left = lax.stop_gradient(cap.left)
        sigma = jnp.sqrt(jnp.sum((_matrix(leaves[name]).T @ left) ** 2) + 1e-24)
        new[name] = leaves[name] * jnp.minimum(1.0, cap.bound / sigma)
    return new
