"""Which module of a foreign file belongs to which layer.

A layer with ``name`` takes the module of that prefix. The others take a module whose tensors have exactly the names
and shapes that the layer needs. Where several layers and as many modules fit each other, numbers in the modules' names
decide (``main.0`` before ``main.3``, ``fc1`` before ``fc2``). Where names differ in more than numbers, nothing decides:
such a group is reported as a :class:`Doubt`, which names or stored outputs have to settle.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from pairs.sequential.layers import Layer, Shape

from .folding import plain_shapes
from .layouts import Layout, layouts
from .module_names import WRAPPERS

__all__ = ["COUNTERS", "Doubt", "Modules", "Slot", "by_number", "find", "match", "slots"]

COUNTERS = ("num_batches_tracked",)
"""Tensors that no layer needs."""

Modules = dict[str, dict[str, np.ndarray]]
Signature = frozenset[tuple[str, Shape]]


@dataclasses.dataclass(frozen=True)
class Slot:
    """A layer that has parameters, with its place in the list and the layouts its tensors may have."""

    path: str
    layer: Layer
    options: tuple[Layout, ...]

    @property
    def signatures(self) -> frozenset[Signature]:
        """What the tensors of its module may look like."""
        return frozenset(frozenset(option.shapes.items()) for option in self.options)


@dataclasses.dataclass(frozen=True)
class Doubt:
    """Layers and modules of equal shapes, whose names do not say which belongs to which."""

    slots: tuple[str, ...]
    modules: tuple[str, ...]

    def __str__(self) -> str:
        pairs = ", ".join(f"{slot} takes '{module}'" for slot, module in zip(self.slots, self.modules, strict=True))
        return f"modules of equal shapes could be exchanged, and their names do not say which comes first ({pairs})"


def slots(leaves: Iterable[tuple[str, Layer, Shape]]) -> tuple[Slot, ...]:
    """The layers with parameters."""
    found = ((path, layer, layouts(layer, shape)) for path, layer, shape in leaves)
    return tuple(Slot(path, layer, options) for path, layer, options in found if options)


def below(modules: Modules, prefix: str) -> dict[str, np.ndarray]:
    """All tensors of a module and of the modules inside it, by their names below ``prefix``."""
    found: dict[str, np.ndarray] = {}
    for module, group in modules.items():
        if module == prefix:
            found |= group
        elif not prefix or module.startswith(f"{prefix}."):
            inside = module.removeprefix(f"{prefix}.") if prefix else module
            found |= {f"{inside}.{name}": array for name, array in group.items()}
    return found


def _signatures(modules: Modules) -> dict[str, Signature]:
    """What hangs below each prefix of the file, in the file's order."""
    shapes: dict[str, dict[str, Shape]] = {}
    for module, group in modules.items():
        parts = module.split(".") if module else []
        plain = {n: s for n, s in plain_shapes(group).items() if n not in COUNTERS}
        for depth in range(len(parts) + 1):
            prefix, inside = ".".join(parts[:depth]), ".".join(parts[depth:])
            names = {f"{inside}.{n}" if inside else n: s for n, s in plain.items()}
            shapes.setdefault(prefix, {}).update(names)
    return {prefix: frozenset(found.items()) for prefix, found in shapes.items()}


def find(name: str, modules: Modules) -> str | None:
    """The module that a layer's ``name`` means: wrappers that were taken off the file are taken off the name too."""
    for wrapper in ("", *WRAPPERS):
        plain = name.removeprefix(wrapper)
        if plain in modules or any(module.startswith(f"{plain}.") for module in modules):
            return plain
    return None


def match(
    wanted: Sequence[Slot], modules: Modules, chosen: Mapping[str, str]
) -> tuple[dict[str, str], tuple[Doubt, ...]]:
    """The prefix for each layer's path, as far as names and shapes decide, and the doubts.

    Args:
      wanted: The layers with parameters, in order.
      modules: Tensors by module and name, in the order of the file.
      chosen: Prefixes that are already decided, by path.

    Returns:
      Prefixes by path (layers that no free module fits are left out), and the groups that names do not decide.
    """
    taken = dict(chosen)
    signatures = _signatures(modules)
    groups: dict[frozenset[Signature], list[Slot]] = {}
    for slot in wanted:
        if slot.path not in taken:
            groups.setdefault(slot.signatures, []).append(slot)
    doubts = []
    several = lambda options: any("." in name for signature in options for name, _ in signature)
    for options, members in sorted(groups.items(), key=lambda item: not several(item[0])):
        fitting = [p for p, s in signatures.items() if s in options and not _overlaps(p, taken.values())]
        if len(members) == len(fitting) > 1:
            fitting, decided = by_number(fitting)
            if not decided and not _equal(fitting, modules):
                doubts.append(Doubt(tuple(s.path for s in members), tuple(fitting)))
        # where their numbers differ the conversion fails, and says what is left over
        taken |= {slot.path: prefix for slot, prefix in zip(members, fitting, strict=False)}
    return taken, tuple(doubts)


def _overlaps(prefix: str, busy: Iterable[str]) -> bool:
    return any(prefix == b or prefix.startswith(f"{b}.") or b.startswith(f"{prefix}.") for b in busy)


def by_number(prefixes: list[str]) -> tuple[list[str], bool]:
    """Prefixes in the order of their numbers, and whether the numbers tell the order of use.

    They tell nothing where the prefixes differ in more than numbers; where the file has them counting down (``up3``,
    ``up2``, ``up1``), other than as text is sorted; and where they are resolutions (``b64``, ``b32``, ``b16``), which
    grow in a generator and shrink in a critic.
    """
    split = [re.split(r"(\d+)", p) for p in prefixes]
    if len({tuple(parts[::2]) for parts in split}) > 1:
        return prefixes, False
    numbers = {p: [int(n) for n in parts[1::2]] for p, parts in zip(prefixes, split, strict=True)}
    counted = sorted(prefixes, key=lambda p: numbers[p])
    down = prefixes == counted[::-1] != sorted(prefixes)
    return (prefixes, False) if down or _resolutions(counted) else (counted, True)


def _resolutions(prefixes: list[str]) -> bool:
    """Whether one part of the names, not a number alone, is doubled from each to the next, up to 16 or more."""
    parts = [p.split(".") for p in prefixes]
    differ = [words for words in zip(*parts, strict=True) if len(set(words)) > 1]
    if len(differ) != 1 or any(word.isdigit() for word in differ[0]):
        return False
    sizes = [[int(n) for n in re.findall(r"\d+", word)] for word in differ[0]]
    last = [size[-1] for size in sizes]
    return min(last) >= 4 and max(last) >= 16 and all(2 * m == n for m, n in zip(last, last[1:], strict=False))


def _equal(prefixes: list[str], modules: Modules) -> bool:
    """Whether the modules hold the same numbers, so that their order does not matter."""
    first, *others = (below(modules, p) for p in prefixes)
    return all(o.keys() == first.keys() and all(np.array_equal(o[k], first[k]) for k in first) for o in others)
