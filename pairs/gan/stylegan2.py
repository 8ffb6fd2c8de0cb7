r"""StyleGAN2's generator: a mapping from latents to styles, and convolutions that the style modulates.

With style :math:`s = A w` and kernel k, a layer computes

.. math:: y = \rho\Big(\frac{k * (s \odot x)}{\sqrt{\sum_{j} s_j^2 \lVert k_j \rVert^2 + \epsilon}} + n + b\Big),
   \qquad \rho(x) = \sqrt2\, \mathrm{LeakyReLU}_{0.2}(x),

n the stored noise image. The picture is the sum of each size's ``to_rgb``, upsampled. Equalised learning rates and the
strengths of the noise are multiplied into the weights.

In the space ``z`` the input is the latent. In ``w`` it is standard normal u of the style's size, and
:math:`w = \mathrm{LeakyReLU}_{0.2}(m + u S)`: before the mapping's last leaky ReLU its outputs are nearly normal, with
mean m and covariance :math:`S^\top S`. Truncation takes :math:`\bar w + \psi (w - \bar w)` in place of w.

References:
  Karras et al. (2020), arXiv:1912.04958 and arXiv:2006.06676; Wulff and Torralba (2020), arXiv:2009.06529, for ``w``.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from ..convolution import conv, conv_transpose
from ..protocol import Net
from ..record import Record
from ..registry import Architecture, register
from ..wrapping import wrap
from .resampling import blur, up_by_two

__all__ = ["Dense", "Mapping", "StyleGan2Config", "StyleGan2Generator", "active", "stylegan2_net", "unit_moment"]

_EPS = 1e-8


@dataclasses.dataclass(frozen=True)
class StyleGan2Config:
    """Sizes and settings.

    Attributes:
      widths: Channels at 4, 8, 16, ... pixels.
      latent: Numbers of a latent.
      style: Numbers of a style.
      mapping: Layers of the mapping.
      classes: Number of labels, ``None`` without.
      channels: Of a sample.
      noise: Layers add a stored noise image.
      clamp: Bound of the convolutions' outputs, ``None`` without.
      space: ``z`` or ``w``.
      truncation: The factor psi.
    """

    widths: tuple[int, ...]
    latent: int
    style: int
    mapping: int = 8
    classes: int | None = None
    channels: int = 3
    noise: bool = True
    clamp: float | None = None
    space: str = "z"
    truncation: float = 1.0


def active(x: Array, gain: float = math.sqrt(2), clamp: float | None = None) -> Array:
    """The leaky ReLU with its gain, cut at plus and minus the clamp times the gain over the root of 2."""
    y = gain * jnp.where(x >= 0, x, 0.2 * x)
    return y if clamp is None else jnp.clip(y, -clamp, clamp)


def unit_moment(x: Array) -> Array:
    """Rows with a mean square of 1."""
    return x * jax.lax.rsqrt(jnp.mean(x**2, axis=1, keepdims=True) + _EPS)


class Dense(nnx.Module):
    """``x @ kernel + bias``."""

    def __init__(self, inputs: int, outputs: int):
        self.kernel, self.bias = nnx.Param(jnp.zeros((inputs, outputs))), nnx.Param(jnp.zeros(outputs))

    def __call__(self, x: Array) -> Array:
        """Rows to rows."""
        return x @ self.kernel[...] + self.bias[...]


class Mapping(nnx.Module):
    """Latents and labels, each brought to a mean square of 1, through dense layers; or labels alone."""

    def __init__(self, latent: int, style: int, layers: int, classes: int | None):
        self.embedding = None if classes is None else nnx.Param(jnp.zeros((classes, style)))
        first = latent + (0 if classes is None else style)
        self.layers = nnx.List([Dense(first if i == 0 else style, style) for i in range(layers)])

    def __call__(self, z: Array | None, labels: Array | None, last: bool = True) -> Array:
        """Styles, or what the last leaky ReLU takes."""
        parts = [] if z is None else [unit_moment(z)]
        if self.embedding is not None and labels is not None:
            parts.append(unit_moment(self.embedding[...][labels]))
        x = jnp.concatenate(parts, axis=1)
        for i, layer in enumerate(self.layers):
            x = layer(x)
            x = active(x) if last or i < len(self.layers) - 1 else x
        return x


class _Layer(nnx.Module):
    """The modulated convolution above."""

    def __init__(self, inputs: int, outputs: int, size: int, up: bool, config: StyleGan2Config):
        self.affine = Dense(config.style, inputs)
        self.kernel, self.bias = nnx.Param(jnp.zeros((3, 3, inputs, outputs))), nnx.Param(jnp.zeros(outputs))
        self.noise = nnx.BatchStat(jnp.zeros((size, size))) if config.noise else None
        self.up, self.clamp = up, config.clamp

    def __call__(self, x: Array, w: Array) -> Array:
        s, kernel = self.affine(w), self.kernel[...]
        x = x * s[:, None, None]
        y = blur(conv_transpose(x, kernel, 2), 1, gain=2.0) if self.up else conv(x, kernel, 1, 1)
        factor = jax.lax.rsqrt(s**2 @ jnp.sum(kernel**2, axis=(0, 1)) + _EPS)
        y = y * factor[:, None, None]
        y = y if self.noise is None else y + self.noise[...][..., None]
        return active(y + self.bias[...], clamp=self.clamp)


class _ToRgb(nnx.Module):
    """A modulated convolution of kernel 1 without the division."""

    def __init__(self, inputs: int, config: StyleGan2Config):
        self.affine, self.clamp = Dense(config.style, inputs), config.clamp
        self.kernel = nnx.Param(jnp.zeros((inputs, config.channels)))
        self.bias = nnx.Param(jnp.zeros(config.channels))

    def __call__(self, x: Array, w: Array) -> Array:
        y = (x * self.affine(w)[:, None, None]) @ self.kernel[...] + self.bias[...]
        return y if self.clamp is None else jnp.clip(y, -self.clamp, self.clamp)


class _Block(nnx.Module):
    """One size: a convolution that doubles the sides (but at 4 x 4), another one, and the picture."""

    def __init__(self, inputs: int | None, outputs: int, size: int, config: StyleGan2Config):
        self.conv0 = None if inputs is None else _Layer(inputs, outputs, size, True, config)
        self.conv1 = _Layer(outputs, outputs, size, False, config)
        self.torgb = _ToRgb(outputs, config)

    def __call__(self, x: Array, picture: Array | None, w: Array) -> tuple[Array, Array]:
        x = x if self.conv0 is None else self.conv0(x, w)
        x = self.conv1(x, w)
        y = self.torgb(x, w)
        return x, y if picture is None else up_by_two(picture) + y


class StyleGan2Generator(nnx.Module):
    """The generator; its images are cut at -1 and 1."""

    def __init__(self, config: StyleGan2Config):
        self.config, widths, n, whole = config, config.widths, config.style, config.space == "z"
        self.mapping = Mapping(config.latent, n, config.mapping, config.classes) if whole else None
        self.mean = None if whole else nnx.BatchStat(jnp.zeros(n))
        self.spread = None if whole else nnx.BatchStat(jnp.zeros((n, n)))
        self.average = nnx.BatchStat(jnp.zeros(config.style))
        self.const = nnx.Param(jnp.zeros((4, 4, widths[0])))
        ends = [None, *widths]
        self.blocks = nnx.List([_Block(ends[i], m, 4 * 2**i, config) for i, m in enumerate(widths)])

    def styles(self, z: Array, labels: Array | None = None) -> Array:
        """The truncated style of each latent."""
        if self.mapping is not None:
            w = self.mapping(z, labels)
        else:
            assert self.mean is not None and self.spread is not None
            w = active(self.mean[...] + z @ self.spread[...])
        average = self.average[...]
        return w if self.config.truncation == 1 else average + self.config.truncation * (w - average)

    def __call__(self, z: Array, labels: Array | None = None) -> Array:
        """``(batch, latent)`` to ``(batch, H, W, channels)``."""
        w = self.styles(z, labels)
        x, picture = jnp.broadcast_to(self.const[...], (z.shape[0], *self.const[...].shape)), None
        for block in self.blocks:
            x, picture = block(x, picture, w)
        assert picture is not None
        return jnp.clip(picture, -1, 1)


def stylegan2_net(module: StyleGan2Generator) -> Net:
    """Wrapped generator that a checkpoint can rebuild."""
    return wrap(module, architecture=Architecture("stylegan2/generator", Record(dataclasses.asdict(module.config))))


@register("stylegan2/generator")
def _template(config: Record) -> tuple[Any, Any]:
    values = config.to_dict()
    sizes = StyleGan2Config(**{**values, "widths": tuple(values["widths"])})
    net = wrap(nnx.eval_shape(lambda: StyleGan2Generator(sizes)))
    return net.apply, net.params
