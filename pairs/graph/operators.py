"""The allow-list of operators: what each one is called, which settings it has, and what computes it.

An operator is a function ``(node, *values) -> value`` (a tuple where there are several
outputs). Missing optional inputs are ``None``. :func:`operator` takes the values in the order
of the graph; with ``turned=True`` the function accepts
:class:`~pairs.graph.layout.ChannelsLast` values as they come; :func:`elementwise` applies a
function of plain arrays to every element, in whichever order the values are stored, and to
numpy arrays with numpy.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..errors import InputError
from .layout import ChannelsLast, aligned, channels_first
from .values import check_size, is_static

__all__ = ["OPERATORS", "Node", "Operator", "elementwise", "namespace", "operator"]


@dataclasses.dataclass(frozen=True)
class Node:
    """One call of an operator.

    Attributes:
      op: name of the operator.
      inputs: names of the inputs, empty for an optional one left out.
      outputs: names of the outputs.
      attributes: settings as the graph gives them.
      opset: version of the operator set that the graph was written for.
    """

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    opset: int

    def get(self, name: str, default: Any = None) -> Any:
        """A setting, or its default."""
        return self.attributes.get(name, default)

    def refuse(self, problem: str, remedy: str) -> InputError:
        """The error that names this node."""
        return InputError(f"graph.{self.op}", problem, remedy)


@dataclasses.dataclass(frozen=True)
class Operator:
    """What the allow-list says about an operator.

    Attributes:
      call: computes it, ``(node, *values)``.
      attributes: settings it knows; a graph that sets another one is refused.
      outputs: most outputs that may be used.
      least: number of inputs that must be there.
      most: number of inputs that may be there.
    """

    call: Callable[..., Any]
    attributes: frozenset[str]
    outputs: int
    least: int
    most: int


OPERATORS: dict[str, Operator] = {}
"""Operators by name; a name that is not here is refused."""

_MANY = 1_000


def operator(
    name: str, attributes: str = "", *, inputs: tuple[int, int] = (1, 1), outputs: int = 1, turned: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: put a function on the allow-list.

    Args:
      name: the operator.
      attributes: settings it knows, separated by spaces.
      inputs: fewest and most inputs; 0 for the most stands for any number.
      outputs: most outputs.
      turned: the function takes channels-last values as they come.
    """

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(node: Node, *values: Any) -> Any:
            return function(node, *(values if turned else map(channels_first, values)))

        OPERATORS[name] = Operator(call, frozenset(attributes.split()), outputs, inputs[0], inputs[1] or _MANY)
        return function

    return add


def elementwise(
    name: str, attributes: str = "", *, inputs: tuple[int, int] = (1, 1)
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: put an elementwise function on the allow-list.

    The function is called as ``(node, xp, *arrays)``, where ``xp`` is numpy or ``jax.numpy``.
    """

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(node: Node, *values: Any) -> Any:
            given = [v for v in values if v is not None]
            arrays, last = aligned(given)
            xp = namespace(arrays)
            if xp is np:
                check_size(np.broadcast_shapes(*(np.shape(a) for a in arrays)))
            result = function(node, xp, *_refill(arrays, values))
            return ChannelsLast(result) if last else result

        OPERATORS[name] = Operator(call, frozenset(attributes.split()), 1, inputs[0], inputs[1] or _MANY)
        return function

    return add


def _refill(arrays: list[Any], values: tuple[Any, ...]) -> list[Any]:
    rest = iter(arrays)
    return [None if v is None else next(rest) for v in values]


def namespace(values: Any) -> Any:
    """Numpy where all values are static, ``jax.numpy`` otherwise."""
    return np if all(is_static(v) for v in values if v is not None) else jnp
