r"""Starts through a graph of neighbours: chains that stay where data is, in latents of any size.

A solver that descends from the line finds the nearest valley, and in more than three dimensions no grid can cover them
all. But codes of real data (or draws of the prior) mark where samples are good. Each is joined to its nearest
neighbours in the feature space of the metric, each edge is measured in eight pieces,

.. math:: \sum_{i=1}^{8} \tfrac12 (w_{i-1} + w_i)\,|f_i - f_{i-1}|,

and the cheapest chain between two ends (Dijkstra) is one more start of :func:`interp.geodesic` (the graph of
arXiv 1812.08284, with the critic's weight). Building costs at most ``9 * neighbours`` images and scores per latent,
once; a chain through the graph costs twice that. The solver then smooths the chain.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError

from ..checks import check_ends, check_pairs_of_ends, check_unconditional
from ..metric.energy import Metric
from .chains import charged_length, observe_nodes, shortest_chains

__all__ = ["NeighbourGraph", "neighbour_graph"]


@dataclasses.dataclass(frozen=True)
class NeighbourGraph:
    """Nodes and measured edges; :func:`neighbour_graph` makes it.

    Attributes:
      metric: How the edges were measured.
      points: Latents, ``(n, d)``.
      features: Their features, ``(n, f)``.
      first: First ends of edges, node numbers ``(edges,)``.
      second: Their other ends, ``(edges,)``.
      cost: Their charged lengths, ``(edges,)``.
      neighbours: Edges per node, and per end that joins.
    """

    metric: Metric
    points: np.ndarray
    features: np.ndarray
    first: np.ndarray
    second: np.ndarray
    cost: np.ndarray
    neighbours: int

    def start(self, z0: ArrayLike, z1: ArrayLike, modes: int) -> Array:
        """Coefficients of the cheapest chains, for the ``initial`` of :func:`interp.geodesic`.

        Ends are joined to their nearest nodes and to each other, so the chain is no longer than the line, but for its
        corners: ``modes`` sine waves cut those of a chain of more than half as many nodes.

        Args:
          z0: First ends, ``(batch, *latent)``.
          z1: Last ends, ``(batch, *latent)``.
          modes: Number of sine modes, ``settings.mode_count``.

        Returns:
          Sine coefficients relative to the line, ``(batch, modes, d)``.

        Raises:
          InputError: Ends have the wrong shape, are not finite or lie outside the prior's support.
        """
        a, b = check_pairs_of_ends(self.metric.pair, z0, z1)
        dtype = np.dtype(a.dtype)
        ends = np.concatenate([np.asarray(a), np.asarray(b)]).astype(np.float64)
        seen, _ = observe_nodes(self.metric, ends, dtype)
        count, batch = len(self.points), len(a)
        near = _nearest(seen, self.features, self.neighbours)
        sources = count + np.arange(batch)
        points = np.concatenate([self.points, ends])
        first = np.concatenate([np.repeat(count + np.arange(2 * batch), near.shape[1]), sources])
        second = np.concatenate([near.ravel(), sources + batch])
        cost = charged_length(self.metric, points[first], points[second], dtype)
        return shortest_chains(
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
    """Numbers of the ``count`` nearest ``nodes`` of every row of ``x``; with ``skip``, row i is not its own node."""
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
    """The graph through latents: codes of real images, or draws of the prior.

    Args:
      metric: From :func:`interp.make_metric`; modes other than conformal are measured without the critic.
      latents: Nodes, ``(n, *latent)``.
      neighbours: Edges per node; an edge that two nodes share counts once.

    Raises:
      InputError: The pair is conditional; latents have the wrong shape, are not finite, lie outside the prior's support
        or have images that are not finite; there are no more latents than neighbours.

    Example:
      >>> import jax, pairs
      >>> import jax.numpy as jnp
      >>> flat, critic = pairs.wrap(lambda p, z: z), pairs.wrap(lambda p, x: x[:, 0])
      >>> pair = pairs.make_pair(flat, critic, pairs.Normal((5,)), sample_range=None, critic_kind="energy")
      >>> nodes = jax.random.normal(jax.random.key(0), (50, 5))
      >>> graph = neighbour_graph(Metric(pair, mode="none"), nodes, neighbours=3)
      >>> start = graph.start(jnp.zeros((1, 5)), jnp.ones((1, 5)), 4)
      >>> start.shape, bool(jnp.max(jnp.abs(start)) < 1e-5)  # in a flat space the line is the cheapest chain
      ((1, 4, 5), True)

    References:
      arXiv 1812.08284.
    """
    check_unconditional(metric.pair)
    z = check_ends(metric.pair, "latents", latents)
    if not 1 <= neighbours < len(z):
        raise InputError("neighbours", f"is {neighbours} for {len(z)} latents", "give 1 to one less than latents")
    points = np.asarray(z, np.float64)
    features, _ = observe_nodes(metric, points, np.dtype(z.dtype))
    if not np.all(np.isfinite(features)):
        raise InputError("latents", "have images with NaN or infinity", "leave those out")
    near = _nearest(features, features, neighbours, skip=True)
    ends = np.stack([np.repeat(np.arange(len(z)), neighbours), near.ravel()])
    first, second = np.unique(np.sort(ends, axis=0), axis=1)
    cost = charged_length(metric, points[first], points[second], np.dtype(z.dtype))
    return NeighbourGraph(metric, points, features, first, second, cost, neighbours)
