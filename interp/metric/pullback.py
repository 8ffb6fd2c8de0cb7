r"""The metric as matrices: Jacobians of the features, and what they pull back.

.. math:: M(z) = w(z)^2 J(z)^\top J(z), \qquad J = \partial F(G(z)) / \partial z

Jacobians cost d forward derivatives of the generator at every node, so this is for latents of up to some 32
dimensions.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from .energy import Metric, Observed, node_weight, observe

__all__ = ["Linearised", "linearise", "metric_matrix"]

Linearised = tuple[Array, Array, Array, Array]
"""Features ``(batch, n, D)``, their Jacobians ``(batch, n, D, d)``, weights ``(batch, n)``, their gradients."""


def linearise(metric: Metric, z: Array, labels: Array | None) -> Linearised:
    """Features and weights of length at nodes, and their derivatives, by d forward derivatives.

    Args:
      metric: How length is measured.
      z: Nodes, ``(batch, n, d)``.
      labels: Class of every path, ``(batch,)``.
    """
    d = z.shape[-1]

    def at(z: Array) -> tuple[Array, Array]:
        seen = observe(metric, z, labels)
        # weights belong to single nodes, so features play no part in them
        bare = Observed(jnp.zeros((*z.shape[:2], 1), z.dtype), seen.score, z)
        return seen.features, node_weight(metric, bare)

    def along(e: Array) -> tuple[Array, Array]:
        return jax.jvp(at, (z,), (jnp.broadcast_to(e, z.shape),))[1]

    f, w = at(z)
    jf, jw = jax.vmap(along, out_axes=-1)(jnp.eye(d, dtype=z.dtype))
    return f, jf, w, jw


def metric_matrix(metric: Metric, z: ArrayLike, labels: Array | None = None) -> Array:
    """``M(z)``, ``(points, d, d)``, at flat latents ``(points, d)``.

    Example:
      >>> import pairs
      >>> double, critic = pairs.wrap(lambda p, z: 2 * z), pairs.wrap(lambda p, x: x[:, 0])
      >>> pair = pairs.make_pair(double, critic, pairs.Normal((2,)), sample_range=None, critic_kind="energy")
      >>> metric_matrix(Metric(pair, mode="none"), jnp.zeros((1, 2)))[0].tolist()
      [[4.0, 0.0], [0.0, 4.0]]
    """
    z = jnp.asarray(z)
    _, jf, w, _ = linearise(metric, z[:, None], labels)
    j = jf[:, 0] * w[:, 0, None, None]
    return jnp.einsum("nDi,nDj->nij", j, j)
