"""Settings with which a layer would take a module that it does not take as it is described: ``bias = false``.

A setting is named only where the tensors of the module are then all taken, so that the remedy works when followed.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping

from pairs import InputError
from pairs.sequential.convolutions import Conv, ConvTranspose
from pairs.sequential.layers import Layer, Shape

from .layouts import layouts

__all__ = ["near_settings"]

_SWITCHES = ("bias", "affine", "per_channel", "track_running_stats")


def near_settings(
    layers: Iterable[tuple[str, Layer, Shape]],
    taken: Mapping[str, str],
    held: Mapping[str, Mapping[str, Shape]],
    idle: Iterable[str],
) -> list[str]:
    """What to give which layer, one phrase each.

    Args:
      layers: Layers with their paths and the shapes of their inputs.
      taken: The module of each path.
      held: Shapes of the plain tensors of each module, by their names in it.
      idle: Modules that no layer took; a layer without tensors may want one of them.
    """
    found, free = [], [m for m in idle if m in held]
    for path, layer, shape in layers:
        if path in taken:
            module: str | None = taken[path] if taken[path] in held else None
            words = module and _fitting(layer, shape, held[module])
        else:
            module, words = next(((m, w) for m in free if (w := _fitting(layer, shape, held[m]))), (None, None))
        if words:
            found.append(f"give {path} {words}")
            free = [m for m in free if m != module]
    return found


def _fitting(layer: Layer, shape: Shape, held: Mapping[str, Shape]) -> str | None:
    if not held or any(option.shapes == dict(held) for option in layouts(layer, shape)):
        return None
    for changes in _changes(layer, shape, held):
        try:
            options = layouts(dataclasses.replace(layer, **changes), shape)
        except (InputError, ValueError):
            continue
        if any(option.shapes == dict(held) for option in options):
            return " and ".join(f"{name} = {str(value).lower()}" for name, value in changes.items())
    return None


def _changes(layer: Layer, shape: Shape, held: Mapping[str, Shape]) -> Iterator[dict[str, bool | int]]:
    names = [f.name for f in dataclasses.fields(layer) if f.name in _SWITCHES]
    sets = [c for n in range(len(names) + 1) for c in itertools.combinations(names, n)]
    groups: list[dict[str, bool | int]] = [{}]
    kernel = held.get("weight", ())
    if isinstance(layer, Conv) and len(kernel) > 1:
        whole = layer.out if isinstance(layer, ConvTranspose) else shape[-1]
        if kernel[1] and whole % kernel[1] == 0 and whole // kernel[1] != layer.groups:
            groups.append({"groups": whole // kernel[1]})
    for more, chosen in itertools.product(groups, sets):
        if more or chosen:
            yield {**more, **{name: not getattr(layer, name) for name in chosen}}
