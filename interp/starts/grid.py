r"""Starts from a grid over small latents: the cheapest chain of all, before a solver makes it smooth.

A solver that descends from the line finds the nearest valley. In two or three dimensions all valleys can be measured:
neighbours on a grid over the prior's bulk are joined by edges, ends are tied to the corners around them, and
:mod:`interp.starts.chains` finds the cheapest chain. An edge whose features are more than three times as far apart as
the median may cross a bad region that neither of its ends shows (the seams of a GAN are far thinner than a grid), so it
is measured in eight pieces. The generator runs once per grid point and on those pieces, for any number of pairs of
ends. Directions are limited to those of the grid (16 directions make a detour of at most 3 %), which the solver
removes.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np
from jax import Array

from pairs import InputError, Normal

from ..metric.energy import Metric
from .chains import charged_length, observe_nodes, shortest_chains

__all__ = ["grid_start"]

_JUMP = 3.0  # times the median feature distance of edges
_REACH = 3.0  # half the width of the grid in units of the prior's scale


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


def grid_start(metric: Metric, z0: Array, z1: Array, modes: int, *, side: int = 48) -> Array:
    """Coefficients of the cheapest chains through a grid, for the ``initial`` of :func:`interp.geodesic`.

    Args:
      metric: With weights if conformal; in the other modes the critic plays no part in the chain.
      z0: First ends, ``(batch, d)``, d = 2 or 3.
      z1: Last ends, ``(batch, d)``.
      modes: Number of sine modes.
      side: Grid points per dimension. The grid is six prior scales wide, more where an end lies outside.

    Returns:
      Sine coefficients relative to the line, ``(batch, modes, d)``.

    Raises:
      InputError: The latents have another dimension, or the pair is conditional.

    Example:
      >>> import jax.numpy as jnp, pairs
      >>> flat, critic = pairs.wrap(lambda p, z: z), pairs.wrap(lambda p, x: x[:, 0])
      >>> pair = pairs.make_pair(flat, critic, pairs.Normal((2,)), sample_range=None, critic_kind="energy")
      >>> start = grid_start(Metric(pair, mode="none"), jnp.zeros((1, 2)), jnp.ones((1, 2)), 4, side=16)
      >>> start.shape, bool(jnp.max(jnp.abs(start)) < 0.5)  # in a flat space the line is the cheapest chain
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
    bulk = _REACH * (prior.scale if isinstance(prior, Normal) else 1.0)
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

    f, w = observe_nodes(metric, points, dtype)
    gap = np.linalg.norm((f[first] - f[second]).astype(np.float64), axis=1)
    cost = 0.5 * (w[first] + w[second]) * gap
    jumps = np.flatnonzero(gap > _JUMP * np.median(gap))
    cost[jumps] = charged_length(metric, points[first[jumps]], points[second[jumps]], dtype)
    sources = side**d + np.arange(batch)
    return shortest_chains(points, first, second, cost, sources, sources + batch, modes, dtype)
