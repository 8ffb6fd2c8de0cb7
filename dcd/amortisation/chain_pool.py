"""Samples of a chain from which a flow learns."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from pairs import InputError, Pair
from pairs.checks import check_number

from ..langevin.chain import refine
from ..langevin.settings import Langevin
from ..langevin.starts import labels_for
from ..selection.optimal_rejection import obrs
from .objective import check_law
from .settings import Amortise

__all__ = ["ChainPool", "chain_pool", "check_amortisable"]


class ChainPool(NamedTuple):
    """Samples of a chain to learn from.

    Attributes:
      latents: ``(n, *latent)``.
      labels: ``(n,)`` classes of a conditional pair, else None.
      score: Their mean score.
    """

    latents: Array
    labels: Array | None
    score: float


def check_amortisable(pair: Pair, chain: Langevin, settings: Amortise) -> None:
    """Refuse a pair, a chain and settings that do not fit each other.

    Raises:
      InputError: No critic, a chain in pixel space or of no steps, a chain without a density where it is needed.
    """
    if not pair.has_critic:
        raise InputError("critic", "is missing: this pair has a generator alone", "make one: dcd.recover")
    if chain.space != "latent":
        raise InputError("space", "is 'pixel': that chain moves samples", "give a chain with space='latent'")
    problem = check_law(pair, chain)
    if problem is not None and settings.chain_weight < 1:
        remedy = "give chain_weight 1, which learns from the chain's samples alone, or the preset 'ddls'"
        raise InputError("chain", problem, remedy)
    if chain.steps == 0 and (settings.chain_weight > 0 or settings.transport > 0):
        raise InputError("steps", "is 0: that chain moves nothing", "give a chain of at least 1 step")


def chain_pool(
    pair: Pair,
    chain: Langevin,
    key: Array,
    settings: Amortise,
    acceptance: float = 1.0,
    *,
    batch: int = 128,
    on_progress: Callable[[int, int], None] | None = None,
) -> ChainPool | None:
    """Samples of the chain to learn from; None where their divergence has weight 0.

    Raises:
      InputError: The pair, the chain and the settings do not fit.
    """
    check_number("acceptance", acceptance, above=0.0, at_most=1.0)
    check_amortisable(pair, chain, settings)
    if settings.chain_weight == 0:
        return None
    n, latents = settings.pool, None
    if acceptance < 1:
        latents = obrs(pair, n, key, budget=acceptance).latents
    result = refine(pair, chain, key, n, latents=latents, batch=min(batch, n), on_progress=on_progress)
    kept = ~result.stopped
    if not kept.any():
        raise InputError("chain", "met NaN or infinity in all of its samples", "give a smaller step size")
    labels = labels_for(pair, n)
    own = None if labels is None else jnp.asarray(np.asarray(labels)[kept])
    score = result.trace.score[-1] if chain.steps else result.start_score
    return ChainPool(jnp.asarray(result.positions[kept]), own, float(np.mean(score[kept])))
