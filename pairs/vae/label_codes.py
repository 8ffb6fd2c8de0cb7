r"""The pair of a label-split autoencoder: codes :math:`z = [z_s, z_u]`, what to do with the two blocks, its critic.

.. math::
   p(z | y) &= N(z_s; \mu_y, \mathrm{diag}\,\sigma_y^2)\; N(z_u; 0, I) \\
   c(x | y) &= -\beta \lVert x - G(E_s(x), \mu_u(x))\rVert^2 - \mathrm{KL}(q(z_u|x) \| N(0, I)) + \log N(E_s(x); \mu_y,
      \mathrm{diag}\,\sigma_y^2)

The critic is an energy: higher where a sample is reconstructed, its style is usual and its label code is the label's.
Blocks are half-open ranges of coordinates, in the form that ``dcd.Langevin(hold=...)`` takes.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ..class_mixture import ClassMixture
from ..errors import InputError
from ..protocol import Net, Pair
from ..record import Record
from ..registry import Architecture, register
from .losses import kl_standard, split_posterior, squared_error
from .nets import Mlp

__all__ = [
    "Blocks",
    "ClassGaussians",
    "SplitCritic",
    "SplitEncoder",
    "blocks",
    "class_prior",
    "critic_net",
    "encoder_net",
    "refit_class_gaussians",
    "sample_class",
    "swap",
    "vary_class",
    "vary_style",
]


class ClassGaussians(NamedTuple):
    """``means`` and ``scales`` ``(classes, d)``, ``weights`` ``(classes,)``."""

    means: Array
    scales: Array
    weights: Array


def refit_class_gaussians(codes: ArrayLike, labels: ArrayLike, classes: int, least: float = 1e-3) -> ClassGaussians:
    """Maximum likelihood in closed form: mean and standard deviation of each class's codes ``(n, d)``, its share.

    Scales below ``least`` times the spread of all codes are raised to it.

    Raises:
      InputError: a class without codes.
    """
    z, y = jnp.asarray(codes), jnp.asarray(labels)
    member = jax.nn.one_hot(y, classes, dtype=z.dtype)
    count = jnp.sum(member, axis=0)
    if bool(jnp.any(count == 0)):
        raise InputError("labels", f"hold no sample of class {int(jnp.argmin(count))}", "give every class")
    means = member.T @ z / count[:, None]
    variance = member.T @ (z - means[y]) ** 2 / count[:, None]
    floor = least * jnp.std(z)
    return ClassGaussians(means, jnp.maximum(jnp.sqrt(variance), floor), count / jnp.sum(count))


def class_prior(label: ClassGaussians, style: int) -> ClassMixture:
    """The prior of both blocks: ``style`` standard normal coordinates after the label's."""
    classes, width = label.means.shape
    means = jnp.concatenate([label.means, jnp.zeros((classes, style))], axis=1)
    scales = jnp.concatenate([label.scales, jnp.ones((classes, style))], axis=1)
    return ClassMixture((width + style,), means, scales, label.weights)


@dataclasses.dataclass(frozen=True)
class SplitEncoder:
    """``(params, x) -> (batch, d_s + d_u)``: the label code and the posterior mean of the style; labels are ignored.

    Attributes:
      label: Encoder of the label code.
      style: Encoder of the style.
    """

    label: Mlp
    style: Mlp

    def __call__(self, params: Any, x: Array, labels: Any = None) -> Array:
        """Codes of images, ``(batch, d_s + d_u)``."""
        mean, _ = split_posterior(self.style(params["style"], x))
        return jnp.concatenate([self.label(params["label"], x), mean], axis=1)


@dataclasses.dataclass(frozen=True)
class SplitCritic:
    r"""``(params, x, labels) -> (batch,)``: c of the module's equation.

    ``params`` hold the two encoders, the decoder, ``means`` and ``scales`` of the label codes, and
    ``rec``, :math:`\beta`.

    Attributes:
      label: Encoder of the label code.
      style: Encoder of the style.
      decoder: Decoder of both.
    """

    label: Mlp
    style: Mlp
    decoder: Mlp

    def __call__(self, params: Any, x: Array, labels: Array) -> Array:
        """The energy of images with their labels, ``(batch,)``."""
        code = self.label(params["label"], x)
        mean, log_var = split_posterior(self.style(params["style"], x))
        made = self.decoder(params["decoder"], jnp.concatenate([code, mean], axis=1))
        means, scales = params["means"][labels], params["scales"][labels]
        u = (code - means) / scales
        log_prob = -0.5 * jnp.sum(u**2 + 2 * jnp.log(scales) + math.log(2 * math.pi), axis=1)
        return -params["rec"] * squared_error(x, made) - kl_standard(mean, log_var) + log_prob


