"""Layer lists in their JSON form to layers, with every mistake named by the number of its layer."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import InputError
from . import activations, attention, blocks, convolutions, dense, labels, norms, pooling, shapes
from .layers import LAYERS, MOST_LAYERS, Layer, Layers, Shape, chain_shapes

__all__ = ["LayerList", "infer_shapes", "parse_layers"]

LayerList = Iterable["Mapping[str, Any] | Layer"]

MODULES = (activations, attention, blocks, convolutions, dense, labels, norms, pooling, shapes)
"""The modules that define the kinds of layers."""

_NAMES = {
    "batchnorm": "batch_norm",
    "conv2d": "conv",
    "conv1d": "conv",
    "linear": "dense",
    "lrelu": "leaky_relu",
    "view": "unflatten",
    "branch": "add",
    "embedding": "embed",
    "swish": "silu",
    "reflection_pad": "pad",
    "zero_pad": "pad",
    "hardtanh": "clip",
    "clamp": "clip",
}
_MOST_NESTED = 8


def parse_layers(layers: LayerList, field: str = "layers") -> Layers:
    """Layer descriptions from their JSON form (or from themselves).

    >>> parse_layers([{"layer": "dense", "out": 3}])[0].out
    3

    Raises:
      InputError: naming the layer's number (from 0), for an unknown layer or setting, a missing
        one, or one of the wrong type; more than 512 layers, or blocks nested more than 8 deep.
    """
    return _Parser().list(layers, field, 0)


class _Parser:
    """Counts the layers of one net, those inside blocks included."""

    def __init__(self) -> None:
        self.seen = 0

    def list(self, specs: LayerList, field: str, depth: int) -> Layers:
        if depth > _MOST_NESTED:
            raise InputError(field, f"are nested more than {_MOST_NESTED} deep", "use fewer blocks inside blocks")
        return tuple(self.one(f"{field}[{i}]", spec, depth) for i, spec in enumerate(specs))

    def one(self, where: str, spec: Mapping[str, Any] | Layer, depth: int) -> Layer:
        self.seen += 1
        if self.seen > MOST_LAYERS:
            raise InputError(where, f"is layer {self.seen:,} of the net", f"use at most {MOST_LAYERS} layers")
        if isinstance(spec, Layer):
            return spec
        kind = spec.get("layer") if isinstance(spec, Mapping) else None
        cls = LAYERS.get(kind) if isinstance(kind, str) else None
        if cls is None:
            raise InputError(
                where, f"has layer = {_short(kind)}", f"{_hint(kind)}use one of {', '.join(sorted(LAYERS))}"
            )
        fields = {f.name: f for f in dataclasses.fields(cls)}
        settings: dict[str, Any] = {}
        for key, value in spec.items():
            if key == "layer":
                continue
            if key not in fields:
                raise InputError(where, f"'{kind}' has no setting '{key}'", f"it takes {', '.join(fields)}")
            settings[key] = self.setting(f"{where}.{key}", str(fields[key].type), value, depth, f"'{key}'")
        missing = [n for n, f in fields.items() if f.default is dataclasses.MISSING and n not in settings]
        if missing:
            raise InputError(where, f"'{kind}' lacks '{missing[0]}'", f"give {', '.join(missing)}")
        return cls(**settings)

    def setting(self, where: str, wanted: str, value: Any, depth: int, called: str) -> Any:
        """The value as the layer keeps it: lists become tuples, lists of layers become layers."""
        if wanted in ("Layers", "Branches"):
            lists = [value] if wanted == "Layers" else value
            sound = isinstance(lists, (list, tuple)) and all(isinstance(part, (list, tuple)) for part in lists)
            if not sound:
                remedy = (
                    "give a list of layers" if wanted == "Layers" else "give a list of branches, each a list of layers"
                )
                raise InputError(where, f"{called} is {_short(value)}", remedy)
            if wanted == "Layers":
                return self.list(value, where, depth + 1)
            return tuple(self.list(part, f"{where}[{i}]", depth + 1) for i, part in enumerate(value))
        value = tuple(value) if isinstance(value, list) else value
        if not any(_fits(one, value) for one in wanted.split(" | ")):
            words = " or ".join(_WORDS[one] for one in wanted.split(" | ") if one != "None")
            raise InputError(where.rpartition(".")[0], f"{called} is {_short(value)}", f"give {words}")
        return value


_WORDS = {
    "Shape": "a list of integers",
    "Names": "a list of names",
    "int": "an integer",
    "float": "a finite number",
    "bool": "true or false",
    "str": "a text",
}


def _fits(wanted: str, value: Any) -> bool:
    if wanted == "None":
        return value is None
    if wanted in ("Shape", "Names"):
        kind = int if wanted == "Shape" else str
        return isinstance(value, tuple) and all(isinstance(n, kind) and not isinstance(n, bool) for n in value)
    if isinstance(value, bool) or wanted == "bool":
        return isinstance(value, bool) and wanted == "bool"
    if wanted == "float":
        return isinstance(value, (int, float)) and abs(value) < 1e30 and math.isfinite(value)
    return isinstance(value, {"int": int, "str": str}[wanted]) and not (wanted == "int" and abs(value) > 2**31)


def _short(value: Any) -> str:
    text = repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _hint(kind: Any) -> str:
    if not isinstance(kind, str):
        return ""
    near = _NAMES.get(kind.lower()) or next(iter(difflib.get_close_matches(kind.lower(), LAYERS, 1)), None)
    return f"did you mean '{near}'? " if near else ""


def infer_shapes(layers: LayerList, input_shape: Iterable[int], field: str = "layers") -> tuple[Shape, ...]:
    """Shapes of one sample before the first layer and after each one, channels last.

    >>> infer_shapes([{"layer": "flatten"}, {"layer": "dense", "out": 5}], (2, 2, 3))
    ((2, 2, 3), (12,), (5,))

    Raises:
      InputError: naming the number of the layer that does not take what comes before it.
    """
    return chain_shapes(parse_layers(layers, field), tuple(input_shape), field)
