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
A conditional net has layers of :mod:`pairs.sequential.labels` and takes labels after its input.

Parameters are a tuple with one dictionary per layer: ``kernel``, ``bias``, ``scale``,
``mean``, ``var`` as the layer needs, empty where it needs none; blocks nest those of their layers.
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
from .layers import Layer, Params
from .parsing import LayerList, infer_shapes, parse_layers

__all__ = ["SequentialApply", "init_sequential", "infer_shapes", "parse_layers", "sequential_net", "template"]


@dataclasses.dataclass(frozen=True)
class SequentialApply:
    """Calls the layers one after the other; equal for equal layers."""

    layers: tuple[Layer, ...]

    def __call__(self, params: tuple[Params, ...], x: Array, labels: Array | None = None) -> Array:
        """The net on a batch; a net without label layers does not read ``labels``."""
        x = jnp.asarray(x)
        for layer, p in zip(self.layers, params, strict=True):
            x = layer.apply(p, x, labels)
        return x


def template(layers: LayerList, input_shape: Iterable[int], field: str = "layers") -> tuple[dict[str, Any], ...]:
    """Shapes of the parameters: one dictionary of ``jax.ShapeDtypeStruct`` per layer."""
    parsed = parse_layers(layers, field)
    shapes = infer_shapes(parsed, input_shape, field)
    return tuple(_structs(layer.param_shapes(shape)) for layer, shape in zip(parsed, shapes, strict=False))


def _structs(shapes: Any) -> Any:
    if isinstance(shapes, dict):
        return {name: _structs(s) for name, s in shapes.items()}
    return jax.ShapeDtypeStruct(shapes, jnp.float32)


def sequential_net(layers: LayerList, params: Iterable[Mapping[str, Any]], input_shape: Iterable[int]) -> Net:
    """A :class:`~pairs.Net` from layers and their parameters, which a checkpoint can rebuild.

    Raises:
      InputError: layers that do not fit each other, or parameters that do not fit a layer.
    """
    parsed, shape = parse_layers(layers), tuple(input_shape)
    wanted, given = template(parsed, shape), tuple(jax.tree.map(jnp.asarray, dict(p)) for p in params)
    if len(given) != len(wanted):
        raise InputError("params", f"hold {len(given)} layers, not {len(wanted)}", "give one dictionary per layer")
    for i, (want, have) in enumerate(zip(wanted, given, strict=True)):
        expected, found = (jax.tree.map(lambda v: v.shape, tree) for tree in (want, have))
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
