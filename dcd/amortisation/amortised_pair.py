"""A pair whose generator has a flow before it, and the pair that it was made of."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Net, Pair, Prior, Record
from pairs.arguments import checked_key
from pairs.batches import map_batches
from pairs.checks import check_count
from pairs.digests import tree_digest
from pairs.flows.couplings import Flow
from pairs.flows.latent_flow import FlowGeneratorApply, flow_encoder, flow_generator, flow_latents
from pairs.heads.affine_score import part_architecture

from ..langevin.settings import Langevin
from ..langevin.starts import draw_latents, labels_for

__all__ = ["amortised_chain", "amortised_latents", "amortised_pair", "flow_of", "original_pair"]


def amortised_pair(pair: Pair, flow: Flow, params: Any, base: Prior, chain: Langevin, record: Record) -> Pair:
    """``pair`` with a flow before its generator.

    Args:
      pair: The pair.
      flow: The flow.
      params: Its parameters.
      base: Base law of the flow, the new pair's prior.
      chain: Chain whose target the flow was trained for; the record keeps it.
      record: Record of the new pair, to which ``amortised`` is added.
    """
    kept = record.updated(
        amortised={"chain": chain.to_dict(), "calibrated": _critic(pair) if pair.calibrated else None}
    )
    encoder = None if pair.encoder is None else flow_encoder(pair.encoder, pair.prior, flow, params)
    generator = flow_generator(pair.generator, pair.prior, flow, params)
    # the critic's ratio is that of the data to the generator without the flow
    return pair.replace(generator=generator, prior=base, encoder=encoder, calibrated=False, record=kept)


def flow_of(pair: Pair) -> tuple[Flow, Any, Prior]:
    """The flow of an amortised pair, its parameters, and the prior that its generator was trained with.

    Raises:
      InputError: The pair has no flow.
    """
    apply = pair.generator.apply
    if not isinstance(apply, FlowGeneratorApply):
        raise InputError("pair", "has no flow before its generator", "make one: 'ganrefine amortise', dcd.amortise")
    return apply.flow, pair.generator.params["flow"], pair.generator.params["prior"]


def amortised_chain(pair: Pair) -> Langevin:
    """The chain for whose target the flow of an amortised pair was trained.

    Raises:
      InputError: The pair has no flow, or its record names no chain.
    """
    flow_of(pair)
    chain = pair.record.to_dict().get("amortised", {}).get("chain")
    if chain is None:
        raise InputError("pair", "does not say for which chain its flow was trained", "amortise the pair anew")
    return Langevin.from_dict(chain)


def original_pair(pair: Pair) -> Pair:
    """The pair that an amortised one was made of: its generator without the flow, with its own prior.

    It is calibrated where the pair was and has the same critic still.

    Raises:
      InputError: The pair has no flow.
    """
    prior = flow_of(pair)[2]
    encoder = None if pair.encoder is None else _inner(pair.encoder)
    record = pair.record.to_dict()
    kept = record.pop("amortised", {}).get("calibrated")
    same = kept is not None and kept == _critic(pair)
    return pair.replace(
        generator=_inner(pair.generator), prior=prior, encoder=encoder, calibrated=same, record=Record(record)
    )


def amortised_latents(
    pair: Pair, key: Array, n: int, labels: ArrayLike | None = None, *, first_index: int = 0, batch: int = 256
) -> Array:
    """Refined latents of the *original* pair, to start a short chain from.

    Args:
      pair: An amortised pair.
      key: Typed key.
      n: Number of latents.
      labels: Classes ``(n,)`` of a conditional pair; all in turn by default.
      first_index: Number of the first one; each depends on the key and its number alone.
      batch: Latents per compiled call.

    Returns:
      ``(n, *latent)``.

    Raises:
      InputError: The pair has no flow, or labels that do not fit.

    Example:
      >>> import dcd, pairs
      >>> nets = pairs.wrap(lambda p, z: z * p, jnp.ones(2)), pairs.wrap(lambda p, x: x @ p, jnp.ones(2))
      >>> pair = pairs.make_pair(*nets, pairs.Normal((2,)), sample_range=None, critic_kind="energy")
      >>> chain, key = dcd.preset("ddls").replace(steps=2), jax.random.key(0)
      >>> fast, _ = dcd.amortise(pair, chain, key, dcd.Amortise(steps=1, layers=1, bins=0, chain_weight=0.0, pool=64))
      >>> dcd.refine(original_pair(fast), chain, key, 3, latents=amortised_latents(fast, key, 3)).after.shape
      (3, 2)
    """
    flow, params, prior = flow_of(pair)
    key = checked_key(key, pair=pair)
    check_count("n", n)
    own = labels_for(pair, n, labels, first_index)
    ids = jnp.arange(n) + first_index

    def some(ids: Array, *c: Array) -> Array:
        u = draw_latents(pair.prior, key, ids, *c)
        return _latents(flow, params, prior, u, *c)

    return jnp.asarray(map_batches(some, ids, *(() if own is None else (own,)), batch=batch))


def _flow_latents(flow: Flow, params: Any, prior: Prior, u: Array, *labels: Array) -> Array:
    return flow_latents(flow, params, prior, u, *labels)[0]


_latents = jax.jit(_flow_latents, static_argnums=0)


def _critic(pair: Pair) -> str:
    """What tells a critic from another one."""
    made_by = pair.critic.architecture
    about = None if made_by is None else [made_by.name, made_by.config.to_dict()]
    return tree_digest([pair.critic_kind, about], pair.critic.params)


def _inner(net: Net) -> Net:
    apply: Any = net.apply
    return Net(net.params["inner"], apply.inner, part_architecture(net, "inner"))
