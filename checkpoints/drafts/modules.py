"""Modules of a bare weight file by what their tensors' names and shapes say."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

import numpy as np

from pairs import InputError

from ..dtypes import is_float
from ..folding import plain_shapes
from ..matching import COUNTERS, by_number

__all__ = ["Part", "between", "in_order", "parts_of", "undecided"]

Modules = Mapping[str, Mapping[str, np.ndarray]]


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


def in_order(modules: Modules) -> Modules:
    """Modules of a file that is sorted by name in the order of their numbers, others as they are.

    Example:
      >>> list(in_order({"0": {}, "10": {}, "2": {}})), list(in_order({"up": {}, "out": {}}))
      (['0', '2', '10'], ['up', 'out'])
    """
    names = list(modules)
    if names != sorted(names):
        return modules
    digits = lambda name: [(int(w), "") if w.isdigit() else (-1, w) for w in re.split(r"(\d+)", name)]
    return {name: modules[name] for name in sorted(names, key=digits)}


def undecided(parts: Sequence[Part]) -> list[list[str]]:
    """Names of modules of equal shape, where names do not say which comes first."""
    groups: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for part in parts:
        groups.setdefault((part.sort, part.shape), []).append(part.name)
    several = [names for (sort, _), names in groups.items() if len(names) > 1 and sort in ("dense", "conv")]
    return [[f"'{n}'" for n in names] for names in several if not by_number(names)[1]]


def parts_of(modules: Modules, net: str) -> tuple[Part, ...]:
    """The modules in order.

    Raises:
      InputError: A module of another sort than those of :class:`Part`; an embedding is one. Tensors that no net
        computes with: integers, complex numbers, NaN, infinity, a negative variance.
    """
    found = []
    for name, group in modules.items():
        _check_numbers(name, group, net)
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


def _check_numbers(name: str, group: Mapping[str, np.ndarray], net: str) -> None:
    for leaf, array in group.items():
        if leaf in COUNTERS:
            continue
        where = f"'{name}.{leaf}'" if name else f"'{leaf}'"
        if not is_float(array.dtype):
            raise InputError(net, f"has {where} as {array.dtype}", "store weights as float32")
        if not np.isfinite(array.astype(np.float32)).all():
            raise InputError(net, f"has {where} with NaN or infinity", "use an earlier checkpoint")
        if leaf == "running_var" and (array < 0).any():
            raise InputError(net, f"has {where} with negative variances", "use an earlier checkpoint")


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
