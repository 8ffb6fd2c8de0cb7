r"""Residual nets of the spectrally normalised GAN for small colour images.

The generator maps a latent to an image of an eighth of the sides, doubles it three times in residual blocks

.. math:: c_2(r(\mathrm{bn}_2(c_1(u(r(\mathrm{bn}_1(h))))))) + c_{sc}(u(h)),

r the ReLU and u the repetition of pixels, and ends in BatchNorm, ReLU, a convolution and tanh. The critic has four
residual blocks without BatchNorm, two of which halve the sides by averaging, and a linear score of the sum over pixels.
The weights of the critic are divided by their spectral norms while it is trained
(:mod:`pairs.gan.spectral_norm`); the critic of a finished pair holds the divided weights.

References:
  Miyato et al. (2018), arXiv:1802.05957, appendix B.4.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax import nnx
from jax import Array

from ..convolution import Conv
from ..errors import InputError
from ..protocol import Net
from ..record import Record
from ..registry import Architecture, register
from ..wrapping import wrap

__all__ = ["SnganConfig", "SnganCritic", "SnganGenerator", "sngan_critic_net", "sngan_generator_net"]


@dataclasses.dataclass(frozen=True)
class SnganConfig:
    """Sizes.

    Attributes:
      size: Sides of the images, a multiple of 8.
      channels: Of an image.
      latent: Numbers of a latent.
      width: Channels inside the generator.
      critic_width: Channels inside the critic.

    Raises:
      InputError: A size below 1, or sides that cannot be halved three times.
    """

    size: int = 32
    channels: int = 3
    latent: int = 128
    width: int = 128
    critic_width: int = 128

    def __post_init__(self) -> None:
        """Refuse sizes that cannot be built."""
        for name in ("channels", "latent", "width", "critic_width"):
            if getattr(self, name) < 1:
                raise InputError(name, f"is {getattr(self, name)}", "give at least 1")
        if self.size % 8 or self.size < 8:
            raise InputError("size", f"is {self.size}", "this architecture takes image sizes divisible by 8")


class _UpBlock(nnx.Module):
    """A residual block that doubles the sides."""

    def __init__(self, channels: int, dtype: Any, rngs: nnx.Rngs):
        self.norm1, self.norm2 = (nnx.BatchNorm(channels, dtype=dtype, rngs=rngs) for _ in range(2))
        self.conv1, self.conv2 = (Conv(channels, channels, 3, 1, 1, rngs=rngs) for _ in range(2))
        self.shortcut = Conv(channels, channels, 1, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        h = self.conv1(_doubled(nnx.relu(self.norm1(x))))
        # a convolution of kernel 1 and the repetition of pixels can be exchanged
        return self.conv2(nnx.relu(self.norm2(h))) + _doubled(self.shortcut(x))


class SnganGenerator(nnx.Module):
    """The generator; latents to images in (-1, 1). ``dtype`` is what BatchNorm returns, the input's by default."""

    def __init__(self, config: SnganConfig, *, rngs: nnx.Rngs, dtype: Any = None):
        self.bottom = config.size // 8
        self.dense = nnx.Linear(config.latent, self.bottom**2 * config.width, rngs=rngs)
        self.blocks = nnx.List([_UpBlock(config.width, dtype, rngs) for _ in range(3)])
        self.norm = nnx.BatchNorm(config.width, dtype=dtype, rngs=rngs)
        self.output = Conv(config.width, config.channels, 3, 1, 1, rngs=rngs)

    def __call__(self, z: Array) -> Array:
        """``(batch, latent)`` to ``(batch, size, size, channels)``."""
        h = self.dense(z).reshape(z.shape[0], self.bottom, self.bottom, -1)
        for block in self.blocks:
            h = block(h)
        return jnp.tanh(self.output(nnx.relu(self.norm(h))))


class _DownBlock(nnx.Module):
    """A residual block of the critic that may halve the sides; the first one of a critic begins without a ReLU."""

    def __init__(self, inputs: int, outputs: int, halve: bool, first: bool, rngs: nnx.Rngs):
        self.conv1 = Conv(inputs, outputs, 3, 1, 1, rngs=rngs)
        self.conv2 = Conv(outputs, outputs, 3, 1, 1, rngs=rngs)
        self.shortcut = Conv(inputs, outputs, 1, rngs=rngs) if halve else None
        self.first = first

    def __call__(self, x: Array) -> Array:
        h = self.conv2(nnx.relu(self.conv1(x if self.first else nnx.relu(x))))
        # the mean over pixels and a convolution of kernel 1 can be exchanged
        return h + x if self.shortcut is None else _halved(h) + self.shortcut(_halved(x))


class SnganCritic(nnx.Module):
    """The critic; images to scores."""

    def __init__(self, config: SnganConfig, *, rngs: nnx.Rngs):
        width = config.critic_width
        self.blocks = nnx.List(
            [
                _DownBlock(config.channels, width, True, True, rngs),
                _DownBlock(width, width, True, False, rngs),
                _DownBlock(width, width, False, False, rngs),
                _DownBlock(width, width, False, False, rngs),
            ]
        )
        self.dense = nnx.Linear(width, 1, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        """``(batch, size, size, channels)`` to ``(batch,)``."""
        for block in self.blocks:
            x = block(x)
        return self.dense(jnp.sum(nnx.relu(x), axis=(1, 2)))[:, 0]


def _doubled(x: Array) -> Array:
    return jnp.repeat(jnp.repeat(x, 2, 1), 2, 2)


def _halved(x: Array) -> Array:
    n, height, width, channels = x.shape
    return jnp.mean(x.reshape(n, height // 2, 2, width // 2, 2, channels), axis=(2, 4))


def _template(module: type[SnganGenerator] | type[SnganCritic], config: Record) -> tuple[Callable[..., Array], Any]:
    sizes = SnganConfig(**config.to_dict())
    net = wrap(nnx.eval_shape(lambda: module(sizes, rngs=nnx.Rngs(0))))
    return net.apply, net.params


@register("sngan/generator")
def _generator_template(config: Record) -> tuple[Callable[..., Array], Any]:
    return _template(SnganGenerator, config)


@register("sngan/critic")
def _critic_template(config: Record) -> tuple[Callable[..., Array], Any]:
    return _template(SnganCritic, config)


def sngan_generator_net(module: SnganGenerator, config: SnganConfig) -> Net:
    """Wrapped generator that a checkpoint can rebuild."""
    return wrap(module, architecture=Architecture("sngan/generator", Record(dataclasses.asdict(config))))


def sngan_critic_net(module: SnganCritic, config: SnganConfig) -> Net:
    """Wrapped critic that a checkpoint can rebuild."""
    return wrap(module, architecture=Architecture("sngan/critic", Record(dataclasses.asdict(config))))
