"""Modules of a bare weight file by what their tensors' names and shapes say."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from pairs import InputError

from ..folding import plain_shapes
from ..matching import COUNTERS

__all__ = ["Part", "between", "parts_of"]


@dataclasses.dataclass(frozen=True)
class Part:
    """One module.

    Attributes:
      name: Its prefix in the file.
      sort: ``dense``, ``conv`` (or transposed), ``batch_norm``, ``norm`` (scale and bias alone) or ``prelu``.
      shape: Shape of its weight, or of its statistics.
      bias: There is a bias.
      affine: A normalisation has a scale.
    """

    name: str
    sort: str
    shape: tuple[int, ...]
    bias: bool
    affine: bool = True


def parts_of(modules: Mapping[str, Mapping[str, np.ndarray]], net: str) -> tuple[Part, ...]:
    """The modules in order.

    Raises:
      InputError: A module of another sort than those of :class:`Part`; an embedding is one.
    """
    found = []
    for name, group in modules.items():
        shapes = {n: s for n, s in plain_shapes(group).items() if n not in COUNTERS}
        if not shapes:
            continue
        part = _part(name, shapes)
        if part is None:
            held = ", ".join(f"{n} {s}" for n, s in shapes.items())
            remedy = "write the manifest by hand: nets with labels, attention or recurrence cannot be drafted"
            raise InputError(net, f"has a module '{name}' of an unknown sort ({held})", remedy)
        found.append(part)
    if not found:
        raise InputError(net, "holds no modules with weights", "give the file of the net")
    return tuple(found)


def _part(name: str, shapes: Mapping[str, tuple[int, ...]]) -> Part | None:
    weight, bias, names = shapes.get("weight"), "bias" in shapes, set(shapes)
    if {"running_mean", "running_var"} <= names <= {"running_mean", "running_var", "weight", "bias"}:
        return Part(name, "batch_norm", shapes["running_mean"], bias, weight is not None)
    if weight is None or not names <= {"weight", "bias"}:
        return None
    if len(weight) == 2 and (not bias or shapes["bias"] == weight[:1]):
        return Part(name, "dense", weight, bias)
    if len(weight) == 3 or (len(weight) == 4 and weight[2] == weight[3]):
        return Part(name, "conv", weight, bias)
    if len(weight) == 1 and bias:
        return Part(name, "norm", weight, True)
    return Part(name, "prelu", weight, False) if len(weight) == 1 else None


def between(first: str, second: str) -> int | None:
    """Places of a ``Sequential`` between two of its members; ``None`` where they are not in one.

    Example:
      >>> between("main.0", "main.2"), between("main.0", "main.1"), between("fc", "out")
      (1, 0, None)
    """
    (a, _, i), (b, _, j) = first.rpartition("."), second.rpartition(".")
    return int(j) - int(i) - 1 if a == b and i.isdigit() and j.isdigit() and int(j) > int(i) else None
