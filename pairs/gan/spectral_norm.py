r"""Spectral normalisation of all kernels of a net, by one step of the power iteration per update.

A kernel of shape ``(..., outputs)`` is read as the matrix W of its last axis against all others. With unit vectors u,

.. math:: v = \frac{W u}{\lVert W u\rVert}, \qquad u' = \frac{W^T v}{\lVert W^T v\rVert}, \qquad
   \sigma = v^T W u',

and the net runs with :math:`W / \sigma`. No gradient flows into u and v; it flows through sigma. Arrays with fewer than
two axes (biases) are left as they are.

References:
  Miyato et al. (2018), arXiv:1802.05957, section 2.1.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

__all__ = ["divided", "first_vectors"]

_EPS = 1e-12


def first_vectors(params: Any, key: Array) -> Any:
    """Random unit vectors u, one ``(outputs,)`` for every kernel; scalars 0 for all other arrays.

    Args:
      params: Arrays of the net as a pytree.
      key: Key of the draw.
    """
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(key, len(leaves))
    draw = lambda w, k: _unit(jax.random.normal(k, w.shape[-1:])) if w.ndim > 1 else jnp.zeros(())
    return tree.unflatten([draw(w, k) for w, k in zip(leaves, keys, strict=True)])


def divided(params: Any, vectors: Any, iterations: int = 1) -> tuple[Any, Any]:
    """Divide every kernel by the estimate of its largest singular value.

    Args:
      params: Arrays of the net as a pytree.
      vectors: The unit vectors u, as of :func:`first_vectors` or of the last call.
      iterations: Steps of the power iteration; 0 takes the vectors as they are.

    Returns:
      The arrays with divided kernels, and the new vectors.

    Example:
      >>> params = {"kernel": jnp.diag(jnp.array([3.0, 1.0]))}
      >>> whole, _ = divided(params, first_vectors(params, jax.random.key(0)), iterations=50)
      >>> bool(jnp.allclose(whole["kernel"], jnp.diag(jnp.array([1.0, 1 / 3])), atol=1e-5))
      True
    """
    leaves, tree = jax.tree.flatten(params)
    done = [_divide(w, u, iterations) for w, u in zip(leaves, tree.flatten_up_to(vectors), strict=True)]
    return tree.unflatten([w for w, _ in done]), tree.unflatten([u for _, u in done])


def _unit(v: Array) -> Array:
    return v / (jnp.linalg.norm(v) + _EPS)


def _divide(kernel: Array, u: Array, iterations: int) -> tuple[Array, Array]:
    if kernel.ndim < 2:
        return kernel, u
    matrix = kernel.reshape(-1, kernel.shape[-1])
    fixed = lax.stop_gradient(matrix)
    v = _unit(fixed @ u)
    for _ in range(iterations):
        u = _unit(v @ fixed)
        v = _unit(fixed @ u)
    return kernel / (v @ matrix @ u), u
