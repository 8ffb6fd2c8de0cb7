r"""Layers that move numbers and do not change them.

With :math:`r` the factor, ``pixel_shuffle`` is :math:`y[ra+i,\,rb+j,\,c] = x[a,\,b,\,c r^2 + i r + j]`.
``flatten``, ``unflatten`` and ``reshape`` order elements as PyTorch does (channel, row, column).
"""

from __future__ import annotations

import dataclasses
import math

import jax.numpy as jnp
from jax import Array

from ..errors import InputError
from .layers import Layer, Params, Shape, image, not_negative, positive, spatial

__all__ = ["Flatten", "Pad", "PixelShuffle", "PixelUnshuffle", "Reshape", "Spread", "Squeeze", "Unflatten"]


def _channels_first(x: Array) -> Array:
    return jnp.moveaxis(x, -1, 1) if x.ndim > 2 else x


@dataclasses.dataclass(frozen=True)
class Unflatten(Layer, kind="unflatten"):
    """``x.view(batch, *shape)`` of PyTorch; ``shape`` is ``[n]``, or PyTorch's ``[C, L]`` or ``[C, H, W]``.

    Attributes:
      shape: The new shape in PyTorch's order; one -1 in it is what is left.
      channels_last: The numbers lie row by row with the channels together, as in ``view(batch, H, W, C)``.
    """

    shape: Shape
    channels_last: bool = False

    def out_shape(self, shape: Shape) -> Shape:
        """The new shape, channels last."""
        if len(self.shape) not in (1, 2, 3):
            raise ValueError(f"has shape {list(self.shape)}: give [n], [C, L] or [C, H, W] in PyTorch's order")
        made = self._sizes(math.prod(shape))
        if math.prod(made) != math.prod(shape) or min(made) < 1:
            raise ValueError(f"cannot view {math.prod(shape)} numbers as {list(self.shape)}")
        return (*made[1:], made[0])

    def _sizes(self, numbers: int) -> Shape:
        """The shape with the size that is left in the place of -1."""
        if self.shape.count(-1) != 1:
            return self.shape
        left = numbers // max(1, abs(math.prod(self.shape)))
        return tuple(left if n == -1 else n for n in self.shape)

    def __call__(self, p: Params, x: Array) -> Array:
        """The same numbers in PyTorch's order."""
        first, *others = self._sizes(math.prod(x.shape[1:]))
        if self.channels_last:
            return x.reshape(x.shape[0], *others, first)
        h = _channels_first(x).reshape(x.shape[0], first, *others)
        return jnp.moveaxis(h, 1, -1)


@dataclasses.dataclass(frozen=True)
class Reshape(Unflatten, kind="reshape"):
    """Another name of ``unflatten``."""


@dataclasses.dataclass(frozen=True)
class Flatten(Layer, kind="flatten"):
    """``torch.nn.Flatten()``: ``(batch, n)``, elements in PyTorch's order.

    Attributes:
      channels_last: The elements lie row by row with the channels together.
    """

    channels_last: bool = False

    def out_shape(self, shape: Shape) -> Shape:
        """``(n,)``."""
        return (math.prod(shape),)

    def __call__(self, p: Params, x: Array) -> Array:
        """The same numbers in PyTorch's order."""
        return (x if self.channels_last else _channels_first(x)).reshape(x.shape[0], -1)


@dataclasses.dataclass(frozen=True)
class Squeeze(Layer, kind="squeeze"):
    """Drops every axis of length one but the batch: the end of a critic, ``(batch, 1) -> (batch,)``."""

    def out_shape(self, shape: Shape) -> Shape:
        """What is left."""
        kept = tuple(n for n in shape if n != 1)
        if len(kept) not in (0, 1):
            raise ValueError(f"would leave shape {kept}: flatten or pool first")
        return kept

    def __call__(self, p: Params, x: Array) -> Array:
        """The same numbers."""
        return x.reshape(x.shape[0], *(n for n in x.shape[1:] if n != 1))


