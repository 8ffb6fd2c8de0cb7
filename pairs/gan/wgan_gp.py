r"""WGAN with gradient penalty for 28x28 and other small images (arXiv 1704.00028).

With real :math:`x`, fake :math:`\tilde x = G(z)`, and :math:`\hat x` uniform on the segment between them:

.. math::
   L_D &= \mathbb{E}\,D(\tilde x) - \mathbb{E}\,D(x)
          + \lambda\,\mathbb{E}\,(\lVert\nabla_{\hat x} D(\hat x)\rVert_2 - 1)^2 \\
   L_G &= -\mathbb{E}\,D(\tilde x)

The critic has no normalisation across the batch (the penalty is per sample); the
generator has BatchNorm, whose running statistics belong to its checkpoint.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from ..convolution import Conv, ConvTranspose
from ..errors import InputError
from ..protocol import Net
from ..record import Record
from ..registry import Architecture, register
from ..wrapping import wrap

__all__ = [
    "WganGpConfig",
    "Generator",
    "Critic",
    "critic_loss",
    "generator_loss",
    "gradient_penalty",
    "generator_net",
    "critic_net",
]


@dataclasses.dataclass(frozen=True)
class WganGpConfig:
    """Sizes. Images are ``size x size x channels``, ``size`` divisible by 4; ``width`` is the inner channel count."""

    size: int = 28
    channels: int = 1
    latent: int = 64
    width: int = 32

    def __post_init__(self) -> None:
        for name in ("latent", "width", "channels"):
            if getattr(self, name) < 1:
                raise InputError(name, f"is {getattr(self, name)}", "give at least 1")
        if self.size % 4 or self.size < 8:
            raise InputError(
                "size", f"is {self.size}", "this architecture takes image sizes divisible by 4, at least 8"
            )


class Generator(nnx.Module):
    """Dense to (s/4)^2 x 2w, then two stride-2 transposed convolutions, tanh."""

    def __init__(self, config: WganGpConfig, *, rngs: nnx.Rngs):
        self.base, width = config.size // 4, config.width
        self.dense = nnx.Linear(config.latent, self.base**2 * 2 * width, use_bias=False, rngs=rngs)
        self.norm1 = nnx.BatchNorm(2 * width, rngs=rngs)
        self.up1 = ConvTranspose(2 * width, width, 4, 2, 1, rngs=rngs)
        self.norm2 = nnx.BatchNorm(width, rngs=rngs)
        self.up2 = ConvTranspose(width, config.channels, 4, 2, 1, rngs=rngs)

    def __call__(self, z: Array) -> Array:
        """Latents ``(batch, latent)`` to images ``(batch, size, size, channels)`` in (-1, 1)."""
        h = self.dense(z).reshape(z.shape[0], self.base, self.base, -1)
        h = nnx.relu(self.norm1(h))
        h = nnx.relu(self.norm2(self.up1(h)))
        return jnp.tanh(self.up2(h))


class Critic(nnx.Module):
    """Two stride-2 convolutions and a dense head, LeakyReLU(0.2), no normalisation."""

    def __init__(self, config: WganGpConfig, *, rngs: nnx.Rngs):
        width = config.width
        self.down1 = Conv(config.channels, width, 4, 2, 1, rngs=rngs)
        self.down2 = Conv(width, 2 * width, 4, 2, 1, rngs=rngs)
        self.dense = nnx.Linear((config.size // 4) ** 2 * 2 * width, 1, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        """Images to scores ``(batch,)``."""
        h = nnx.leaky_relu(self.down1(x), 0.2)
        h = nnx.leaky_relu(self.down2(h), 0.2)
        return self.dense(h.reshape(h.shape[0], -1))[:, 0]


def gradient_penalty(critic: Any, real: Array, fake: Array, key: Array) -> Array:
    r"""Mean of :math:`(\lVert\nabla D(\hat x)\rVert_2 - 1)^2`, one :math:`\hat x` per real/fake couple.

    ``critic(x) -> (batch,)``; ``real`` and ``fake`` are ``(batch, *sample)``.
    """
    t = jax.random.uniform(key, (real.shape[0],) + (1,) * (real.ndim - 1))
    mixed = t * real + (1 - t) * fake
    gradient = jax.grad(lambda x: jnp.sum(critic(x)))(mixed)
    norm = jnp.sqrt(jnp.sum(gradient**2, axis=tuple(range(1, gradient.ndim))) + 1e-12)
    return jnp.mean((norm - 1.0) ** 2)


def critic_loss(critic: Any, real: Array, fake: Array, key: Array, penalty: float = 10.0) -> Array:
    r""":math:`L_D` above; its negative without the penalty estimates the Wasserstein distance."""
    return jnp.mean(critic(fake)) - jnp.mean(critic(real)) + penalty * gradient_penalty(critic, real, fake, key)


def generator_loss(critic: Any, fake: Array) -> Array:
    r""":math:`L_G` above."""
    return -jnp.mean(critic(fake))


def _template(module: type[Generator] | type[Critic], config: Record) -> tuple[Callable[..., Array], Any]:
    sizes = WganGpConfig(**config.to_dict())
    net = wrap(nnx.eval_shape(lambda: module(sizes, rngs=nnx.Rngs(0))))
    return net.apply, net.params


@register("wgan-gp/generator")
def _generator_template(config: Record) -> tuple[Callable[..., Array], Any]:
    return _template(Generator, config)


@register("wgan-gp/critic")
def _critic_template(config: Record) -> tuple[Callable[..., Array], Any]:
    return _template(Critic, config)


def generator_net(module: Generator, config: WganGpConfig) -> Net:
    """Wrapped generator that a checkpoint can rebuild."""
    return wrap(module, architecture=Architecture("wgan-gp/generator", Record(dataclasses.asdict(config))))


def critic_net(module: Critic, config: WganGpConfig) -> Net:
    """Wrapped critic that a checkpoint can rebuild."""
    return wrap(module, architecture=Architecture("wgan-gp/critic", Record(dataclasses.asdict(config))))
