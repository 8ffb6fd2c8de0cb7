"""Nodes of an ONNX file in the form of a graph record: names, settings, constants."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from pairs import InputError
from pairs.graph.operators_linear import KERNEL_TURNED
from pairs.graph.values import STATIC_LIMIT, encode, shown

from .onnx_tensors import read_tensor, text

__all__ = ["Names", "encode_constant", "escaped", "read_constant", "read_node"]

_PLAIN = {1: "f", 2: "i", 3: "s", 6: "floats", 7: "ints"}  # fields of attributes by their type
_TENSOR = 4


def escaped(name: str) -> str:
    """A name from a file in printable ASCII."""
    return name.encode("unicode_escape", "backslashreplace").decode("ascii")


class Names:
    """Names inside the graph: those of arrays and inputs escaped, the others numbered."""

    def __init__(self) -> None:
        self._new: dict[str, str] = {"": ""}

    def keep(self, name: str) -> str:
        """The escaped name of an array or an input."""
        name = text(name)
        if not name or name in self._new:
            raise InputError("file", f"gives '{shown(name)}' two values", "export the net again")
        self._new[name] = f"%{escaped(name)}" if name.startswith("%") else escaped(name)
        return self._new[name]

    def number(self, name: str) -> str:
        """A new name for the result of a node."""
        name = text(name)
        if name and name in self._new:
            raise InputError("file", f"gives '{shown(name)}' two values", "export the net again")
        return self._new.setdefault(name, f"%{len(self._new)}")

    def known(self, name: str) -> str:
        """The name of something that was defined before."""
        name = text(name)
        if name not in self._new:
            raise InputError("file", f"uses '{shown(name)}' before it is computed", "export the net again")
        return self._new[name]


def read_node(node: Any, names: Names, folder: Path | None) -> dict[str, Any]:
    """A node as the record keeps it.

    Raises:
      InputError: a setting that is no number, text or tensor.
    """
    inputs = [names.known(n) for n in node.input]
    attributes = {text(a.name): _attribute(a, node.op_type, folder) for a in node.attribute}
    if KERNEL_TURNED in attributes:
        raise InputError("file", f"sets '{KERNEL_TURNED}' of a {node.op_type}", "export the net again")
    return {
        "op": node.op_type,
        "inputs": inputs,
        "outputs": [names.number(n) for n in node.output],
        "attributes": attributes,
    }


def _attribute(attribute: Any, op: str, folder: Path | None) -> Any:
    field = _PLAIN.get(attribute.type)
    if attribute.ref_attr_name or (field is None and attribute.type != _TENSOR):
        raise InputError("file", f"sets '{shown(attribute.name)}' of a {op} in a way that is not known", "export again")
    if field is None:
        return encode_constant(attribute.name, read_tensor(attribute.t, folder))
    value = getattr(attribute, field)
    if field == "s":
        return value.decode("utf-8", "backslashreplace")
    value = list(value) if field in ("floats", "ints") else value
    if not all(math.isfinite(v) for v in (value if isinstance(value, list) else [value])):
        raise InputError("file", f"sets '{shown(attribute.name)}' of a {op} to NaN or infinity", "export again")
    return value


def read_constant(node: Any, folder: Path | None) -> np.ndarray:
    """The value of a Constant node."""
    values = {a.name: a for a in node.attribute}
    if "value" in values:
        return read_tensor(values["value"].t, folder)
    for name, field, dtype in (
        ("value_float", "f", np.float32),
        ("value_floats", "floats", np.float32),
        ("value_int", "i", np.int64),
        ("value_ints", "ints", np.int64),
    ):
        if name in values:
            value = getattr(values[name], field)
            return np.asarray(list(value) if field.endswith("s") else value, dtype)
    raise InputError("file", "has a constant that is no array of numbers", "export the net again")


def encode_constant(name: str, array: np.ndarray) -> dict[str, Any]:
    """JSON form of a constant; the error names it where it is too large."""
    if array.size > STATIC_LIMIT:
        problem = f"has {array.size} whole numbers in '{shown(name)}', more than {STATIC_LIMIT}"
        raise InputError("file", problem, "export the net without large tables of indices")
    return encode(array)
