r"""Resize, as one small matrix per axis.

Position :math:`i` of the output lies at :math:`u_i` of the input, by the coordinate
transformation; interpolation with weight :math:`k` makes

.. math:: y = W x, \qquad W_{ij} = k(j - u_i) \Big/ \sum_{j'} k(j' - u_i)

with :math:`k` a box, a triangle or Keys' cubic. What reaches over the border counts for the border
(or is left out, ``exclude_outside``); with ``antialias`` the kernel is stretched by the inverse
scale where the image shrinks. The matrices are computed once per trace, in float64; nearest
neighbours are copied by index, integer factors by repetition.

References:
  R. Keys, Cubic convolution interpolation for digital image processing, 1981.
"""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from .layout import ChannelsLast, stored_axis
from .operators import Node, operator
from .values import integers, is_static

__all__ = ["coordinates", "interpolation_matrix"]

_SETTINGS = (
    "antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value "
    "keep_aspect_ratio_policy mode nearest_mode"
)


@operator("Resize", _SETTINGS, inputs=(1, 4), turned=True)
def _resize(node: Node, x: Any, roi: Any = None, scales: Any = None, sizes: Any = None) -> Any:
    ndim = len(x.shape)
    along = [a % ndim for a in node.get("axes") or range(ndim)]
    lengths = [x.shape[a] for a in along]
    out, factor = _sizes(node, lengths, scales, sizes)
    mode, transform = node.get("mode", "nearest"), node.get("coordinate_transformation_mode", "half_pixel")
    if mode not in ("nearest", "linear", "cubic") or transform == "tf_crop_and_resize":
        raise node.refuse(f"has mode {mode!r} and transformation {transform!r}", "use nearest, linear or cubic")
    turned = isinstance(x, ChannelsLast)
    y = x.stored if turned else jnp.asarray(x)
    for axis, n, m, scale in zip(along, lengths, out, factor, strict=True):
        if m == n and scale == 1:
            continue
        place = stored_axis(axis, ndim) if turned else axis
        if mode == "nearest":
            y = _pick(y, place, _nearest(node, coordinates(transform, n, m, scale), n))
        else:
            y = _apply(y, place, _matrix(node, mode, transform, n, m, scale))
    return ChannelsLast(y) if turned else y


def _sizes(node: Node, lengths: list[int], scales: Any, sizes: Any) -> tuple[list[int], list[float]]:
    """Lengths of the output, and the scale that the coordinates are computed with."""
    if sizes is not None and np.size(sizes):
        wanted = list(integers(sizes, "sizes"))
        factor = [m / n for m, n in zip(wanted, lengths, strict=True)]
        policy = node.get("keep_aspect_ratio_policy", "stretch")
        if policy != "stretch":
            one = (min if policy == "not_larger" else max)(factor)
            factor = [one] * len(factor)
            wanted = [math.floor(one * n + 0.5) for n in lengths]
        return wanted, factor
    if scales is None or not is_static(scales) or np.size(scales) != len(lengths):
        raise node.refuse("has no constant scales or sizes", "export it with a constant scale factor")
    factor = [float(s) for s in np.asarray(scales).reshape(-1)]
    return [math.floor(n * s) for n, s in zip(lengths, factor, strict=True)], factor


def coordinates(transform: str, n: int, m: int, scale: float) -> np.ndarray:
    """Where each of ``m`` outputs lies on an axis of ``n`` inputs.

    >>> coordinates("half_pixel", 2, 4, 2.0).tolist()
    [-0.25, 0.25, 0.75, 1.25]
    """
    i = np.arange(m, dtype=np.float64)
    if transform == "half_pixel":
        return (i + 0.5) / scale - 0.5
    if transform == "pytorch_half_pixel":
        return (i + 0.5) / scale - 0.5 if m > 1 else np.zeros(m)
    if transform == "asymmetric":
        return i / scale
    if transform == "align_corners":
        return i * (n - 1) / (scale * n - 1) if scale * n != 1 else np.zeros(m)
    if transform == "half_pixel_symmetric":
        return n / 2 * (1 - m / (scale * n)) + (i + 0.5) / scale - 0.5
    raise Node("Resize", (), (), {}, 0).refuse(f"has the transformation {transform!r}", "export with another one")


def _nearest(node: Node, u: np.ndarray, n: int) -> np.ndarray:
    mode = node.get("nearest_mode", "round_prefer_floor")
    rules = {
        "round_prefer_floor": lambda: np.ceil(u - 0.5),
        "round_prefer_ceil": lambda: np.floor(u + 0.5),
        "floor": lambda: np.floor(u),
        "ceil": lambda: np.ceil(u),
    }
    if mode not in rules:
        raise node.refuse(f"has nearest_mode = {mode!r}", f"use one of {', '.join(rules)}")
    return np.clip(rules[mode](), 0, n - 1).astype(np.int64)


def _pick(y: Any, axis: int, index: np.ndarray) -> Any:
    n, m = y.shape[axis], len(index)
    if m % n == 0 and np.array_equal(index, np.repeat(np.arange(n), m // n)):
        return jnp.repeat(y, m // n, axis)
    return jnp.take(y, index, axis)


def _matrix(node: Node, mode: str, transform: str, n: int, m: int, scale: float) -> np.ndarray:
    return interpolation_matrix(
        mode,
        coordinates(transform, n, m, scale),
        n,
        stretch=min(scale, 1.0) if node.get("antialias", 0) else 1.0,
        cubic=node.get("cubic_coeff_a", -0.75),
        exclude_outside=bool(node.get("exclude_outside", 0)),
    )


def interpolation_matrix(
    mode: str, u: np.ndarray, n: int, *, stretch: float = 1.0, cubic: float = -0.75, exclude_outside: bool = False
) -> np.ndarray:
    """The matrix that interpolates ``n`` inputs at the coordinates ``u``; rows sum to one.

    Args:
      mode: ``"linear"`` or ``"cubic"``.
      u: coordinates of the outputs.
      n: number of inputs.
      stretch: at most 1; the kernel is widened by its inverse.
      cubic: Keys' constant.
      exclude_outside: taps outside the input are left out instead of counting for the border.
    """
    reach = (1.0 if mode == "linear" else 2.0) / stretch
    offsets = np.arange(-math.ceil(reach), math.ceil(reach) + 2)
    taps = np.floor(u)[:, None].astype(np.int64) + offsets
    distance = np.abs(taps - u[:, None]) * stretch
    weight = np.maximum(1 - distance, 0) if mode == "linear" else _keys(distance, cubic)
    if exclude_outside:
        weight = np.where((taps >= 0) & (taps < n), weight, 0)
    weight = weight / weight.sum(axis=1, keepdims=True)
    matrix = np.zeros((len(u), n))
    np.add.at(matrix, (np.arange(len(u))[:, None], np.clip(taps, 0, n - 1)), weight)
    return matrix


def _keys(t: np.ndarray, a: float) -> np.ndarray:
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = a * (((t - 5) * t + 8) * t - 4)
    return np.where(t <= 1, near, np.where(t < 2, far, 0.0))


def _apply(y: Any, axis: int, matrix: np.ndarray) -> Any:
    moved = jnp.tensordot(jnp.asarray(matrix, y.dtype), y, ([1], [axis]))
    return jnp.moveaxis(moved, 0, axis)
