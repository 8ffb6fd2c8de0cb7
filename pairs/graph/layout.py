r"""Channels-last arithmetic for graphs that speak channels-first.

A graph names the axes of an image :math:`(b, c, y, x)`. A :class:`ChannelsLast` value
stores the same numbers in the order :math:`(b, y, x, c)`, which is the order of the fast
convolutions and of a :class:`~pairs.Pair`, while it answers with the axes of the graph.
Operators that know the type compute on the stored order; a transposition happens only where
an array is first turned, and where an operator needs the order of the graph. Two
transpositions that undo each other are therefore never written.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

__all__ = ["ChannelsLast", "aligned", "channels_first", "channels_last", "move_axis", "stored_axis"]


@dataclasses.dataclass(frozen=True)
class ChannelsLast:
    """An array of at least three axes with axis 1 of the graph stored last.

    Attributes:
      stored: the array, channels last.
    """

    stored: Any

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.stored.ndim

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape in the order of the graph."""
        batch, *middle, channels = self.stored.shape
        return (batch, channels, *middle)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.stored.size

    @property
    def dtype(self) -> Any:
        """Type of the elements."""
        return self.stored.dtype


def move_axis(array: Any, source: int, destination: int) -> Any:
    """``moveaxis`` that keeps numpy arrays numpy arrays."""
    return (np if isinstance(array, np.ndarray) else jnp).moveaxis(array, source, destination)


def channels_first(value: Any) -> Any:
    """The array in the order of the graph.

    >>> channels_first(ChannelsLast(jnp.zeros((1, 2, 3, 4)))).shape
    (1, 4, 2, 3)
    """
    return jnp.moveaxis(value.stored, -1, 1) if isinstance(value, ChannelsLast) else value


def channels_last(value: Any) -> Any:
    """The array with axis 1 of the graph moved to the end."""
    return value.stored if isinstance(value, ChannelsLast) else move_axis(value, 1, -1)


def stored_axis(axis: int, ndim: int) -> int:
    """Where an axis of the graph lies in the stored array.

    >>> [stored_axis(a, 4) for a in (0, 1, 2, -1)]
    [0, 3, 1, 2]
    """
    axis %= ndim
    return ndim - 1 if axis == 1 else axis if axis == 0 else axis - 1


def aligned(values: Sequence[Any]) -> tuple[list[Any], bool]:
    """Values that broadcast against each other, and whether they are stored channels last.

    Where one value is channels last and has the largest number of axes, the others are brought to
    its order (which is free for ``(1, C, 1, 1)``); otherwise all come in the order of the graph.
    """
    turned = [v for v in values if isinstance(v, ChannelsLast)]
    ndim = max(np.ndim(v) if not isinstance(v, ChannelsLast) else v.ndim for v in values)
    if not turned or any(v.ndim != ndim for v in turned):
        return [channels_first(v) for v in values], False
    return [_lift(v, ndim) for v in values], True


def _lift(value: Any, ndim: int) -> Any:
    if isinstance(value, ChannelsLast):
        return value.stored
    if np.ndim(value) == 0:
        return value
    return move_axis(value.reshape((1,) * (ndim - value.ndim) + value.shape), 1, -1)
