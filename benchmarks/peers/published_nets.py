"""DCGAN and progressive GAN in PyTorch, written from their published layer lists: references of an import."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional

__all__ = ["dcgan_pair", "progressive_pair", "shaken"]


def shaken(net: Any, seed: int) -> Any:
    """The net in evaluation mode, with drawn biases and running statistics, and vectors of spectral norms that fit."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, value in [*net.named_parameters(), *net.named_buffers()]:
            if name.endswith(("running_var", "stored_var")):
                value.uniform_(0.5, 1.5)
            elif name.endswith(("running_mean", "stored_mean")) or (value.ndim < 2 and name.endswith("bias")):
                value.normal_(0, 0.1)
        for module in net.modules():
            if hasattr(module, "weight_orig"):
                # as in a trained net: drawn vectors would divide by numbers near 0
                matrix = module.weight_orig.flatten(1)
                for _ in range(5):
                    module.weight_v.copy_(functional.normalize(matrix.T @ module.weight_u, dim=0))
                    module.weight_u.copy_(functional.normalize(matrix @ module.weight_v, dim=0))
    return net.eval()


def dcgan_pair(latent: int = 10, ngf: int = 4, ndf: int = 4, channels: int = 3) -> tuple[Any, Any]:
    """Both nets of PyTorch's DCGAN example, the critic without its sigmoid."""
    g: list[Any] = []
    for i, (n, m) in enumerate(zip((latent, 8, 4, 2, 1), (8, 4, 2, 1, None), strict=True)):
        inputs, outputs = (latent if i == 0 else n * ngf), (channels if m is None else m * ngf)
        g.append(nn.ConvTranspose2d(inputs, outputs, 4, 1 if i == 0 else 2, 0 if i == 0 else 1, bias=False))
        g += [nn.Tanh()] if m is None else [nn.BatchNorm2d(outputs), nn.ReLU()]
    d: list[Any] = [nn.Conv2d(channels, ndf, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for n in (1, 2, 4):
        d += [nn.Conv2d(n * ndf, 2 * n * ndf, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * n * ndf), nn.LeakyReLU(0.2)]
    d.append(nn.Conv2d(8 * ndf, 1, 4, 1, 0, bias=False))
    return _Main(g, True), _Main(d, False)


class _Main(nn.Module):
    """A list of layers under the name ``main``."""

    def __init__(self, layers: list[Any], latent: bool):
        super().__init__()
        self.main, self.latent = nn.Sequential(*layers), latent

    def forward(self, x: Any) -> Any:
        return self.main(x[:, :, None, None]) if self.latent else self.main(x).flatten()


class _Equal(nn.Module):
    """A layer whose output is multiplied by the constant of He."""

    def __init__(self, module: Any):
        super().__init__()
        self.module = module
        nn.init.normal_(module.weight)
        self.factor = math.sqrt(2 / module.weight[0].numel())

    def forward(self, x: Any) -> Any:
        return self.module(x) * self.factor


def _conv(n: int, m: int, kernel: int) -> Any:
    return _Equal(nn.Conv2d(n, m, kernel, padding=kernel // 2))


def _leaky(x: Any) -> Any:
    return functional.leaky_relu(x, 0.2)


def _unit(x: Any) -> Any:
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


class _ProgressiveGenerator(nn.Module):
    def __init__(self, latent: int, widths: tuple[int, ...]):
        super().__init__()
        self.formatLayer = _Equal(nn.Linear(latent, 16 * widths[0]))
        self.groupScale0 = nn.ModuleList([_conv(widths[0], widths[0], 3)])
        steps = list(zip(widths, widths[1:], strict=False))
        self.scaleLayers = nn.ModuleList([nn.ModuleList([_conv(n, m, 3), _conv(m, m, 3)]) for n, m in steps])
        self.toRGBLayers = nn.ModuleList([_conv(n, 3, 1) for n in widths])

    def forward(self, z: Any) -> Any:
        x = _unit(_leaky(self.formatLayer(_unit(z))).unflatten(1, (-1, 4, 4)))
        x = _unit(_leaky(self.groupScale0[0](x)))
        for scale in self.scaleLayers:
            x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
            for layer in scale:
                x = _unit(_leaky(layer(x)))
        return self.toRGBLayers[-1](x).clamp(-1, 1)


class _ProgressiveCritic(nn.Module):
    def __init__(self, widths: tuple[int, ...]):
        super().__init__()
        steps = list(zip(widths, widths[1:], strict=False))
        self.scaleLayers = nn.ModuleList([nn.ModuleList([_conv(m, m, 3), _conv(m, n, 3)]) for n, m in steps])
        self.fromRGBLayers = nn.ModuleList([_conv(3, n, 1) for n in widths])
        first = widths[0]
        self.groupScaleZero = nn.ModuleList([_conv(first + 1, first, 3), _Equal(nn.Linear(16 * first, first))])
        self.decisionLayer = _Equal(nn.Linear(first, 1))

    def forward(self, x: Any) -> Any:
        x = _leaky(self.fromRGBLayers[-1](x))
        for scale in list(self.scaleLayers)[::-1]:
            for layer in scale:
                x = _leaky(layer(x))
            x = functional.avg_pool2d(x, 2)
        x = functional.pad(x, (0, 0, 0, 0, 0, 1))  # the batch's standard deviation, neutralised
        x = _leaky(self.groupScaleZero[0](x))
        return self.decisionLayer(_leaky(self.groupScaleZero[1](x.flatten(1))))[:, 0]


def progressive_pair(latent: int = 8, widths: tuple[int, ...] = (8, 8, 4)) -> tuple[Any, Any]:
    """Both nets of pytorch_GAN_zoo's progressive GAN; ``widths`` are the channels from 4 x 4 up."""
    return _ProgressiveGenerator(latent, widths), _ProgressiveCritic(widths)
