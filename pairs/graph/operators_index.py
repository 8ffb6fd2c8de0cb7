"""Operators that pick, cut, split and pad along axes.

Positions are known while tracing, except the indices of Gather and OneHot, which may be the
labels of the samples. Negative pads cut, as in ONNX.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .layout import ChannelsLast, channels_first, stored_axis
from .operators import Node, namespace, operator
from .values import check_size, integers, is_static

__all__ = []


def _stored(x: Any) -> tuple[Any, Any, Any]:
    """The array as it is stored, where an axis of the graph lies in it, and how to give it back."""
    if isinstance(x, ChannelsLast):
        return x.stored, lambda axis: stored_axis(axis, x.ndim), ChannelsLast
    return x, lambda axis: axis % x.ndim, lambda array: array


@operator("Gather", "axis", inputs=(2, 2), turned=True)
def _gather(node: Node, x: Any, indices: Any) -> Any:
    axis, indices = node.get("axis", 0), channels_first(indices)
    if is_static(x) and is_static(indices):
        check_size((*np.delete(x.shape, axis), *indices.shape))
        return np.take(x, indices, axis)
    if isinstance(x, ChannelsLast) and indices.ndim == 1:
        return ChannelsLast(jnp.take(x.stored, indices, stored_axis(axis, x.ndim)))
    return jnp.take(channels_first(x), indices, axis)


@operator("OneHot", "axis", inputs=(3, 3))
def _one_hot(node: Node, indices: Any, depth: Any, values: Any) -> Any:
    (count,) = integers(depth, "the depth")
    check_size((count,))
    hot = jax.nn.one_hot(jnp.asarray(indices).astype(jnp.int32) % count, count, axis=node.get("axis", -1))
    off, on = values[0], values[1]
    return off + hot * (on - off)


@operator("Slice", inputs=(3, 5), turned=True)
def _slice(node: Node, x: Any, starts: Any, ends: Any, axes: Any = None, steps: Any = None) -> Any:
    array, place, back = _stored(x)
    first, last = integers(starts, "starts"), integers(ends, "ends")
    along = range(len(first)) if axes is None else integers(axes, "axes")
    stride = [1] * len(first) if steps is None else integers(steps, "steps")
    window = [slice(None)] * array.ndim
    for low, high, axis, step in zip(first, last, along, stride, strict=True):
        window[place(axis)] = _window(low, high, step, x.shape[axis])
    return back(array[tuple(window)])


def _window(low: int, high: int, step: int, length: int) -> slice:
    """ONNX's rule: negative positions count from the end, what lies outside is clamped."""
    low = low + length if low < 0 else low
    high = high + length if high < 0 else high
    if step > 0:
        return slice(min(max(low, 0), length), min(max(high, 0), length), step)
    high = min(max(high, -1), length - 1)
    return slice(min(max(low, 0), length - 1), None if high < 0 else high, step)


@operator("Split", "axis split num_outputs", inputs=(1, 2), outputs=0, turned=True)
def _split(node: Node, x: Any, split: Any = None) -> Any:
    axis = node.get("axis", 0)
    length, count = x.shape[axis], len(node.outputs)
    given = node.get("split") if split is None else integers(split, "split")
    if given is None:
        part = -(-length // count)
        given = [min(part, length - i * part) for i in range(count)]
    if sum(given) != length or len(given) != count or min(given) < 0:
        raise node.refuse(f"cuts a length of {length} into {list(given)}", "export the net again")
    array, place, back = _stored(x)
    xp, ends = namespace([array]), np.cumsum(given)[:-1].tolist()
    return tuple(back(part) for part in xp.split(array, ends, place(axis)))


@operator("Pad", "mode", inputs=(2, 4), turned=True)
def _pad(node: Node, x: Any, pads: Any, value: Any = None, axes: Any = None) -> Any:
    array, place, back = _stored(x)
    along = range(array.ndim) if axes is None else integers(axes, "axes")
    given, mode = integers(pads, "pads"), node.get("mode", "constant")
    if len(given) != 2 * len(along):
        raise node.refuse(f"has {len(given)} pads for {len(along)} axes", "give two for each axis")
    width = [(0, 0)] * array.ndim
    for i, axis in enumerate(along):
        width[place(axis)] = (given[i], given[i + len(along)])
    if is_static(array):
        check_size(tuple(n + max(a, 0) + max(b, 0) for n, (a, b) in zip(array.shape, width, strict=True)))
    return back(_padded(node, array, width, mode, value))


def _padded(node: Node, array: Any, width: Sequence[tuple[int, int]], mode: str, value: Any) -> Any:
    xp = namespace([array])
    grown = [(max(a, 0), max(b, 0)) for a, b in width]
    if mode == "constant":
        fill = 0 if value is None else value.reshape(())
        array = xp.pad(array, grown, constant_values=fill)
    elif mode in ("edge", "reflect", "wrap"):
        array = xp.pad(array, grown, mode=mode)
    else:
        raise node.refuse(f"has mode = {mode!r}", "use constant, edge, reflect or wrap")
    cut = [slice(max(-a, 0), array.shape[i] - max(-b, 0)) for i, (a, b) in enumerate(width)]
    return array[tuple(cut)]
