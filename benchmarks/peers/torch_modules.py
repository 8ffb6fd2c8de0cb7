"""Both nets of a pair as PyTorch modules of the same weights, channels first, to run where PyTorch is told to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from pairs import InputError, Net, Pair

from .torch_loop import TorchJob
from .torch_stylegan2 import stylegan2_modules

__all__ = ["sequential_module", "torch_nets"]

_PLAIN = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "selu": nn.SELU,
    "dropout": nn.Identity,
    "identity": nn.Identity,
    "flatten": nn.Flatten,
}


class Residual(nn.Module):
    """``scale * (main(x) + skip(x))``."""

    def __init__(self, main: nn.Module, skip: nn.Module, scale: float):
        super().__init__()
        self.main, self.skip, self.scale = main, skip, scale

    def forward(self, x: Any) -> Any:
        y = self.main(x) + self.skip(x)
        return y if self.scale == 1 else self.scale * y


class Norm(nn.BatchNorm2d):
    """BatchNorm of flat samples and of images."""

    def _check_input_dim(self, input: Any) -> None:
        pass


class GlobalPool(nn.Module):
    """Sum or mean over rows and columns."""

    def __init__(self, mean: bool):
        super().__init__()
        self.mean = mean

    def forward(self, x: Any) -> Any:
        return x.mean((2, 3)) if self.mean else x.sum((2, 3))


def torch_nets(pair: Pair, threads: int) -> tuple[Any, Any]:
    """Generator and critic in evaluation mode on the CPU, in float32, without gradients of weights.

    Args:
      pair: Unconditional, of nets that this comparison knows.
      threads: Of PyTorch on the CPU.

    Raises:
      InputError: A conditional pair, or a net that this comparison does not know.
    """
    if pair.classes is not None:
        raise InputError("pair", "is conditional", "this comparison knows unconditional pairs")
    names = {"" if net.architecture is None else net.architecture.name for net in (pair.generator, pair.critic)}
    if names == {"stylegan2/generator", "stylegan2/critic"}:
        nets = stylegan2_modules(pair)
    elif names == {"sequential"}:
        nets = _sequential(pair.generator), _sequential(pair.critic)
    else:
        job = TorchJob(pair, threads)
        nets = job.generator, job.critic
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    generator, critic = (net.eval().requires_grad_(False) for net in nets)
    return generator, critic


def _sequential(net: Net) -> nn.Module:
    assert net.architecture is not None
    return sequential_module(net.architecture.config["layers"], net.params)


def sequential_module(layers: Sequence[Mapping[str, Any]], params: Any) -> nn.Module:
    """A layer list as modules.

    Args:
      layers: Descriptions in their JSON form.
      params: Parameters by the number of the layer, as a :class:`pairs.Net` keeps them.

    Raises:
      InputError: A kind of layer, or a setting, that this comparison does not know.
    """
    made = []
    for i, spec in enumerate(layers):
        own = params.get(str(i), {}) if isinstance(params, Mapping) else params[i]
        made.append(_layer(spec, own))
    return nn.Sequential(*made)


def _tensor(values: Any) -> Any:
    return torch.from_numpy(np.array(values, np.float32))


def _filled(layer: nn.Module, **arrays: Any) -> nn.Module:
    layer.load_state_dict({k: v for k, v in arrays.items() if v is not None}, strict=False)
    return layer


def _layer(spec: Mapping[str, Any], own: Mapping[str, Any]) -> nn.Module:
    kind, get = spec["layer"], spec.get
    if kind in _PLAIN:
        return _PLAIN[kind]()
    bias = _tensor(own["bias"]) if "bias" in own else None
    if kind == "dense":
        kernel = _tensor(own["kernel"]).T
        return _filled(nn.Linear(kernel.shape[1], kernel.shape[0], bias is not None), weight=kernel, bias=bias)
    if kind in ("conv", "conv_transpose"):
        return _convolution(spec, _tensor(own["kernel"]), bias)
    if kind == "batch_norm":
        arrays = {ours: _tensor(own[n]) for ours, n in (("running_mean", "mean"), ("running_var", "var"))}
        affine = "scale" in own
        layer = Norm(len(arrays["running_mean"]), get("eps", 1e-5), affine=affine)
        return _filled(layer, weight=_tensor(own["scale"]) if affine else None, bias=bias, **arrays)
    if kind == "leaky_relu":
        return nn.LeakyReLU(get("slope", 0.01))
    if kind in ("unflatten", "reshape"):
        return nn.Unflatten(1, tuple(spec["shape"]))
    if kind == "squeeze":
        return nn.Flatten(0)
    if kind == "residual":
        branches = (sequential_module(get(name, []), own.get(name, {})) for name in ("main", "skip"))
        return Residual(*branches, get("scale", 1.0))
    if kind == "upsample" and get("size") is None and isinstance(get("factor", 2), int):
        mode, corners = get("mode", "nearest"), get("align_corners", False)
        return nn.Upsample(
            scale_factor=get("factor", 2), mode=mode, align_corners=corners if mode != "nearest" else None
        )
    if kind in ("avg_pool", "max_pool"):
        sides = (spec["kernel"], get("stride"), get("padding", 0))
        return nn.AvgPool2d(*sides) if kind == "avg_pool" else nn.MaxPool2d(*sides)
    if kind in ("global_sum_pool", "global_mean_pool"):
        return GlobalPool(kind == "global_mean_pool")
    raise InputError("pair", f"has a '{kind}' layer", "this comparison does not know it")


def _convolution(spec: Mapping[str, Any], kernel: Any, bias: Any) -> nn.Module:
    get, turned = spec.get, spec["layer"] == "conv_transpose"
    known = ("layer", "out", "kernel", "stride", "padding", "bias", "output_padding", "equalized", "equalized_bias")
    if set(spec) - set(known) or isinstance(get("padding", 0), str):
        raise InputError(
            "pair", f"has a '{spec['layer']}' layer of unusual settings", "this comparison does not know it"
        )
    weight = kernel.permute(2, 3, 0, 1) if turned else kernel.permute(3, 2, 0, 1)
    sides = (tuple(kernel.shape[:2]), get("stride", 1), get("padding", 0))
    inputs, outputs = kernel.shape[2], kernel.shape[3]
    if turned:
        layer = nn.ConvTranspose2d(inputs, outputs, *sides, get("output_padding", 0), bias=bias is not None)
    else:
        layer = nn.Conv2d(inputs, outputs, *sides, bias=bias is not None)
    assert math.prod(layer.weight.shape) == kernel.numel()
    return _filled(layer, weight=weight, bias=bias)
