r"""BigGAN's generator: one latent in parts, a shared class embedding, and BatchNorm that both of them scale.

The latent is split into :math:`z_0, \dots, z_n`. The first part makes the first image; block i sees
:math:`y_i = [s_y, z_i]`, s the shared embedding of the label, in its two normalisations

.. math:: \mathrm{bn}(x) = (1 + W_g y_i)\,\frac{x - \mu}{\sqrt{v + \epsilon}} + W_b y_i .

Blocks are :math:`c_2(r(\mathrm{bn}_2(c_1(u(r(\mathrm{bn}_1(x))))))) + c_{sc}(u(x))` with u nearest upsampling.
Without parts, all blocks see :math:`s_y` alone. Spectral norms are folded into the weights.

References:
  Brock et al. (2019), arXiv:1809.11096, appendix B.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from ..convolution import Conv
from ..protocol import Net
from ..record import Record
from ..registry import Architecture, register
from ..sequential.attention import SelfAttention
from ..wrapping import wrap

__all__ = ["BigGanConfig", "BigGanGenerator", "biggan_generator_net"]

_EPS = 1e-5


@dataclasses.dataclass(frozen=True)
class BigGanConfig:
    """Sizes.

    Attributes:
      widths: Channels before the first block, and after each block.
      latent: Numbers of one part of the latent.
      parts: Parts of the latent: one, or one more than blocks.
      shared: Numbers of the shared embedding.
      classes: Number of labels.
      bottom: Sides of the first image.
      channels: Of a sample.
      attention: The block, from 0, that attention follows; ``None`` for none.
    """

    widths: tuple[int, ...]
    latent: int
    parts: int
    shared: int
    classes: int
    bottom: int = 4
    channels: int = 3
    attention: int | None = None


class _Norm(nnx.Module):
    """The normalisation above."""

    def __init__(self, channels: int, inputs: int, rngs: nnx.Rngs):
        self.gain = nnx.Linear(inputs, channels, use_bias=False, rngs=rngs)
        self.bias = nnx.Linear(inputs, channels, use_bias=False, rngs=rngs)
        self.mean, self.var = nnx.BatchStat(jnp.zeros(channels)), nnx.BatchStat(jnp.ones(channels))

    def __call__(self, x: Array, y: Array) -> Array:
        gain = (1 + self.gain(y)) * jax.lax.rsqrt(self.var[...] + _EPS)
        bias = self.bias(y) - self.mean[...] * gain
        return x * gain[:, None, None] + bias[:, None, None]


class _Block(nnx.Module):
    """A residual block that doubles the sides."""

    def __init__(self, inputs: int, outputs: int, condition: int, rngs: nnx.Rngs):
        self.bn1, self.bn2 = _Norm(inputs, condition, rngs), _Norm(outputs, condition, rngs)
        self.conv1 = Conv(inputs, outputs, 3, 1, 1, rngs=rngs)
        self.conv2 = Conv(outputs, outputs, 3, 1, 1, rngs=rngs)
        self.conv_sc = Conv(inputs, outputs, 1, rngs=rngs)

    def __call__(self, x: Array, y: Array) -> Array:
        h = self.conv1(_doubled(nnx.relu(self.bn1(x, y))))
        # a convolution of kernel 1 and the repetition of pixels can be exchanged
        return self.conv2(nnx.relu(self.bn2(h, y))) + _doubled(self.conv_sc(x))


class _Attention(nnx.Module):
    """Attention with pooled keys and values, an eighth and a half of the channels."""

    def __init__(self, channels: int, rngs: nnx.Rngs):
        self.layer = SelfAttention(query=channels // 8, value=channels // 2, bias=False, output=True, pool=True)
        made = self.layer.init(rngs.params(), (2, 2, channels))
        self.query_kernel, self.key_kernel = nnx.Param(made["query_kernel"]), nnx.Param(made["key_kernel"])
        self.value_kernel, self.output_kernel = nnx.Param(made["value_kernel"]), nnx.Param(made["output_kernel"])
        self.gain = nnx.Param(made["gain"])

    def __call__(self, x: Array) -> Array:
        names = ("query_kernel", "key_kernel", "value_kernel", "output_kernel", "gain")
        return self.layer({name: getattr(self, name)[...] for name in names}, x)


class BigGanGenerator(nnx.Module):
    """The generator; latents and labels to images in (-1, 1)."""

    def __init__(self, config: BigGanConfig, *, rngs: nnx.Rngs):
        first, last = config.widths[0], config.widths[-1]
        self.config = config
        self.shared = nnx.Embed(config.classes, config.shared, rngs=rngs)
        self.linear = nnx.Linear(config.latent, config.bottom**2 * first, rngs=rngs)
        condition = config.shared + (config.latent if config.parts > 1 else 0)
        pairs = zip(config.widths, config.widths[1:], strict=False)
        self.blocks = nnx.List([_Block(n, m, condition, rngs) for n, m in pairs])
        at = config.attention
        self.attention = None if at is None else _Attention(config.widths[at + 1], rngs)
        self.norm = nnx.BatchNorm(last, epsilon=_EPS, rngs=rngs)
        self.output = Conv(last, config.channels, 3, 1, 1, rngs=rngs)

    def __call__(self, z: Array, labels: Array) -> Array:
        """``(batch, latent * parts)`` and ``(batch,)`` to ``(batch, H, W, channels)``."""
        config, s = self.config, self.shared(jnp.asarray(labels))
        parts = jnp.split(z, config.parts, axis=1)
        # PyTorch's order: channel, row, column
        h = self.linear(parts[0]).reshape(z.shape[0], config.widths[0], config.bottom, config.bottom)
        h = jnp.moveaxis(h, 1, -1)
        for i, block in enumerate(self.blocks):
            h = block(h, s if config.parts == 1 else jnp.concatenate([s, parts[i + 1]], axis=1))
            if self.attention is not None and i == config.attention:
                h = self.attention(h)
        return jnp.tanh(self.output(nnx.relu(self.norm(h))))


def _doubled(x: Array) -> Array:
    return jnp.repeat(jnp.repeat(x, 2, 1), 2, 2)


def biggan_generator_net(module: BigGanGenerator) -> Net:
    """Wrapped generator that a checkpoint can rebuild."""
    return wrap(module, architecture=Architecture("biggan/generator", Record(dataclasses.asdict(module.config))))


@register("biggan/generator")
def _template(config: Record) -> tuple[Any, Any]:
    values = config.to_dict()
    sizes = BigGanConfig(**{**values, "widths": tuple(values["widths"])})
    net = wrap(nnx.eval_shape(lambda: BigGanGenerator(sizes, rngs=nnx.Rngs(0))))
    return net.apply, net.params