@dataclasses.dataclass(frozen=True)
class Pad(Layer, kind="pad"):
    """``torch.nn.ZeroPad2d``, ``ReflectionPad2d``, ``ReplicationPad2d``, by ``mode``.

    Attributes:
      size: One number, or PyTorch's ``[left, right, top, bottom]`` (``[left, right]`` on sequences).
      mode: ``zeros``, ``reflect`` or ``replicate``.
    """

    size: int | Shape
    mode: str = "zeros"

    def out_shape(self, shape: Shape) -> Shape:
        """The sides grow by both ends."""
        not_negative(size=self.size)
        if self.mode not in ("zeros", "reflect", "replicate"):
            raise InputError("mode", f"is {self.mode!r}", "use zeros, reflect or replicate")
        if isinstance(self.size, tuple) and len(self.size) != 2 * (len(spatial(shape)) - 1):
            raise InputError("size", f"is {list(self.size)}", "give one number or [left, right, top, bottom]")
        ends = self._ends(spatial(shape))
        if self.mode == "reflect" and any(max(e) >= n for n, e in zip(shape, ends, strict=False)):
            raise ValueError(f"reflects more pixels than {shape} has")
        return (*(n + sum(e) for n, e in zip(shape, ends, strict=False)), shape[-1])

    def _ends(self, shape: Shape) -> list[tuple[int, int]]:
        rank = len(shape) - 1
        flat = self.size if isinstance(self.size, tuple) else (self.size,) * (2 * rank)
        return [(flat[2 * i], flat[2 * i + 1]) for i in reversed(range(rank))]

    def __call__(self, p: Params, x: Array) -> Array:
        """The larger image."""
        mode = {"zeros": "constant", "reflect": "reflect", "replicate": "edge"}[self.mode]
        return jnp.pad(x, [(0, 0), *self._ends(x.shape[1:]), (0, 0)], mode=mode)


@dataclasses.dataclass(frozen=True)
class Spread(Layer, kind="spread"):
    """A flat sample as constant channels of an image: ``(n,) -> (H, W, n)`` for ``size = [H, W]``."""

    size: Shape

    def out_shape(self, shape: Shape) -> Shape:
        """``(H, W, n)``."""
        positive(size=self.size)
        if len(shape) != 1 or len(self.size) not in (1, 2):
            raise ValueError(f"takes flat samples and a size [H, W], not shape {shape} and {list(self.size)}")
        return (*self.size, shape[0])

    def __call__(self, p: Params, x: Array) -> Array:
        """Each number at every pixel."""
        one = x.reshape(x.shape[0], *(1,) * len(self.size), x.shape[-1])
        return jnp.broadcast_to(one, (x.shape[0], *self.size, x.shape[-1]))


@dataclasses.dataclass(frozen=True)
class PixelShuffle(Layer, kind="pixel_shuffle"):
    """``torch.nn.PixelShuffle``."""

    factor: int = 2

    def out_shape(self, shape: Shape) -> Shape:
        """Sides times ``factor``, channels divided by its square."""
        positive(factor=self.factor)
        height, width, channels = image(shape)
        if channels % self.factor**2:
            raise ValueError(f"needs channels divisible by {self.factor**2}, not {channels}")
        return (height * self.factor, width * self.factor, channels // self.factor**2)

    def __call__(self, p: Params, x: Array) -> Array:
        """The formula above."""
        r, shape = self.factor, self.out_shape(x.shape[1:])
        h = x.reshape(*x.shape[:3], shape[2], r, r)
        return h.transpose(0, 1, 4, 2, 5, 3).reshape(x.shape[0], *shape)


@dataclasses.dataclass(frozen=True)
class PixelUnshuffle(Layer, kind="pixel_unshuffle"):
    """``torch.nn.PixelUnshuffle``, the inverse of ``pixel_shuffle``."""

    factor: int = 2

    def out_shape(self, shape: Shape) -> Shape:
        """Sides divided by ``factor``, channels times its square."""
        positive(factor=self.factor)
        height, width, channels = image(shape)
        if height % self.factor or width % self.factor:
            raise ValueError(f"needs sides divisible by {self.factor}, not {(height, width)}")
        return (height // self.factor, width // self.factor, channels * self.factor**2)

    def __call__(self, p: Params, x: Array) -> Array:
        """The formula above, read backwards."""
        r, (height, width, channels) = self.factor, self.out_shape(x.shape[1:])
        h = x.reshape(x.shape[0], height, r, width, r, x.shape[-1])
        return h.transpose(0, 1, 3, 5, 2, 4).reshape(x.shape[0], height, width, channels)
