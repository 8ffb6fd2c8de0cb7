r"""Distances and shares of two paired sets to one real set, in pieces whose spread gives the error of their difference.

Row i of ``before`` and of ``after`` come from one latent, so the two sets share noise that cancels in a difference. A
:class:`Paired` holds equally many independent pieces of both; any combination
:math:`a\,\mathrm{after} - b\,\mathrm{before}` then has the mean of the pieces' combination as its estimate, and the
standard deviation of that over :math:`\sqrt g` as its error.

``fid``: grouped jackknife. With :math:`\theta_{(j)}` the Frechet distance without the j-th of g groups of the samples
*and* of the real rows, the pieces are the pseudo-values

.. math:: p_j = g\,\theta - (g - 1)\,\theta_{(j)}.

Their mean is free of the bias of order 1/n, which differs between two laws and would favour the narrower one; their
spread holds the noise of the real rows, which cancels only where both laws are alike.

``kid``, ``recall``, ``coverage``: the values on blocks of ``block`` samples against as many real rows. Their meaning
does not depend on n, so looks at different n can be joined. Where the samples make more blocks than the real rows, the
blocks that share a real one are averaged to one piece, since they are not independent.

Groups and blocks are consecutive rows: give samples in the order they were drawn, and real rows in random order.

References:
  Efron and Stein, "The jackknife estimate of variance", Annals of Statistics 9 (1981).
  Zaremba, Gretton and Blaschko, "B-tests: low variance kernel two-sample tests", arXiv 1307.1954.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from dcd.tuning.rule import Paired
from pairs import InputError

from .fid import Moments, covariance_factor, frechet_distance, moments
from .kid import kernel_distance
from .prdc import density_coverage, precision_recall

__all__ = ["paired_frechet", "paired_measures", "paired_shares"]


def _rows(before: ArrayLike, after: ArrayLike, real: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, b, y = (np.asarray(v, np.float64) for v in (before, after, real))
    if a.ndim != 2 or a.shape != b.shape or y.ndim != 2 or y.shape[1] != a.shape[1]:
        problem = f"have shapes {a.shape} before, {b.shape} after and {y.shape} real"
        raise InputError("rows", problem, "give (n, d), (n, d) and (m, d) of one feature net")
    return a, b, y


def _without_each(rows: np.ndarray, groups: int) -> tuple[Moments, list[Moments]]:
    """Moments of all rows, and without each group."""
    parts = [moments(part) for part in np.array_split(rows, groups)]
    whole = moments(rows)
    rest = []
    for part in parts:
        n = whole.n - part.n
        mean = (whole.n * whole.mean - part.n * part.mean) / n
        delta = part.mean - mean
        scatter = whole.scatter - part.scatter - np.outer(delta, delta) * (n * part.n / whole.n)
        rest.append(Moments(n, mean, scatter))
    return whole, rest


def paired_frechet(before: ArrayLike, after: ArrayLike, real: ArrayLike, groups: int = 32) -> Paired:
    """Pseudo-values of the Frechet distance of both sets to ``real``.

    Args:
      before: rows ``(n, d)``.
      after: rows ``(n, d)``.
      real: rows ``(m, d)``.
      groups: number of groups g.

    Raises:
      InputError: rows that do not fit, fewer than 2 groups, fewer than 2 d + 2 groups of rows on a side: the expansion
        behind the jackknife needs covariances of full rank.
    """
    a, b, y = _rows(before, after, real)
    least = 2 * max(a.shape[1], groups)
    if groups < 2 or min(len(a), len(y)) < least:
        problem = f"are {len(a)} samples and {len(y)} real in {a.shape[1]} dimensions, {groups} groups"
        raise InputError("rows", problem, f"give at least {least} of each and 2 groups, or a net with fewer features")
    (whole_y, rest_y), sides = _without_each(y, groups), [_without_each(x, groups) for x in (a, b)]

    def distances(reference: Moments, parts: list[Moments]) -> list[float]:
        factor = covariance_factor(reference.covariance)
        return [frechet_distance(p.mean, p.covariance, reference.mean, reference.covariance, factor) for p in parts]

    whole = distances(whole_y, [side[0] for side in sides])
    left = np.array([distances(rest_y[j], [side[1][j] for side in sides]) for j in range(groups)])
    pieces = groups * np.array(whole) - (groups - 1) * left
    return Paired(pieces[:, 0], pieces[:, 1])


def paired_shares(before: ArrayLike, after: ArrayLike, real: ArrayLike, block: int = 250) -> dict[str, Paired]:
    """Kernel distance, recall and coverage of both sets on consecutive blocks.

    Args:
      before: rows ``(n, d)``.
      after: rows ``(n, d)``.
      real: rows ``(m, d)``.
      block: rows of a block; rows beyond the last whole block are not used.

    Raises:
      InputError: rows that do not fit, fewer than two blocks of samples or of real rows, blocks below 16 rows.
    """
    a, b, y = _rows(before, after, real)
    blocks, references = len(a) // block, len(y) // block
    if block < 16 or min(blocks, references) < 2:
        problem = f"make {blocks} blocks of samples and {references} of real rows, {block} each"
        raise InputError("rows", problem, f"give at least {2 * max(block, 16)} samples and as many real rows")
    found: dict[str, list[list[float]]] = {"kid": [], "recall": [], "coverage": []}
    for j in range(blocks):
        own, first = slice(j * block, (j + 1) * block), j % references * block
        reference = y[first : first + block]
        found["kid"].append([kernel_distance(x[own], reference) for x in (a, b)])
        found["recall"].append([precision_recall(reference, x[own]).recall for x in (a, b)])
        found["coverage"].append([density_coverage(reference, x[own]).coverage for x in (a, b)])
    count = min(blocks, references)
    pieces = {k: np.array([np.mean(v[j::references], axis=0) for j in range(count)]) for k, v in found.items()}
    return {name: Paired(values[:, 0], values[:, 1]) for name, values in pieces.items()}


def paired_measures(before: ArrayLike, after: ArrayLike, real: ArrayLike) -> dict[str, Paired]:
    """What the verdict weighs: ``fid``, ``kid``, ``recall`` and ``coverage``."""
    return {"fid": paired_frechet(before, after, real), **paired_shares(before, after, real)}