def encoder_net(label: Mlp, style: Mlp, params: Any) -> Net:
    """An encoder that checkpoints can rebuild."""
    config = Record(label=label.to_dict(), style=style.to_dict())
    return Net(params, SplitEncoder(label, style), Architecture("vae/split-encoder", config))


def critic_net(label: Mlp, style: Mlp, decoder: Mlp, classes: int, params: Any) -> Net:
    """A critic that checkpoints can rebuild."""
    config = Record(label=label.to_dict(), style=style.to_dict(), decoder=decoder.to_dict(), classes=classes)
    return Net(params, SplitCritic(label, style, decoder), Architecture("vae/split-critic", config))


class Blocks(NamedTuple):
    """Coordinates ``(first, end)`` of the label code and of the style."""

    label: tuple[int, int]
    style: tuple[int, int]


def blocks(pair: Pair) -> Blocks:
    """Where the two codes lie in the latents of a label-split pair.

    ``dcd.Langevin(..., hold=blocks(pair).label)`` refines the style alone.

    Raises:
      InputError: a pair of another family.
    """
    apply = None if pair.encoder is None else pair.encoder.apply
    if not isinstance(apply, SplitEncoder):
        raise InputError("pair", "has no label code", "give a pair of ganrefine train label-vae")
    first = apply.label.outputs[0]
    return Blocks((0, first), (first, pair.prior.size))


def _encode(pair: Pair, x: ArrayLike) -> Array:
    blocks(pair)
    assert pair.encoder is not None
    return pair.encoder(jnp.asarray(x))


def swap(pair: Pair, label_from: ArrayLike, style_from: ArrayLike) -> Array:
    """``G(z_s of the first, z_u of the second)``, sample by sample; of a set with itself its reconstructions."""
    first, end = blocks(pair).label
    content, style = _encode(pair, label_from), _encode(pair, style_from)
    return pair.generator(jnp.concatenate([content[:, first:end], style[:, end:]], axis=1))


def sample_class(
    pair: Pair, key: Array, labels: ArrayLike, temperature: float = 1.0, style: ArrayLike | None = None
) -> Array:
    """Latents of the given classes ``(n,)``; ``temperature`` scales the spread of the label code, 0 is its mean.

    ``style`` ``(n, d_u)`` replaces the draw of the style.
    """
    prior, labels = pair.prior, jnp.asarray(labels)
    end = blocks(pair).label[1]
    if not isinstance(prior, ClassMixture):
        raise InputError("pair", f"has a '{prior.kind}' prior", "give a pair with one Gaussian per class")
    z = prior.sample(key, len(labels), labels)
    centre = prior.means[labels][:, :end]
    rest = z[:, end:] if style is None else jnp.asarray(style)
    return jnp.concatenate([centre + temperature * (z[:, :end] - centre), rest], axis=1)


def vary_class(pair: Pair, z: ArrayLike, start: int, stop: int, points: int = 8) -> Array:
    """Straight from one class's mean code to another's, the style of each row of ``z`` kept: ``(n, points, d)``."""
    prior, z = pair.prior, jnp.asarray(z)
    end = blocks(pair).label[1]
    if not isinstance(prior, ClassMixture):
        raise InputError("pair", f"has a '{prior.kind}' prior", "give a pair with one Gaussian per class")
    t = jnp.linspace(0, 1, points)[:, None]
    line = (1 - t) * prior.means[start, :end] + t * prior.means[stop, :end]
    path = jnp.repeat(z[:, None], points, axis=1)
    return path.at[:, :, :end].set(line)


def vary_style(pair: Pair, z0: ArrayLike, z1: ArrayLike, points: int = 8) -> Array:
    """From the styles of ``z0`` to those of ``z1``, straight, with the label codes of ``z0``: ``(n, points, d)``."""
    z0, z1 = jnp.asarray(z0), jnp.asarray(z1)
    end = blocks(pair).label[1]
    t = jnp.linspace(0, 1, points)[:, None]
    path = (1 - t) * z0[:, None] + t * z1[:, None]
    return path.at[:, :, :end].set(z0[:, None, :end])


@register("vae/split-encoder")
def _encoder(config: Record) -> tuple[SplitEncoder, Any]:
    label, style = (Mlp.from_dict(config[k]) for k in ("label", "style"))
    return SplitEncoder(label, style), {"label": label.template(), "style": style.template()}


@register("vae/split-critic")
def _critic(config: Record) -> tuple[SplitCritic, Any]:
    label, style, decoder = (Mlp.from_dict(config[k]) for k in ("label", "style", "decoder"))
    table = jax.ShapeDtypeStruct((config["classes"], *label.outputs), jnp.float32)
    params = {
        "label": label.template(),
        "style": style.template(),
        "decoder": decoder.template(),
        "means": table,
        "scales": table,
        "rec": jax.ShapeDtypeStruct((), jnp.float32),
    }
    return SplitCritic(label, style, decoder), params
