r"""A graph of operators as a net.

.. math:: v_{n+1} = f_n(v_{i}, v_{j}, \dots), \qquad i, j, \dots \le n

Values are computed in the order of the nodes. What does not depend on the inputs of the net or
its parameters stays a numpy array, so that shapes are known while JAX traces. A value is dropped
after its last use. ``GraphApply`` compares and hashes by the text of its configuration: two nets
with the same graph are traced once.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..errors import InputError
from ..protocol import Net
from ..record import Record
from ..registry import Architecture, register
from .face import Face, inward, labels_inward, outward, parse_face, score_outward
from .operators import OPERATORS, Node
from .spec import Graph, parse_graph
from .values import shown

__all__ = ["GraphApply", "call_node", "graph_net", "run_graph"]

_SIZE_LIMIT = 2**31


def run_graph(graph: Graph, values: Mapping[str, Any]) -> Any:
    """The output of a graph; a :class:`~pairs.graph.layout.ChannelsLast` where it is stored so.

    Args:
      graph: a checked graph.
      values: arrays of its inputs and parameters by name.

    Raises:
      InputError: naming the operator that does not take what comes before it.
    """
    ready: dict[str, Any] = {**graph.constants, **values}
    last = {name: i for i, node in enumerate(graph.nodes) for name in node.inputs}
    last[graph.output] = len(graph.nodes)
    for i, node in enumerate(graph.nodes):
        results = call_node(node, [ready[name] if name else None for name in node.inputs])
        for name in node.inputs:
            if name and last[name] == i:
                ready.pop(name, None)
        ready |= {name: y for name, y in zip(node.outputs, results, strict=False) if name in last}
    return ready[graph.output]


def call_node(node: Node, inputs: list[Any]) -> tuple[Any, ...]:
    """The results of one node; the error of whatever it does not take names it."""
    while inputs and inputs[-1] is None:
        inputs.pop()
    try:
        result = OPERATORS[node.op].call(node, *inputs)
    except InputError:
        raise
    except Exception as error:  # whatever numpy or JAX says about a stranger's graph, the user needs one line
        reason = shown((str(error).strip() or type(error).__name__).splitlines()[0])
        shapes = ", ".join(str(list(v.shape)) for v in inputs if v is not None)
        raise node.refuse(f"does not take inputs of shape {shapes} ({reason})", "export the net again") from error
    results = result if isinstance(result, tuple) else (result,)
    for y in results:
        if math.prod(y.shape) > _SIZE_LIMIT:
            raise node.refuse(f"makes an array of shape {list(y.shape)}", "export a smaller net")
    return results


@dataclasses.dataclass(frozen=True)
class GraphApply:
    """Runs a graph behind its face; equal for equal configuration.

    Attributes:
      config: ``{"graph": ..., "face": ...}``, see :mod:`pairs.graph.spec` and :class:`~pairs.graph.face.Face`.
    """

    config: Record

    def __call__(self, params: Mapping[str, Any], x: Any, labels: Any = None) -> Array:
        """The outputs of a batch, in the outer form of the net."""
        graph, face = _parsed(self.config)
        labels = None if face.ignores_labels else labels
        if (labels is None) != (face.labels is None):
            problem = "takes labels" if labels is None else "takes no labels"
            raise InputError(face.role, problem, "call it as it was imported, with or without classes")
        params = {name: jnp.asarray(a) for name, a in params.items()}
        x = jnp.asarray(x)
        if not face.one_by_one:
            return _run(graph, face, params, x, labels)
        single = lambda v, label: _run(graph, face, params, v[None], None if label is None else label[None])[0]
        return jax.vmap(single, (0, None if labels is None else 0))(x, None if labels is None else jnp.asarray(labels))


def _run(graph: Graph, face: Face, params: Mapping[str, Any], x: Array, labels: Any) -> Array:
    values = {**params, face.main: inward(face, x)}
    if face.labels is not None:
        values[face.labels] = labels_inward(face, jnp.asarray(labels))
    y = run_graph(graph, values)
    if isinstance(y, np.ndarray):
        raise InputError(face.role, "returns a constant", "export the net again, with its inputs")
    return outward(face, y) if face.role == "generator" else score_outward(y, x.shape[0])


@functools.lru_cache(maxsize=64)
def _parsed(config: Record) -> tuple[Graph, Face]:
    data = config.to_dict()
    if not isinstance(data.get("graph"), dict) or not isinstance(data.get("face"), dict):
        raise InputError("graph", "is a damaged record", "import the file again")
    graph, face = parse_graph(data["graph"]), parse_face(data["face"])
    inputs = {face.main, *([face.labels] if face.labels is not None else [])}
    if inputs != set(graph.inputs):
        raise InputError("graph.inputs", f"are {len(graph.inputs)}, the face names {len(inputs)}", "import again")
    return graph, face


def graph_net(graph: Graph, face: Face, params: Mapping[str, Any]) -> Net:
    """A :class:`~pairs.Net` from a graph and its parameters, which a checkpoint can rebuild.

    Raises:
      InputError: the parameters are not those of the graph.
    """
    config = Record(graph=graph.record(), face=face.record())
    apply, template = _build(config)
    given = {name: jnp.asarray(a) for name, a in params.items()}
    if set(given) != set(template):
        raise InputError("params", f"hold {len(given)} arrays, the graph has {len(template)}", "give one for each name")
    for name, leaf in template.items():
        if given[name].shape != leaf.shape:
            problem = f"'{shown(name)}' has shape {list(given[name].shape)}, the graph says {list(leaf.shape)}"
            raise InputError("params", problem, "give the arrays of the graph")
    return Net(given, apply, Architecture("graph", config))


@register("graph")
def _build(config: Record) -> tuple[GraphApply, dict[str, Any]]:
    graph, _ = _parsed(config)
    template = {name: jax.ShapeDtypeStruct(shape, np.dtype(dtype)) for name, (shape, dtype) in graph.parameters.items()}
    return GraphApply(config), template
