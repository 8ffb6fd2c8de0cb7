"""Losses of :mod:`pairs.vae.label_split`: of the adversary, and of the step in which all other nets move."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.lax import stop_gradient

from .label_split_settings import LabelSplit, Nets
from .losses import draw_posterior, hsic, kl_standard, label_losses, split_posterior, squared_error

__all__ = ["adversary_loss", "joint_loss"]


def _observed(settings: LabelSplit, mean: Array, draw: Array) -> Array:
    return {"sample": draw, "mean": mean, "both": jnp.concatenate([draw, mean])}[settings.adversary_on]


def adversary_loss(settings: LabelSplit, adversary: Any, mean: Array, draw: Array, labels: Array) -> Array:
    """``L_C``; no gradient reaches the codes."""
    codes = stop_gradient(_observed(settings, mean, draw))
    many = jnp.tile(labels, len(codes) // len(labels))
    cross = optax.softmax_cross_entropy_with_integer_labels
    return jnp.mean(cross(settings.adversary(adversary, codes), many))


def joint_loss(settings: LabelSplit, nets: Nets, x: Array, labels: Array, key: Array) -> tuple[Array, dict[str, Array]]:
    """The simultaneous step's losses as one number, detached so that its gradient is, net by net, the one above."""
    mean, log_var = split_posterior(settings.model.encoder(nets.style, x))
    draw = draw_posterior(key, mean, log_var)
    code = settings.label_encoder(nets.label, x)
    made = settings.decoder(nets.decoder, jnp.concatenate([code, draw], axis=1))
    rec = jnp.mean(squared_error(x, made)) / settings.model.size
    kl = jnp.mean(kl_standard(mean, log_var))
    guess = settings.adversary(stop_gradient(nets.adversary), _observed(settings, mean, draw))
    confuse = -jnp.mean(jax.nn.log_softmax(guess))
    likelihood = jnp.mean(label_losses(code, stop_gradient(nets.means), stop_gradient(nets.raw), labels)[1])
    adversary = adversary_loss(settings, nets.adversary, mean, draw, labels)
    total = settings.rec_weight * (rec + settings.likelihood * likelihood) + settings.kl_weight * kl
    total = total + settings.adversary_weight * confuse + adversary
    figures = {"rec": rec, "kl": kl, "adversary": adversary, "likelihood": likelihood}
    if settings.consistency:
        style = jax.random.normal(jax.random.fold_in(key, 1), draw.shape)
        mixed = settings.decoder(nets.decoder, jnp.concatenate([stop_gradient(code), style], axis=1))
        seen = settings.label_encoder(stop_gradient(nets.label), mixed)
        figures["consistency"] = jnp.mean(
            label_losses(seen, stop_gradient(nets.means), stop_gradient(nets.raw), labels)[0]
        )
        total = total + settings.consistency * figures["consistency"]
    if settings.independence:
        figures["hsic"] = hsic(mean, labels)
        total = total + settings.independence * figures["hsic"]
    return total, figures
