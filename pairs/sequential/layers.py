r"""What a layer of a sequential net is: a frozen description with PyTorch's meaning and channels-last arithmetic.

Each layer is a frozen dataclass of JSON values; arrays are kept apart, in one
dictionary per layer. A layer knows its output shape, the shapes of its parameters,
how to draw them, and how to apply them. Shapes are those of one sample: ``()``,
``(n,)``, ``(L, C)`` for a sequence that PyTorch would call ``(C, L)``, or ``(H, W, C)``
for an image that PyTorch would call ``(C, H, W)``.

A block holds lists of layers; its parameters are the dictionaries of those layers,
``{list name: {number of the layer: parameters}}``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from ..errors import InputError

__all__ = [
    "LAYERS",
    "MOST_LAYERS",
    "Branches",
    "Layer",
    "Layers",
    "Params",
    "Shape",
    "chain_shapes",
    "image",
    "not_negative",
    "positive",
    "run_layers",
    "spatial",
    "walk",
]

Shape = tuple[int, ...]
Params = dict[str, Any]

LAYERS: dict[str, type[Layer]] = {}
"""Layer classes by the name that a layer list uses."""

MOST_LAYERS = 512
"""Layers that one net may have, those inside blocks included."""

_MOST_NUMBERS = 2**24
_CONSTANT = {"scale": 1.0, "var": 1.0, "slope": 0.25}


@dataclasses.dataclass(frozen=True)
class Layer:
    """One layer.

    Attributes:
      name: The module prefix of its tensors in a foreign file, where it must be said.
      share: The ``name`` of an earlier layer whose tensors this layer uses too.
    """

    name: str | None = dataclasses.field(default=None, kw_only=True)
    share: str | None = dataclasses.field(default=None, kw_only=True)
    kind: ClassVar[str] = ""
    import_only: ClassVar[tuple[str, ...]] = ("name", "share")
    """Settings that matter while tensors are converted, and not afterwards."""

    def __init_subclass__(cls, kind: str = "", **kwargs: Any):
        """Enter the class in :data:`LAYERS`."""
        super().__init_subclass__(**kwargs)
        if kind:
            taken = LAYERS.get(kind)
            # a cell of a notebook that runs again defines the same class again; the project's own layers stay
            again = taken is not None and (taken.__module__, taken.__qualname__) == (cls.__module__, cls.__qualname__)
            if taken is not None and (not again or taken.__module__.startswith("pairs.")):
                raise TypeError(f"layer kind {kind!r} is that of {taken.__qualname__}: give {cls.__name__} another")
            cls.kind = kind
            LAYERS[kind] = cls

    def spec(self) -> dict[str, Any]:
        """JSON form: ``{"layer": kind, ...}`` without settings left at their defaults."""
        values = {f.name: (getattr(self, f.name), f.default) for f in dataclasses.fields(self)}
        return {"layer": self.kind, **{k: _plain(v) for k, (v, default) in values.items() if v != default}}

    def inner(self) -> Mapping[str, Layers]:
        """The lists of layers inside a block; a plain layer has none."""
        return {}

    def converted(self) -> Layer:
        """The layer as it is once its tensors have been converted."""
        defaults = {f.name: f.default for f in dataclasses.fields(self)}
        return dataclasses.replace(self, **{n: defaults[n] for n in self.import_only})

    def out_shape(self, shape: Shape) -> Shape:
        """Shape of one output sample; ``ValueError`` where the layer does not take ``shape``."""
        return shape

    def param_shapes(self, shape: Shape) -> Params:
        """Shapes of the parameters for inputs of ``shape``."""
        return {}

    def init(self, key: Array, shape: Shape) -> Params:
        """He-normal kernels, unit scales, zero biases, standard running statistics."""
        shapes = self.param_shapes(shape)
        made: Params = {}
        for number, (name, size) in enumerate(shapes.items()):
            if name.endswith(("kernel", "embedding")):
                own = jax.random.fold_in(key, number) if number else key
                made[name] = math.sqrt(2.0 / self.fan_in(name, shape)) * jax.random.normal(own, size)
            else:
                made[name] = jnp.full(size, _CONSTANT.get(name, 0.0), jnp.float32)
        return made

    def fan_in(self, name: str, shape: Shape) -> float:
        """Terms in the sum that makes one output number, for the drawing of kernels."""
        return 2.0

    def apply(self, p: Params, x: Array, labels: Array | None) -> Array:
        """The layer on a batch; labels are used by label layers and blocks alone."""
        return self(p, x)

    def __call__(self, p: Params, x: Array) -> Array:
        """The layer on a batch without labels."""
        raise NotImplementedError


Layers = tuple[Layer, ...]
Branches = tuple[Layers, ...]


def run_layers(layers: Layers, params: Mapping[str, Params], x: Array, labels: Array | None) -> Array:
    """Apply one layer after the other; ``params`` by the number of the layer, left out where a layer has none."""
    for i, layer in enumerate(layers):
        x = layer.apply(params.get(str(i), {}), x, labels)
    return x


def chain_shapes(layers: Layers, shape: Shape, field: str) -> tuple[Shape, ...]:
    """Shapes of one sample before the first layer and after each one.

    Raises:
      InputError: A layer does not take what comes before it, or makes a sample of more than 2^24 numbers.
    """
    shapes = [shape]
    for i, layer in enumerate(layers):
        try:
            shapes.append(layer.out_shape(shapes[-1]))
            if math.prod(shapes[-1]) > _MOST_NUMBERS:
                raise ValueError(f"makes samples of shape {shapes[-1]}: at most {_MOST_NUMBERS:,} numbers are allowed")
        except InputError as error:
            raise InputError(f"{field}[{i}].{error.field}", error.problem, error.remedy) from None
        except ValueError as error:
            problem, _, remedy = str(error).partition(": ")
            remedy = remedy or "check the layers before it"
            raise InputError(f"{field}[{i}]", f"'{layer.kind}' {problem}", remedy) from None
    return tuple(shapes)


def walk(layers: Layers, shape: Shape, field: str = "layers") -> Iterator[tuple[str, Layer, Shape]]:
    """Every layer that is no block, with its path and the shape of its input, in order."""
    for i, (layer, at) in enumerate(zip(layers, chain_shapes(layers, shape, field), strict=False)):
        path = f"{field}[{i}]"
        if not layer.inner():
            yield path, layer, at
        for name, part in layer.inner().items():
            yield from walk(part, at, f"{path}.{name}")


def image(shape: Shape) -> Shape:
    """``shape`` if it is that of an image."""
    if len(shape) != 3:
        raise ValueError(f"takes images, not shape {shape}: put an unflatten layer before it")
    return shape


def spatial(shape: Shape) -> Shape:
    """``shape`` if it is that of an image or a sequence."""
    if len(shape) not in (2, 3):
        raise ValueError(f"takes images or sequences, not shape {shape}: put an unflatten layer before it")
    return shape


def positive(**values: float | Shape) -> None:
    """Refuse numbers, or lists of numbers, that are not all above 0."""
    _check(0, "give a number above 0", values)


def not_negative(**values: float | Shape) -> None:
    """Refuse numbers, or lists of numbers, below 0."""
    _check(None, "give 0 or more", values)


def _check(above: int | None, remedy: str, values: Mapping[str, float | Shape]) -> None:
    for field, value in values.items():
        numbers = value if isinstance(value, tuple) else (value,)
        if any(n < 0 or n == above or not math.isfinite(n) for n in numbers):
            raise InputError(field, f"is {_plain(value)!r}", remedy)


def _plain(value: Any) -> Any:
    if isinstance(value, Layer):
        return value.spec()
    return [_plain(v) for v in value] if isinstance(value, tuple) else value
