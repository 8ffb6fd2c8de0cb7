r"""Pooling.

.. math:: y[c, a] = \max_i x[c,\, s a + d i - p] \quad\text{or}\quad \frac{1}{m_a} \sum_i x[c,\, s a + d i - p]

where :math:`m_a` counts the taps inside the image (inside image and pads where
``count_include_pad`` is set). With ``ceil_mode`` the last window may reach over the end, but must
begin inside the image or its begin pad.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from .layout import ChannelsLast, channels_last
from .operators import Node, operator
from .windows import Window, window

__all__ = []

_SETTINGS = "auto_pad ceil_mode dilations kernel_shape pads strides"


@operator("AveragePool", f"{_SETTINGS} count_include_pad", turned=True)
def _average_pool(node: Node, x: Any) -> Any:
    x = channels_last(x)
    shape = _window(node, x.shape[1:-1])
    total = _reduce(x, shape, 0.0, lax.add)
    ones = np.ones((1, *x.shape[1:-1], 1), np.float32)
    if node.get("count_include_pad", 0):
        inside = window(node, shape.kernel, x.shape[1:-1])
        ones = np.pad(ones, ((0, 0), *inside.pads, (0, 0)), constant_values=1)
        rest = tuple((0, new[1] - old[1]) for new, old in zip(shape.pads, inside.pads, strict=True))
        shape = dataclasses.replace(shape, pads=rest)
    return ChannelsLast(total / _reduce(jnp.asarray(ones, x.dtype), shape, 0.0, lax.add))


@operator("MaxPool", f"{_SETTINGS} storage_order", turned=True)
def _max_pool(node: Node, x: Any) -> Any:
    x = channels_last(x)
    shape = _window(node, x.shape[1:-1])
    if set(shape.dilations) == {1}:
        return ChannelsLast(_reduce(x, shape, -np.inf, lax.max))
    return ChannelsLast(jnp.max(jnp.stack(_taps(x, shape)), axis=0))


def _taps(x: Array, shape: Window) -> list[Array]:
    """What each tap of the window sees; JAX has no gradient of a dilated maximum."""
    count = shape.lengths(x.shape[1:-1])
    x = jnp.pad(x, ((0, 0), *shape.pads, (0, 0)), constant_values=-np.inf)
    settings = list(zip(count, shape.strides, shape.dilations, strict=True))
    return [
        x[:, *(slice(i * d, i * d + (n - 1) * s + 1, s) for i, (n, s, d) in zip(tap, settings, strict=True))]
        for tap in itertools.product(*(range(k) for k in shape.kernel))
    ]


@operator("GlobalAveragePool", turned=True)
def _global_average(node: Node, x: Any) -> Any:
    x = channels_last(x)
    return ChannelsLast(jnp.mean(x, axis=tuple(range(1, x.ndim - 1)), keepdims=True))


@operator("GlobalMaxPool", turned=True)
def _global_max(node: Node, x: Any) -> Any:
    x = channels_last(x)
    return ChannelsLast(jnp.max(x, axis=tuple(range(1, x.ndim - 1)), keepdims=True))


def _window(node: Node, lengths: tuple[int, ...]) -> Window:
    """The window, with end pads grown by what ``ceil_mode`` lets the last position reach over."""
    shape = window(node, node.get("kernel_shape") or (), lengths)
    if not node.get("ceil_mode", 0):
        return shape
    pads = []
    for n, k, s, d, (low, high) in zip(lengths, shape.kernel, shape.strides, shape.dilations, shape.pads, strict=True):
        reach = d * (k - 1) + 1
        count = -(-(n + low + high - reach) // s) + 1
        count -= (count - 1) * s >= n + low
        pads.append((low, high + max(0, (count - 1) * s + reach - n - low - high)))
    return dataclasses.replace(shape, pads=tuple(pads))


def _reduce(x: Array, shape: Window, start: float, function: Any) -> Array:
    full = lambda values: (1, *values, 1)
    return lax.reduce_window(
        x,
        np.asarray(start, x.dtype),
        function,
        full(shape.kernel),
        full(shape.strides),
        ((0, 0), *shape.pads, (0, 0)),
        window_dilation=full(shape.dilations),
    )
