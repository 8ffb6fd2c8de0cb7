"""Operators that change the shape or the type of an array and none of its numbers.

Settings that moved from attributes to inputs between operator sets (``axes`` of Squeeze and
Unsqueeze in version 13) are accepted in both places. A reshape that keeps the batch and the
channels keeps the stored order, so that attention over pixels needs no transposition.
"""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from .layout import ChannelsLast, channels_first, channels_last, stored_axis
from .operators import Node, namespace, operator
from .values import check_size, decode, integers, is_static

__all__ = ["DATA_TYPES"]

DATA_TYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float32",
    11: "float64",
    12: "uint32",
    13: "uint64",
    16: "float32",
}
"""ONNX's numbers of types; half precision is computed in single precision."""


@operator("Cast", "to saturate round_mode", turned=True)
def _cast(node: Node, x: Any) -> Any:
    name = DATA_TYPES.get(node.get("to"))
    if name is None:
        raise node.refuse(f"casts to the type number {node.get('to')}", "use floats, integers or booleans")
    return _astype(x, np.dtype(name))


@operator("CastLike", "saturate round_mode", inputs=(2, 2), turned=True)
def _cast_like(node: Node, x: Any, like: Any) -> Any:
    return _astype(x, np.dtype(like.dtype))


def _astype(x: Any, dtype: np.dtype) -> Any:
    if is_static(x):
        return x.astype(dtype)
    wide = {"float64": "float32", "int64": "int32", "uint64": "uint32"}
    dtype = np.dtype(wide.get(dtype.name, dtype.name)) if jnp.zeros(()).dtype == jnp.float32 else dtype
    if isinstance(x, ChannelsLast):
        return ChannelsLast(x.stored.astype(dtype))
    return x.astype(dtype)


@operator("Dropout", "seed ratio", inputs=(1, 3), turned=True)
def _dropout(node: Node, x: Any, ratio: Any = None, training: Any = None) -> Any:
    if training is not None and not (is_static(training) and not np.any(training)):
        raise node.refuse("is in training mode", "export the net after model.eval()")
    return x


@operator("Shape", "start end", turned=True)
def _shape(node: Node, x: Any) -> Any:
    return np.asarray(x.shape[slice(node.get("start", 0), node.get("end"))], np.int64)


@operator("Size", turned=True)
def _size(node: Node, x: Any) -> Any:
    return np.asarray(math.prod(x.shape), np.int64)


@operator("Reshape", "allowzero", inputs=(2, 2), turned=True)
def _reshape(node: Node, x: Any, shape: Any) -> Any:
    wanted = list(integers(shape, "a shape"))
    if not node.get("allowzero", 0):
        if any(n == 0 and i >= len(x.shape) for i, n in enumerate(wanted)):
            raise node.refuse(f"copies an axis that {x.shape} has not", "export the net again")
        wanted = [x.shape[i] if n == 0 else n for i, n in enumerate(wanted)]
    total = math.prod(x.shape)
    known = math.prod(n for n in wanted if n != -1)
    if wanted.count(-1) > 1 or (-1 in wanted and (not known or total % known)) or (-1 not in wanted and known != total):
        problem = f"turns shape {list(x.shape)} into {wanted}"
        raise node.refuse(problem, "export the net with a free batch size (dynamic_axes or dynamic_shapes)")
    wanted = [total // known if n == -1 else n for n in wanted]
    return _into(x, tuple(wanted))


def _into(x: Any, shape: tuple[int, ...]) -> Any:
    if not isinstance(x, ChannelsLast):
        return x.reshape(shape)
    if shape[:2] == x.shape[:2]:
        stored = x.stored.reshape(shape[0], *shape[2:], shape[1])
        return ChannelsLast(stored) if len(shape) > 2 else stored
    return channels_first(x).reshape(shape)


@operator("Flatten", "axis", turned=True)
def _flatten(node: Node, x: Any) -> Any:
    axis = node.get("axis", 1)
    axis = axis + len(x.shape) if axis < 0 else axis
    return _into(x, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))


@operator("Squeeze", "axes", inputs=(1, 2), turned=True)
def _squeeze(node: Node, x: Any, axes: Any = None) -> Any:
    axes = node.get("axes") if axes is None else integers(axes, "axes")
    ndim = len(x.shape)
    gone = {i for i, n in enumerate(x.shape) if n == 1} if axes is None else {a % ndim for a in axes}
    if any(x.shape[a] != 1 for a in gone):
        raise node.refuse(f"drops axes {sorted(gone)} of {list(x.shape)}", "drop axes of length one alone")
    return _into(x, tuple(n for i, n in enumerate(x.shape) if i not in gone))


