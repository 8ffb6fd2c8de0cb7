r"""R3GAN's nets: residual blocks of grouped convolutions without any normalisation.

With :math:`\rho_b(x) = \mathrm{LeakyReLU}_{0.2}(x + b)`, a block is :math:`x + W_3\,\rho(k_2 * \rho(W_1 x))`, where
:math:`W_1, W_3` mix channels and :math:`k_2` has groups. The generator begins with a learned 4 x 4 image, each channel
times a number linear in the latent; the critic ends with one learned 4 x 4 weight per channel. Between stages, channels
are mixed and images resampled by two. The embedding of a label stands beside the latent, and multiplies the critic's
features.

References:
  Huang et al. (2024), arXiv:2501.05441.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
from flax import nnx
from jax import Array, lax

from ..protocol import Net
from ..record import Record
from ..registry import Architecture, register
from ..wrapping import wrap
from .resampling import blur, up_by_two

__all__ = ["R3ganConfig", "R3ganCritic", "R3ganGenerator", "r3gan_critic_net", "r3gan_generator_net"]

_DIMENSIONS = ("NHWC", "HWIO", "NHWC")


@dataclasses.dataclass(frozen=True)
class R3ganConfig:
    """Sizes, of a generator from 4 x 4 up, of a critic from the image down.

    Attributes:
      widths: Channels of each stage.
      hidden: Channels inside the blocks of each stage.
      blocks: Blocks of each stage.
      groups: Groups of the blocks' convolutions in each stage.
      latent: Numbers of a latent; 0 for a critic.
      channels: Of a sample.
      classes: Number of labels, ``None`` without.
      embedding: Numbers of a label's embedding.
    """

    widths: tuple[int, ...]
    hidden: tuple[int, ...]
    blocks: tuple[int, ...]
    groups: tuple[int, ...]
    latent: int = 0
    channels: int = 3
    classes: int | None = None
    embedding: int = 0


class _Mix(nnx.Module):
    """A matrix on the channels."""

    def __init__(self, inputs: int, outputs: int):
        self.kernel = nnx.Param(jnp.zeros((inputs, outputs)))

    def __call__(self, x: Array) -> Array:
        return x @ self.kernel[...]


class _Block(nnx.Module):
    """The block above."""

    def __init__(self, width: int, hidden: int, groups: int):
        self.first, self.last = _Mix(width, hidden), _Mix(hidden, width)
        self.kernel = nnx.Param(jnp.zeros((3, 3, hidden // groups, hidden)))
        self.bias1, self.bias2 = nnx.Param(jnp.zeros(hidden)), nnx.Param(jnp.zeros(hidden))
        self.groups = groups

    def __call__(self, x: Array) -> Array:
        h = _leaky(self.first(x) + self.bias1[...])
        kernel = self.kernel[...]
        h = lax.conv_general_dilated(
            h, kernel, (1, 1), ((1, 1), (1, 1)), dimension_numbers=_DIMENSIONS, feature_group_count=self.groups
        )
        return x + self.last(_leaky(h + self.bias2[...]))


def _leaky(x: Array) -> Array:
    return jnp.where(x >= 0, x, 0.2 * x)


def _stages(config: R3ganConfig) -> list[nnx.List]:
    each = zip(config.widths, config.hidden, config.blocks, config.groups, strict=True)
    return [nnx.List([_Block(n, m, g) for _ in range(count)]) for n, m, count, g in each]


def _mixers(widths: tuple[int, ...]) -> nnx.List:
    """One between stages, ``None`` where the channels stay."""
    each = zip(widths, widths[1:], strict=False)
    return nnx.List([nnx.data(None if n == m else _Mix(n, m)) for n, m in each])


class R3ganGenerator(nnx.Module):
    """The generator; its images are cut at -1 and 1."""

    def __init__(self, config: R3ganConfig):
        self.config = config
        self.embedding = None if config.classes is None else _Mix(config.classes, config.embedding)
        self.linear = _Mix(config.latent + config.embedding, config.widths[0])
        self.basis = nnx.Param(jnp.zeros((4, 4, config.widths[0])))
        self.stages, self.mixers = nnx.List(_stages(config)), _mixers(config.widths)
        self.output = _Mix(config.widths[-1], config.channels)

    def __call__(self, z: Array, labels: Array | None = None) -> Array:
        """``(batch, latent)`` to ``(batch, H, W, channels)``."""
        if self.embedding is not None:
            z = jnp.concatenate([z, self.embedding.kernel[...][labels]], axis=1)
        x = self.basis[...] * self.linear(z)[:, None, None]
        for i, stage in enumerate(self.stages):
            if i:
                mix = self.mixers[i - 1]
                x = up_by_two(x if mix is None else mix(x))
            for block in stage:
                x = block(x)
        return jnp.clip(self.output(x), -1, 1)


class R3ganCritic(nnx.Module):
    """The critic; images (and labels) to scores."""

    def __init__(self, config: R3ganConfig):
        self.config, last = config, config.widths[-1]
        self.embedding = None if config.classes is None else _Mix(config.classes, config.embedding)
        self.input = _Mix(config.channels, config.widths[0])
        self.stages, self.mixers = nnx.List(_stages(config)), _mixers(config.widths)
        self.basis = nnx.Param(jnp.zeros((4, 4, 1, last)))
        self.linear = _Mix(last, 1 if config.classes is None else config.embedding)

    def __call__(self, x: Array, labels: Array | None = None) -> Array:
        """``(batch, H, W, channels)`` to ``(batch,)``."""
        x = self.input(x)
        for i, stage in enumerate(self.stages):
            if i:
                mix, x = self.mixers[i - 1], blur(x, 1, 2)
                x = x if mix is None else mix(x)
            for block in stage:
                x = block(x)
        h = self.linear(jnp.sum(x * self.basis[...][:, :, 0], axis=(1, 2)))
        return h[:, 0] if self.embedding is None else jnp.sum(h * self.embedding.kernel[...][labels], axis=1)


def r3gan_generator_net(module: R3ganGenerator) -> Net:
    """Wrapped generator that a checkpoint can rebuild."""
    return wrap(module, architecture=Architecture("r3gan/generator", Record(dataclasses.asdict(module.config))))


def r3gan_critic_net(module: R3ganCritic) -> Net:
    """Wrapped critic that a checkpoint can rebuild."""
    return wrap(module, architecture=Architecture("r3gan/critic", Record(dataclasses.asdict(module.config))))


def _template(module: type[R3ganGenerator] | type[R3ganCritic], config: Record) -> tuple[Any, Any]:
    values = config.to_dict()
    lists = {name: tuple(values.pop(name)) for name in ("widths", "hidden", "blocks", "groups")}
    sizes = R3ganConfig(**lists, **values)
    net = wrap(nnx.eval_shape(lambda: module(sizes)))
    return net.apply, net.params


@register("r3gan/generator")
def _generator_template(config: Record) -> tuple[Any, Any]:
    return _template(R3ganGenerator, config)


@register("r3gan/critic")
def _critic_template(config: Record) -> tuple[Any, Any]:
    return _template(R3ganCritic, config)
