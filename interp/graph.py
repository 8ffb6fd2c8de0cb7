r"""Starts from a graph over small latents: the globally shortest way round, before it is made smooth.

A solver that descends from the line finds the nearest valley. In two or three dimensions all valleys can be looked
at: on a grid over the prior's bulk an edge between neighbours i, j costs

.. math:: \tfrac12 (w_i + w_j)\,|f_i - f_j|,

ends are tied to the corners around them, Dijkstra's algorithm gives every pair its cheapest chain
of edges, and its points at equal cost are interpolated by sine coefficients. An edge more than three times as long
as the median may leap a bad region that both its ends know nothing of (the seams of a GAN are far thinner than a
grid): it is measured in eight pieces. The generator runs once per grid point and on those, whatever the number
of pairs. Only a start: directions are limited to those of the grid (a detour of at most 3 %
with 16 directions), the solver removes that.
"""

from __future__ import annotations

import math
from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from pairs import InputError, Normal

from .curve import to_coefficients
from .energy import Metric, node_weight, observe

__all__ = ["grid_start"]

_BATCH = 1024
_LEAP, _PIECES = 3.0, 8


@jax.jit
def _observed(metric: Metric, z: Array) -> tuple[Array, Array]:
    seen = observe(metric, z[None])
    return seen.features[0], node_weight(metric, seen)[0]


def _look(metric: Metric, z: np.ndarray, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Features and factors of length at latents ``(n, d)``, in batches of one size."""
    features, factors = [], []
    for i in range(0, len(z), _BATCH):
        part = np.resize(z[i : i + _BATCH], (_BATCH, z.shape[1])).astype(dtype)
        f, w = _observed(metric, jnp.asarray(part))
        count = min(_BATCH, len(z) - i)
        features.append(np.asarray(f)[:count])
        factors.append(np.asarray(w)[:count])
    return np.concatenate(features), np.concatenate(factors).astype(np.float64)


def _neighbours(index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of every edge of a grid of node numbers, each edge once: 16 directions in a plane, 26 in space."""
    d, side = index.ndim, index.shape[0]
    reach = 2 if d == 2 else 1
    first, second = [], []
    for step in product(range(-reach, reach + 1), repeat=d):
        if step <= (0,) * d or math.gcd(*step) != 1:
            continue
        here = tuple(slice(max(0, -s), side - max(0, s)) for s in step)
        there = tuple(slice(max(0, s), side - max(0, -s)) for s in step)
        first.append(index[here].ravel())
        second.append(index[there].ravel())
    return np.concatenate(first), np.concatenate(second)


def _inside(metric: Metric, a: np.ndarray, b: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Charged length of straight edges from ``a`` to ``b``, looked at in between."""
    out = np.zeros(len(a))
    t = np.linspace(0, 1, _PIECES + 1)[:, None]
    for i in range(0, len(a), 4096):
        whole = a[i : i + 4096, None] * (1 - t) + b[i : i + 4096, None] * t
        f, w = _look(metric, whole.reshape(-1, a.shape[1]), dtype)
        f, w = f.reshape(*whole.shape[:2], -1), w.reshape(whole.shape[:2])
        gaps = np.linalg.norm(np.diff(f, axis=1).astype(np.float64), axis=2)
        out[i : i + 4096] = np.sum(0.5 * (w[:, 1:] + w[:, :-1]) * gaps, axis=1)
    return out


def grid_start(metric: Metric, z0: Array, z1: Array, modes: int, *, side: int = 48, reach: float = 3.0) -> Array:
    """Sine coefficients ``(batch, modes, d)`` relative to the line, for the ``initial`` of :func:`interp.geodesic`.

    Args:
      metric: with weights (conformal) or without; the other modes are started as if they were conformal.
      z0, z1: ends ``(batch, d)``, d = 2 or 3.
      side: grid points per dimension. reach: half the grid's width in units of the prior's scale, more where
        an end lies outside.

    Raises:
      InputError: another dimension, a conditional pair.

    >>> import pairs
    >>> flat, critic = pairs.wrap(lambda p, z: z), pairs.wrap(lambda p, x: x[:, 0])
    >>> pair = pairs.make_pair(flat, critic, pairs.Normal((2,)), sample_range=None, critic_kind="energy")
    >>> start = grid_start(Metric(pair, mode="none"), jnp.zeros((1, 2)), jnp.ones((1, 2)), 4, side=16)
    >>> start.shape, bool(jnp.max(jnp.abs(start)) < 0.5)  # in a flat space the line is the shortest way
    ((1, 4, 2), True)
    """
    batch, d = z0.shape
    if d not in (2, 3):
        raise InputError("grid", f"is set for latents of {d} dimensions", "use it for 2 or 3, or set grid=0")
    if metric.pair.classes:
        raise InputError("grid", "is set for a conditional pair", "set grid=0")
    dtype = np.dtype(z0.dtype)
    a, b = np.asarray(z0, np.float64), np.asarray(z1, np.float64)
    prior = metric.pair.prior
    bulk = reach * (prior.scale if isinstance(prior, Normal) else 1.0)
    low, high = np.minimum(a, b).min(0), np.maximum(a, b).max(0)
    low, high = np.minimum(low - 0.01 * bulk, -bulk), np.maximum(high + 0.01 * bulk, bulk)
    spacing = (high - low) / (side - 1)
    index = np.arange(side**d).reshape((side,) * d)
    nodes = low + spacing * np.stack(np.unravel_index(np.arange(side**d), index.shape), axis=1)

    ends = np.concatenate([a, b])
    cell = np.clip(np.floor((ends - low) / spacing).astype(int), 0, side - 2)
    corners = np.array(list(product((-1, 0, 1, 2), repeat=d)))
    around = np.clip(cell[:, None] + corners, 0, side - 1)
    tied = index[tuple(np.moveaxis(around, -1, 0))].ravel()
    points = np.concatenate([nodes, ends])
    first, second = _neighbours(index)
    first = np.concatenate([first, np.repeat(side**d + np.arange(2 * batch), len(corners))])
    second = np.concatenate([second, tied])

    f, w = _look(metric, points, dtype)
    gap = np.linalg.norm((f[first] - f[second]).astype(np.float64), axis=1)
    cost = 0.5 * (w[first] + w[second]) * gap
    leaps = np.flatnonzero(gap > _LEAP * np.median(gap))
    cost[leaps] = _inside(metric, points[first[leaps]], points[second[leaps]], dtype)
    latent = np.linalg.norm(points[first] - points[second], axis=1)
    # where the image stands still every way is as good: the shorter one then
    cost = np.where(np.isfinite(cost), cost, 1e30) + (1e-6 * np.median(cost) + 1e-12) * latent
    total = len(points)
    keep = np.unique(np.minimum(first, second) * total + np.maximum(first, second), return_index=True)[1]
    graph = coo_matrix((cost[keep], (first[keep], second[keep])), shape=(total, total)).tocsr()
    sources = side**d + np.arange(batch)
    spent, before = dijkstra(graph, directed=False, indices=sources, return_predecessors=True)
    segments = max(2 * modes, 16)
    t = np.linspace(0, 1, segments + 1)
    trace = partial(_chain, points=points, segments=t)
    found = np.stack([trace(before[i], spent[i], sources[i], side**d + batch + i) for i in range(batch)])
    line = (1 - t)[:, None] * a[:, None] + t[:, None] * b[:, None]
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
