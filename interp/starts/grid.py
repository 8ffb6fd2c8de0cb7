r"""Starts from a grid over small latents: the globally shortest way round, before it is made smooth.

A solver that descends from the line finds the nearest valley. In two or three dimensions all valleys can be looked
at: neighbours on a grid over the prior's bulk are joined by edges, ends are tied to the corners around them, and
:mod:`interp.starts.chains` finds the cheapest chain. An edge more than three times as long
as the median may leap a bad region that both its ends know nothing of (the seams of a GAN are far thinner than a
grid): it is measured in eight pieces. The generator runs once per grid point and on those, whatever the number
of pairs. Only a start: directions are limited to those of the grid (a detour of at most 3 %
with 16 directions), the solver removes that.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np
from jax import Array

from pairs import InputError, Normal

from ..metric.energy import Metric
from .chains import charged_length, look, shortest_routes

__all__ = ["grid_start"]

_LEAP = 3.0


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


def grid_start(metric: Metric, z0: Array, z1: Array, modes: int, *, side: int = 48, reach: float = 3.0) -> Array:
    """Sine coefficients ``(batch, modes, d)`` relative to the line, for the ``initial`` of :func:`interp.geodesic`.

    Args:
      metric: with weights (conformal) or without; the other modes are started without the critic.
      z0, z1: ends ``(batch, d)``, d = 2 or 3.
      side: grid points per dimension. reach: half the grid's width in units of the prior's scale, more where
        an end lies outside.

    Raises:
      InputError: another dimension, a conditional pair.

    >>> import jax.numpy as jnp, pairs
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

    f, w = look(metric, points, dtype)
    gap = np.linalg.norm((f[first] - f[second]).astype(np.float64), axis=1)
    cost = 0.5 * (w[first] + w[second]) * gap
    leaps = np.flatnonzero(gap > _LEAP * np.median(gap))
    cost[leaps] = charged_length(metric, points[first[leaps]], points[second[leaps]], dtype)
    sources = side**d + np.arange(batch)
    return shortest_routes(points, first, second, cost, sources, sources + batch, modes, dtype)
