r"""The layers of a sequential net: frozen descriptions with PyTorch's meaning and channels-last arithmetic.

Each layer is a frozen dataclass of JSON values; arrays are kept apart, in one
dictionary per layer. A layer knows its output shape, the shapes of its parameters,
how to draw them, and how to apply them. Shapes are those of one sample: ``()``,
``(n,)``, or ``(H, W, C)`` for an image that PyTorch would call ``(C, H, W)``.

BatchNorm with running statistics :math:`\mu, v` is one multiplication and one addition,

.. math:: y = x s + (b - \mu s), \qquad s = \gamma / \sqrt{v + \epsilon}.

``flatten``, ``unflatten`` and ``reshape`` order elements as PyTorch does (channel, row, column).
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from ..convolution import conv, conv_transpose
from ..errors import InputError

__all__ = ["LAYERS", "Layer", "Params", "Shape"]

Shape = tuple[int, ...]
Params = dict[str, Array]

LAYERS: dict[str, type[Layer]] = {}
"""Layer classes by the name that a layer list uses."""


@dataclasses.dataclass(frozen=True)
class Layer:
    """One layer. ``name`` is the module prefix of its tensors in a foreign file, where it must be said."""

    name: str | None = dataclasses.field(default=None, kw_only=True)
    kind: ClassVar[str] = ""

    def __init_subclass__(cls, kind: str = "", **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if kind:
            cls.kind = kind
            LAYERS[kind] = cls

    def spec(self) -> dict[str, Any]:
        """JSON form: ``{"layer": kind, ...}`` without settings left at their defaults."""
        values = {f.name: (getattr(self, f.name), f.default) for f in dataclasses.fields(self)}
        return {"layer": self.kind, **{k: v for k, (v, default) in values.items() if v != default}}

    def out_shape(self, shape: Shape) -> Shape:
        """Shape of one output sample; ``ValueError`` where the layer does not take ``shape``."""
        return shape

    def param_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Shapes of the parameters for inputs of ``shape``."""
        return {}

    def init(self, key: Array, shape: Shape) -> Params:
        """He-normal kernels, unit scales, zero biases, standard running statistics."""
        shapes = self.param_shapes(shape)
        ones = ("scale", "var")
        return {k: (jnp.ones if k in ones else jnp.zeros)(s, jnp.float32) for k, s in shapes.items() if k != "kernel"}

    def __call__(self, p: Params, x: Array) -> Array:
        raise NotImplementedError


def _image(shape: Shape) -> Shape:
    if len(shape) != 3:
        raise ValueError(f"takes images, not shape {shape}: put an unflatten layer before it")
    return shape


def _positive(**values: int | float) -> None:
    for field, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
            raise InputError(field, f"is {value!r}", "give a number above 0")


def _not_negative(**values: int) -> None:
    for field, value in values.items():
        if value < 0:
            raise InputError(field, f"is {value!r}", "give 0 or more")


def _kernel(key: Array, shape: Shape, fan_in: float) -> Array:
    return math.sqrt(2.0 / fan_in) * jax.random.normal(key, shape)


@dataclasses.dataclass(frozen=True)
class Dense(Layer, kind="dense"):
    """``torch.nn.Linear``; kernel ``(in, out)``."""

    out: int
    bias: bool = True

    def out_shape(self, shape: Shape) -> Shape:
        _positive(out=self.out)
        if len(shape) != 1:
            raise ValueError(f"takes flat samples, not shape {shape}: put a flatten layer before it")
        return (self.out,)

    def param_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {"kernel": (shape[0], self.out), **({"bias": (self.out,)} if self.bias else {})}

    def init(self, key: Array, shape: Shape) -> Params:
        return {**super().init(key, shape), "kernel": _kernel(key, (shape[0], self.out), shape[0])}

    def __call__(self, p: Params, x: Array) -> Array:
        y = x @ p["kernel"]
        return y + p["bias"] if self.bias else y


