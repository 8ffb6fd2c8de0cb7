r"""What is done to a graph once, at import.

* Nodes that depend on parameters alone are computed: spectral norm :math:`W / (u^\top W v)`, weight norm,
  transposed weights. The result becomes the parameter.
* Kernels of convolutions are stored ``(*kernel, in, out)``, the order in which they are used.
* Nodes whose result nothing uses are left out.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..arrays import on_device
from .evaluate import call_node
from .layout import channels_first
from .operators import Node
from .operators_linear import KERNEL_TURNED
from .spec import Graph

__all__ = ["fold_parameters", "prepare", "prune", "turn_kernels"]

Parameters = Mapping[str, np.ndarray]


def prepare(graph: Graph, params: Parameters) -> tuple[Graph, dict[str, np.ndarray]]:
    """All steps of this file, one after the other."""
    graph, folded = fold_parameters(prune(graph), params)
    graph, turned = turn_kernels(prune(graph), folded)
    return graph, turned


def prune(graph: Graph) -> Graph:
    """The graph without the nodes, constants and parameters that its output does not depend on."""
    used, kept = {graph.output}, []
    for node in reversed(graph.nodes):
        if used.intersection(node.outputs):
            kept.append(node)
            used.update(n for n in node.inputs if n)
    constants = {n: a for n, a in graph.constants.items() if n in used}
    parameters = {n: s for n, s in graph.parameters.items() if n in used}
    return dataclasses.replace(graph, nodes=tuple(reversed(kept)), constants=constants, parameters=parameters)


def fold_parameters(graph: Graph, params: Parameters) -> tuple[Graph, dict[str, np.ndarray]]:
    """The graph with every node computed that depends on parameters and constants alone.

    A node whose result holds more numbers than its inputs stays in the graph.
    """
    known: dict[str, Any] = {n: params[n] for n in graph.parameters}
    constants, kept = dict(graph.constants), []
    for node in graph.nodes:
        names = [n for n in node.inputs if n]
        if not any(n in known for n in names) or not all(n in known or n in constants for n in names):
            kept.append(node)
            continue
        values = [None if not n else known[n] if n in known else constants[n] for n in node.inputs]
        results = _compute(node, values)
        if results is None:
            kept.append(node)
            continue
        known |= {n: y for n, y in zip(node.outputs, results, strict=False) if n}
    used = {graph.output, *(n for node in kept for n in node.inputs)}
    folded = {n: np.asarray(a) for n, a in known.items() if n in used}
    parameters = {n: (a.shape, a.dtype.name) for n, a in folded.items()}
    return dataclasses.replace(graph, nodes=tuple(kept), parameters=parameters, constants=constants), folded


def _compute(node: Node, values: list[Any]) -> tuple[Any, ...] | None:
    """Results in numpy where they are floats and no larger than what they come from, otherwise ``None``."""
    if node.op in ("Expand", "Tile", "Pad", "Resize", "OneHot", "Conv", "ConvTranspose"):
        return None
    results = tuple(np.asarray(channels_first(y)) for y in call_node(node, [_asarray(v) for v in values]))
    size = sum(math.prod(v.shape) for v in values if v is not None)
    floats = all(y.dtype.kind == "f" for y in results)
    return results if floats and sum(y.size for y in results) <= size else None


def _asarray(value: Any) -> Any:
    """Floats as JAX sees them, so that folding rounds as evaluation does; integers stay static."""
    return on_device(value) if value is not None and value.dtype.kind == "f" and value.ndim else value


def turn_kernels(graph: Graph, params: Parameters) -> tuple[Graph, dict[str, np.ndarray]]:
    """The graph with the kernels of its convolutions stored ``(*kernel, in, out)``.

    A kernel that something else uses as well stays as it is.
    """
    uses: dict[str, set[str]] = {}
    for node in graph.nodes:
        for i, name in enumerate(node.inputs):
            turned = node.op in ("Conv", "ConvTranspose") and i == 1
            uses.setdefault(name, set()).add(node.op if turned else "other")
    uses.setdefault(graph.output, set()).add("other")
    given, nodes = dict(params), []
    chosen = {n: next(iter(u)) for n, u in uses.items() if n in given and len(u) == 1 and "other" not in u}
    for name, op in chosen.items():
        axes = range(2, given[name].ndim)
        given[name] = np.ascontiguousarray(given[name].transpose(*axes, *((1, 0) if op == "Conv" else (0, 1))))
    for node in graph.nodes:
        if len(node.inputs) > 1 and node.inputs[1] in chosen:
            node = dataclasses.replace(node, attributes={**node.attributes, KERNEL_TURNED: 1})
        nodes.append(node)
    parameters = {n: (a.shape, a.dtype.name) for n, a in given.items()}
    return dataclasses.replace(graph, nodes=tuple(nodes), parameters=parameters), given
