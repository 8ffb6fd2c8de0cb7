r"""Convolutions of images and of sequences, with PyTorch's settings.

With stride s, dilation d, kernel k and padding p at both ends, n inputs along an axis give

.. math:: \lfloor (n + 2p - d(k-1) - 1) / s \rfloor + 1 \quad\text{and}\quad (n-1)s - 2p + d(k-1) + 1 + o

outputs of a convolution and of a transposed one (o the output padding). ``padding = "same"``
gives :math:`\lceil n/s \rceil` and :math:`ns`; what cannot be split evenly goes to the end, as
PyTorch and Keras do. On a sample ``(L, C)`` the layers are ``Conv1d`` and ``ConvTranspose1d``.
"""

from __future__ import annotations

import dataclasses
import math

import jax.numpy as jnp
from jax import Array, lax

from ..convolution import conv_in_blocks, conv_transpose
from ..errors import InputError
from .dense import Weighted
from .layers import Params, Shape, not_negative, positive, spatial

__all__ = ["Conv", "ConvTranspose"]

_DIMENSIONS = ("NHWC", "HWIO", "NHWC")
_FILL = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
Ends = tuple[tuple[int, int], ...]


@dataclasses.dataclass(frozen=True)
class Conv(Weighted, kind="conv"):
    """``torch.nn.Conv2d`` (``Conv1d`` on sequences); kernel ``(kh, kw, in / groups, out)``."""

    out: int
    kernel: int | Shape
    stride: int | Shape = 1
    padding: int | str | Shape = 0
    bias: bool = True
    dilation: int | Shape = 1
    groups: int = 1
    padding_mode: str = "zeros"

    def out_shape(self, shape: Shape) -> Shape:
        """Rows and columns by the formula above, ``out`` channels."""
        self._check(shape)
        sides = []
        for n, (low, high), k, s in zip(
            shape, self._ends(shape), self._reach(shape), self._strides(shape), strict=False
        ):
            if self.padding_mode not in ("zeros", "replicate") and max(low, high) >= n + (
                self.padding_mode == "circular"
            ):
                raise ValueError(f"pads {n} pixels by {max(low, high)} of them ({self.padding_mode})")
            sides.append((n + low + high - k) // s + 1)
        if min(sides) < 1:
            raise ValueError(f"has a kernel of {self.kernel} larger than its padded input {shape}")
        return (*sides, self.out)

    def _check(self, shape: Shape) -> None:
        rank = len(spatial(shape)) - 1
        positive(out=self.out, kernel=self.kernel, stride=self.stride, dilation=self.dilation, groups=self.groups)
        if isinstance(self.padding, str):
            if self.padding not in ("same", "valid"):
                raise InputError("padding", f"is {self.padding!r}", 'give numbers, "same" or "valid"')
        else:
            not_negative(padding=self.padding)
        for field in ("kernel", "stride", "padding", "dilation"):
            value = getattr(self, field)
            if isinstance(value, tuple) and len(value) != rank:
                raise InputError(field, f"is {list(value)}", f"give one number, or {rank} of them")
        if self.padding_mode not in _FILL:
            raise InputError("padding_mode", f"is {self.padding_mode!r}", f"use one of {', '.join(_FILL)}")
        if shape[-1] % self.groups or self.out % self.groups:
            raise ValueError(f"cannot split {shape[-1]} channels and {self.out} outputs into {self.groups} groups")

    def _sides(self, value: int | Shape, shape: Shape) -> Shape:
        return value if isinstance(value, tuple) else (value,) * (len(shape) - 1)

    def _strides(self, shape: Shape) -> Shape:
        return self._sides(self.stride, shape)

    def _reach(self, shape: Shape) -> Shape:
        """Pixels from the first tap to the last."""
        kernel, dilation = self._sides(self.kernel, shape), self._sides(self.dilation, shape)
        return tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))

    def _ends(self, shape: Shape) -> Ends:
        if isinstance(self.padding, str):
            if self.padding == "valid":
                return ((0, 0),) * (len(shape) - 1)
            each = zip(shape, self._reach(shape), self._strides(shape), strict=False)
            total = [max((math.ceil(n / s) - 1) * s + k - n, 0) for n, k, s in each]
            return tuple((t // 2, t - t // 2) for t in total)
        return tuple((p, p) for p in self._sides(self.padding, shape))

    def param_shapes(self, shape: Shape) -> Params:
        """Kernel and bias."""
        kernel = (*self._sides(self.kernel, shape), shape[-1] // self.groups, self.out)
        return {"kernel": kernel, **({"bias": (self.out,)} if self.bias else {})}

    def fan_in(self, name: str, shape: Shape) -> float:
        """Taps times channels of a group."""
        return math.prod(self._sides(self.kernel, shape)) * shape[-1] / self.groups

    def __call__(self, p: Params, x: Array) -> Array:
        """The convolution of a batch."""
        y = _unlift(self._run(p["kernel"], x), x)
        return y + p["bias"] if self.bias else y

    def _run(self, w: Array, x: Array) -> Array:
        shape = x.shape[1:]
        ends, strides, dilation = self._ends(shape), self._strides(shape), self._sides(self.dilation, shape)
        if self.padding_mode != "zeros":
            x = jnp.pad(x, ((0, 0), *ends, (0, 0)), mode=_FILL[self.padding_mode])
            ends = ((0, 0),) * len(ends)
        x, w, ends, strides, dilation = _lift(x, w, ends, strides, dilation)
        if self.groups > 1 or max(dilation) > 1 or strides[0] != strides[1]:
            return lax.conv_general_dilated(
                x, w, strides, ends, None, dilation, _DIMENSIONS, feature_group_count=self.groups
            )
        if len({p for pair in ends for p in pair}) > 1:
            x, ends = jnp.pad(x, ((0, 0), *ends, (0, 0))), ((0, 0),) * 2
        return conv_in_blocks(x, w, strides[0], ends[0][0])


@dataclasses.dataclass(frozen=True)
class ConvTranspose(Conv, kind="conv_transpose"):
    """``torch.nn.ConvTranspose2d`` (``1d`` on sequences); kernel ``(kh, kw, in / groups, out)``, not flipped."""

    output_padding: int | Shape = 0

    def out_shape(self, shape: Shape) -> Shape:
        """Rows and columns by the formula above, ``out`` channels."""
        self._check(shape)
        if self.padding_mode != "zeros":
            raise InputError("padding_mode", f"is {self.padding_mode!r}", "a transposed convolution has zeros alone")
        strides = self._strides(shape)
        for extra, stride in zip(self._sides(self.output_padding, shape), strides, strict=True):
            if not 0 <= extra < stride:
                raise ValueError(f"has output_padding {self.output_padding}, not below its stride {self.stride}")
        each = zip(shape, self._cut(shape), self._reach(shape), strides, strict=False)
        sides = [(n - 1) * s + k - low - high for n, (low, high), k, s in each]
        if min(sides) < 1:
            raise ValueError(f"pads away all of its input {shape}")
        return (*sides, self.out)

    def _cut(self, shape: Shape) -> Ends:
        """Pixels to cut off the full output at both ends; a negative number adds zeros."""
        if self.padding == "same":
            total = [k - s for k, s in zip(self._reach(shape), self._strides(shape), strict=True)]
            return tuple((max(t, 0) // 2, t - max(t, 0) // 2) for t in total)
        extra = self._sides(self.output_padding, shape)
        return tuple((low, high - o) for (low, high), o in zip(self._ends(shape), extra, strict=True))

    def fan_in(self, name: str, shape: Shape) -> float:
        """Taps that meet in one output, times channels of a group."""
        return max(1.0, super().fan_in(name, shape) / math.prod(self._strides(shape)))

    def _run(self, w: Array, x: Array) -> Array:
        shape = x.shape[1:]
        cut, strides, dilation = self._cut(shape), self._strides(shape), self._sides(self.dilation, shape)
        x, w, cut, strides, dilation = _lift(x, w, cut, strides, dilation)
        padding, extra = cut[0][0], cut[0][0] - cut[0][1]
        plain = self.groups == 1 and max(dilation) == 1 and strides[0] == strides[1] and extra >= 0
        if plain and x.shape[1] > 1 and cut[0] == cut[1]:
            return conv_transpose(x, w, strides[0], padding, extra)
        if plain:
            # the full output with room at the end, then one slice: also right for a sequence
            room = max(0, *(-high for _, high in cut))
            y = conv_transpose(x, w, strides[0], 0, room)
            ends = [y.shape[1 + i] - room - high for i, (_, high) in enumerate(cut)]
            return y[:, cut[0][0] : ends[0], cut[1][0] : ends[1]]
        reach = [d * (k - 1) for k, d in zip(w.shape, dilation, strict=False)]
        ends = [(r - low, r - high) for r, (low, high) in zip(reach, cut, strict=True)]
        return lax.conv_general_dilated(
            x, w[::-1, ::-1], (1, 1), ends, strides, dilation, _DIMENSIONS, feature_group_count=self.groups
        )


def _lift(x: Array, w: Array, ends: Ends, strides: Shape, dilation: Shape) -> tuple[Array, Array, Ends, Shape, Shape]:
    """A sequence as an image of one row; the stride of a row that is alone does not matter."""
    if x.ndim == 4:
        return x, w, ends, strides, dilation
    return x[:, None], w[None], ((0, 0), *ends), strides * 2, (1, *dilation)


def _unlift(y: Array, x: Array) -> Array:
    return y if x.ndim == 4 else y[:, 0]
