"""The record of a graph: what a stored pair keeps of a net that was given by operators.

A graph is JSON::

    {"opset": 20,
     "inputs": ["noise", "label"],
     "nodes": [{"op": "Gemm", "inputs": ["noise", "fc.weight", "fc.bias"], "outputs": ["h"],
                "attributes": {"transB": 1}}, ...],
     "constants": {"shape": {"dtype": "int64", "shape": [4], "values": [-1, 64, 4, 4]}},
     "parameters": {"fc.weight": {"shape": [1024, 96], "dtype": "float32"}, ...},
     "output": "images"}

Nodes stand in the order of evaluation. Float arrays that training may change are parameters and
travel as leaves of the net; constants are part of the record.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import InputError
from . import (  # the operators add themselves to the allow-list
    operators_elementwise,
    operators_index,
    operators_linear,
    operators_norm,
    operators_pool,
    operators_reduce,
    operators_resize,
    operators_shape,
)
from .operators import OPERATORS, Node
from .values import decode, encode, shown

__all__ = ["MODULES", "NODE_LIMIT", "NEWEST_OPSET", "OLDEST_OPSET", "Graph", "known_operators", "parse_graph"]

MODULES = (
    operators_elementwise,
    operators_index,
    operators_linear,
    operators_norm,
    operators_pool,
    operators_reduce,
    operators_resize,
    operators_shape,
)
"""Files of the allow-list."""

NODE_LIMIT = 10_000
"""Most nodes that a graph may have."""

OLDEST_OPSET, NEWEST_OPSET = 11, 28
"""Versions of the operator set whose meaning is known."""


@dataclasses.dataclass(frozen=True)
class Graph:
    """A checked graph.

    Attributes:
      opset: version of the operator set.
      inputs: names of the inputs, without the parameters.
      nodes: in the order of evaluation.
      constants: static arrays by name.
      parameters: shape and type of each parameter by name.
      output: name of the result.
    """

    opset: int
    inputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    constants: Mapping[str, np.ndarray]
    parameters: Mapping[str, tuple[tuple[int, ...], str]]
    output: str

    def record(self) -> dict[str, Any]:
        """JSON form, read back by :func:`parse_graph`."""
        nodes = [
            {"op": n.op, "inputs": list(n.inputs), "outputs": list(n.outputs), "attributes": dict(n.attributes)}
            for n in self.nodes
        ]
        return {
            "opset": self.opset,
            "inputs": list(self.inputs),
            "nodes": nodes,
            "constants": {name: encode(a) for name, a in self.constants.items()},
            "parameters": {n: {"shape": list(s), "dtype": d} for n, (s, d) in self.parameters.items()},
            "output": self.output,
        }


def known_operators() -> tuple[str, ...]:
    """Names on the allow-list, sorted.

    >>> "Conv" in known_operators(), "Loop" in known_operators()
    (True, False)
    """
    return tuple(sorted(OPERATORS))


def parse_graph(record: Mapping[str, Any]) -> Graph:
    """The graph that a record describes.

    Raises:
      InputError: an operator or a setting that is not known, a name that nothing computes or that is computed
        twice, or a damaged record.
    """
    try:
        opset, names, output = int(record["opset"]), list(record["inputs"]), record["output"]
        nodes = tuple(_node(entry, opset) for entry in record["nodes"])
        constants = {name: decode(value) for name, value in record["constants"].items()}
        parameters = {n: (tuple(v["shape"]), str(v["dtype"])) for n, v in record["parameters"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("graph", f"is a damaged record ({type(error).__name__})", "import the file again") from None
    graph = Graph(opset, tuple(names), nodes, constants, parameters, output)
    _check(graph)
    return graph


def _node(entry: Mapping[str, Any], opset: int) -> Node:
    attributes = {k: tuple(v) if isinstance(v, list) else v for k, v in entry["attributes"].items()}
    return Node(str(entry["op"]), tuple(entry["inputs"]), tuple(entry["outputs"]), attributes, opset)


def _check(graph: Graph) -> None:
    if not OLDEST_OPSET <= graph.opset <= NEWEST_OPSET:
        problem = f"is {graph.opset}, versions {OLDEST_OPSET} to {NEWEST_OPSET} are known"
        raise InputError("graph.opset", problem, "export the net with opset_version=18")
    if len(graph.nodes) > NODE_LIMIT:
        raise InputError("graph.nodes", f"are {len(graph.nodes)}, more than {NODE_LIMIT}", "export one net alone")
    ready: set[str] = set()
    for name in (*graph.inputs, *graph.parameters, *graph.constants):
        _define(name, ready)
    for node in graph.nodes:
        _check_node(node, ready)
    if graph.output not in ready:
        raise InputError("graph.output", f"'{shown(graph.output)}' is computed by no node", "export the net again")


def _define(name: Any, ready: set[str]) -> None:
    if not isinstance(name, str) or not name or name in ready:
        raise InputError("graph", f"gives '{shown(name)}' two values", "export the net again")
    ready.add(name)


def _check_node(node: Node, ready: set[str]) -> None:
    known = OPERATORS.get(node.op)
    if known is None:
        raise InputError("graph", f"has the operator '{shown(node.op)}', which is not known", "use another export")
    unknown = sorted(set(node.attributes) - known.attributes)
    if unknown:
        raise node.refuse(f"has the setting '{shown(unknown[0])}', which is not known", "export with opset_version=18")
    used = len(node.inputs) - next((i for i, n in enumerate(reversed(node.inputs)) if n), len(node.inputs))
    if not known.least <= used <= known.most or not all(node.inputs[: known.least]):
        raise node.refuse(f"has {used} inputs", f"give {known.least} to {known.most}")
    if known.outputs and any(node.outputs[known.outputs :]):
        raise node.refuse(f"has {len(node.outputs)} outputs", f"use {known.outputs} of them and export again")
    for name in node.inputs:
        if name and name not in ready:
            raise node.refuse(f"uses '{shown(name)}' before it is computed", "export the net again")
    for name in node.outputs:
        if name:
            _define(name, ready)
