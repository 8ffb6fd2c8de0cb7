r"""Spectral caps: the largest singular value of every kernel is held at or below a bound.

.. math:: \bar W = W \min(1, b / \sigma(W)), \qquad \sigma(W) \approx \lVert W^\top u\rVert,
   \quad u \leftarrow \frac{W W^\top u}{\lVert W W^\top u\rVert}

with power iterations between updates. (arXiv 1802.05957 divides by :math:`\sigma` even where it is small.) A kernel is
any array of two axes or more, seen as a matrix whose columns are the last axis. For a convolution, the norm of that
matrix bounds the norm of the operator only up to a factor of the kernel's size, so a capped net has a bounded slope
and not a slope of one. The cap is folded into the weights: the finished critic is a plain net.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

__all__ = ["SpectralCap", "apply_caps", "init_caps", "refresh_caps", "settle_caps"]

Leaves = dict[str, Array]
Caps = dict[str, "SpectralCap"]


class SpectralCap(NamedTuple):
    """Cap of one kernel.

    Attributes:
      left: Estimate ``(rows,)`` of the left singular vector of the largest singular value.
      bound: Largest singular value that is allowed, a scalar.
    """

    left: Array
    bound: Array


def init_caps(leaves: Leaves, key: Array, bound: float, relative: bool) -> Caps:
    """Make a cap for every kernel.

    Args:
      leaves: Weights by name.
      key: Key of the first singular vectors, which 50 iterations then improve.
      bound: Bound on the largest singular value.
      relative: Whether the bound counts in units of the present largest singular value.

    Returns:
      Caps by the name of their kernel.
    """
    caps = {}
    for i, (name, leaf) in enumerate(leaves.items()):
        if leaf.ndim < 2:
            continue
        left = jax.random.normal(jax.random.fold_in(key, i), (_matrix(leaf).shape[0],))
        left = lax.fori_loop(0, 50, lambda _, u, w=leaf: _iterate(w, u), left)
        sigma = jnp.linalg.norm(_matrix(leaf).T @ left)
        caps[name] = SpectralCap(left, bound * sigma if relative else jnp.asarray(bound, leaf.dtype))
    return caps


def refresh_caps(leaves: Leaves, caps: Caps, iterations: int = 2) -> Caps:
    """Improve the singular vectors; a few iterations are enough for weights that move slowly.

    Args:
      leaves: Weights by name.
      caps: Their caps.
      iterations: Power iterations.

    Returns:
      The caps with new vectors.
    """
    new = {}
    for name, cap in caps.items():
        left = lax.fori_loop(0, iterations, lambda _, u, w=leaves[name]: _iterate(w, u), cap.left)
        new[name] = cap._replace(left=left)
    return new


def apply_caps(leaves: Leaves, caps: Caps) -> Leaves:
    """Scale every kernel down to its bound; differentiable in the leaves.

    Args:
      leaves: Weights by name.
      caps: Caps of some or all of the kernels.

    Returns:
      The weights; kernels within their bounds and leaves without a cap are unchanged.
    """
    new = dict(leaves)
    for name, cap in caps.items():
        left = lax.stop_gradient(cap.left)
        sigma = jnp.sqrt(jnp.sum((_matrix(leaves[name]).T @ left) ** 2) + 1e-24)
        new[name] = leaves[name] * jnp.minimum(1.0, cap.bound / sigma)
    return new


@jax.jit
def settle_caps(leaves: Leaves, caps: Caps) -> Leaves:
    """Cap finished weights by converged singular values.

    Args:
      leaves: Weights by name.
      caps: Their caps.

    Returns:
      The weights.
    """
    return apply_caps(leaves, refresh_caps(leaves, caps, 100))


def _matrix(kernel: Array) -> Array:
    return kernel.reshape(-1, kernel.shape[-1])


def _iterate(kernel: Array, left: Array) -> Array:
    matrix = _matrix(kernel)
    new = matrix @ (matrix.T @ left)
    return new / (jnp.linalg.norm(new) + 1e-12)
