r"""MH-GAN: an independence Metropolis chain over generator samples (arXiv 1811.11357).

Each output is the end of a chain over K samples of the generator, where sample k replaces the current one with
probability

.. math:: \alpha = \min\left(1, \frac{p(x_k)\,q(x)}{q(x_k)\,p(x)}\right) = \min\left(1, e^{d(x_k) - d(x)}\right),

which leaves p invariant if d is the log ratio p/q. A chain that starts at a real sample is stationary at once; where it
never leaves its start, the output is what the same chain gives when it starts at its first candidate.
"""

from __future__ import annotations

import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Pair
from pairs.batches import apply_in_batches
from pairs.checks import check_count, check_samples

from ..langevin.settings import Langevin
from .candidates import MOST_CANDIDATES, Source, candidate_ids, uniforms
from .selected import Selection, in_batches

__all__ = ["mh_acceptance", "mh_chain", "mh_gan"]


def mh_acceptance(current: ArrayLike, proposed: ArrayLike) -> np.ndarray:
    r"""The acceptance probability :math:`\min(1, e^{d' - d})`.

    Args:
      current: Log density ratios d of the current samples.
      proposed: Log density ratios d' of the proposed samples.

    Returns:
      Probabilities.
    """
    return np.exp(np.minimum(np.asarray(proposed, np.float64) - np.asarray(current, np.float64), 0.0))


def mh_chain(start: ArrayLike, proposals: ArrayLike, uniform: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Chains over given proposals.

    Args:
      start: ``(b,)`` log ratios of the starts.
      proposals: ``(K, b)`` log ratios of the proposals.
      uniform: ``(K, b)`` uniform numbers that decide.

    Returns:
      The number of the proposal that each chain ends at, -1 where it never left its start, and the mean acceptance
      probability, both ``(b,)``.

    Example:
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
    """Draw ``n`` samples, each the end of a chain over ``proposals`` candidates (the paper takes 640).

    The cost is K (F_G + F_D) per sample. Released code draws its uniform numbers in one stream; here they belong to the
    key, the output and the proposal.

    Args:
      pair: A pair with a calibrated critic.
      n: Number of samples.
      key: Typed key.
      proposals: K, the candidates of a chain.
      real_x: Real samples to start from, drawn at random, for unconditional pairs only: a label's start would have to
        carry the label. Without them chains start at their first candidate.
      first: Chain that refines every candidate before it is judged.
      then: Chain that refines what was selected.
      labels: ``(n,)`` classes of a conditional pair; all in turn by default.
      first_index: Global number of the first sample.
      batch: Candidates per compiled call.

    Returns:
      The samples with their log ratios.

    Raises:
      InputError: An uncalibrated critic or settings out of range.

    References:
      Turner et al., Metropolis-Hastings Generative Adversarial Networks, arXiv 1811.11357.
    """
    source = Source(pair, key, n, "MH-GAN", first=first, labels=labels, first_index=first_index, batch=batch)
    check_count("proposals", proposals, 1, MOST_CANDIDATES)
    starts = None
    if real_x is not None:
        if pair.classes is not None:
            remedy = "leave it out: chains then start at candidates"
            raise InputError("real_x", "is given for a conditional pair", remedy)
        starts = source.ratio(apply_in_batches(pair.critic, check_samples("real_x", pair, real_x)))
    rate = 0.0

    def run(rows: np.ndarray, keep: int) -> tuple[ArrayLike, ...]:
        nonlocal rate
        d = source.log_ratios(rows, proposals)
        u = np.stack([uniforms(key, candidate_ids(source.index[rows], t)) for t in range(proposals)])
        pick, accepted = mh_chain(d[0], d[1:], u[1:])
        pick = pick + 1  # the start is candidate 0
        capped = np.zeros(len(rows), bool)
        if starts is not None:
            which = uniforms(key, source.index[rows], purpose=0x5EA1)
            real = starts[np.minimum((which * len(starts)).astype(int), len(starts) - 1)]
            from_real, accepted = mh_chain(real, d, u)
            capped = from_real < 0
            pick = np.where(capped, pick, from_real)
        rate += float(accepted[:keep].sum())
        won = source.draw(rows, pick)
        return won.samples, won.latents, won.log_ratio, d[0], pick, capped

    samples, latents, ratio, start_ratio, pick, capped = in_batches(run, n, batch)
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
        {"proposals": proposals, "from_real": float(real_x is not None)},
    )
