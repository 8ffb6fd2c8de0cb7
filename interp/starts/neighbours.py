r"""Starts through a graph of neighbours: ways that stay where data is, in latents of any size.

A solver that descends from the line finds the nearest valley, and in more than three dimensions no grid can look at
all of them. But codes of real data (or draws of the prior) mark where samples are good. Each is joined to its
nearest neighbours in the feature space of the metric, each edge is measured in eight pieces,

.. math:: \sum_{i=1}^{8} \tfrac12 (w_{i-1} + w_i)\,|f_i - f_{i-1}|,

and the cheapest chain between two ends (Dijkstra) is the start of :func:`interp.geodesic`, next to its own
(the graph of arXiv 1812.08284, with the critic's weight). Building costs at most ``9 * neighbours`` images and scores
per latent, once; a path through it costs twice that. The solver then smooths the chain.
"""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError

from ..metric.energy import Metric
from ..support import check_ends
from .chains import charged_length, look, shortest_routes

__all__ = ["NeighbourGraph", "neighbour_graph"]


@dataclasses.dataclass(frozen=True)
class NeighbourGraph:
    """Nodes and measured edges; made by :func:`neighbour_graph`.

    Attributes:
      metric: what edges were measured in.
      points, features: latents ``(n, d)`` and their features ``(n, f)``.
      first, second, cost: node numbers and charged length of every edge, ``(edges,)``.
      neighbours: of every node, and of an end that joins.
    """

    metric: Metric
    points: np.ndarray
    features: np.ndarray
    first: np.ndarray
    second: np.ndarray
    cost: np.ndarray
    neighbours: int

    def start(self, z0: ArrayLike, z1: ArrayLike, modes: int) -> Array:
        """Sine coefficients ``(batch, modes, d)`` relative to the line, for ``initial`` of :func:`interp.geodesic`.

        Ends ``(batch, *latent)`` are joined to their nearest nodes and to each other, so the chain is no longer than
        the line, but for its corners: with ``modes`` sine waves (``config.mode_count``) those of a chain of more than
        half as many nodes are cut.

        Raises:
          InputError: ends of the wrong shape, with NaN or outside the prior's support.
        """
        pair = self.metric.pair
        a, b = check_ends(pair, "z0", jnp.asarray(z0)), check_ends(pair, "z1", jnp.asarray(z1))
        if a.shape != b.shape:
            raise InputError("z1", f"has {b.shape[0]} rows, z0 has {a.shape[0]}", "give as many ends as starts")
        dtype = np.dtype(jnp.promote_types(a.dtype, b.dtype))
        ends = np.concatenate([np.asarray(a), np.asarray(b)]).astype(np.float64)
        seen, _ = look(self.metric, ends, dtype)
        count, batch = len(self.points), len(a)
        near = _nearest(seen, self.features, self.neighbours)
        sources = count + np.arange(batch)
        points = np.concatenate([self.points, ends])
        first = np.concatenate([np.repeat(count + np.arange(2 * batch), near.shape[1]), sources])
        second = np.concatenate([near.ravel(), sources + batch])
        cost = charged_length(self.metric, points[first], points[second], dtype)
        return shortest_routes(
            points,
            np.concatenate([self.first, first]),
            np.concatenate([self.second, second]),
            np.concatenate([self.cost, cost]),
            sources,
            sources + batch,
            modes,
            dtype,
        )


def _nearest(x: np.ndarray, nodes: np.ndarray, count: int, *, skip: bool = False) -> np.ndarray:
    """Numbers of the ``count`` nearest ``nodes`` of every row of ``x``; ``skip``: row i is node i, and not its own."""
    out = []
    squares = np.sum(nodes.astype(np.float64) ** 2, axis=1)
    for i in range(0, len(x), 1024):
        part = x[i : i + 1024]
        gap = squares - 2.0 * (part @ nodes.T)
        if skip:
            gap[np.arange(len(part)), i + np.arange(len(part))] = np.inf
        out.append(np.argpartition(gap, count - 1, axis=1)[:, :count])
    return np.concatenate(out)


def neighbour_graph(metric: Metric, latents: ArrayLike, *, neighbours: int = 10) -> NeighbourGraph:
    """The graph through ``latents`` ``(n, *latent)``: codes of real images, or draws of the prior.

    Args:
      metric: from :func:`interp.make_metric`; modes other than conformal are measured without the critic.
      neighbours: edges per node; an edge that two nodes share counts once.

    Raises:
      InputError: a conditional pair; latents of the wrong shape, with NaN or outside the prior's support; no more
        latents than neighbours.

    >>> import jax, pairs
    >>> flat, critic = pairs.wrap(lambda p, z: z), pairs.wrap(lambda p, x: x[:, 0])
    >>> pair = pairs.make_pair(flat, critic, pairs.Normal((5,)), sample_range=None, critic_kind="energy")
    >>> graph = neighbour_graph(Metric(pair, mode="none"), jax.random.normal(jax.random.key(0), (50, 5)), neighbours=3)
    >>> start = graph.start(jnp.zeros((1, 5)), jnp.ones((1, 5)), 4)
    >>> start.shape, bool(jnp.max(jnp.abs(start)) < 1e-5)  # in a flat space the line is the shortest way
    ((1, 4, 5), True)
    """
    if metric.pair.classes:
        raise InputError("pair", "is conditional", "fix the label in generator and critic first: a path keeps it")
    z = check_ends(metric.pair, "latents", jnp.asarray(latents))
    if not 1 <= neighbours < len(z):
        raise InputError("neighbours", f"is {neighbours} for {len(z)} latents", "give 1 to one less than latents")
    points = np.asarray(z, np.float64)
    features, _ = look(metric, points, np.dtype(z.dtype))
    if not np.all(np.isfinite(features)):
        raise InputError("latents", "have images with NaN or infinity", "leave those out")
    near = _nearest(features, features, neighbours, skip=True)
    ends = np.stack([np.repeat(np.arange(len(z)), neighbours), near.ravel()])
    first, second = np.unique(np.sort(ends, axis=0), axis=1)
    cost = charged_length(metric, points[first], points[second], np.dtype(z.dtype))
    return NeighbourGraph(metric, points, features, first, second, cost, neighbours)
