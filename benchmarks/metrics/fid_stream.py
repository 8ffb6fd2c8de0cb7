r"""Frechet distance of two paired sets too large for memory; intervals of :mod:`benchmarks.metrics.fid_interval`.

Blocks of rows pass once. Each is cut into g random groups whose moments are kept, so that

.. math:: \theta_{(j)} = \mathrm{FD}\Big(\bigcup_{i \ne j} G_i\Big)

comes from moments alone, without the rows. Above ``DELTA_ABOVE`` dimensions one pass gives the moments, and a second
the variance of the influence function. Memory is that of 2 g covariances, or of two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import ArrayLike

from pairs import InputError

from .fid import Moments, covariance_factor, frechet_distance, moments
from .fid_interval import DELTA_ABOVE, influence_map, interval
from .metric_change import MetricChange

__all__ = ["fid_change_of_stream"]

Blocks = Callable[[], Iterable[tuple[np.ndarray, np.ndarray]]]


def fid_change_of_stream(
    blocks: Blocks, mu: ArrayLike, sigma: ArrayLike, *, groups: int = 25, level: float = 0.95, seed: int = 0
) -> MetricChange:
    """As :func:`fid_change` of paired sets, from blocks of rows.

    Args:
      blocks: Gives the blocks anew at each call, rows before and after, ``(n_i, d)`` each.
      mu: Mean of the reference.
      sigma: Its covariance.
      groups: Groups of the jackknife.
      level: Level of the intervals.
      seed: Seed of the groups.

    Returns:
      The distances and their difference.

    Raises:
      InputError: Fewer than 4 rows, NaN or infinity.
    """
    mu, sigma = np.asarray(mu, np.float64), np.asarray(sigma, np.float64)
    wide = len(mu) > DELTA_ABOVE
    parts = [_grouped(blocks, side, 1 if wide else groups, seed) for side in (0, 1)]
    wholes = [_merged(p) for p in parts]
    if wholes[0].n < 4:
        raise InputError("n", f"is {wholes[0].n}", "give at least 4 samples")
    factor = covariance_factor(sigma)
    distance = lambda m: frechet_distance(m.mean, m.covariance, mu, sigma, factor)
    values = [distance(whole) for whole in wholes]
    if wide:
        effects = [influence_map(whole, mu, sigma) for whole in wholes]
        columns = _merged(moments(np.stack([f(x) for f, x in zip(effects, pair, strict=True)], 1)) for pair in blocks())
        spread = columns.covariance / columns.n
        errors, freedom = np.sqrt([*np.diag(spread), spread[0, 0] + spread[1, 1] - 2 * spread[0, 1]]), math.inf
    else:
        used = [j for j in range(groups) if parts[0][j].n]
        first, second = (
            np.array([distance(whole.without(p[j])) for j in used]) for whole, p in zip(wholes, parts, strict=True)
        )
        errors = np.array([v.std() for v in (first, second, second - first)]) * math.sqrt(len(used) - 1)
        freedom = float(len(used) - 1)
    difference = values[1] - values[0]
    cis = [interval(v, e, level, freedom) for v, e in zip((*values, difference), errors.tolist(), strict=True)]
    return MetricChange(values[0], cis[0], values[1], cis[1], difference, cis[2])


def _grouped(blocks: Blocks, side: int, groups: int, seed: int) -> list[Moments]:
    """Moments of each group of one side; both sides are cut alike."""
    found: list[Moments] = []
    for number, pair in enumerate(blocks()):
        rows = np.asarray(pair[side], np.float64)
        if not found:
            nothing = Moments(0, np.zeros(rows.shape[1]), np.zeros((rows.shape[1],) * 2))
            found = [nothing] * groups
        order = np.random.default_rng([seed, number]).permutation(len(rows))
        # where blocks are smaller than the groups are many, the first groups must not get all rows
        shift = number % groups
        for j, chosen in enumerate(np.array_split(order, groups)):
            if len(chosen):
                at = (j + shift) % groups
                found[at] = found[at].merge(moments(rows[chosen]))
    if not found:
        raise InputError("features", "are empty", "give at least 4 samples")
    return found


def _merged(parts: Iterable[Moments]) -> Moments:
    first, *rest = parts
    for part in rest:
        first = first.merge(part)
    return first