@dataclasses.dataclass(frozen=True)
class Conv(Layer, kind="conv"):
    """``torch.nn.Conv2d`` with zero padding; kernel ``(kh, kw, in, out)``."""

    out: int
    kernel: int
    stride: int = 1
    padding: int = 0
    bias: bool = True

    def out_shape(self, shape: Shape) -> Shape:
        _positive(out=self.out, kernel=self.kernel, stride=self.stride)
        _not_negative(padding=self.padding)
        height, width, _ = _image(shape)
        sides = [(n + 2 * self.padding - self.kernel) // self.stride + 1 for n in (height, width)]
        if min(sides) < 1:
            raise ValueError(f"has a kernel of {self.kernel} larger than its padded input {shape}")
        return (*sides, self.out)

    def param_shapes(self, shape: Shape) -> dict[str, Shape]:
        kernel = (self.kernel, self.kernel, shape[-1], self.out)
        return {"kernel": kernel, **({"bias": (self.out,)} if self.bias else {})}

    def init(self, key: Array, shape: Shape) -> Params:
        kernel = self.param_shapes(shape)["kernel"]
        return {**super().init(key, shape), "kernel": _kernel(key, kernel, self._fan_in(shape))}

    def _fan_in(self, shape: Shape) -> float:
        return self.kernel**2 * shape[-1]

    def __call__(self, p: Params, x: Array) -> Array:
        y = conv(x, p["kernel"], self.stride, self.padding)
        return y + p["bias"] if self.bias else y


@dataclasses.dataclass(frozen=True)
class ConvTranspose(Conv, kind="conv_transpose"):
    """``torch.nn.ConvTranspose2d``; kernel ``(kh, kw, in, out)``, not flipped."""

    output_padding: int = 0

    def out_shape(self, shape: Shape) -> Shape:
        _positive(out=self.out, kernel=self.kernel, stride=self.stride)
        _not_negative(padding=self.padding)
        height, width, _ = _image(shape)
        if not 0 <= self.output_padding < self.stride:
            raise ValueError(f"has output_padding {self.output_padding}, not below its stride {self.stride}")
        grow = self.kernel - 2 * self.padding + self.output_padding
        sides = [(n - 1) * self.stride + grow for n in (height, width)]
        if min(sides) < 1:
            raise ValueError(f"pads away all of its input {shape}")
        return (*sides, self.out)

    def _fan_in(self, shape: Shape) -> float:
        return max(1.0, self.kernel**2 * shape[-1] / self.stride**2)

    def __call__(self, p: Params, x: Array) -> Array:
        y = conv_transpose(x, p["kernel"], self.stride, self.padding, self.output_padding)
        return y + p["bias"] if self.bias else y


@dataclasses.dataclass(frozen=True)
class BatchNorm(Layer, kind="batch_norm"):
    """``torch.nn.BatchNorm1d/2d`` in evaluation mode."""

    eps: float = 1e-5
    affine: bool = True

    def param_shapes(self, shape: Shape) -> dict[str, Shape]:
        names = ("scale", "bias", "mean", "var") if self.affine else ("mean", "var")
        return dict.fromkeys(names, shape[-1:])

    def __call__(self, p: Params, x: Array) -> Array:
        scale = jax.lax.rsqrt(p["var"] + self.eps)
        if self.affine:
            scale = p["scale"] * scale
            return x * scale + (p["bias"] - p["mean"] * scale)
        return x * scale - p["mean"] * scale


@dataclasses.dataclass(frozen=True)
class GroupNorm(Layer, kind="group_norm"):
    """``torch.nn.GroupNorm``: statistics over the pixels and the channels of each group of one sample."""

    groups: int = 1
    eps: float = 1e-5
    affine: bool = True

    def out_shape(self, shape: Shape) -> Shape:
        if not shape or self.groups < 1 or shape[-1] % self.groups:
            raise ValueError(f"cannot split shape {shape} into {self.groups} groups of channels")
        return shape

    def param_shapes(self, shape: Shape) -> dict[str, Shape]:
        return dict.fromkeys(("scale", "bias"), shape[-1:]) if self.affine else {}

    def _groups(self, shape: Shape) -> int:
        return self.groups

    def __call__(self, p: Params, x: Array) -> Array:
        groups = self._groups(x.shape)
        h = x.reshape(x.shape[0], -1, groups, x.shape[-1] // groups)
        mean = jnp.mean(h, axis=(1, 3), keepdims=True)
        var = jnp.mean((h - mean) ** 2, axis=(1, 3), keepdims=True)
        y = ((h - mean) * jax.lax.rsqrt(var + self.eps)).reshape(x.shape)
        return y * p["scale"] + p["bias"] if self.affine else y


@dataclasses.dataclass(frozen=True)
class InstanceNorm(GroupNorm, kind="instance_norm"):
    """``torch.nn.InstanceNorm2d`` without running statistics; ``affine`` is off by default, as there."""

    affine: bool = False

    def out_shape(self, shape: Shape) -> Shape:
        return _image(shape)

    def _groups(self, shape: Shape) -> int:
        return shape[-1]


@dataclasses.dataclass(frozen=True)
class LayerNorm(Layer, kind="layer_norm"):
    """``torch.nn.LayerNorm`` over the whole sample, with one scale and bias per element."""

    eps: float = 1e-5
    affine: bool = True

    def param_shapes(self, shape: Shape) -> dict[str, Shape]:
        return dict.fromkeys(("scale", "bias"), shape) if self.affine else {}

    def __call__(self, p: Params, x: Array) -> Array:
        axes = tuple(range(1, x.ndim))
        mean = jnp.mean(x, axis=axes, keepdims=True)
        var = jnp.mean((x - mean) ** 2, axis=axes, keepdims=True)
        y = (x - mean) * jax.lax.rsqrt(var + self.eps)
        return y * p["scale"] + p["bias"] if self.affine else y
