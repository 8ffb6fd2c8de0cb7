r"""Strided and transposed convolutions, in the form that is fast where they run.

Layout NHWC, kernels ``(kh, kw, in, out)``, symmetric padding ``p``. With input
:math:`x`, kernel :math:`w`, stride :math:`s`,

.. math::
   \mathrm{conv}(x, w)[a, b] &= \sum_{i,j} x[s a + i - p,\; s b + j - p]\, w[i, j] \\
   \mathrm{conv\_transpose}(x, w)[s a + i - p,\; s b + j - p] &\mathrel{+}= x[a, b]\, w[i, j]

which are the conventions of ``torch.nn.Conv2d`` and ``torch.nn.ConvTranspose2d``
(no kernel flip is left to the caller). Each has two forms, equal to rounding:

* ``"library"``: ``lax.conv_general_dilated``; right on GPU and TPU.
* ``"matmul"``: one matrix product, with patches gathered (convolution) or added
  up (transposed convolution) one axis after the other. On XLA:CPU the library's
  dilated convolution, its weight gradients and its input gradients inside a loop
  are several times slower than this form, whose derivatives of every order are
  again matrix products, slices and pads. It needs memory for the patches, so
  large images fall back to the library.

``form="auto"`` picks by backend. :func:`conv_in_blocks` rearranges a strided convolution for the second form.
"""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array, lax

__all__ = ["conv", "conv_in_blocks", "conv_transpose", "Conv", "ConvTranspose", "Form"]

Form = Literal["auto", "library", "matmul"]

_DIMENSIONS = ("NHWC", "HWIO", "NHWC")
_PATCH_LIMIT = 2**27  # numbers in a patch buffer (512 MiB of float32)


def _pick(form: Form, patch_size: int) -> Form:
    if form != "auto":
        return form
    return "matmul" if jax.default_backend() == "cpu" and patch_size <= _PATCH_LIMIT else "library"


def _of_one_type(x: Array, w: Array) -> tuple[Array, Array]:
    """Both in their common type: the library's form refuses two types, the matrix product takes them."""
    common = jnp.result_type(x, w)
    return x.astype(common), w.astype(common)


def conv(x: Array, w: Array, stride: int = 1, padding: int = 0, form: Form = "auto") -> Array:
    """Convolution (cross-correlation), ``(B, H, W, I) -> (B, H', W', O)``, ``H' = (H + 2p - kh) // s + 1``.

    >>> conv(jnp.ones((1, 4, 4, 1)), jnp.ones((2, 2, 1, 1)), stride=2).shape
    (1, 2, 2, 1)
    """
    x, w = _of_one_type(x, w)
    kh, kw, inputs, outputs = w.shape
    rows = (x.shape[1] + 2 * padding - kh) // stride + 1
    cols = (x.shape[2] + 2 * padding - kw) // stride + 1
    if _pick(form, x.shape[0] * rows * cols * kh * kw * inputs) == "library":
        return lax.conv_general_dilated(
            x, w, (stride, stride), ((padding, padding),) * 2, dimension_numbers=_DIMENSIONS
        )
    x = jnp.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    x = jnp.concatenate([x[:, i : i + (rows - 1) * stride + 1 : stride] for i in range(kh)], axis=-1)
    x = jnp.concatenate([x[:, :, j : j + (cols - 1) * stride + 1 : stride] for j in range(kw)], axis=-1)
    w = w.transpose(1, 0, 2, 3).reshape(kh * kw * inputs, outputs)
    return (x.reshape(-1, kh * kw * inputs) @ w).reshape(-1, rows, cols, outputs)


