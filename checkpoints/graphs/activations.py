"""The last activation of a graph: what it says about the range of samples, and how a sigmoid is taken off a critic."""

from __future__ import annotations

import dataclasses

from pairs import InputError
from pairs.graph import Graph
from pairs.graph.operators import Node

__all__ = ["final_range", "last_activation", "without_sigmoid"]

_PASSING = ("Cast", "Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
_RANGES = {"Tanh": (-1.0, 1.0), "Sigmoid": (0.0, 1.0), "Softsign": (-1.0, 1.0)}


def last_activation(graph: Graph) -> Node | None:
    """The last node that changes numbers; reshapes and the like are passed over."""
    makers = {name: node for node in graph.nodes for name in node.outputs}
    node = makers.get(graph.output)
    while node is not None and node.op in _PASSING:
        node = makers.get(node.inputs[0])
    return node


def final_range(graph: Graph) -> tuple[float, float] | None:
    """The range of the result where the last operator fixes it: Tanh, Sigmoid, Softsign, or Clip with two bounds."""
    node = last_activation(graph)
    if node is None:
        return None
    if node.op == "Clip" and len(node.inputs) == 3 and all(n in graph.constants for n in node.inputs[1:]):
        low, high = (float(graph.constants[n].reshape(-1)[0]) for n in node.inputs[1:])
        return (low, high) if low < high else None
    return _RANGES.get(node.op)


def without_sigmoid(graph: Graph) -> Graph:
    """The graph whose last Sigmoid does nothing.

    Raises:
      InputError: something beside the result uses the sigmoid.
    """
    node = last_activation(graph)
    if node is None or node.op != "Sigmoid":
        return graph
    uses: dict[str, int] = {graph.output: 1}
    for other in graph.nodes:
        for name in other.inputs:
            uses[name] = uses.get(name, 0) + 1
    makers = {name: other for other in graph.nodes for name in other.outputs}
    name = graph.output
    while True:
        if uses[name] > 1:
            problem = "ends in a Sigmoid that another node uses as well"
            raise InputError("critic", problem, "export the critic without its sigmoid")
        if makers[name] is node:
            break
        name = makers[name].inputs[0]
    nodes = tuple(dataclasses.replace(n, op="Identity") if n is node else n for n in graph.nodes)
    return dataclasses.replace(graph, nodes=nodes)
