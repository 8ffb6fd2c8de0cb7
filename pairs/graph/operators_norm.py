r"""Normalisations, always as at inference.

.. math:: y = \gamma \frac{x - \mu}{\sqrt{v + \epsilon}} + \beta

with the stored statistics for BatchNormalization, and with mean :math:`\mu` and variance
:math:`v` over the pixels of a channel (InstanceNormalization), over the pixels and channels of a
group (GroupNormalization), or over the last axes (LayerNormalization) of each sample.
RMSNormalization leaves out :math:`\mu`. GroupNormalization had one scale per group before
operator set 21 and has one per channel since.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from .layout import ChannelsLast, channels_first, channels_last, move_axis
from .operators import Node, operator

__all__ = []

_EPSILON = 1e-5


def _standardised(x: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    centred = x - jnp.mean(x, axis=axes, keepdims=True)
    return centred * lax.rsqrt(jnp.mean(centred**2, axis=axes, keepdims=True) + epsilon)


def _images(x: Any) -> tuple[Any, Any]:
    """The stored array and how to give it back; flat samples are channels last already."""
    if len(x.shape) < 3:
        return x, lambda array: array
    return channels_last(x), ChannelsLast


@operator("BatchNormalization", "epsilon momentum training_mode spatial", inputs=(5, 5), turned=True)
def _batch_norm(node: Node, x: Any, scale: Any, bias: Any, mean: Any, variance: Any) -> Any:
    if node.get("training_mode", 0):
        raise node.refuse("is in training mode, which mixes the samples of a batch", "export after model.eval()")
    array, back = _images(x)
    factor = scale * lax.rsqrt(jnp.asarray(variance + node.get("epsilon", _EPSILON)))
    return back(array * factor + (bias - mean * factor))


@operator("InstanceNormalization", "epsilon", inputs=(3, 3), turned=True)
def _instance_norm(node: Node, x: Any, scale: Any, bias: Any) -> Any:
    array, back = _images(x)
    y = _standardised(array, tuple(range(1, array.ndim - 1)), node.get("epsilon", _EPSILON))
    return back(y * scale + bias)


@operator("GroupNormalization", "epsilon num_groups stash_type", inputs=(3, 3), turned=True)
def _group_norm(node: Node, x: Any, scale: Any, bias: Any) -> Any:
    array, back = _images(x)
    groups, channels = node.get("num_groups"), array.shape[-1]
    if not groups or channels % groups:
        raise node.refuse(f"splits {channels} channels into {groups} groups", "export the net again")
    split = array.reshape(array.shape[0], -1, groups, channels // groups)
    y = _standardised(split, (1, 3), node.get("epsilon", _EPSILON)).reshape(array.shape)
    if node.opset < 21:
        scale, bias = (jnp.repeat(v, channels // groups) for v in (scale, bias))
    return back(y * scale + bias)


@operator("LayerNormalization", "axis epsilon stash_type", inputs=(2, 3), turned=True)
def _layer_norm(node: Node, x: Any, scale: Any, bias: Any = None) -> Any:
    return _over_last_axes(node, x, lambda a, axes: _standardised(a, axes, node.get("epsilon", _EPSILON)), scale, bias)


@operator("RMSNormalization", "axis epsilon stash_type", inputs=(2, 2), turned=True)
def _rms_norm(node: Node, x: Any, scale: Any) -> Any:
    epsilon = node.get("epsilon", _EPSILON)
    root = lambda a, axes: a * lax.rsqrt(jnp.mean(a**2, axis=axes, keepdims=True) + epsilon)
    return _over_last_axes(node, x, root, scale, None)


def _over_last_axes(node: Node, x: Any, normalise: Any, scale: Any, bias: Any) -> Any:
    """All axes but the batch are the same set in both orders; anything else takes the order of the graph."""
    ndim = len(x.shape)
    axis = node.get("axis", -1) % ndim
    if not (isinstance(x, ChannelsLast) and axis == 1):
        x = channels_first(x)
        y = normalise(x, tuple(range(axis, ndim))) * scale
        return y if bias is None else y + bias
    y = normalise(x.stored, tuple(range(1, ndim))) * _turned(scale, ndim)
    return ChannelsLast(y if bias is None else y + _turned(bias, ndim))


def _turned(weight: Any, ndim: int) -> Any:
    return move_axis(weight.reshape((1,) * (ndim - weight.ndim) + weight.shape), 1, -1)


@operator("LpNormalization", "axis p")
def _lp_norm(node: Node, x: Any) -> Any:
    """A vector of zeros stays zero, with gradient zero."""
    axis = node.get("axis", -1)
    total = jnp.sum(jnp.abs(x) if node.get("p", 2) == 1 else x * x, axis, keepdims=True)
    some = jnp.where(total > 0, total, 1)
    return x / (some if node.get("p", 2) == 1 else jnp.sqrt(some))
