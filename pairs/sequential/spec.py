r"""Sequential nets from a list of layers: most small GANs in the wild, without a line of model code.

.. math:: f = f_n \circ \dots \circ f_1

A layer list is JSON, one mapping per layer with PyTorch's terms and defaults::

    [{"layer": "unflatten", "shape": [64, 1, 1]},
     {"layer": "conv_transpose", "out": 128, "kernel": 4, "bias": false},
     {"layer": "batch_norm"}, {"layer": "relu"},
     {"layer": "conv_transpose", "out": 1, "kernel": 4, "stride": 2, "padding": 1}, {"layer": "tanh"}]

Inside, images are channels-last (``(H, W, C)``, as in a :class:`~pairs.Pair`);
``flatten``, ``unflatten`` and ``reshape`` keep PyTorch's element order (channel,
row, column), so foreign dense layers fit without permuting. Everything is in
inference mode: ``batch_norm`` uses running statistics, ``dropout`` does nothing.
A critic must return ``(batch,)``: end its list with ``{"layer": "squeeze"}``.

Parameters are a tuple with one dictionary per layer: ``kernel``, ``bias``, ``scale``,
``mean``, ``var`` as the layer needs, empty where it needs none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ..errors import InputError
from ..protocol import Net
from ..record import Record
from ..registry import Architecture, register
from . import shapes as _shapes
from .layers import LAYERS, Layer, Params, Shape

__all__ = ["SequentialApply", "init_sequential", "infer_shapes", "parse_layers", "sequential_net", "template"]

_NAMES = {"batchnorm": "batch_norm", "linear": "dense", "lrelu": "leaky_relu", "view": _shapes.Unflatten.kind}

LayerList = Iterable["Mapping[str, Any] | Layer"]


@dataclasses.dataclass(frozen=True)
class SequentialApply:
    """Calls the layers one after the other; equal for equal layers."""

    layers: tuple[Layer, ...]

    def __call__(self, params: tuple[Params, ...], x: Array) -> Array:
        x = jnp.asarray(x)
        for layer, p in zip(self.layers, params, strict=True):
            x = layer(p, x)
        return x


def parse_layers(layers: LayerList, field: str = "layers") -> tuple[Layer, ...]:
    """Layer descriptions from their JSON form (or from themselves).

    >>> parse_layers([{"layer": "dense", "out": 3}])[0].out
    3

    Raises:
      InputError: naming the layer's number (from 0), for an unknown layer or setting, a missing
        one, or one of the wrong type.
    """
    return tuple(_parse(f"{field}[{i}]", spec) for i, spec in enumerate(layers))


def _parse(where: str, spec: Mapping[str, Any] | Layer) -> Layer:
    if isinstance(spec, Layer):
        return spec
    kind = spec.get("layer") if isinstance(spec, Mapping) else None
    cls = LAYERS.get(kind) if isinstance(kind, str) else None
    if cls is None:
        hint = f"did you mean '{_NAMES[kind]}'? " if kind in _NAMES else ""
        raise InputError(where, f"has layer = {kind!r}", f"{hint}use one of {', '.join(sorted(LAYERS))}")
    settings: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in spec.items() if k != "layer"}
    fields = {f.name: f for f in dataclasses.fields(cls)}
    for key, value in settings.items():
        if key not in fields:
            raise InputError(where, f"'{kind}' has no setting '{key}'", f"it takes {', '.join(fields)}")
        wanted = str(fields[key].type)
        if not _fits(wanted, value):
            wanted = "list of integers" if wanted == "Shape" else wanted.removesuffix(" | None")
            raise InputError(where, f"'{key}' is {value!r}", f"give a {wanted} (square kernels and strides only)")
    missing = [n for n, f in fields.items() if f.default is dataclasses.MISSING and n not in settings]
    if missing:
        raise InputError(where, f"'{kind}' lacks '{missing[0]}'", f"give {', '.join(missing)}")
    return cls(**settings)


def _fits(wanted: str, value: Any) -> bool:
    if wanted == "Shape":
        return isinstance(value, tuple) and all(isinstance(n, int) and not isinstance(n, bool) for n in value)
    if value is None:
        return wanted.endswith("None")
    if isinstance(value, bool) or wanted == "bool":
        return isinstance(value, bool) and wanted == "bool"
    kinds: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "str": (str,)}
    return isinstance(value, kinds[wanted.split(" ")[0]])


def infer_shapes(layers: LayerList, input_shape: Iterable[int], field: str = "layers") -> tuple[Shape, ...]:
    """Shapes of one sample before the first layer and after each one, channels last.

    >>> infer_shapes([{"layer": "flatten"}, {"layer": "dense", "out": 5}], (2, 2, 3))
    ((2, 2, 3), (12,), (5,))

    Raises:
      InputError: naming the number of the layer that does not take what comes before it.
    """
    shapes = [tuple(input_shape)]
    for i, layer in enumerate(parse_layers(layers, field)):
        try:
            shapes.append(layer.out_shape(shapes[-1]))
        except InputError as error:
            raise InputError(f"{field}[{i}].{error.field}", error.problem, error.remedy) from None
        except ValueError as error:
            problem, _, remedy = str(error).partition(": ")
            remedy = remedy or "check the layers before it"
            raise InputError(f"{field}[{i}]", f"'{layer.kind}' {problem}", remedy) from None
    return tuple(shapes)


def template(layers: LayerList, input_shape: Iterable[int], field: str = "layers") -> tuple[dict[str, Any], ...]:
    """Shapes of the parameters: one dictionary of ``jax.ShapeDtypeStruct`` per layer."""
    parsed = parse_layers(layers, field)
    shapes = infer_shapes(parsed, input_shape, field)
    float32 = lambda shape: jax.ShapeDtypeStruct(shape, jnp.float32)
    return tuple(
        {name: float32(s) for name, s in layer.param_shapes(shape).items()}
        for layer, shape in zip(parsed, shapes, strict=False)
    )


def sequential_net(layers: LayerList, params: Iterable[Mapping[str, Any]], input_shape: Iterable[int]) -> Net:
    """A :class:`~pairs.Net` from layers and their parameters, which a checkpoint can rebuild.

    Raises:
      InputError: layers that do not fit each other, or parameters that do not fit a layer.
    """
    parsed, shape = parse_layers(layers), tuple(input_shape)
    wanted, given = template(parsed, shape), tuple({k: jnp.asarray(v) for k, v in p.items()} for p in params)
    if len(given) != len(wanted):
        raise InputError("params", f"hold {len(given)} layers, not {len(wanted)}", "give one dictionary per layer")
    for i, (want, have) in enumerate(zip(wanted, given, strict=True)):
        expected, found = {k: v.shape for k, v in want.items()}, {k: v.shape for k, v in have.items()}
        if expected != found:
            raise InputError(f"params[{i}]", f"'{parsed[i].kind}' has {found}", f"give {expected}")
    config = Record(layers=[layer.spec() for layer in parsed], input_shape=list(shape))
    return Net(given, SequentialApply(parsed), Architecture("sequential", config))


def init_sequential(key: Array, layers: LayerList, input_shape: Iterable[int]) -> Net:
    """A net with random weights: He-normal kernels, zero biases, running statistics of N(0, 1).

    >>> critic = init_sequential(jax.random.key(0), [{"layer": "dense", "out": 1}, {"layer": "squeeze"}], (2,))
    >>> critic(jnp.ones((4, 2))).shape
    (4,)
    """
    parsed, shape = parse_layers(layers), tuple(input_shape)
    shapes = infer_shapes(parsed, shape)
    keys = jax.random.split(key, max(1, len(parsed)))
    params = [layer.init(k, s) for layer, k, s in zip(parsed, keys, shapes, strict=False)]
    return sequential_net(parsed, params, shape)


@register("sequential")
def _build(config: Record) -> tuple[SequentialApply, tuple[dict[str, Any], ...]]:
    layers = parse_layers(config["layers"])
    return SequentialApply(layers), template(layers, config["input_shape"])
