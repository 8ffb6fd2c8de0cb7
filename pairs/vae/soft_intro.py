r"""Soft-IntroVAE (arXiv 2012.13253): an autoencoder whose encoder learns to tell real samples from its decoder's.

With :math:`L` the squared error of a reconstruction, :math:`K` the KL of the posterior to N(0, I),
:math:`s` a scale, :math:`x_f = D(\zeta)` a sample and :math:`x_r = D(z)`, :math:`z \sim q(z|x)`, a reconstruction:

.. math::
   L_E &= s\,[\beta_r L(x) + \beta_k K(x)]
          + \tfrac1{2\alpha} \sum_{y \in \{x_f, x_r\}} \exp\left(-\alpha s\,[\beta_r L(y) + \beta_n K(y)]\right) \\
   L_D &= s\,[\beta_r L(x) + \tfrac12 \sum_{y} (\beta_k K(y) + \gamma \beta_r L(y))]

with :math:`\alpha = 2`; the exponential is taken per sample, before the mean. The encoder moves first, on
:math:`L_E` with the decoder frozen and y detached; the decoder follows on :math:`L_D` with the new encoder
frozen, gradients passing through it. The bootstrap variant reconstructs y by a target decoder, a
copy refreshed every ``bootstrap`` steps, and detaches nothing in :math:`L_D`. The first ``warmup`` steps are a plain
VAE's.

For a fixed decoder the best encoder has :math:`-\alpha s(\beta_r L + \beta_n K) + \log(\beta_n/\beta_k)
\le \log p_{data}/p_\theta`, which is the pair's ``energy`` critic. After finite training it
flags points off the data well, and is too flat inside it: calibrate before reading it as a log ratio.

>>> import jax
>>> from pairs.vae.nets import VaeConfig
>>> settings = SoftIntro(VaeConfig((4,), 2, (8,)))
>>> state = init(settings, jax.random.key(0))
>>> to_pair(settings, state).critic_kind
'energy'
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ..errors import InputError
from ..fitting import Job, Update
from ..protocol import Pair
from ..record import Record
from .balance import health
from .energy import ElboCritic, bound_pair
from .soft_intro_losses import ALPHA, decoder_loss, encoder_loss, vae_loss
from .soft_intro_settings import SoftIntro
from .toys import toy
from .train import adam, apply_gradient, as_data, draw_images

__all__ = [
    "SoftIntro",
    "SoftIntroState",
    "init",
    "job",
    "make_update",
    "to_pair",
]


class SoftIntroState(NamedTuple):
    """Everything a resumed run needs; ``target`` is the bootstrap copy of the decoder."""

    encoder: Any
    decoder: Any
    target: Any
    encoder_opt: Any
    decoder_opt: Any


def init(settings: SoftIntro, key: Array) -> SoftIntroState:
    """Fresh state."""
    encoder_key, decoder_key = jax.random.split(key)
    encoder, decoder = settings.model.encoder.init(encoder_key), settings.model.decoder.init(decoder_key)
    opt = adam(settings.learning_rate, settings.decay_at)
    return SoftIntroState(encoder, decoder, decoder, opt.init(encoder), opt.init(decoder))


def make_update(settings: SoftIntro, images: ArrayLike | None = None) -> Update:
    """One encoder and one decoder step as ``update(state, key, step)``; images only where ``settings.toy`` is None."""
    if images is None and settings.toy is None:
        raise InputError("data", "is missing", "give images, or name a toy set")
    data = None if images is None else as_data(images, settings.model.sample_shape)
    warm, play = _compiled_updates(settings)

    def update(state: SoftIntroState, key: Array, step: int) -> tuple[SoftIntroState, dict[str, Array]]:
        if settings.plain or step < settings.warmup:
            return warm(state, key, data)
        return play(state, key, jnp.int32(step), data)

    return update


@functools.lru_cache(maxsize=4)
def _compiled_updates(settings: SoftIntro) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Updates of the first steps and of later ones, the same for equal settings: a run taken up compiles nothing."""
    opt = adam(settings.learning_rate, settings.decay_at)

    def batch(key: Array, data: Any) -> Array:
        if settings.toy:
            return toy(settings.toy)(key, settings.batch)
        return draw_images(key, data, settings.batch, settings.model.sample_range or (0.0, 1.0))[0]

    def draw(key: Array, data: Any) -> tuple[Array, Array, Array, Array]:
        data_key, noise_key, first, second = jax.random.split(key, 4)
        noise = jax.random.normal(noise_key, (settings.batch, settings.model.latent))
        return batch(data_key, data), noise, first, second

    @jax.jit
    def warm(state: SoftIntroState, key: Array, data: Any) -> tuple[SoftIntroState, dict[str, Array]]:
        x, noise, first, second = draw(key, data)
        gradient = jax.grad(vae_loss, argnums=(1, 2))(settings, state.encoder, state.decoder, x, first)
        figures = encoder_loss(settings, state.encoder, state.decoder, state.decoder, x, noise, second)[1][1]
        encoder, encoder_opt = apply_gradient(opt, gradient[0], state.encoder_opt, state.encoder)
        decoder, decoder_opt = apply_gradient(opt, gradient[1], state.decoder_opt, state.decoder)
        return SoftIntroState(encoder, decoder, decoder, encoder_opt, decoder_opt), figures

    @jax.jit
    def play(state: SoftIntroState, key: Array, step: Array, data: Any) -> tuple[SoftIntroState, dict[str, Array]]:
        x, noise, first, second = draw(key, data)
        target = state.target if settings.bootstrap else state.decoder
        if settings.bootstrap:
            renew = step % settings.bootstrap == 0
            target = jax.tree.map(lambda t, d: jnp.where(renew, d, t), target, state.decoder)
        gradient, (z, figures) = jax.grad(encoder_loss, argnums=1, has_aux=True)(
            settings, state.encoder, state.decoder, target, x, noise, first
        )
        encoder, encoder_opt = apply_gradient(opt, gradient, state.encoder_opt, state.encoder)
        gradient = jax.grad(decoder_loss, argnums=1)(settings, state.decoder, encoder, target, x, noise, z, second)
        decoder, decoder_opt = apply_gradient(opt, gradient, state.decoder_opt, state.decoder)
        return SoftIntroState(encoder, decoder, target, encoder_opt, decoder_opt), figures

    return warm, play


def to_pair(settings: SoftIntro, state: SoftIntroState, record: Record | None = None) -> Pair:
    """Decoder, posterior mean and the critic above (the plain VAE: its own bound, same scale)."""
    model, neg = settings.model, settings.beta_kl if settings.plain else settings.beta_neg
    critic = ElboCritic(
        model.encoder,
        model.decoder,
        "elbo",
        settings.beta_rec,
        neg,
        ALPHA * settings.s,
        math.log(neg / settings.beta_kl),
    )
    return bound_pair(critic, state.encoder, state.decoder, model.sample_range, record=record)


def job(settings: SoftIntro, images: ArrayLike | None = None) -> Job:
    """Training as :func:`checkpoints.train` runs it."""
    notes = lambda history: [] if settings.plain else health(settings.beta_kl, settings.beta_neg, history)
    make, finish = lambda: make_update(settings, images), lambda state, key, record: to_pair(settings, state, record)
    return Job("soft-intro-vae", settings, lambda key: init(settings, key), make, finish, notes)
