r"""Cheapest chains through a graph of latents: what starts from a grid and from neighbours have in common.

An edge between nodes i, j costs its charged length, from its ends or in pieces,

.. math:: \sum \tfrac12 (w + w')\,|f - f'|,

with f the features and w the factor of length of :func:`interp.metric.energy.node_weight`. Dijkstra's algorithm gives
every pair of ends its cheapest chain. Points of the chain at equal cost become sine coefficients relative to the line.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from pairs.arrays import on_device

from ..curves.sine_curve import to_coefficients
from ..metric.energy import Metric, node_weight, observe

__all__ = ["observe_nodes", "charged_length", "shortest_chains"]

_PIECES = 8


@jax.jit
def _observe(metric: Metric, z: Array) -> tuple[Array, Array]:
    seen = observe(metric, z[None])
    return seen.features[0], node_weight(metric, seen)[0]


def _batch(metric: Metric) -> int:
    """Latents that are run together: 1,024, fewer where one sample is large (85 of 64 x 64 x 3)."""
    return max(32, min(1024, 2**20 // math.prod(metric.pair.sample_shape)))


def observe_nodes(metric: Metric, z: np.ndarray, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Features ``(n, f)`` and factors of length ``(n,)`` at latents ``(n, d)``, in batches of one size.

    Args:
      metric: Generator, features and weight.
      z: Latents, in float64.
      dtype: Type in which the nets run.
    """
    features, factors, batch = [], [], _batch(metric)
    for i in range(0, len(z), batch):
        part = np.resize(z[i : i + batch], (batch, z.shape[1])).astype(dtype)
        f, w = _observe(metric, on_device(part))
        count = min(batch, len(z) - i)
        features.append(np.asarray(f)[:count])
        factors.append(np.asarray(w)[:count])
    return np.concatenate(features), np.concatenate(factors).astype(np.float64)


def charged_length(metric: Metric, a: np.ndarray, b: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Charged lengths ``(n,)`` of straight edges, each in eight pieces.

    Args:
      metric: How length is measured.
      a: First ends, ``(n, d)``.
      b: Last ends, ``(n, d)``.
      dtype: Type in which the nets run.

    Returns:
      Lengths, infinite where a feature or a weight inside the edge is not finite.
    """
    out, chunk = np.zeros(len(a)), max(1, _batch(metric) // (_PIECES + 1))
    t = np.linspace(0, 1, _PIECES + 1)[:, None]
    for i in range(0, len(a), chunk):
        whole = a[i : i + chunk, None] * (1 - t) + b[i : i + chunk, None] * t
        f, w = observe_nodes(metric, whole.reshape(-1, a.shape[1]), dtype)
        f, w = f.reshape(*whole.shape[:2], -1), w.reshape(whole.shape[:2])
        gaps = np.linalg.norm(np.diff(f, axis=1).astype(np.float64), axis=2)
        out[i : i + chunk] = np.sum(0.5 * (w[:, 1:] + w[:, :-1]) * gaps, axis=1)
    return np.where(np.isfinite(out), out, np.inf)


def shortest_chains(
    points: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    cost: np.ndarray,
    sources: np.ndarray,
    targets: np.ndarray,
    modes: int,
    dtype: np.dtype,
) -> Array:
    """Sine coefficients ``(pairs, modes, d)`` of the cheapest chains, relative to the line.

    Args:
      points: Latents of all nodes, ``(n, d)``.
      first: First ends of undirected edges, node numbers ``(edges,)``.
      second: Their other ends, ``(edges,)``.
      cost: Their costs, ``(edges,)``; an edge that is given twice counts once, with its first cost.
      sources: Where the chains begin, node numbers ``(pairs,)``.
      targets: Where they end, ``(pairs,)``.
      modes: Number of sine modes.
      dtype: Type of the coefficients.

    Returns:
      Coefficients; zeros where no chain joins the ends.
    """
    latent = np.linalg.norm(points[first] - points[second], axis=1)
    # where the image stands still all chains cost the same, so the shorter one in latents is taken
    cost = np.where(np.isfinite(cost), cost, 1e30)
    cost = cost + (1e-6 * np.median(cost) + 1e-12) * latent
    total = len(points)
    keep = np.unique(np.minimum(first, second) * total + np.maximum(first, second), return_index=True)[1]
    graph = coo_matrix((cost[keep], (first[keep], second[keep])), shape=(total, total)).tocsr()
    spent, before = dijkstra(graph, directed=False, indices=sources, return_predecessors=True)
    t = np.linspace(0, 1, max(2 * modes, 16) + 1)
    ends = zip(before, spent, sources, targets, strict=True)
    found = np.stack([_points_at_equal_cost(points, *row, t) for row in ends])
    line = (1 - t)[:, None] * points[sources][:, None] + t[:, None] * points[targets][:, None]
    return to_coefficients(jnp.asarray((found - line)[:, 1:-1], dtype))[:, :modes]


def _points_at_equal_cost(
    points: np.ndarray, before: np.ndarray, spent: np.ndarray, source: int, target: int, t: np.ndarray
) -> np.ndarray:
    """Points ``(len(t), d)`` of the chain from source to target; those of the line where there is no chain."""
    chain = [target]
    while chain[-1] != source and before[chain[-1]] >= 0:
        chain.append(int(before[chain[-1]]))
    if chain[-1] != source:
        chain = [target, source]
    chain = chain[::-1]
    arc = spent[chain] / spent[chain[-1]] if 0 < spent[chain[-1]] < np.inf else np.linspace(0, 1, len(chain))
    return np.stack([np.interp(t, arc, points[chain, j]) for j in range(points.shape[1])], axis=1)