def conv_in_blocks(x: Array, w: Array, stride: int, padding: int = 0, form: Form = "auto") -> Array:
    """:func:`conv` with blocks of stride x stride pixels made channels first, where the stride divides the kernel.

    Rows and columns of blocks are then taken one after the other instead of every second one, which is faster on CPU,
    gradients included. The sums are those of :func:`conv` in another order, so that last bits differ. Where the stride
    does not divide the kernel, and where ``form`` comes to the library's, this is :func:`conv` itself.

    >>> conv_in_blocks(jnp.ones((1, 4, 4, 1)), jnp.ones((2, 2, 1, 1)), stride=2).shape
    (1, 2, 2, 1)
    """
    kh, kw, inputs, outputs = w.shape
    rows, cols = ((size + 2 * padding - k) // stride for size, k in ((x.shape[1], kh), (x.shape[2], kw)))
    size = x.shape[0] * (rows + 1) * (cols + 1) * kh * kw * inputs
    if stride == 1 or kh % stride or kw % stride or _pick(form, size) == "library":
        return conv(x, w, stride, padding, form)
    x = jnp.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    x = x[:, : rows * stride + kh, : cols * stride + kw]
    high, wide = x.shape[1] // stride, x.shape[2] // stride
    x = x.reshape(-1, high, stride, wide, stride, inputs).transpose(0, 1, 3, 2, 4, 5)
    w = w.reshape(kh // stride, stride, kw // stride, stride, inputs, outputs).transpose(0, 2, 1, 3, 4, 5)
    channels = stride * stride * inputs
    w = w.reshape(kh // stride, kw // stride, channels, outputs)
    return conv(x.reshape(-1, high, wide, channels), w, 1, 0, form)


def conv_transpose(
    x: Array, w: Array, stride: int = 1, padding: int = 0, output_padding: int = 0, form: Form = "auto"
) -> Array:
    """Transposed convolution, ``H' = (H - 1) s + kh - 2p + output_padding``: the adjoint of :func:`conv`.

    >>> conv_transpose(jnp.ones((1, 2, 2, 1)), jnp.ones((2, 2, 1, 1)), stride=2).shape
    (1, 4, 4, 1)
    """
    x, w = _of_one_type(x, w)
    kh, kw, inputs, outputs = w.shape
    batch, height, width, _ = x.shape
    if _pick(form, batch * height * width * kh * kw * outputs) == "library":
        ends = [(k - 1 - padding, k - 1 - padding + output_padding) for k in (kh, kw)]
        flipped = w[::-1, ::-1]
        return lax.conv_general_dilated(
            x, flipped, (1, 1), ends, lhs_dilation=(stride, stride), dimension_numbers=_DIMENSIONS
        )
    w = w.transpose(2, 1, 0, 3).reshape(inputs, kw * kh * outputs)
    y = (x.reshape(-1, inputs) @ w).reshape(batch, height, width, kw * kh * outputs)
    y = _overlap_add(y, 2, kw, kh * outputs, stride, padding, output_padding)
    return _overlap_add(y, 1, kh, outputs, stride, padding, output_padding)


def _overlap_add(
    y: Array, axis: int, taps: int, channels: int, stride: int, padding: int, output_padding: int
) -> Array:
    """Move ``taps`` blocks of the channel axis into ``axis``, block i shifted by i, and add them up."""
    count = y.shape[axis]
    full = (count - 1) * stride + taps + output_padding
    zero = jnp.zeros((), y.dtype)
    total: Array | None = None
    for i, block in enumerate(lax.split(y, (channels,) * taps, axis=3)):
        config = [(0, 0, 0)] * 4
        config[axis] = (i, full - i - ((count - 1) * stride + 1), stride - 1)
        padded = lax.pad(block, zero, config)
        total = padded if total is None else total + padded
    assert total is not None
    return lax.slice_in_dim(total, padding, full - padding, axis=axis)


class Conv(nnx.Module):
    """Flax NNX layer around :func:`conv`, He-normal kernel, zero bias."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0, *, rngs: nnx.Rngs):
        scale = (2.0 / (kernel * kernel * inputs)) ** 0.5
        self.kernel = nnx.Param(scale * jax.random.normal(rngs.params(), (kernel, kernel, inputs, outputs)))
        self.bias = nnx.Param(jnp.zeros((outputs,)))
        self.stride, self.padding = stride, padding

    def __call__(self, x: Array) -> Array:
        """``(B, H, W, inputs) -> (B, H', W', outputs)``."""
        return conv(x, self.kernel[...], self.stride, self.padding) + self.bias[...]


class ConvTranspose(nnx.Module):
    """Flax NNX layer around :func:`conv_transpose`, scaled for the taps that meet in one output."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0, *, rngs: nnx.Rngs):
        scale = (2.0 * stride * stride / (kernel * kernel * inputs)) ** 0.5
        self.kernel = nnx.Param(scale * jax.random.normal(rngs.params(), (kernel, kernel, inputs, outputs)))
        self.bias = nnx.Param(jnp.zeros((outputs,)))
        self.stride, self.padding = stride, padding

    def __call__(self, x: Array) -> Array:
        """``(B, H, W, inputs) -> (B, H', W', outputs)``."""
        return conv_transpose(x, self.kernel[...], self.stride, self.padding) + self.bias[...]
