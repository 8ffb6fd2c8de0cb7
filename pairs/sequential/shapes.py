r"""Sequential layers without parameters: activations, reshapes, pooling, resampling.

With :math:`r` the factor, ``pixel_shuffle`` is :math:`y[ra+i,\,rb+j,\,c] = x[a,\,b,\,c r^2 + i r + j]`;
pooling windows follow PyTorch: :math:`y[a] = \max_i x[sa + i - p]`, or the mean, with
``count_include_pad`` deciding whether padding counts.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math

import jax
import jax.numpy as jnp
from jax import Array

from .layers import Layer, Params, Shape, _image, _positive

__all__ = ["Unflatten", "Upsample"]

_ACTIVATIONS = {
    "relu": jax.nn.relu,
    "silu": jax.nn.silu,
    "softplus": jax.nn.softplus,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "identity": lambda x: x,
    "dropout": lambda x: x,
}


@dataclasses.dataclass(frozen=True)
class Activation(Layer):
    """Elementwise function without settings; dropout is the identity in inference."""

    def __call__(self, p: Params, x: Array) -> Array:
        return _ACTIVATIONS[self.kind](x)


for _kind in _ACTIVATIONS:
    dataclasses.dataclass(frozen=True)(type(_kind.title(), (Activation,), {"__module__": __name__}, kind=_kind))


@dataclasses.dataclass(frozen=True)
class LeakyRelu(Layer, kind="leaky_relu"):
    """``torch.nn.LeakyReLU``; the default slope is PyTorch's 0.01."""

    slope: float = 0.01

    def __call__(self, p: Params, x: Array) -> Array:
        return jnp.where(x >= 0, x, self.slope * x)


@dataclasses.dataclass(frozen=True)
class Elu(Layer, kind="elu"):
    """``torch.nn.ELU``."""

    alpha: float = 1.0

    def __call__(self, p: Params, x: Array) -> Array:
        return jax.nn.elu(x, self.alpha)


@dataclasses.dataclass(frozen=True)
class Gelu(Layer, kind="gelu"):
    """``torch.nn.GELU``: exact by default, ``approximate=true`` for the tanh form."""

    approximate: bool = False

    def __call__(self, p: Params, x: Array) -> Array:
        return jax.nn.gelu(x, approximate=self.approximate)


@dataclasses.dataclass(frozen=True)
class Scale(Layer, kind="scale"):
    """``factor * x + offset``."""

    factor: float = 1.0
    offset: float = 0.0

    def __call__(self, p: Params, x: Array) -> Array:
        return self.factor * x + self.offset


@dataclasses.dataclass(frozen=True)
class Unflatten(Layer, kind="unflatten"):
    """``x.view(batch, *shape)`` of PyTorch; ``shape`` is ``[n]`` or PyTorch's ``[C, H, W]``."""

    shape: Shape

    def out_shape(self, shape: Shape) -> Shape:
        if len(self.shape) not in (1, 3):
            raise ValueError(f"has shape {list(self.shape)}: give [n], or [C, H, W] in PyTorch's order")
        if math.prod(self.shape) != math.prod(shape) or min(self.shape) < 1:
            raise ValueError(f"cannot view {math.prod(shape)} numbers as {list(self.shape)}")
        return self.shape if len(self.shape) == 1 else (*self.shape[1:], self.shape[0])

    def __call__(self, p: Params, x: Array) -> Array:
        h = x.transpose(0, 3, 1, 2) if x.ndim == 4 else x
        h = h.reshape(x.shape[0], *self.shape)
        return h.transpose(0, 2, 3, 1) if h.ndim == 4 else h


@dataclasses.dataclass(frozen=True)
class Reshape(Unflatten, kind="reshape"):
    """Another name of ``unflatten``."""


@dataclasses.dataclass(frozen=True)
class Flatten(Layer, kind="flatten"):
    """``torch.nn.Flatten()``: ``(batch, n)``, elements in PyTorch's order."""

    def out_shape(self, shape: Shape) -> Shape:
        return (math.prod(shape),)

    def __call__(self, p: Params, x: Array) -> Array:
        h = x.transpose(0, 3, 1, 2) if x.ndim == 4 else x
        return h.reshape(x.shape[0], -1)


@dataclasses.dataclass(frozen=True)
class Squeeze(Layer, kind="squeeze"):
    """Drops every axis of length one but the batch: the end of a critic, ``(batch, 1) -> (batch,)``."""

    def out_shape(self, shape: Shape) -> Shape:
        kept = tuple(n for n in shape if n != 1)
        if len(kept) not in (0, 1):
            raise ValueError(f"would leave shape {kept}: flatten or pool first")
        return kept

    def __call__(self, p: Params, x: Array) -> Array:
        return x.reshape(x.shape[0], *(n for n in x.shape[1:] if n != 1))


