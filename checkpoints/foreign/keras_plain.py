"""Keras layers without arrays in the manifest's terms: activations, pooling, padding, and what rests at inference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .limits import Refused, shown

__all__ = ["PLAIN", "activation", "sides"]

Layers = list[dict[str, Any]]
Shape = tuple[int, ...]

_ACTIVATIONS: dict[str, Layers] = {
    "linear": [],
    "relu": [{"layer": "relu"}],
    "tanh": [{"layer": "tanh"}],
    "sigmoid": [{"layer": "sigmoid"}],
    "elu": [{"layer": "elu"}],
    "selu": [{"layer": "selu"}],
    "gelu": [{"layer": "gelu"}],
    "softplus": [{"layer": "softplus"}],
    "swish": [{"layer": "silu"}],
    "silu": [{"layer": "silu"}],
    "leaky_relu": [{"layer": "leaky_relu", "slope": 0.2}],  # the function's default; the layer's is 0.3
}


def activation(name: Any, layer: str) -> Layers:
    """The layers for an activation function.

    Args:
      name: of the function; ``None`` for none.
      layer: name of the layer that has it, for the message.

    Raises:
      Refused: a function without counterpart.
    """
    if isinstance(name, dict):  # Keras 3 may write the function as an object
        name = name.get("config") if isinstance(name.get("config"), str) else name.get("class_name")
    if name is None:
        return []
    if type(name) is not str or name not in _ACTIVATIONS:
        raise Refused(f"layer '{shown(layer)}' has the activation '{shown(name)}', which has no counterpart")
    return [dict(found) for found in _ACTIVATIONS[name]]


def sides(config: dict[str, Any], key: str, rank: int, name: str) -> list[int]:
    """One number per axis.

    Args:
      config: settings of the layer.
      key: of the setting; 1 where it is absent.
      rank: how many axes there are.
      name: of the layer, for the message.

    Raises:
      Refused: no numbers, or not as many.
    """
    value = config.get(key, 1)
    values = value if isinstance(value, list) else [value] * rank
    if rank < 1 or len(values) != rank or any(type(n) is not int or not 0 < n < 2**16 for n in values):
        raise Refused(f"layer '{shown(name)}' has {key} that do not fit its input")
    return values


def _number(config: dict[str, Any], keys: tuple[str, ...], default: float, name: str) -> float:
    value = next((config[k] for k in keys if config.get(k) is not None), default)
    if isinstance(value, dict) and isinstance(value.get("config"), dict):
        value = value["config"].get("value")  # Keras 3 writes some numbers as arrays
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Refused(f"layer '{shown(name)}' has a setting that is no number")
    return float(value)


def _nothing(config: dict[str, Any], shape: Shape, name: str) -> Layers:
    return []


def _relu(config: dict[str, Any], shape: Shape, name: str) -> Layers:
    slope, threshold = _number(config, ("negative_slope",), 0.0, name), _number(config, ("threshold",), 0.0, name)
    if config.get("max_value") is not None or threshold:
        raise Refused(f"layer '{shown(name)}' is a ReLU with a threshold or a greatest value")
    return [{"layer": "leaky_relu", "slope": slope}] if slope else [{"layer": "relu"}]


def _leaky_relu(config: dict[str, Any], shape: Shape, name: str) -> Layers:
    return [{"layer": "leaky_relu", "slope": _number(config, ("negative_slope", "alpha"), 0.3, name)}]


def _elu(config: dict[str, Any], shape: Shape, name: str) -> Layers:
    return [{"layer": "elu", "alpha": _number(config, ("alpha",), 1.0, name)}]


def _activation(config: dict[str, Any], shape: Shape, name: str) -> Layers:
    return activation(config.get("activation"), name)


def _upsample(config: dict[str, Any], shape: Shape, name: str) -> Layers:
    factor, mode = sides(config, "size", len(shape) - 1, name), config.get("interpolation", "nearest")
    if len(set(factor)) > 1 or mode not in ("nearest", "bilinear"):
        raise Refused(f"layer '{shown(name)}' upsamples in a way that has no counterpart")
    return [{"layer": "upsample", "factor": factor[0], **({} if mode == "nearest" else {"mode": mode})}]


def _pool(kind: str) -> Callable[[dict[str, Any], Shape, str], Layers]:
    def pool(config: dict[str, Any], shape: Shape, name: str) -> Layers:
        rank = len(shape) - 1
        kernel = sides(config, "pool_size", rank, name)
        stride = sides(config, "strides", rank, name) if config.get("strides") is not None else kernel
        exact = all((n - k) % s == 0 and n >= k for n, k, s in zip(shape, kernel, stride, strict=False))
        if (
            len(set(kernel)) > 1
            or len(set(stride)) > 1
            or (config.get("padding") == "same" and not (exact and kernel == stride))
        ):
            raise Refused(f"layer '{shown(name)}' pools in a way that has no counterpart")
        return [{"layer": kind, "kernel": kernel[0], "stride": stride[0]}]

    return pool


def _global(kind: str) -> Callable[[dict[str, Any], Shape, str], Layers]:
    def pool(config: dict[str, Any], shape: Shape, name: str) -> Layers:
        if config.get("keepdims"):
            raise Refused(f"layer '{shown(name)}' keeps its axes")
        return [{"layer": kind}]

    return pool


def _pad(config: dict[str, Any], shape: Shape, name: str) -> Layers:
    given = config.get("padding")
    pairs = given if isinstance(given, list) else []
    flat = [n for pair in pairs if isinstance(pair, list) for n in pair]
    if len(pairs) != 2 or len(flat) != 4 or any(type(n) is not int or not 0 <= n < 2**12 for n in flat):
        raise Refused(f"layer '{shown(name)}' pads in a way that has no counterpart")
    top, bottom, left, right = flat
    return [{"layer": "pad", "size": [left, right, top, bottom]}]


_RESTING = ("InputLayer", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianNoise", "GaussianDropout")
_RESTING += ("AlphaDropout", "ActivityRegularization")

PLAIN: dict[str, Callable[[dict[str, Any], Shape, str], Layers]] = {
    **dict.fromkeys(_RESTING, _nothing),
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "ELU": _elu,
    "Activation": _activation,
    "UpSampling2D": _upsample,
    "MaxPooling2D": _pool("max_pool"),
    "AveragePooling2D": _pool("avg_pool"),
    "GlobalAveragePooling2D": _global("global_mean_pool"),
    "ZeroPadding2D": _pad,
}
"""Translators by class name: settings, shape of the input and the layer's name to layers."""
