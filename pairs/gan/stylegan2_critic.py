r"""StyleGAN2's discriminator: residual blocks that blur before they halve the sides.

.. math:: y = \tfrac{1}{\sqrt2}\big(S\,\mathrm{blur}(x)\!\downarrow + \rho(k_1 * \mathrm{blur}(\rho(k_0 * x)))\big),
   \qquad \rho(x) = \sqrt2\, \mathrm{LeakyReLU}_{0.2}(x)

At 4 x 4 the layer that appends the standard deviation over the batch is replaced by a constant channel, since it mixes
samples. With labels, the score is the product of features and the label's mapped embedding, over the root of their
number. Equalised learning rates are multiplied into the weights.

References:
  Karras et al. (2020), arXiv:1912.04958 and arXiv:2006.06676.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax.numpy as jnp
from flax import nnx
from jax import Array

from ..convolution import conv
from ..protocol import Net
from ..record import Record
from ..registry import Architecture, register
from ..wrapping import wrap
from .resampling import blur
from .stylegan2 import Dense, Mapping, active

__all__ = ["StyleGan2Critic", "StyleGan2CriticConfig", "stylegan2_critic_net"]


@dataclasses.dataclass(frozen=True)
class StyleGan2CriticConfig:
    """Sizes and settings.

    Attributes:
      widths: Channels at the image's size, half of it, ..., 4.
      channels: Of a sample.
      batch_channels: Channels that held the standard deviation over the batch.
      classes: Number of labels, ``None`` without.
      mapping: Layers of the label's mapping.
      clamp: Bound of the convolutions' outputs, ``None`` without.
    """

    widths: tuple[int, ...]
    channels: int = 3
    batch_channels: int = 1
    classes: int | None = None
    mapping: int = 8
    clamp: float | None = None


class _Conv(nnx.Module):
    """A convolution and its activation."""

    def __init__(self, inputs: int, outputs: int, kernel: int, clamp: float | None):
        self.kernel = nnx.Param(jnp.zeros((kernel, kernel, inputs, outputs)))
        self.bias, self.clamp = nnx.Param(jnp.zeros(outputs)), clamp

    def __call__(self, x: Array, down: bool = False) -> Array:
        kernel = self.kernel[...]
        if down:  # the gain of the residual sum, in the activation and its clamp
            clamp = None if self.clamp is None else self.clamp * math.sqrt(0.5)
            return active(conv(blur(x, 2), kernel, 2) + self.bias[...], 1.0, clamp)
        return active(conv(x, kernel, 1, kernel.shape[0] // 2) + self.bias[...], clamp=self.clamp)


class _Block(nnx.Module):
    """One size, residual."""

    def __init__(self, inputs: int, outputs: int, clamp: float | None):
        self.conv0, self.conv1 = _Conv(inputs, inputs, 3, clamp), _Conv(inputs, outputs, 3, clamp)
        self.skip = nnx.Param(jnp.zeros((inputs, outputs)))

    def __call__(self, x: Array) -> Array:
        return math.sqrt(0.5) * (blur(x, 1, 2) @ self.skip[...]) + self.conv1(self.conv0(x), down=True)


class StyleGan2Critic(nnx.Module):
    """The discriminator; images (and labels) to scores."""

    def __init__(self, config: StyleGan2CriticConfig):
        widths, last = config.widths, config.widths[-1]
        self.config = config
        self.fromrgb = _Conv(config.channels, widths[0], 1, config.clamp)
        self.blocks = nnx.List([_Block(n, m, config.clamp) for n, m in zip(widths, widths[1:], strict=False)])
        self.conv = _Conv(last + config.batch_channels, last, 3, config.clamp)
        self.fc = Dense(16 * last, last)
        self.out = Dense(last, 1 if config.classes is None else last)
        self.mapping = None if config.classes is None else Mapping(0, last, config.mapping, config.classes)

    def __call__(self, x: Array, labels: Array | None = None) -> Array:
        """``(batch, H, W, channels)`` to ``(batch,)``."""
        h = self.fromrgb(x)
        for block in self.blocks:
            h = block(h)
        h = self.conv(jnp.pad(h, ((0, 0),) * 3 + ((0, self.config.batch_channels),)))
        h = active(self.fc(jnp.moveaxis(h, -1, 1).reshape(h.shape[0], -1)))
        h = self.out(h)
        if self.mapping is None:
            return h[:, 0]
        return jnp.sum(h * self.mapping(None, labels), axis=1) / math.sqrt(h.shape[1])


def stylegan2_critic_net(module: StyleGan2Critic) -> Net:
    """Wrapped critic that a checkpoint can rebuild."""
    return wrap(module, architecture=Architecture("stylegan2/critic", Record(dataclasses.asdict(module.config))))


@register("stylegan2/critic")
def _template(config: Record) -> tuple[Any, Any]:
    values = config.to_dict()
    sizes = StyleGan2CriticConfig(**{**values, "widths": tuple(values["widths"])})
    net = wrap(nnx.eval_shape(lambda: StyleGan2Critic(sizes)))
    return net.apply, net.params
