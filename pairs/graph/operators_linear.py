r"""Matrix products, convolutions and transposed convolutions.

.. math:: y[o, a] = \sum_{c, i} w[o, c, i]\, x[c,\, s a + d i - p], \qquad
          y[o,\, s a + d i - p] \mathrel{+}= w[c, o, i]\, x[c, a]

with stride :math:`s`, dilation :math:`d` and begin pad :math:`p`. Values are channels last and
kernels ``(*kernel, in, out)``. One group without dilation and with equal strides, in one or two
dimensions, goes to :mod:`pairs.layers`, which picks the form that is fast on the backend;
everything else goes to the library. Asymmetric pads are written out or cut off.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from ..convolution import conv, conv_transpose
from .layout import ChannelsLast, channels_last
from .operators import Node, operator
from .windows import Window, same_pads, window

__all__ = ["KERNEL_TURNED"]

KERNEL_TURNED = "kernel_turned"
"""Setting of a convolution whose kernel is stored ``(*kernel, in, out)``; import sets it."""

_SETTINGS = f"auto_pad dilations group kernel_shape pads strides {KERNEL_TURNED}"


@operator("MatMul", inputs=(2, 2))
def _matmul(node: Node, x: Any, y: Any) -> Any:
    return jnp.matmul(x, y)


@operator("Gemm", "alpha beta transA transB", inputs=(2, 3))
def _gemm(node: Node, a: Any, b: Any, c: Any = None) -> Any:
    a, b = (a.T if node.get("transA", 0) else a), (b.T if node.get("transB", 0) else b)
    alpha, beta = node.get("alpha", 1.0), node.get("beta", 1.0)
    y = jnp.matmul(a, b)
    y = y if alpha == 1 else alpha * y
    return y if c is None else y + (c if beta == 1 else beta * c)


@operator("Einsum", "equation", inputs=(1, 0))
def _einsum(node: Node, *x: Any) -> Any:
    return jnp.einsum(node.get("equation"), *x)


def _spec(spatial: int) -> tuple[str, str, str]:
    axes = "DHW"[3 - spatial :]
    return f"N{axes}C", f"{axes}IO", f"N{axes}C"


def _fast(shape: Window, group: int) -> bool:
    return group == 1 and len(shape.kernel) < 3 and len(set(shape.strides)) == 1 and set(shape.dilations) == {1}


def _flat(values: tuple[tuple[int, int], ...]) -> int | None:
    """The pad where all are equal."""
    every = {p for pair in values for p in pair}
    return every.pop() if len(every) == 1 else None


@operator("Conv", _SETTINGS, inputs=(2, 3), turned=True)
def _conv(node: Node, x: Any, w: Any, b: Any = None) -> Any:
    x, spatial, group = channels_last(x), len(w.shape) - 2, node.get("group", 1)
    kernel = w if node.get(KERNEL_TURNED) else jnp.transpose(jnp.asarray(w), (*range(2, spatial + 2), 1, 0))
    shape = window(node, kernel.shape[:spatial], x.shape[1:-1])
    if x.shape[-1] != kernel.shape[-2] * group or kernel.shape[-1] % group:
        problem = f"has a kernel {list(kernel.shape)} in {group} groups for {x.shape[-1]} channels"
        raise node.refuse(problem, "export the net again")
    if min(shape.lengths(x.shape[1:-1])) < 1:
        raise node.refuse(f"has a kernel larger than its input {list(x.shape[1:-1])}", "check the sample shape")
    if _fast(shape, group):
        y = _fast_conv(x, kernel, shape)
    else:
        y = lax.conv_general_dilated(
            x,
            kernel,
            shape.strides,
            shape.pads,
            rhs_dilation=shape.dilations,
            dimension_numbers=_spec(spatial),
            feature_group_count=group,
        )
    return ChannelsLast(y if b is None else y + b)


def _fast_conv(x: Array, kernel: Array, shape: Window) -> Array:
    if len(shape.kernel) == 1:
        padded = jnp.pad(x, ((0, 0), shape.pads[0], (0, 0)))
        return conv(padded[:, None], kernel[None], shape.strides[0])[:, 0]
    pad = _flat(shape.pads)
    if pad is None:
        x = jnp.pad(x, ((0, 0), *shape.pads, (0, 0)))
    return conv(x, kernel, shape.strides[0], pad or 0)


@operator("ConvTranspose", f"{_SETTINGS} output_padding output_shape", inputs=(2, 3), turned=True)
def _conv_transpose(node: Node, x: Any, w: Any, b: Any = None) -> Any:
    x, spatial, group = channels_last(x), len(w.shape) - 2, node.get("group", 1)
    kernel = w if node.get(KERNEL_TURNED) else jnp.transpose(jnp.asarray(w), (*range(2, spatial + 2), 0, 1))
    shape = window(node, kernel.shape[:spatial], x.shape[1:-1])
    extra = tuple(node.get("output_padding") or (0,) * spatial)
    if x.shape[-1] != kernel.shape[-2] or x.shape[-1] % group or len(extra) != spatial:
        problem = f"has a kernel {list(kernel.shape)} in {group} groups for {x.shape[-1]} channels"
        raise node.refuse(problem, "export the net again")
    pads = _transposed_pads(node, shape, x.shape[1:-1], extra)
    if _fast(shape, group):
        y = _fast_transpose(x, kernel, shape, pads, extra)
    else:
        y = _library_transpose(x, kernel, shape, pads, extra, group)
    return ChannelsLast(y if b is None else y + b)


def _transposed_pads(
    node: Node, shape: Window, lengths: tuple[int, ...], extra: tuple[int, ...]
) -> tuple[tuple[int, int], ...]:
    """Pads from ``output_shape`` or ``auto_pad``, where the graph gives one of them."""
    auto, wanted = node.get("auto_pad", "NOTSET"), node.get("output_shape")
    if wanted is None and not auto.startswith("SAME"):
        return shape.pads
    wanted = wanted or [n * s for n, s in zip(lengths, shape.strides, strict=True)]
    total = [
        s * (n - 1) + e + d * (k - 1) + 1 - w
        for s, n, e, d, k, w in zip(
            shape.strides, lengths, extra, shape.dilations, shape.kernel, wanted[-len(lengths) :], strict=True
        )
    ]
    return same_pads(total, auto)


def _fast_transpose(
    x: Array, kernel: Array, shape: Window, pads: tuple[tuple[int, int], ...], extra: tuple[int, ...]
) -> Array:
    flat, stride = _flat(pads), shape.strides[0]
    if len(shape.kernel) == 2 and flat is not None and flat >= 0 and extra[0] == extra[1]:
        return conv_transpose(x, kernel, stride, flat, extra[0])
    if len(shape.kernel) == 1:
        y = conv_transpose(x[:, None], kernel[None], stride)[:, 0]
    else:
        y = conv_transpose(x, kernel, stride)
    ends = [(-low, e - high, 0) for (low, high), e in zip(pads, extra, strict=True)]
    return lax.pad(y, jnp.zeros((), y.dtype), [(0, 0, 0), *ends, (0, 0, 0)])


def _library_transpose(
    x: Array, kernel: Array, shape: Window, pads: tuple[tuple[int, int], ...], extra: tuple[int, ...], group: int
) -> Array:
    spatial, (channels, out) = len(shape.kernel), kernel.shape[-2:]
    kernel = jnp.flip(kernel, range(spatial)).reshape(*shape.kernel, group, channels // group, out)
    kernel = jnp.moveaxis(kernel, spatial, -2).reshape(*shape.kernel, channels // group, group * out)
    reach = [d * (k - 1) for d, k in zip(shape.dilations, shape.kernel, strict=True)]
    ends = [(r - low, r - high + e) for r, (low, high), e in zip(reach, pads, extra, strict=True)]
    return lax.conv_general_dilated(
        x,
        kernel,
        (1,) * spatial,
        ends,
        lhs_dilation=shape.strides,
        rhs_dilation=shape.dilations,
        dimension_numbers=_spec(spatial),
        feature_group_count=group,
    )
