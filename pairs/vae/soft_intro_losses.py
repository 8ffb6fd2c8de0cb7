"""Losses of :mod:`pairs.vae.soft_intro`: of the encoder, of the decoder, and of the plain autoencoder."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.lax import stop_gradient
from jax.typing import ArrayLike

from .losses import draw_posterior, kl_standard, split_posterior, squared_error
from .soft_intro_settings import SoftIntro

__all__ = ["ALPHA", "decoder_loss", "encoder_loss", "exp_elbo", "vae_loss"]


ALPHA = 2.0


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