@dataclasses.dataclass(frozen=True)
class Upsample(Layer, kind="upsample"):
    """``torch.nn.Upsample(scale_factor=factor)``, ``mode`` ``nearest`` or ``bilinear`` (corners not aligned)."""

    factor: int = 2
    mode: str = "nearest"

    def out_shape(self, shape: Shape) -> Shape:
        _positive(factor=self.factor)
        if self.mode not in ("nearest", "bilinear"):
            raise ValueError(f"has mode {self.mode!r}: use nearest or bilinear")
        height, width, channels = _image(shape)
        return (height * self.factor, width * self.factor, channels)

    def __call__(self, p: Params, x: Array) -> Array:
        if self.mode == "nearest":
            return jnp.repeat(jnp.repeat(x, self.factor, axis=1), self.factor, axis=2)
        shape = (x.shape[0], *self.out_shape(x.shape[1:]))
        return jax.image.resize(x, shape, "bilinear", antialias=False)


@dataclasses.dataclass(frozen=True)
class MaxPool(Layer, kind="max_pool"):
    """``torch.nn.MaxPool2d``; ``stride`` defaults to the kernel."""

    kernel: int
    stride: int | None = None
    padding: int = 0

    def out_shape(self, shape: Shape) -> Shape:
        _positive(kernel=self.kernel, stride=self._stride)
        height, width, channels = _image(shape)
        sides = [(n + 2 * self.padding - self.kernel) // self._stride + 1 for n in (height, width)]
        if min(sides) < 1 or not 0 <= 2 * self.padding <= self.kernel:
            raise ValueError(f"with kernel {self.kernel} and padding {self.padding} does not fit {shape}")
        return (*sides, channels)

    @property
    def _stride(self) -> int:
        return self.kernel if self.stride is None else self.stride

    def _windows(self, x: Array, fill: float) -> list[Array]:
        # One strided slice per tap: its derivatives are pads, which every backend does well.
        rows, cols, _ = self.out_shape(x.shape[1:])
        ends, s = (self.padding, self.padding), self._stride
        x = jnp.pad(x, ((0, 0), ends, ends, (0, 0)), constant_values=fill)
        taps = itertools.product(range(self.kernel), repeat=2)
        return [x[:, i : i + (rows - 1) * s + 1 : s, j : j + (cols - 1) * s + 1 : s] for i, j in taps]

    def __call__(self, p: Params, x: Array) -> Array:
        return functools.reduce(jnp.maximum, self._windows(x, -jnp.inf))


@dataclasses.dataclass(frozen=True)
class AvgPool(MaxPool, kind="avg_pool"):
    """``torch.nn.AvgPool2d``; ``count_include_pad`` is on by default, as there."""

    count_include_pad: bool = True

    def __call__(self, p: Params, x: Array) -> Array:
        total = sum(self._windows(x, 0.0), start=jnp.zeros((), x.dtype))
        if self.count_include_pad or not self.padding:
            return total / self.kernel**2
        return total / sum(self._windows(jnp.ones_like(x[:1, :, :, :1]), 0.0), start=jnp.zeros((), x.dtype))


@dataclasses.dataclass(frozen=True)
class GlobalMeanPool(Layer, kind="global_mean_pool"):
    """Mean over rows and columns, ``(H, W, C) -> (C,)``."""

    def out_shape(self, shape: Shape) -> Shape:
        return _image(shape)[-1:]

    def __call__(self, p: Params, x: Array) -> Array:
        return jnp.mean(x, axis=(1, 2))


@dataclasses.dataclass(frozen=True)
class GlobalSumPool(GlobalMeanPool, kind="global_sum_pool"):
    """Sum over rows and columns, ``(H, W, C) -> (C,)``."""

    def __call__(self, p: Params, x: Array) -> Array:
        return jnp.sum(x, axis=(1, 2))


@dataclasses.dataclass(frozen=True)
class PixelShuffle(Layer, kind="pixel_shuffle"):
    """``torch.nn.PixelShuffle``."""

    factor: int = 2

    def out_shape(self, shape: Shape) -> Shape:
        _positive(factor=self.factor)
        height, width, channels = _image(shape)
        if channels % self.factor**2:
            raise ValueError(f"needs channels divisible by {self.factor**2}, not {channels}")
        return (height * self.factor, width * self.factor, channels // self.factor**2)

    def __call__(self, p: Params, x: Array) -> Array:
        r, shape = self.factor, self.out_shape(x.shape[1:])
        h = x.reshape(*x.shape[:3], shape[2], r, r)
        return h.transpose(0, 1, 4, 2, 5, 3).reshape(x.shape[0], *shape)
