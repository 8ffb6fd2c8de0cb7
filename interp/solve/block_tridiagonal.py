r"""Symmetric positive block-tridiagonal systems by block elimination.

.. math:: A_i x_{i-1} + D_i x_i + A_{i+1}^\top x_{i+1} = b_i
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

__all__ = ["block_tridiagonal_solve"]


def block_tridiagonal_solve(diagonal: Array, upper: Array, rhs: Array) -> Array:
    """Solve one system.

    Args:
      diagonal: Blocks (i, i), ``(n, d, d)``.
      upper: Blocks (i, i + 1), ``(n - 1, d, d)``.
      rhs: Right sides, ``(n, d)``.

    Returns:
      The solution, ``(n, d)``.

    Example:
      >>> blocks = jnp.broadcast_to(4 * jnp.eye(2), (3, 2, 2)), jnp.broadcast_to(-jnp.eye(2), (2, 2, 2))
      >>> block_tridiagonal_solve(*blocks, jnp.asarray([[3.0, 3.0], [2.0, 2.0], [3.0, 3.0]])).round(6).tolist()
      [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]
    """

    def eliminate(carry: tuple[Array, Array], row: tuple[Array, Array, Array]) -> tuple[tuple[Array, Array], tuple]:
        schur, load = carry
        next_diagonal, up, next_rhs = row
        solved = jnp.linalg.solve(schur, jnp.concatenate([up, load[:, None]], axis=1))
        following = next_diagonal - up.T @ solved[:, :-1]
        return (following, next_rhs - up.T @ solved[:, -1]), (solved[:, :-1], solved[:, -1])

    def substitute(x: Array, row: tuple[Array, Array]) -> tuple[Array, Array]:
        ratio, load = row
        x = load - ratio @ x
        return x, x

    (schur, load), kept = jax.lax.scan(eliminate, (diagonal[0], rhs[0]), (diagonal[1:], upper, rhs[1:]))
    last = jnp.linalg.solve(schur, load)
    _, rest = jax.lax.scan(substitute, last, kept, reverse=True)
    return jnp.concatenate([rest, last[None]])
