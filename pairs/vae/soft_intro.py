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
>>> settings = SoftIntro(VaeConfig((4,), 2, (8,)))
>>> state = init(settings, jax.random.key(0))
>>> to_pair(settings, state).critic_kind
'energy'
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.lax import stop_gradient
from jax.typing import ArrayLike

from ..errors import InputError
from ..fitting import Job, Update
from ..protocol import Pair
from ..record import Record
from .balance import health
from .energy import ElboCritic, bound_pair
from .losses import draw_posterior, kl_standard, split_posterior, squared_error
from .nets import VaeConfig
from .toys import toy
from .train import adam, apply_gradient, as_data, check_positive, draw_images

__all__ = [
    "ALPHA",
    "SoftIntro",
    "SoftIntroState",
    "decoder_loss",
    "encoder_loss",
    "exp_elbo",
    "init",
    "job",
    "make_update",
    "to_pair",
]

ALPHA = 2.0


@dataclasses.dataclass(frozen=True)
class SoftIntro:
    """Settings; the symbols are those of the module.

    Attributes:
      model: Sizes of the autoencoder.
      toy: Name of a set in the plane, drawn afresh for every batch; None for images.
      beta_rec: Weight of the reconstruction.
      beta_kl: Weight of the KL of data.
      beta_neg: Weight of the KL of samples in the encoder's loss.
      scale: s; None is one over the coordinates of a sample.
      gamma: Weight of the reconstruction of samples; 1e-8 in the released code, which no weight can feel. The bootstrap
        variant takes 1.
      warmup: Updates of the plain VAE at the beginning.
      scaled_warmup: Whether the loss of the warm-up is multiplied by s, as every other step is.
      batch: Samples per update.
      learning_rate: Adam's.
      decay_at: Steps at which the rate is divided by ten.
      bootstrap: Updates between two copies of the target decoder; 0 for none.
      plain: Whether the plain VAE of the same sizes is trained throughout, as a control.

    Raises:
      InputError: a value out of range, with the field's name.
    """

    model: VaeConfig = VaeConfig()
    toy: str | None = None
    beta_rec: float = 1.0
    beta_kl: float = 1.0
    beta_neg: float = 128.0
    scale: float | None = None
    gamma: float = 0.0
    warmup: int = 500
    scaled_warmup: bool = True
    batch: int = 64
    learning_rate: float = 3e-4
    decay_at: tuple[int, ...] = ()
    bootstrap: int = 0
    plain: bool = False

    def __post_init__(self) -> None:
        check_positive(self, "beta_rec", "beta_kl", "beta_neg", "batch", "learning_rate")
        check_positive(self, "gamma", "warmup", "bootstrap", zero=True)
        if self.toy is not None:
            toy(self.toy)
            if self.model.sample_shape != (2,):
                raise InputError("sample_shape", f"is {self.model.sample_shape}", "toy sets take (2,)")
        elif self.model.sample_range is None:
            raise InputError("sample_range", "is missing", "images need a range, for example (0.0, 1.0)")

    @property
    def s(self) -> float:
        """The factor s of every loss."""
        return 1.0 / self.model.size if self.scale is None else self.scale


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


def exp_elbo(settings: SoftIntro, error: ArrayLike, kl: ArrayLike) -> Array:
    r""":math:`\exp(-\alpha s[\beta_r L + \beta_n K])` per sample, in (0, 1]."""
    return jnp.exp(-ALPHA * settings.s * (settings.beta_rec * jnp.asarray(error) + settings.beta_neg * jnp.asarray(kl)))


def encoder_loss(
    settings: SoftIntro, encoder: Any, decoder: Any, target: Any, x: Array, noise: Array, key: Array
) -> tuple[Array, tuple[Array, dict[str, Array]]]:
    """``(L_E, (z, figures))``; its gradient with respect to decoder and target is zero by construction.

    ``target`` reconstructs samples and reconstructions: the decoder itself but in the bootstrap variant.
    """
    encode, decode = settings.model.encoder, settings.model.decoder
    decoder, target = stop_gradient((decoder, target))
    real_key, fake_key = jax.random.split(key)
    mean, log_var = split_posterior(encode(encoder, x))
    z = draw_posterior(real_key, mean, log_var)
    made = decode(decoder, jnp.concatenate([noise, z]))
    error, kl = squared_error(x, made[len(x) :]), kl_standard(mean, log_var)
    fakes = stop_gradient(made)
    fake_mean, fake_log_var = split_posterior(encode(encoder, fakes))
    again = decode(target, draw_posterior(fake_key, fake_mean, fake_log_var))
    fake_kl = kl_standard(fake_mean, fake_log_var)
    negative = exp_elbo(settings, squared_error(fakes, again), fake_kl)
    loss = settings.s * jnp.mean(settings.beta_rec * error + settings.beta_kl * kl) + jnp.mean(negative) / ALPHA
    fake = slice(0, len(x))
    figures = {
        "error": jnp.mean(error),
        "kl_real": jnp.mean(kl),
        "kl_fake": jnp.mean(fake_kl[fake]),
        "exp_elbo": jnp.mean(negative[fake]),
    }
    return loss, (z, figures)


def decoder_loss(
    settings: SoftIntro, decoder: Any, encoder: Any, target: Any, x: Array, noise: Array, z: Array, key: Array
) -> Array:
    """``L_D`` for the codes ``z`` of the encoder's step; its gradient with respect to encoder and target is zero."""
    encode, decode = settings.model.encoder, settings.model.decoder
    encoder, target = stop_gradient((encoder, target))
    made = decode(decoder, jnp.concatenate([noise, stop_gradient(z)]))
    mean, log_var = split_posterior(encode(encoder, made))
    total = settings.beta_rec * jnp.mean(squared_error(x, made[len(x) :]))
    total = total + settings.beta_kl * jnp.mean(kl_standard(mean, log_var))
    if settings.gamma:
        codes = draw_posterior(key, mean, log_var)
        if settings.bootstrap:
            again = squared_error(made, decode(target, codes))
        else:
            again = squared_error(stop_gradient(made), decode(decoder, stop_gradient(codes)))
        total = total + settings.gamma * settings.beta_rec * jnp.mean(again)
    return settings.s * total


def vae_loss(settings: SoftIntro, encoder: Any, decoder: Any, x: Array, key: Array) -> Array:
    """The plain VAE loss of the warm-up and of the control."""
    mean, log_var = split_posterior(settings.model.encoder(encoder, x))
    made = settings.model.decoder(decoder, draw_posterior(key, mean, log_var))
    loss = jnp.mean(settings.beta_rec * squared_error(x, made) + settings.beta_kl * kl_standard(mean, log_var))
    return settings.s * loss if settings.scaled_warmup else loss


def make_update(settings: SoftIntro, images: ArrayLike | None = None) -> Update:
    """One encoder and one decoder step as ``update(state, key, step)``; images only where ``settings.toy`` is None."""
    if images is None and settings.toy is None:
        raise InputError("data", "is missing", "give images, or name a toy set")
    data = None if images is None else as_data(images, settings.model.sample_shape)
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

    def update(state: SoftIntroState, key: Array, step: int) -> tuple[SoftIntroState, dict[str, Array]]:
        if settings.plain or step < settings.warmup:
            return warm(state, key, data)
        return play(state, key, jnp.int32(step), data)

    return update


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
