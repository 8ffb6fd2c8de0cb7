"""ONNX files: a graph of allow-listed operators, its parameters, and what was changed on the way.

The package ``onnx`` parses the file and is needed for nothing else. What becomes a parameter (may
be trained, travels as a leaf) and what a constant (part of the graph): float initialisers of at
least one axis are parameters, except where they feed a size, a pad, a bound or an exponent;
single numbers, short constants and integers are constants.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from pairs import InputError
from pairs.graph import Graph, parse_graph
from pairs.graph.spec import NEWEST_OPSET, NODE_LIMIT, OLDEST_OPSET
from pairs.graph.values import shown
from pairs.io.paths import as_path

from .limits import check_regular
from .onnx_nodes import Names, encode_constant, escaped, read_constant, read_node
from .onnx_refusals import check_operators
from .onnx_tensors import read_tensor, text

__all__ = ["OnnxFile", "OnnxInput", "read_onnx"]

_SIZE_LIMIT = 2**31 - 1
_SHORT = 1_024  # numbers of a float Constant node that stays a constant
_STATIC_SLOTS = {
    "Resize": (1, 2, 3),
    "Pad": (1, 2, 3),
    "Clip": (1, 2),
    "Range": (0, 1, 2),
    "OneHot": (1, 2),
    "Dropout": (1, 2),
    "Pow": (1,),
}


@dataclasses.dataclass(frozen=True)
class OnnxInput:
    """What a file declares of an input.

    Attributes:
      integer: whether it takes whole numbers.
      shape: lengths of its axes, ``None`` where free.
    """

    integer: bool
    shape: tuple[int | None, ...]


@dataclasses.dataclass(frozen=True)
class OnnxFile:
    """What an ONNX file holds.

    Attributes:
      name: of the file, escaped.
      sha256: of its bytes.
      graph: with the first output as its result.
      parameters: arrays by name.
      inputs: by name.
      outputs: names in the graph by those in the file.
      notes: what was changed, in sentences.
    """

    name: str
    sha256: str
    graph: Graph
    parameters: dict[str, np.ndarray]
    inputs: dict[str, OnnxInput]
    outputs: dict[str, str]
    notes: tuple[str, ...]


def read_onnx(source: str | os.PathLike[str] | bytes) -> OnnxFile:
    """Read a file, or its bytes.

    Raises:
      InputError: the package ``onnx`` is not installed; the file is missing, damaged, too large, quantised, of an
        operator set before 11, or has something that is not on the list; always in one line.
    """
    data, folder, name = _bytes(source)
    try:
        onnx = importlib.import_module("onnx")
    except ImportError:
        problem = f"'{name}' is an ONNX file, and the package onnx is not installed"
        raise InputError("file", problem, "pip install 'ganrefine[onnx]'") from None
    try:
        model = onnx.ModelProto.FromString(data)
    except Exception as error:  # protobuf has its own exceptions, and they differ between its versions
        raise InputError("file", f"'{name}' is no ONNX file ({type(error).__name__})", "export the net again") from None
    if not model.graph.node and not model.graph.output:
        raise InputError("file", f"'{name}' holds no graph", "give a file written by torch.onnx.export")
    return _read(model, folder, name, hashlib.sha256(data).hexdigest())


def _bytes(source: str | os.PathLike[str] | bytes) -> tuple[bytes, Path | None, str]:
    if isinstance(source, bytes):
        return source, None, "bytes"
    path = as_path("file", source)
    name = shown(path.name)
    check_regular(path, "the path of an ONNX file")
    if path.stat().st_size > _SIZE_LIMIT:
        raise InputError("file", f"'{name}' is larger than 2 GiB", "export with external_data=True")
    return path.read_bytes(), path.parent, name


def _read(model: Any, folder: Path | None, name: str, sha256: str) -> OnnxFile:
    graph = model.graph
    if len(graph.node) > NODE_LIMIT:
        raise InputError(
            "file", f"'{name}' has {len(graph.node)} nodes, more than {NODE_LIMIT}", "export one net alone"
        )
    check_operators([(text(n.domain), text(n.op_type)) for n in graph.node], name)
    if model.functions or graph.sparse_initializer:
        what = "functions of its own" if model.functions else "sparse tensors"
        raise InputError("file", f"'{name}' has {what}", "inline them with onnx.inliner, or export the net again")
    opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0)
    if not OLDEST_OPSET <= opset <= NEWEST_OPSET:
        problem = f"'{name}' uses operator set {opset}; {OLDEST_OPSET} to {NEWEST_OPSET} are known"
        raise InputError("file", problem, "export the net with opset_version=18")
    names = Names()
    arrays = {names.keep(t.name): read_tensor(t, folder) for t in graph.initializer}
    given = {t.name for t in graph.initializer}
    inputs = {names.keep(i.name): _input(i) for i in graph.input if i.name not in given}
    nodes, short = [], set()
    for node in graph.node:
        if node.op_type == "Constant":
            key = names.keep(node.output[0])
            arrays[key] = read_constant(node, folder)
            if arrays[key].size <= _SHORT:
                short.add(key)
        else:
            nodes.append(read_node(node, names, folder))
    static = {n for n, a in arrays.items() if a.dtype.kind != "f" or not a.ndim or not a.size} | short
    static |= {
        n
        for node in nodes
        for i, n in enumerate(node["inputs"])
        if i in _STATIC_SLOTS.get(node["op"], ()) and n in arrays and (node["op"] != "Pow" or arrays[n].size == 1)
    }
    outputs = {escaped(text(o.name)): names.known(o.name) for o in graph.output}
    parameters = {n: a for n, a in arrays.items() if n not in static}
    record = {
        "opset": opset,
        "inputs": list(inputs),
        "nodes": nodes,
        "output": next(iter(outputs.values()), ""),
        "constants": {n: encode_constant(n, arrays[n]) for n in static},
        "parameters": {n: {"shape": list(a.shape), "dtype": a.dtype.name} for n, a in parameters.items()},
    }
    return OnnxFile(name, sha256, parse_graph(record), parameters, inputs, outputs, _notes(graph))


def _notes(graph: Any) -> tuple[str, ...]:
    notes = []
    if any(t.data_type in (10, 11, 16) for t in graph.initializer):
        notes.append("Weights in half or double precision were stored as float32.")
    if any(n.op_type == "Dropout" for n in graph.node):
        notes.append("Dropout does nothing, as at inference.")
    return tuple(notes)


def _input(value: Any) -> OnnxInput:
    kind = value.type.tensor_type
    dims = tuple(d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else None for d in kind.shape.dim)
    return OnnxInput(kind.elem_type in (2, 3, 4, 5, 6, 7, 12, 13), dims)
