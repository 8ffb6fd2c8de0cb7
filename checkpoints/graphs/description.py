"""What an ONNX file holds, as JSON: operator set, inputs, outputs, nodes, parameters."""

from __future__ import annotations

import os
from typing import Any

from ..foreign.onnx import OnnxInput, read_onnx

__all__ = ["describe_onnx"]

_LISTED = 400


def describe_onnx(path: str | os.PathLike[str]) -> dict[str, Any]:
    """``{kind, about, tensors}`` of an ONNX file, as :func:`checkpoints.description.describe` has them.

    Args:
      path: The file; nothing in it is run.

    Raises:
      InputError: A refused file, see :func:`checkpoints.foreign.onnx.read_onnx`.
    """
    file = read_onnx(path)
    graph = file.graph
    nodes = [f"{n.op} ({', '.join(n.inputs)}) -> {', '.join(n.outputs)}" for n in graph.nodes]
    about: dict[str, Any] = {"operator set": graph.opset}
    about |= {f"input {name}": _words(given) for name, given in file.inputs.items()}
    about |= {"outputs": list(file.outputs), "notes": list(file.notes)}
    about |= {"nodes": nodes[:_LISTED] + ([f"and {len(nodes) - _LISTED} more"] if len(nodes) > _LISTED else [])}
    tensors = {n: {"shape": list(a.shape), "dtype": a.dtype.name} for n, a in file.parameters.items()}
    return {"kind": "ONNX file", "about": {k: v for k, v in about.items() if v != []}, "tensors": tensors}


def _words(given: OnnxInput) -> str:
    shape = ["free" if n is None else str(n) for n in given.shape]
    return f"{'whole numbers' if given.integer else 'numbers'} of shape ({', '.join(shape)})"
