r"""Normalisations in inference mode.

BatchNorm with running statistics :math:`\mu, v` is one multiplication and one addition,

.. math:: y = x s + (b - \mu s), \qquad s = \gamma / \sqrt{v + \epsilon},

the others use the mean and variance of one sample, over its pixels and a group of channels.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

from .layers import Layer, Params, Shape, image, spatial

__all__ = ["BatchNorm", "GroupNorm", "InstanceNorm", "LayerNorm", "MinibatchStddev", "PixelNorm", "moved"]


def moved(p: Params, x: Array, eps: float, scale: Array | None, bias: Array | None) -> Array:
    """``(x - mean) / sqrt(var + eps) * scale + bias`` with the stored mean and variance."""
    factor = jax.lax.rsqrt(p["var"] + eps)
    if scale is None:
        return x * factor - p["mean"] * factor
    factor = scale * factor
    return x * factor + (bias - p["mean"] * factor)


@dataclasses.dataclass(frozen=True)
class BatchNorm(Layer, kind="batch_norm"):
    """``torch.nn.BatchNorm1d/2d`` in evaluation mode."""

    eps: float = 1e-5
    affine: bool = True

    def param_shapes(self, shape: Shape) -> Params:
        """One number of each sort per channel."""
        names = ("scale", "bias", "mean", "var") if self.affine else ("mean", "var")
        return dict.fromkeys(names, shape[-1:])

    def __call__(self, p: Params, x: Array) -> Array:
        """The formula above."""
        return moved(p, x, self.eps, p.get("scale"), p.get("bias"))


@dataclasses.dataclass(frozen=True)
class GroupNorm(Layer, kind="group_norm"):
    """``torch.nn.GroupNorm``: statistics over the pixels and the channels of each group of one sample."""

    groups: int = 1
    eps: float = 1e-5
    affine: bool = True

    def out_shape(self, shape: Shape) -> Shape:
        """The same; the channels must split into groups."""
        if not shape or self.groups < 1 or shape[-1] % self.groups:
            raise ValueError(f"cannot split shape {shape} into {self.groups} groups of channels")
        return shape

    def param_shapes(self, shape: Shape) -> Params:
        """Scale and bias per channel."""
        return dict.fromkeys(("scale", "bias"), shape[-1:]) if self.affine else {}

    def _groups(self, shape: Shape) -> int:
        return self.groups

    def __call__(self, p: Params, x: Array) -> Array:
        """Normalise each group of each sample."""
        groups = self._groups(x.shape)
        h = x.reshape(x.shape[0], -1, groups, x.shape[-1] // groups)
        mean = jnp.mean(h, axis=(1, 3), keepdims=True)
        var = jnp.mean((h - mean) ** 2, axis=(1, 3), keepdims=True)
        y = ((h - mean) * jax.lax.rsqrt(var + self.eps)).reshape(x.shape)
        return y * p["scale"] + p["bias"] if self.affine else y


@dataclasses.dataclass(frozen=True)
class InstanceNorm(GroupNorm, kind="instance_norm"):
    """``torch.nn.InstanceNorm1d/2d``; ``affine`` is off by default, as there.

    Attributes:
      track_running_stats: Running statistics are stored, and used in place of those of the sample.
    """

    affine: bool = False
    track_running_stats: bool = False

    def out_shape(self, shape: Shape) -> Shape:
        """The same."""
        return spatial(shape)

    def param_shapes(self, shape: Shape) -> Params:
        """Scale and bias per channel, and the statistics where they are tracked."""
        tracked = dict.fromkeys(("mean", "var"), shape[-1:]) if self.track_running_stats else {}
        return {**super().param_shapes(shape), **tracked}

    def _groups(self, shape: Shape) -> int:
        return shape[-1]

    def __call__(self, p: Params, x: Array) -> Array:
        """Normalise each channel of each sample."""
        if self.track_running_stats:
            return moved(p, x, self.eps, p.get("scale"), p.get("bias"))
        return super().__call__(p, x)


@dataclasses.dataclass(frozen=True)
class LayerNorm(Layer, kind="layer_norm"):
    """``torch.nn.LayerNorm`` over the whole sample, with one scale and bias per element.

    Attributes:
      shape: PyTorch's ``normalized_shape``, which must be that of the whole sample; not compared where None.
    """

    eps: float = 1e-5
    affine: bool = True
    bias: bool = True
    shape: Shape | None = None
    import_only = ("name", "share", "shape")

    def out_shape(self, shape: Shape) -> Shape:
        """The same."""
        whole = (shape[-1], *shape[:-1]) if shape else shape
        if self.shape not in (None, whole):
            problem = f"normalises over {list(self.shape)}, and a sample has shape {list(whole)} in PyTorch's order"
            raise ValueError(f"{problem}: LayerNorm over some axes of a sample has no counterpart, use ONNX")
        return shape

    def param_shapes(self, shape: Shape) -> Params:
        """Scale and bias of the sample's shape."""
        return dict.fromkeys(("scale", "bias") if self.bias else ("scale",), shape) if self.affine else {}

    def __call__(self, p: Params, x: Array) -> Array:
        """Normalise each sample."""
        axes = tuple(range(1, x.ndim))
        mean = jnp.mean(x, axis=axes, keepdims=True)
        var = jnp.mean((x - mean) ** 2, axis=axes, keepdims=True)
        y = (x - mean) * jax.lax.rsqrt(var + self.eps)
        y = y * p["scale"] if self.affine else y
        return y + p["bias"] if self.affine and self.bias else y


@dataclasses.dataclass(frozen=True)
class PixelNorm(Layer, kind="pixel_norm"):
    r"""Divides each pixel by its root mean square over channels, :math:`x / \sqrt{\overline{x^2} + \epsilon}`.

    References:
      Karras et al. (2018), arXiv:1710.10196, section 4.2.
    """

    eps: float = 1e-8

    def __call__(self, p: Params, x: Array) -> Array:
        """The formula above."""
        return x * jax.lax.rsqrt(jnp.mean(x**2, axis=-1, keepdims=True) + self.eps)


@dataclasses.dataclass(frozen=True)
class MinibatchStddev(Layer, kind="minibatch_stddev"):
    """Stands for a layer that appends the standard deviation over the batch: the appended channels are constant.

    The layer's statistic mixes the samples of a batch, so that a sample would have no score of its own. In inference
    the channels hold ``value``: 0 is what equal samples give.

    References:
      Karras et al. (2018), arXiv:1710.10196, section 3.
    """

    channels: int = 1
    value: float = 0.0

    def out_shape(self, shape: Shape) -> Shape:
        """The same with ``channels`` more."""
        height, width, channels = image(shape)
        return height, width, channels + self.channels

    def __call__(self, p: Params, x: Array) -> Array:
        """Append the constant."""
        return jnp.pad(x, ((0, 0),) * 3 + ((0, self.channels),), constant_values=self.value)
