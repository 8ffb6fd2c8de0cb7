r"""Shortest chains through a graph of latents: what starts from a grid and from neighbours have in common.

An edge between nodes i, j costs its charged length, looked at at both ends or in pieces,

.. math:: \sum \tfrac12 (w + w')\,|f - f'|,

with f the features and w the factor of length of :func:`interp.energy.node_weight`. Dijkstra's algorithm gives every
pair of ends its cheapest chain, and its points at equal cost become sine coefficients relative to the line.
"""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from ..curves.sine_curve import to_coefficients
from ..metric.energy import Metric, node_weight, observe

__all__ = ["look", "charged_length", "shortest_routes"]

_PIECES = 8


@jax.jit
def _observed(metric: Metric, z: Array) -> tuple[Array, Array]:
    seen = observe(metric, z[None])
    return seen.features[0], node_weight(metric, seen)[0]


def _batch(metric: Metric) -> int:
    """Latents looked at together: 1,024, fewer where one sample is large (85 of 64 x 64 x 3)."""
    return max(32, min(1024, 2**20 // math.prod(metric.pair.sample_shape)))


def look(metric: Metric, z: np.ndarray, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Features and factors of length at latents ``(n, d)``, in batches of one size."""
    features, factors, batch = [], [], _batch(metric)
    for i in range(0, len(z), batch):
        part = np.resize(z[i : i + batch], (batch, z.shape[1])).astype(dtype)
        f, w = _observed(metric, jnp.asarray(part))
        count = min(batch, len(z) - i)
        features.append(np.asarray(f)[:count])
        factors.append(np.asarray(w)[:count])
    return np.concatenate(features), np.concatenate(factors).astype(np.float64)


def charged_length(metric: Metric, a: np.ndarray, b: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Of straight edges from ``a`` to ``b`` ``(n, d)``, in eight pieces, ``(n,)``; infinite where something is NaN."""
    out, chunk = np.zeros(len(a)), max(1, _batch(metric) // (_PIECES + 1))
    t = np.linspace(0, 1, _PIECES + 1)[:, None]
    for i in range(0, len(a), chunk):
        whole = a[i : i + chunk, None] * (1 - t) + b[i : i + chunk, None] * t
        f, w = look(metric, whole.reshape(-1, a.shape[1]), dtype)
        f, w = f.reshape(*whole.shape[:2], -1), w.reshape(whole.shape[:2])
        gaps = np.linalg.norm(np.diff(f, axis=1).astype(np.float64), axis=2)
        out[i : i + chunk] = np.sum(0.5 * (w[:, 1:] + w[:, :-1]) * gaps, axis=1)
    return np.where(np.isfinite(out), out, np.inf)


def shortest_routes(
    points: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    cost: np.ndarray,
    sources: np.ndarray,
    targets: np.ndarray,
    modes: int,
    dtype: np.dtype,
) -> Array:
    """Sine coefficients ``(pairs, modes, d)`` of the cheapest chains, relative to the line; zeros where there is none.

    Args:
      points: latents of all nodes, ``(n, d)``.
      first, second, cost: ends and cost of undirected edges; an edge given twice counts once, by its first cost.
      sources, targets: node numbers, ``(pairs,)`` each.
    """
    latent = np.linalg.norm(points[first] - points[second], axis=1)
    # where the image stands still every way is as good: the shorter one then
    cost = np.where(np.isfinite(cost), cost, 1e30)
    cost = cost + (1e-6 * np.median(cost) + 1e-12) * latent
    total = len(points)
    keep = np.unique(np.minimum(first, second) * total + np.maximum(first, second), return_index=True)[1]
    graph = coo_matrix((cost[keep], (first[keep], second[keep])), shape=(total, total)).tocsr()
    spent, before = dijkstra(graph, directed=False, indices=sources, return_predecessors=True)
    t = np.linspace(0, 1, max(2 * modes, 16) + 1)
    trace = partial(_chain, points=points, segments=t)
    found = np.stack([trace(before[i], spent[i], sources[i], targets[i]) for i in range(len(sources))])
    line = (1 - t)[:, None] * points[sources][:, None] + t[:, None] * points[targets][:, None]
    return to_coefficients(jnp.asarray((found - line)[:, 1:-1], dtype))[:, :modes]


def _chain(
    before: np.ndarray, spent: np.ndarray, source: int, target: int, points: np.ndarray, segments: np.ndarray
) -> np.ndarray:
    """The chain of nodes from source to target at equal cost, ``(len(segments), d)``; the line where there is none."""
    chain = [target]
    while chain[-1] != source and before[chain[-1]] >= 0:
        chain.append(int(before[chain[-1]]))
    if chain[-1] != source:
        chain = [target, source]
    chain = chain[::-1]
    arc = spent[chain] / spent[chain[-1]] if 0 < spent[chain[-1]] < np.inf else np.linspace(0, 1, len(chain))
    return np.stack([np.interp(segments, arc, points[chain, j]) for j in range(points.shape[1])], axis=1)
