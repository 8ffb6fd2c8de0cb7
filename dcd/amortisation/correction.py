r"""Exact samples of a chain's target with the flow as a global proposal (arXiv 2111.02702).

Candidates :math:`v = f(u)`, :math:`u \sim b`, of an amortised pair have the weights :math:`w = h(v) - \log q(v)` of
:mod:`dcd.amortisation.objective`. Both methods leave the target invariant, whatever the flow, as far as the flow's law
covers it:

* ``isir`` puts the current sample among N - 1 candidates and draws one with probability softmax(w);
* ``mh`` accepts each of K candidates with probability :math:`\min(1, e^{w' - w})`.

A step of either jumps between modes, which a Langevin step does not; a short chain after it moves within them. A
candidate whose weight is NaN or infinite is not taken where there is another.
"""

from __future__ import annotations

from typing import Literal, get_args

import jax
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Pair
from pairs.arguments import checked_key, differentiable
from pairs.arrays import on_device
from pairs.batches import apply_in_batches
from pairs.checks import check_choice, check_count
from pairs.flows.couplings import Flow

from ..langevin.chain import refine
from ..langevin.settings import Langevin
from ..langevin.starts import draw_latents, labels_for
from ..selection.candidates import MOST_CANDIDATES, MOST_OUTPUTS, candidate_ids, uniforms
from ..selection.importance_resampling import isir_chain
from ..selection.metropolis_hastings import mh_chain
from ..selection.selected import Selection, in_batches
from .amortised_pair import amortised_chain, flow_of, original_pair
from .objective import ChartLaw, chart_law, check_law, log_weights

__all__ = ["Method", "correct"]

Method = Literal["isir", "mh"]
_NEVER = -1e300  # the log weight of what is never taken; minus infinity would make NaN of differences


def correct(
    pair: Pair,
    n: int,
    key: Array,
    *,
    method: Method = "isir",
    particles: int = 8,
    steps: int = 8,
    then: Langevin | None = None,
    labels: ArrayLike | None = None,
    first_index: int = 0,
    batch: int = 256,
) -> Selection:
    """Draw ``n`` samples, each the end of a chain of global moves that the flow proposes.

    Args:
      pair: A pair that :func:`dcd.amortise` made.
      n: Number of samples.
      key: Typed key.
      method: ``isir`` or ``mh``, as above.
      particles: Candidates of a step of ``isir``, the current sample included, at least 2; ``mh`` has 2.
      steps: Steps of a chain; it may see 2047 candidates in all.
      then: Chain in latent space that ends each sample, on the pair without the flow; None for none.
      labels: ``(n,)`` classes of a conditional pair; all in turn by default.
      first_index: Global number of the first sample.
      batch: Candidates per compiled call.

    Returns:
      The samples; ``latents`` are those of :func:`dcd.original_pair`, ``log_ratio`` holds the weights w up to a
      constant, and ``acceptance`` is the share of steps that moved (``isir``) or the mean acceptance probability
      (``mh``). ``exhausted`` marks samples none of whose candidates had a finite weight, and
      ``settings["not_finite"]`` is the share of such candidates.

    Raises:
      InputError: A pair without a flow, a flow of a chain that samples no density, settings out of range, a final chain
        that moves samples, or no candidate at all with a finite weight.

    Example:
      >>> import dcd, pairs
      >>> import jax.numpy as jnp
      >>> nets = pairs.wrap(lambda p, z: z * p, jnp.ones(2)), pairs.wrap(lambda p, x: x @ p, jnp.ones(2))
      >>> pair = pairs.make_pair(*nets, pairs.Normal((2,)), sample_range=None, critic_kind="energy")
      >>> chain, key = dcd.preset("ddls").replace(steps=2), jax.random.key(0)
      >>> fast, _ = dcd.amortise(pair, chain, key, dcd.Amortise(steps=1, layers=1, bins=0, chain_weight=0.0, pool=64))
      >>> correct(fast, 5, key, steps=2).samples.shape
      (5, 2)

    References:
      Samsonov et al., Local-Global MCMC kernels: the best of both worlds, arXiv 2111.02702.
    """
    flow, params, _ = flow_of(pair)
    chain, original = amortised_chain(pair), original_pair(pair)
    key = checked_key(key, pair=pair)
    check_choice("method", method, get_args(Method))
    check_count("particles", particles, 2, MOST_CANDIDATES)
    fresh = 1 if method == "mh" else particles - 1
    check_count("steps", steps, 1, (MOST_CANDIDATES - 1) // fresh)
    check_count("n", n)
    if n + first_index > MOST_OUTPUTS:
        raise InputError("n", f"is {n} from index {first_index}", f"give 1 to {MOST_OUTPUTS} samples in all")
    if then is not None and then.space != "latent":
        raise InputError("then", "moves samples", "give a chain with space='latent'")
    problem = check_law(original, chain)
    if problem is not None:
        raise InputError("pair", f"learned from a chain that {problem}", "amortise the target of the preset 'ddls'")
    index, given = np.arange(n) + first_index, labels_for(pair, n, labels, first_index)
    law, count = chart_law(differentiable(original), pair.prior, chain), 1 + steps * fresh
    moved = strange = 0.0

    def candidates(rows: np.ndarray, attempt: ArrayLike) -> tuple[Array, Array]:
        c = None if given is None else on_device(np.asarray(given)[rows])
        u = draw_latents(pair.prior, key, on_device(candidate_ids(index[rows], attempt)), c)
        return _weighed(law.labelled(c), flow, params, u)

    def run(rows: np.ndarray, keep: int) -> tuple[ArrayLike, ...]:
        nonlocal moved, strange
        w = np.stack([np.asarray(candidates(rows, t)[0], np.float64) for t in range(count)])
        finite = np.isfinite(w)
        strange += float((~finite[:, :keep]).sum())
        w = np.where(finite, w, _NEVER)
        uniform = np.stack([uniforms(key, candidate_ids(index[rows], s)) for s in range(steps)])
        if method == "mh":
            pick, share = mh_chain(w[0], w[1:], uniform)
            pick = pick + 1
        else:
            pick, share = isir_chain(w, uniform)
        moved += float(share[:keep].sum())
        won, z = candidates(rows, pick)
        return z, won, w[0], pick, ~finite.any(0)

    latents, weights, start, pick, exhausted = in_batches(run, n, batch)
    if exhausted.all():
        raise InputError("pair", "weighs all candidates of its flow with NaN or infinity", "amortise the pair anew")
    if then is None:
        samples = apply_in_batches(original.generator, latents, *(() if given is None else (given,)), batch=batch)
    else:
        end = jax.random.fold_in(key, 0x7E4)
        samples = refine(
            original, then, end, n, latents=latents, labels=given, first_index=first_index, batch=batch
        ).after
    settings = {"particles": float(1 + fresh), "steps": float(steps), "not_finite": strange / (n * count)}
    return Selection(
        samples,
        latents,
        None if given is None else np.asarray(given),
        weights,
        start,
        pick.astype(np.int32),
        np.full(n, count, np.int32),
        exhausted,
        moved / n,
        settings,
    )


def _weights_and_latents(law: ChartLaw, flow: Flow, params: object, u: Array) -> tuple[Array, Array]:
    value, z, _ = log_weights(law, flow, params, u)
    return value, z


_weighed = jax.jit(_weights_and_latents, static_argnums=1)
