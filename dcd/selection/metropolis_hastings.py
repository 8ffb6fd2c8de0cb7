r"""MH-GAN: an independence Metropolis chain over generator samples (arXiv 1811.11357).

Each output runs a chain over K samples of the generator, and sample k replaces the current one with probability

.. math:: \alpha = \min\left(1, \frac{p(x_k)\,q(x)}{q(x_k)\,p(x)}\right) = \min\left(1, e^{d(x_k) - d(x)}\right),

which leaves p invariant if d is the log ratio p/q. Started at a real sample the chain is stationary at
once; a chain that never leaves it returns what the same chain gives when it starts at its first sample.
"""

from __future__ import annotations

import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Pair
from pairs.checks import check_samples

from ..critics.scores import scores_of
from ..langevin.settings import Langevin
from .candidates import Selection, Source, candidate_ids, check_count, uniforms

__all__ = ["mh_gan", "mh_acceptance", "mh_chain", "pick_distribution"]


def mh_acceptance(current: ArrayLike, proposed: ArrayLike) -> np.ndarray:
    """:math:`\\min(1, e^{d' - d})`, for log ratios of the current and of the proposed samples."""
    return np.exp(np.minimum(np.asarray(proposed, np.float64) - np.asarray(current, np.float64), 0.0))


def mh_chain(start: ArrayLike, proposals: ArrayLike, uniform: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Chains over given proposals.

    Args:
      start: (b,) log ratios of the starts.
      proposals, uniform: (K, b).

    Returns:
      The number of the proposal each chain ends at, -1 if it never left its start, and the mean
      acceptance probability, both (b,).

    >>> [int(v) for v in mh_chain([0.0], [[1.0], [-9.0]], [[0.5], [0.5]])[0]]
    [0]
    """
    current = np.array(start, np.float64)
    pick, total = np.full(current.shape, -1), np.zeros(current.shape)
    d, u = np.asarray(proposals, np.float64), np.asarray(uniform)
    for k in range(len(d)):
        alpha = mh_acceptance(current, d[k])
        yes = u[k] < alpha
        current, pick = np.where(yes, d[k], current), np.where(yes, k, pick)
        total += alpha
    return pick, total / max(1, len(d))


def pick_distribution(log_ratios: ArrayLike) -> np.ndarray:
    """Where a chain started at entry 0 ends, as probabilities of the entries, (K + 1,).

    By the recursion :math:`p_j \\leftarrow p_j (1 - \\alpha_{jk})`, :math:`p_k = 1 - \\sum_{j<k} p_j`.
    """
    d = np.asarray(log_ratios, np.float64)
    p = np.zeros(len(d))
    p[0] = 1.0
    for k in range(1, len(d)):
        p[:k] *= 1 - mh_acceptance(d[:k], d[k])
        p[k] = 1 - p[:k].sum()
    return p


def mh_gan(
    pair: Pair,
    n: int,
    key: Array,
    *,
    proposals: int = 64,
    real_x: ArrayLike | None = None,
    first: Langevin | None = None,
    then: Langevin | None = None,
    labels: ArrayLike | None = None,
    first_index: int = 0,
    batch: int = 256,
) -> Selection:
    """``n`` samples, each the end of a chain over ``proposals`` candidates (the paper takes 640).

    Cost: K (F_G + F_D) per sample. Released code draws its uniforms in one stream; here they belong
    to (key, output, proposal).

    Args:
      real_x: real samples to start from, drawn at random (unconditional pairs only; a label's start
        would have to carry it); otherwise chains start at their first candidate.
      first: chain that refines every candidate before it is judged.
      then: chain that refines what was selected.

    Raises:
      InputError: uncalibrated critic or settings out of range.
    """
    source = Source(pair, key, n, "MH-GAN", first=first, labels=labels, first_index=first_index, batch=batch)
    check_count("proposals", proposals, 1)
    starts = None
    if real_x is not None:
        if pair.classes is not None:
            raise InputError(
                "real_x", "is given for a conditional pair", "leave it out: chains then start at candidates"
            )
        starts = source.ratio(scores_of(pair, check_samples("real_x", pair, real_x)))
    parts: list[tuple[np.ndarray, ...]] = []
    rate = 0.0
    for low in range(0, n, batch):
        rows, keep = np.minimum(np.arange(low, low + batch), n - 1), min(batch, n - low)
        d = source.log_ratios(rows, proposals)
        u = np.stack([uniforms(key, candidate_ids(source.index[rows], t)) for t in range(proposals)])
        pick, accepted = mh_chain(d[0], d[1:], u[1:])
        pick = pick + 1  # the start is candidate 0
        capped = np.zeros(batch, bool)
        if starts is not None:
            which = uniforms(key, source.index[rows], purpose=0x5EA1)
            real = starts[np.minimum((which * len(starts)).astype(int), len(starts) - 1)]
            from_real, accepted = mh_chain(real, d, u)
            capped = from_real < 0
            pick = np.where(capped, pick, from_real)
        rate += float(accepted[:keep].sum())
        won = source.draw(rows, pick)
        parts.append(tuple(np.asarray(v)[:keep] for v in (won.samples, won.latents, won.log_ratio, d[0], pick, capped)))
    settings = {"proposals": proposals, "from_real": float(real_x is not None)}
    samples, latents, ratio, start_ratio, pick, capped = (np.concatenate(v) for v in zip(*parts, strict=True))
    return Selection(
        source.finish(samples, latents, then),
        latents,
        source.labels,
        ratio,
        start_ratio,
        pick.astype(np.int32),
        np.full(n, proposals, np.int32),
        capped,
        rate / n,
        settings,
    )