@operator("Unsqueeze", "axes", inputs=(1, 2), turned=True)
def _unsqueeze(node: Node, x: Any, axes: Any = None) -> Any:
    axes = node.get("axes") if axes is None else integers(axes, "axes")
    ndim = len(x.shape) + len(axes)
    new, rest = {a % ndim for a in axes}, iter(x.shape)
    return _into(x, tuple(1 if i in new else next(rest) for i in range(ndim)))


@operator("Transpose", "perm", turned=True)
def _transpose(node: Node, x: Any) -> Any:
    ndim = len(x.shape)
    perm = node.get("perm", list(range(ndim))[::-1])
    if sorted(perm) != list(range(ndim)):
        raise node.refuse(f"has perm = {perm} for {ndim} axes", "name every axis once")
    if isinstance(x, ChannelsLast):
        stored = [stored_axis(a, ndim) for a in perm]
        return x.stored if stored == list(range(ndim)) else x.stored.transpose(stored)
    if ndim > 2 and not is_static(x) and perm == [0, ndim - 1, *range(1, ndim - 1)]:
        return ChannelsLast(x)
    return x.transpose(perm)


@operator("Concat", "axis", inputs=(1, 0), turned=True)
def _concat(node: Node, *values: Any) -> Any:
    axis, ndim = node.get("axis", 0), len(values[0].shape)
    if any(isinstance(v, ChannelsLast) for v in values):
        return ChannelsLast(jnp.concatenate([channels_last(v) for v in values], stored_axis(axis, ndim)))
    xp = namespace(values)
    if xp is np:
        check_size((sum(v.size for v in values),))
    return xp.concatenate(values, axis)


@operator("Expand", inputs=(2, 2), turned=True)
def _expand(node: Node, x: Any, shape: Any) -> Any:
    wanted = np.broadcast_shapes(tuple(x.shape), integers(shape, "a shape"))
    if isinstance(x, ChannelsLast) and len(wanted) == x.ndim:
        return ChannelsLast(jnp.broadcast_to(x.stored, (wanted[0], *wanted[2:], wanted[1])))
    if is_static(x):
        check_size(wanted)
        return np.broadcast_to(np.asarray(x), wanted)
    return jnp.broadcast_to(channels_first(x), wanted)


@operator("Tile", inputs=(2, 2))
def _tile(node: Node, x: Any, repeats: Any) -> Any:
    counts = integers(repeats, "repeats")
    if is_static(x):
        check_size(tuple(n * k for n, k in zip(x.shape, counts, strict=True)))
        return np.tile(x, counts)
    return jnp.tile(x, counts)


@operator("ConstantOfShape", "value")
def _constant_of_shape(node: Node, shape: Any) -> Any:
    wanted = integers(shape, "a shape")
    check_size(wanted)
    fill = decode(node.get("value"), "graph.ConstantOfShape") if node.get("value") else np.zeros(1, np.float32)
    return np.full(wanted, fill.reshape(-1)[0], fill.dtype)


@operator("Range", inputs=(3, 3))
def _range(node: Node, start: Any, limit: Any, delta: Any) -> Any:
    if not all(is_static(v) for v in (start, limit, delta)):
        raise node.refuse("depends on the input of the net", "export it with constant shapes")
    low, high, step = (v.item() for v in (start, limit, delta))
    check_size((max(0, math.ceil((high - low) / step)),))
    return np.arange(low, high, step, dtype=start.dtype)


@operator("DepthToSpace", "blocksize mode", turned=True)
def _depth_to_space(node: Node, x: Any) -> Any:
    size, (batch, channels, height, width), x = node.get("blocksize"), x.shape, channels_last(x)
    depth = channels // size**2
    if node.get("mode", "DCR") == "DCR":
        x = x.reshape(batch, height, width, size, size, depth).transpose(0, 1, 3, 2, 4, 5)
    else:
        x = x.reshape(batch, height, width, depth, size, size).transpose(0, 1, 4, 2, 5, 3)
    return ChannelsLast(x.reshape(batch, height * size, width * size, depth))


@operator("SpaceToDepth", "blocksize", turned=True)
def _space_to_depth(node: Node, x: Any) -> Any:
    size, (batch, channels, height, width) = node.get("blocksize"), x.shape
    x = channels_last(x).reshape(batch, height // size, size, width // size, size, channels)
    x = x.transpose(0, 1, 3, 2, 4, 5)
    return ChannelsLast(x.reshape(batch, height // size, width // size, size * size * channels))
