r"""A short chain in sample space as the end of the generator: refined samples in one pass, with nothing to train.

The chain that :func:`dcd.tune` finds in sample space takes few steps of a small critic and has nearly no noise. Such a
chain is a function of the sample it starts from, and the pair whose generator is :math:`\mathrm{chain} \circ G` draws
what the chain draws, to the noise. Noise that moves a coordinate by more than a hundredth of the samples' half range
over the whole chain is not nothing, and is refused.
"""

from __future__ import annotations

import math

import numpy as np

from pairs import InputError, Pair, Record
from pairs.ascending_generator import ascending_generator

from ..langevin.settings import Langevin

__all__ = ["fold_chain"]

MOST_NOISE = 0.01
"""Standard deviation of the sum of a chain's noise, in units of the half range, or of 1 where there is no range."""


def fold_chain(pair: Pair, chain: Langevin) -> Pair:
    r"""The pair with a nearly noiseless chain in sample space behind its generator.

    Args:
      pair: Pair with the critic that drives the chain.
      chain: The chain: steps up the scaled score, clipped or not, and noise whose variance :math:`\sum_k 2\eta_k T` is
        at most :math:`10^{-4} r^2` for samples of half range r.

    Returns:
      A pair with the same prior, critic and encoder; uncalibrated, since the critic's ratio is that of the data to the
      generator without the chain. Its record keeps the chain under ``folded``, and none of its own.

    Raises:
      InputError: A chain in latent space, one with more noise, or one whose step is more than that.

    Example:
      >>> import jax, jax.numpy as jnp, pairs
      >>> nets = pairs.wrap(lambda p, z: z * p, jnp.ones(2)), pairs.wrap(lambda p, x: x @ p, jnp.ones(2))
      >>> pair = pairs.make_pair(*nets, pairs.Normal((2,)), sample_range=None, critic_kind="energy")
      >>> chain = Langevin("pixel", 3, 0.1, temperature=0.0)
      >>> moved = fold_chain(pair, chain).generate(jnp.zeros((1, 2))) - pair.generate(jnp.zeros((1, 2)))
      >>> [round(float(v), 4) for v in moved[0]]
      [0.3, 0.3]
    """
    if not pair.has_critic:
        raise InputError("pair", "has no critic to drive a chain", "make one: dcd.recover, ganrefine adapt PAIR DATA")
    if chain.space != "pixel":
        raise InputError("space", "is 'latent': that chain moves latents", "learn it: dcd.amortise")
    plain = Langevin(
        "pixel",
        chain.steps,
        chain.step_size,
        temperature=chain.temperature,
        critic_scale=chain.critic_scale,
        clip=chain.clip,
        noise_order=chain.noise_order,  # there is none
        anneal=chain.anneal,
        anneal_noise=chain.anneal_noise,
        project=chain.project,
        preset=chain.preset,
    )
    if chain != plain:
        changed = [k for k, v in chain.to_dict().items() if v != plain.to_dict()[k]]
        raise InputError(changed[0], f"is {chain.to_dict()[changed[0]]}", "fold a chain of plain steps up the score")
    bounds = pair.sample_range
    half = 1.0 if bounds is None else (bounds[1] - bounds[0]) / 2
    noise = math.sqrt(float(np.sum(np.square(chain.noise_scales()))))
    if noise > MOST_NOISE * half:
        problem = f"is {chain.temperature:g}: the noise of the chain adds up to {noise / half:.2g} of the half range"
        raise InputError("temperature", problem, "use ganrefine refine, or a chain with temperature 0")
    span = None if bounds is None or not chain.project else (float(bounds[0]), float(bounds[1]))
    record = pair.record.to_dict()
    record.pop("chain", None)
    kept = Record(record).updated(folded=chain.to_dict())
    generator = ascending_generator(
        pair.generator, pair.critic, chain.step_sizes(), span, chain.critic_scale, chain.clip
    )
    return pair.replace(generator=generator, calibrated=False, record=kept)
