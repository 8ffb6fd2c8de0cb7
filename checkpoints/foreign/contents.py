"""From the object in a file to names: tensors, other values, state dicts, whole modules, and what was left unread.

Names are dotted paths, ``generator.main.0.weight``. The walk is bounded by the file's budget, because
a shared container is met more often than it is stored, and by a depth of 64. Long lists of plain
values count as one value. Objects of unknown classes are not entered.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np

from .inert import Inert, is_module
from .limits import NAME_LIMIT, Budget, Refused, shown
from .modules import Module, module_of
from .pickle_objects import PickledArray
from .torch_tensors import Storage, Tensor, TorchDtype

__all__ = ["Contents", "contents_of"]

_DEPTH = 64
_LISTED = 32
_SCALARS = (bool, int, float, str, bytes, complex, type(None))


@dataclasses.dataclass
class Contents:
    """What a file holds.

    Attributes:
      tensors: arrays by dotted name, in the order of the file; a module's are named as in its state dict.
      values: other plain values by dotted name.
      parts: dotted names of the state dicts and modules in the file, ``""`` for the file itself.
      modules: whole modules by dotted name.
      skipped: what was left unread, by dotted name: the class of each object.
    """

    tensors: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    values: dict[str, Any] = dataclasses.field(default_factory=dict)
    parts: list[str] = dataclasses.field(default_factory=list)
    modules: dict[str, Module] = dataclasses.field(default_factory=dict)
    skipped: dict[str, str] = dataclasses.field(default_factory=dict)


def contents_of(tree: Any, budget: Budget, left_out: int = 0) -> Contents:
    """Flatten what a pickle gave.

    Args:
      tree: the object.
      budget: what names and visits are charged to.
      left_out: dictionary entries that were left out for their keys.

    Raises:
      Refused: nested too deeply or in itself, two values of one name, or an exceeded budget.
    """
    found = Contents()
    waiting: list[tuple[str, Any, int, bool]] = [("", tree, 0, False)]
    while waiting:
        name, value, depth, optimizer = waiting.pop()
        budget.spend(64)
        if depth > _DEPTH:
            raise Refused(f"it is nested too deeply: more than {_DEPTH} levels, or it contains itself")
        if is_module(value):
            _add_module(found, name, value, budget)
            continue
        if isinstance(value, Inert) and value.items is not None and value.state is None:
            value = value.items  # a dictionary or list of another class
        items = _items(value, budget)
        if items is None:
            _add_leaf(found, name, value)
            continue
        if isinstance(value, dict):
            optimizer = optimizer or ("state" in value and "param_groups" in value)
            if not optimizer and any(isinstance(v, (Tensor, PickledArray)) for v in value.values()):
                found.parts.append(name)
        inside = []
        for key, item in items:
            text = f"{name}.{key}" if name else str(key)
            budget.spend(120 + 2 * len(text))
            inside.append((text, item, depth + 1, optimizer))
        waiting.extend(reversed(inside))
    if left_out:
        found.skipped["(entries)"] = f"{left_out} whose key is neither text nor a number"
    return found


def _items(value: Any, budget: Budget) -> Iterable[tuple[Any, Any]] | None:
    """Keys and values of a container that is worth entering, else ``None``."""
    if not isinstance(value, (dict, list, tuple)):
        return None
    budget.spend(8 * len(value))
    inner = value.values() if isinstance(value, dict) else value
    if len(value) > _LISTED and all(isinstance(v, _SCALARS) for v in inner):
        return None
    return value.items() if isinstance(value, dict) else enumerate(value)


def _add_leaf(found: Contents, name: str, value: Any) -> None:
    name = name or "value"
    array = value.numpy() if isinstance(value, Tensor) else value.array if isinstance(value, PickledArray) else None
    if len(name) > NAME_LIMIT:
        if array is not None:
            raise Refused(f"a name in it has {len(name)} characters")
        name = f"{shown(name, 40)} ({len(name)} characters)"
    if name in found.tensors or name in found.values or name in found.skipped:
        raise Refused(f"it has '{shown(name)}' twice")
    if array is not None and array.dtype.kind not in "SU":
        found.tensors[name] = array
    elif isinstance(value, _SCALARS):
        found.values[name] = value
    elif isinstance(value, (dict, list, tuple)):
        found.values[name] = f"{type(value).__name__} of {len(value)} values"
    elif isinstance(value, Storage):
        found.values[name] = f"storage of {value.count}"
    elif isinstance(value, TorchDtype):
        found.values[name] = str(value)
    else:
        found.skipped[name] = shown(value.kind) if isinstance(value, Inert) else type(value).__name__


def _add_module(found: Contents, name: str, value: Inert, budget: Budget) -> None:
    module = module_of(value, budget, len(name))
    found.parts.append(name)
    found.modules[name] = module
    for full, array in module.state_dict(f"{name}." if name else "").items():
        if full in found.tensors:
            raise Refused(f"it has '{shown(full)}' twice")
        found.tensors[full] = array
