r"""Sums, means, extremes and norms over axes, and the softmax.

.. math:: y = \sum_{i \in A} f(x_i), \qquad \mathrm{softmax}(x)_i = e^{x_i} / \textstyle\sum_{j \in A} e^{x_j}

The axes :math:`A` are a setting up to operator set 12 (ReduceSum) or 17 (the others) and an input
since. The softmax of operator sets before 13 runs over all axes from ``axis`` on together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .layout import ChannelsLast, channels_first, stored_axis
from .operators import Node, namespace, operator
from .values import integers, is_static

__all__ = []


def _root(xp: Any, total: Any) -> Any:
    """The square root with gradient zero at zero."""
    return xp.where(total > 0, xp.sqrt(xp.where(total > 0, total, 1)), 0)


_STEPS: dict[str, Callable[..., Any]] = {
    "ReduceL1": lambda xp, x, axes: xp.sum(xp.abs(x), axes, keepdims=True),
    "ReduceL2": lambda xp, x, axes: _root(xp, xp.sum(x * x, axes, keepdims=True)),
    "ReduceLogSum": lambda xp, x, axes: xp.log(xp.sum(x, axes, keepdims=True)),
    "ReduceLogSumExp": lambda xp, x, axes: jax.nn.logsumexp(x, axes, keepdims=True),
    "ReduceMax": lambda xp, x, axes: xp.max(x, axes, keepdims=True),
    "ReduceMean": lambda xp, x, axes: xp.mean(x, axes, keepdims=True),
    "ReduceMin": lambda xp, x, axes: xp.min(x, axes, keepdims=True),
    "ReduceProd": lambda xp, x, axes: xp.prod(x, axes, keepdims=True),
    "ReduceSum": lambda xp, x, axes: xp.sum(x, axes, keepdims=True),
    "ReduceSumSquare": lambda xp, x, axes: xp.sum(x * x, axes, keepdims=True),
}


def _reduction(name: str, step: Callable[..., Any]) -> None:
    @operator(name, "axes keepdims noop_with_empty_axes", inputs=(1, 2), turned=True)
    def _reduce(node: Node, x: Any, axes: Any = None) -> Any:
        given = node.get("axes") if axes is None else integers(axes, "axes")
        ndim = len(x.shape)
        if not given:
            if node.get("noop_with_empty_axes", 0):
                raise node.refuse("reduces over no axes at all", "leave the node out and export again")
            given = range(ndim)
        logical = tuple(sorted({a % ndim for a in given}))
        if isinstance(x, ChannelsLast):
            y: Any = ChannelsLast(step(jnp, x.stored, tuple(stored_axis(a, ndim) for a in logical)))
        else:
            xp = namespace([x])
            y = step(xp, x, logical)
            y = y.astype(x.dtype) if is_static(x) else y
        if node.get("keepdims", 1):
            return y
        return _dropped(y, logical)


def _dropped(y: Any, axes: tuple[int, ...]) -> Any:
    if isinstance(y, ChannelsLast) and 1 not in axes and len(axes) == y.ndim - 2:
        return y.stored.reshape(y.shape[0], y.shape[1])
    y = channels_first(y)
    return np.squeeze(y, axes) if is_static(y) else jnp.squeeze(y, axes)


for _name, _step in _STEPS.items():
    _reduction(_name, _step)


def _soft(name: str, function: Callable[..., Any]) -> None:
    @operator(name, "axis", turned=True)
    def _call(node: Node, x: Any) -> Any:
        ndim = len(x.shape)
        if node.opset < 13:
            axis = node.get("axis", 1) % ndim
            return function(channels_first(x), axis=tuple(range(axis, ndim)))
        axis = node.get("axis", -1)
        if isinstance(x, ChannelsLast):
            return ChannelsLast(function(x.stored, axis=stored_axis(axis, ndim)))
        return function(x, axis=axis)


_soft("Softmax", jax.nn.softmax)
_soft("LogSoftmax", jax.nn.log_softmax)
