"""A layer list evaluated by PyTorch, from the same description and numbers: outputs and gradients to compare with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from pairs import InputError

__all__ = ["torch_layers"]

_PLAIN = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "silu": functional.silu}
_IDLE = ("dropout", "identity")


def torch_layers(layers: Sequence[Mapping[str, Any]], params: Any, x: Any, labels: Any = None) -> Any:
    """The layers on a batch in PyTorch's order, channels first, in float64.

    Args:
      layers: Descriptions in their JSON form.
      params: Parameters by the number of the layer, as a :class:`pairs.Net` keeps them.
      x: The batch.
      labels: Whole numbers, for label layers.

    Raises:
      InputError: A kind that this comparison does not know.
    """
    for i, spec in enumerate(layers):
        own = params.get(str(i), {}) if isinstance(params, Mapping) else params[i]
        x = _layer(spec, own, x, labels)
    return x


def _tensor(values: Any) -> Any:
    return torch.from_numpy(np.array(values, np.float64))


def _layer(spec: Mapping[str, Any], own: Mapping[str, Any], x: Any, labels: Any) -> Any:
    kind, get = spec["layer"], spec.get
    bias = _tensor(own["bias"]) if "bias" in own else None
    if kind in _PLAIN or kind in _IDLE:
        return x if kind in _IDLE else _PLAIN[kind](x)
    if kind == "leaky_relu":
        return functional.leaky_relu(x, get("slope", 0.01))
    if kind == "dense":
        return functional.linear(x, _tensor(own["kernel"]).T, bias)
    if kind in ("conv", "conv_transpose"):
        kernel, sides = _tensor(own["kernel"]), (get("stride", 1), get("padding", 0))
        if kind == "conv":
            return functional.conv2d(x, kernel.permute(3, 2, 0, 1), bias, *sides)
        return functional.conv_transpose2d(x, kernel.permute(2, 3, 0, 1), bias, *sides, get("output_padding", 0))
    if kind == "batch_norm":
        mean, var, scale = (_tensor(own[n]) for n in ("mean", "var", "scale"))
        return functional.batch_norm(x, mean, var, scale, bias, eps=get("eps", 1e-5))
    if kind == "instance_norm":
        scale = _tensor(own["scale"]) if "scale" in own else None
        return functional.instance_norm(x, weight=scale, bias=bias, eps=get("eps", 1e-5))
    if kind == "embed":
        return _tensor(own["embedding"])[labels]
    if kind in ("unflatten", "reshape"):
        return x.reshape(len(x), *spec["shape"])
    if kind == "flatten":
        return x.flatten(1)
    if kind == "squeeze":
        return x.reshape(len(x))
    if kind == "concatenate":
        parts = [torch_layers(b, own.get(f"branches[{i}]", {}), x, labels) for i, b in enumerate(spec["branches"])]
        rank = max(part.ndim for part in parts)
        return torch.cat([part.reshape(*part.shape, *(1,) * (rank - part.ndim)) for part in parts], 1)
    raise InputError("layer", f"'{kind}' is not known to this comparison", "add it to benchmarks/peers/torch_layers.py")
