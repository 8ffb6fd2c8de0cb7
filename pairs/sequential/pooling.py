r"""Pooling and resampling.

Pooling windows follow PyTorch: :math:`y[a] = \max_i x[sa + i - p]`, or the mean, with
``count_include_pad`` deciding whether padding counts. Both are done along one axis after the other.

Linear resampling from n to m pixels reads at :math:`t = (a + 1/2) n/m - 1/2`, cut at 0, or with
aligned corners at :math:`t = a (n-1)/(m-1)`; the nearest mode reads pixel :math:`\lfloor a n/m \rfloor`.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from ..errors import InputError
from .layers import Layer, Params, Shape, image, not_negative, positive, spatial

__all__ = ["AvgPool", "GlobalMeanPool", "GlobalSumPool", "MaxPool", "Upsample"]

_MOST_TAPS = 128


@dataclasses.dataclass(frozen=True)
class MaxPool(Layer, kind="max_pool"):
    """``torch.nn.MaxPool2d`` (``1d`` on sequences); ``stride`` defaults to the kernel."""

    kernel: int | Shape
    stride: int | Shape | None = None
    padding: int | Shape = 0

    def out_shape(self, shape: Shape) -> Shape:
        """Sides by PyTorch's formula."""
        positive(kernel=self.kernel, stride=self.kernel if self.stride is None else self.stride)
        not_negative(padding=self.padding)
        sides = []
        for n, k, s, p in zip(spatial(shape), *self._settings(shape), strict=False):
            if k > _MOST_TAPS and k != n:
                raise InputError("kernel", f"is {k}", f"use at most {_MOST_TAPS}, or a global pool")
            if 2 * p > k or n + 2 * p < k:
                raise ValueError(f"with kernel {self.kernel} and padding {self.padding} does not fit {shape}")
            sides.append((n + 2 * p - k) // s + 1)
        return (*sides, shape[-1])

    def _settings(self, shape: Shape) -> tuple[Shape, ...]:
        given = (self.kernel, self.kernel if self.stride is None else self.stride, self.padding)
        rank = len(shape) - 1
        sides = tuple(v if isinstance(v, tuple) else (v,) * rank for v in given)
        if any(len(v) != rank for v in sides):
            raise InputError(
                "kernel", f"is {self.kernel}", f"give one number, or {rank}, of kernel, stride and padding"
            )
        return sides

    def _reduced(self, x: Array, fill: float, merge: str) -> Array:
        # One strided slice per tap: its derivatives are pads, which every backend does well.
        join = {"max": jnp.maximum, "sum": jnp.add}[merge]
        for axis, (k, s, p) in enumerate(zip(*self._settings(x.shape[1:]), strict=True), 1):
            if k == x.shape[axis] and not p:
                x = (jnp.max if merge == "max" else jnp.sum)(x, axis=axis, keepdims=True)
                continue
            ends = [(0, 0)] * x.ndim
            ends[axis] = (p, p)
            padded = jnp.pad(x, ends, constant_values=fill)
            last = (padded.shape[axis] - k) // s * s + 1
            x = functools.reduce(join, (lax.slice_in_dim(padded, i, i + last, s, axis) for i in range(k)))
        return x

    def __call__(self, p: Params, x: Array) -> Array:
        """The largest number of each window."""
        return self._reduced(x, -jnp.inf, "max")


@dataclasses.dataclass(frozen=True)
class AvgPool(MaxPool, kind="avg_pool"):
    """``torch.nn.AvgPool2d`` (``1d`` on sequences); ``count_include_pad`` is on by default, as there."""

    count_include_pad: bool = True

    def __call__(self, p: Params, x: Array) -> Array:
        """The mean of each window."""
        total = self._reduced(x, 0.0, "sum")
        if self.count_include_pad:
            return total / math.prod(self._settings(x.shape[1:])[0])
        return total / self._reduced(jnp.ones_like(x[:1, ..., :1]), 0.0, "sum")


@dataclasses.dataclass(frozen=True)
class GlobalMeanPool(Layer, kind="global_mean_pool"):
    """Mean over rows and columns, ``(H, W, C) -> (C,)``."""

    def out_shape(self, shape: Shape) -> Shape:
        """``(C,)``."""
        return spatial(shape)[-1:]

    def __call__(self, p: Params, x: Array) -> Array:
        """The mean."""
        return jnp.mean(x, axis=tuple(range(1, x.ndim - 1)))


@dataclasses.dataclass(frozen=True)
class GlobalSumPool(GlobalMeanPool, kind="global_sum_pool"):
    """Sum over rows and columns, ``(H, W, C) -> (C,)``."""

    def __call__(self, p: Params, x: Array) -> Array:
        """The sum."""
        return jnp.sum(x, axis=tuple(range(1, x.ndim - 1)))


@dataclasses.dataclass(frozen=True)
class Upsample(Layer, kind="upsample"):
    """``torch.nn.Upsample`` by a whole factor or to a size, ``mode`` ``nearest`` or ``bilinear``.

    Attributes:
      factor: Number of output pixels per input pixel.
      mode: ``nearest`` or ``bilinear``.
      align_corners: As in PyTorch, off by default.
      size: ``[H, W]`` of the output, in place of the factor (also for smaller images).
    """

    factor: int | Shape = 2
    mode: str = "nearest"
    align_corners: bool = False
    size: Shape | None = None

    def out_shape(self, shape: Shape) -> Shape:
        """Sides times the factor, or the size."""
        positive(factor=self.factor)
        if self.mode not in ("nearest", "bilinear"):
            raise ValueError(f"has mode {self.mode!r}: use nearest or bilinear")
        height, width, channels = image(shape)
        factor = self.factor if isinstance(self.factor, tuple) else (self.factor,) * 2
        if self.size is not None:
            positive(size=self.size)
        if len(self.size or factor) != 2:
            raise ValueError(f"has {list(self.size or factor)} for an image: give two numbers")
        return (*(self.size or (height * factor[0], width * factor[1])), channels)

    def __call__(self, p: Params, x: Array) -> Array:
        """The resampled image."""
        sides = self.out_shape(x.shape[1:])[:2]
        for axis, (n, m) in enumerate(zip(x.shape[1:], sides, strict=False), 1):
            if self.mode == "bilinear":
                x = jnp.moveaxis(jnp.moveaxis(x, axis, -1) @ self._weights(n, m).astype(x.dtype), -1, axis)
            else:
                even = m % n == 0
                x = jnp.repeat(x, m // n, axis) if even else jnp.take(x, np.arange(m) * n // m, axis)
        return x

    def _weights(self, n: int, m: int) -> Array:
        at = np.arange(m) * (n - 1) / max(m - 1, 1) if self.align_corners else (np.arange(m) + 0.5) * n / m - 0.5
        at = np.clip(at, 0, n - 1)
        return jnp.asarray(np.maximum(0, 1 - np.abs(at[None] - np.arange(n)[:, None])), jnp.float32)
