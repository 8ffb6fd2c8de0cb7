r"""A short chain in sample space as the end of the generator: refined samples in one pass, with nothing to train.

The chain in sample space that :func:`dcd.tune` trains a critic for takes few steps of a small critic and has nearly no
noise. Such a chain is a function of the sample it starts from, and the pair whose generator is
:math:`\mathrm{chain} \circ G` draws what the chain draws, to the noise. Noise that is more than nearly nothing is
refused: a standard deviation, over the whole chain, above a hundredth of the samples' half range, or of the spread of
the generator's samples where they have no range.
"""

from __future__ import annotations

import math

import jax
import numpy as np

from pairs import InputError, Pair, Record
from pairs.heads.ascending_generator import ascending_generator

from ..critics.scores import generate_set
from ..langevin.settings import Langevin
from ..langevin.starts import labels_of

__all__ = ["fold_chain"]

MOST_NOISE = 0.01
"""Standard deviation of the sum of a chain's noise, in units of the half range."""
SEEN = 500
"""Samples of the generator that tell the spread where there is no range."""


def fold_chain(pair: Pair, chain: Langevin) -> Pair:
    r"""The pair with a nearly noiseless chain in sample space behind its generator.

    Args:
      pair: Pair with the critic that drives the chain.
      chain: The chain: steps up the scaled score, clipped or not, and noise of standard deviations :math:`s_k` with
        :math:`\sum_k s_k^2 \le 10^{-4} r^2` for samples of half range r.

    Returns:
      A pair with the same prior, critic and encoder; uncalibrated, since the critic's ratio is that of the data to the
      generator without the chain. Its record keeps the chain under ``folded``, and none of its own.

    Raises:
      InputError: A chain in latent space, one with more noise, or one with further settings: Metropolis, a tether,
        another divergence, tangent drift, held coordinates, a preconditioner, noise that follows the gradient.

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
    if type(chain) is not Langevin:
        raise InputError("chain", f"is {chain!r}", "give a dcd.Langevin")
    if chain.space != "pixel":
        raise InputError("space", "is 'latent': that chain moves latents", "learn it: dcd.amortise")
    _check_plain(chain)
    bounds = pair.sample_range
    if bounds is not None and not chain.project:
        raise InputError("project", "is False: samples would leave their range", "fold a chain that projects")
    noise, unit = math.sqrt(float(np.sum(np.square(chain.noise_scales())))), _unit(pair)
    if noise > MOST_NOISE * unit:
        what = "the spread of the samples" if bounds is None else "the half range"
        problem = f"is {chain.temperature:g}: the noise of the chain adds up to {noise / unit:.2g} of {what}"
        raise InputError("temperature", problem, "use ganrefine refine, or a chain with temperature 0")
    span = None if bounds is None else (float(bounds[0]), float(bounds[1]))
    generator = ascending_generator(
        pair.generator, pair.critic, chain.step_sizes(), span, chain.critic_scale, chain.clip
    )
    record = pair.record.to_dict()
    record.pop("chain", None)
    kept = Record(record).updated(folded=chain.to_dict())
    return pair.replace(generator=generator, calibrated=False, record=kept)


def _check_plain(chain: Langevin) -> None:
    """Refuse a chain whose steps are more than steps up the score."""
    plain = Langevin(
        "pixel",
        chain.steps,
        chain.step_size,
        temperature=chain.temperature,
        critic_scale=chain.critic_scale,
        clip=chain.clip,
        noise_order=chain.noise_order,  # of no effect without noise
        anneal=chain.anneal,
        anneal_noise=chain.anneal_noise,
        project=chain.project,
        preset=chain.preset,
    )
    own, wanted = chain.to_dict(), plain.to_dict()
    for name, value in own.items():
        if value != wanted[name]:
            raise InputError(name, f"is {value}", "fold a chain of plain steps up the score")


def _unit(pair: Pair) -> float:
    """Half the samples' range, or the spread of a coordinate of the generator's samples."""
    if pair.sample_range is not None:
        return (pair.sample_range[1] - pair.sample_range[0]) / 2
    x = np.asarray(generate_set(pair, jax.random.key(0), SEEN, labels_of(pair, np.arange(SEEN)))[1], np.float64)
    return float(np.sqrt(np.mean(np.var(x, axis=0))))
