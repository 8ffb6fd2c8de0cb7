r"""Iterated sampling importance resampling with fresh generator samples (arXiv 2111.02702).

A step puts the current sample among N - 1 new ones and draws one of the N with probability

.. math:: \mathrm{softmax}(d(x_1), \dots, d(x_N)), \qquad d = \log p/q

which leaves p invariant for any N of at least 2; as N grows one step becomes importance resampling.
"""

from __future__ import annotations

import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import Pair
from pairs.checks import check_count

from ..langevin.settings import Langevin
from .candidates import MOST_CANDIDATES, Source, candidate_ids, uniforms
from .selected import Selection, in_batches

__all__ = ["isir", "isir_chain", "isir_pick", "isir_probabilities"]


def isir_probabilities(log_ratios: ArrayLike) -> np.ndarray:
    """Softmax over the first axis in float64, ``(N, ...)``."""
    d = np.asarray(log_ratios, np.float64)
    w = np.exp(d - d.max(axis=0))
    return w / w.sum(axis=0)


def isir_pick(log_ratios: ArrayLike, uniform: ArrayLike) -> np.ndarray:
    """The particle that one uniform number draws, by the inverse of the distribution function.

    Args:
      log_ratios: ``(N, ...)`` log density ratios of the particles.
      uniform: ``(...)`` uniform numbers.

    Returns:
      Numbers of particles, ``(...)``.

    Example:
      >>> int(isir_pick(np.log([0.2, 0.5, 0.3]), 0.69))
      1
    """
    total = np.cumsum(isir_probabilities(log_ratios), axis=0)
    return np.sum(np.asarray(uniform) * total[-1] >= total[:-1], axis=0)


def isir_chain(log_ratios: ArrayLike, uniform: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Chains of L steps that start at candidate 0 and see N - 1 further ones per step, in order.

    Args:
      log_ratios: ``(1 + L (N - 1), b)``.
      uniform: ``(L, b)``.

    Returns:
      The candidate that each chain ends at and the share of steps that moved, both ``(b,)``.
    """
    d, u = np.asarray(log_ratios, np.float64), np.asarray(uniform)
    steps = len(u)
    fresh = (len(d) - 1) // steps
    columns = np.arange(d.shape[1])
    pick, moves = np.zeros(d.shape[1], np.int64), np.zeros(d.shape[1])
    for step in range(steps):
        low = 1 + step * fresh
        among = np.concatenate([d[pick, columns][None], d[low : low + fresh]])
        chosen = isir_pick(among, u[step])
        pick = np.where(chosen > 0, low + chosen - 1, pick)
        moves += chosen > 0
    return pick, moves / steps


def isir(
    pair: Pair,
    n: int,
    key: Array,
    *,
    particles: int = 8,
    steps: int = 8,
    first: Langevin | None = None,
    then: Langevin | None = None,
    labels: ArrayLike | None = None,
    first_index: int = 0,
    batch: int = 256,
) -> Selection:
    """Draw ``n`` samples, each the end of a chain of ``steps`` with ``particles`` - 1 new candidates per step.

    The cost is (1 + steps (particles - 1)) (F_G + F_D) per sample. The released code evaluates the current sample anew
    at each step.

    Args:
      pair: A pair with a calibrated critic.
      n: Number of samples.
      key: Typed key.
      particles: Candidates of a step, the current sample included, at least 2.
      steps: Steps of a chain; it may see 2047 candidates in all.
      first: Chain that refines every candidate before it is judged.
      then: Chain that refines what was selected.
      labels: ``(n,)`` classes of a conditional pair; all in turn by default.
      first_index: Global number of the first sample.
      batch: Candidates per compiled call.

    Returns:
      The samples with their log ratios; ``acceptance`` is the share of steps that moved.

    Raises:
      InputError: An uncalibrated critic or settings out of range.

    References:
      Samsonov et al., Local-Global MCMC kernels: the best of both worlds, arXiv 2111.02702.
    """
    source = Source(pair, key, n, "i-SIR", first=first, labels=labels, first_index=first_index, batch=batch)
    check_count("particles", particles, 2, MOST_CANDIDATES)
    check_count("steps", steps, 1, (MOST_CANDIDATES - 1) // (particles - 1))
    count = 1 + steps * (particles - 1)
    moved = 0.0

    def run(rows: np.ndarray, keep: int) -> tuple[ArrayLike, ...]:
        nonlocal moved
        d = source.log_ratios(rows, count)
        u = np.stack([uniforms(key, candidate_ids(source.index[rows], s)) for s in range(steps)])
        pick, share = isir_chain(d, u)
        moved += float(share[:keep].sum())
        won = source.draw(rows, pick)
        return won.samples, won.latents, won.log_ratio, d[0], pick

    samples, latents, ratio, start_ratio, pick = in_batches(run, n, batch)
    return Selection(
        source.finish(samples, latents, then),
        latents,
        source.labels,
        ratio,
        start_ratio,
        pick.astype(np.int32),
        np.full(n, count, np.int32),
        np.zeros(n, bool),
        moved / n,
        {"particles": particles, "steps": steps},
    )
