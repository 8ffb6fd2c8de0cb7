"""Samples of a chain from which a flow learns."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jax import Array

from pairs import InputError, Pair
from pairs.arrays import on_device
from pairs.checks import check_number
from pairs.flows.latent_flow import FlowGeneratorApply

from ..langevin.chain import refine
from ..langevin.settings import Langevin
from ..langevin.starts import labels_for
from ..selection.optimal_rejection import obrs
from .objective import check_law
from .settings import Amortise

__all__ = ["ChainPool", "chain_pool", "check_amortisable"]


class ChainPool(NamedTuple):
    """Samples of a chain.

    Attributes:
      latents: ``(n, *latent)``.
      labels: ``(n,)`` classes of a conditional pair, else None.
      samples: ``(n, *sample)``.
      score: Their mean score.
      evaluations: Gradient evaluations of the chain, those of samples that were left out included.
    """

    latents: Array
    labels: Array | None
    samples: np.ndarray
    score: float
    evaluations: int


def check_amortisable(pair: Pair, chain: Langevin, settings: Amortise) -> None:
    """Refuse a pair, a chain and settings that do not fit each other.

    Raises:
      InputError: No critic, a flow already, a chain in pixel space or of no steps, a chain without a density where it
        is needed.
    """
    if isinstance(pair.generator.apply, FlowGeneratorApply):
        remedy = "amortise the pair that it was made of, dcd.original_pair"
        raise InputError("pair", "has a flow before its generator already", remedy)
    if not pair.has_critic:
        raise InputError("critic", "is missing: this pair has a generator alone", "make one: dcd.recover")
    if chain.space != "latent":
        remedy = "give a chain with space='latent', or use dcd.fold_chain"
        raise InputError("space", "is 'pixel': that chain moves samples", remedy)
    problem = check_law(pair, chain)
    weights = settings.trials(problem is None)
    if problem is not None and min(weights) < 1:
        remedy = "leave chain_weight out or give 1, which learns from the chain's samples alone, or the preset 'ddls'"
        raise InputError("chain", problem, remedy)
    if chain.steps == 0 and (max(weights) > 0 or settings.transport > 0):
        raise InputError("steps", "is 0: that chain moves nothing", "give a chain of at least 1 step")


def chain_pool(
    pair: Pair,
    chain: Langevin,
    key: Array,
    n: int,
    acceptance: float = 1.0,
    *,
    first_index: int = 0,
    batch: int = 128,
    on_progress: Callable[[int, int], None] | None = None,
) -> ChainPool:
    """Samples of the chain.

    Args:
      pair: The pair.
      chain: The chain, in latent space.
      key: Typed key.
      n: Number of samples; those that met NaN or infinity are left out.
      acceptance: Acceptance budget of OBRS before the chain.
      first_index: Number of the first sample.
      batch: Chains moved together.
      on_progress: Called as by :func:`dcd.refine`.

    Raises:
      InputError: An acceptance out of range, or no chain stayed finite.
    """
    check_number("acceptance", acceptance, above=0.0, at_most=1.0)
    latents = None
    if acceptance < 1:
        latents = obrs(pair, n, key, budget=acceptance, first_index=first_index).latents
    result = refine(
        pair, chain, key, n, latents=latents, first_index=first_index, batch=min(batch, n), on_progress=on_progress
    )
    kept = ~result.stopped
    if not kept.any():
        raise InputError("chain", "met NaN or infinity in all of its samples", "give a smaller step size")
    labels = labels_for(pair, n, first_index=first_index)
    own = None if labels is None else on_device(np.asarray(labels)[kept])
    z, mean = on_device(result.positions[kept]), float(np.mean(result.score[kept]))
    return ChainPool(z, own, result.after[kept], mean, n * chain.steps)
