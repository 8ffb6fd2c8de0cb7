"""Modules that PyTorch has not, written from their published formulas: what ``make_blocks.py`` runs."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional


class Function(nn.Module):
    """A function of its parts, the input and the labels."""

    def __init__(self, call: Callable, **parts: nn.Module | nn.Parameter):
        super().__init__()
        self.call = call
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return self.call(self, x, y)


class PowerStep(nn.Conv2d):
    """A convolution with spectral norm as in mimicry and BigGAN: one power step in evaluation too."""

    def __init__(self, names: tuple[str, str], *sizes: int):
        super().__init__(*sizes)
        self.names = names
        self.register_buffer(names[0], torch.randn(1, sizes[1]))
        self.register_buffer(names[1], torch.ones(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = self.weight.view(self.weight.shape[0], -1)
        v = functional.normalize(getattr(self, self.names[0]) @ rows)
        u = functional.normalize(v @ rows.t())
        return functional.conv2d(x, self.weight / (u @ rows @ v.t()), self.bias)


class Bar(nn.Module):
    """The wrapper that keeps ``weight_bar``, ``weight_u`` and ``weight_v`` inside a module."""

    def __init__(self, inner: nn.Conv2d):
        super().__init__()
        weight = inner.weight
        del inner._parameters["weight"]
        inner.register_parameter("weight_bar", nn.Parameter(weight.data))
        inner.register_parameter("weight_u", nn.Parameter(torch.randn(len(weight))))
        inner.register_parameter("weight_v", nn.Parameter(torch.randn(weight[0].numel())))
        self.module = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        m = self.module
        rows = m.weight_bar.view(len(m.weight_bar), -1)
        v = functional.normalize(m.weight_u @ rows, dim=0)
        u = functional.normalize(rows @ v, dim=0)
        return functional.conv2d(x, m.weight_bar / (u @ rows @ v), m.bias)


class OldSpectral(nn.Conv2d):
    """PyTorch 0.4: the folded weight is a buffer, used as it is in evaluation."""

    def __init__(self, *sizes: int):
        super().__init__(*sizes)
        weight = self.weight
        del self._parameters["weight"]
        self.register_parameter("weight_orig", nn.Parameter(weight.data))
        self.register_buffer("weight", weight.data / 3.5)
        self.register_buffer("weight_u", torch.randn(len(weight)))


class Equalized(nn.Module):
    """A convolution whose stored weight is multiplied by sqrt(2 / fan-in)."""

    def __init__(self, inputs: int, outputs: int, kernel: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.randn(outputs))
        self.factor = math.sqrt(2 / (inputs * kernel**2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(x, self.weight * self.factor, self.bias)


def attention(self, x, y):
    """Queries, keys and values are 1x1 convolutions; ``o`` and pooling as in BigGAN where ``o`` is there."""
    pooled = hasattr(self, "o")
    names = ("theta", "phi", "g") if pooled else ("query_conv", "key_conv", "value_conv")
    q, k, v = (getattr(self, n)(x) for n in names)
    if pooled:
        k, v = functional.max_pool2d(k, 2), functional.max_pool2d(v, 2)
    weights = torch.softmax(q.flatten(2).transpose(1, 2) @ k.flatten(2), -1)
    out = (v.flatten(2) @ weights.transpose(1, 2)).view(len(x), -1, *x.shape[2:])
    return x + self.gamma * (self.o(out) if pooled else out)


def conditional(self, x, y):
    gamma, beta = self.embed(y).chunk(2, 1)
    return gamma[:, :, None, None] * self.bn(x) + beta[:, :, None, None]


def gains(self, x, y):
    return (1 + self.gamma(y))[:, :, None, None] * self.bn(x) + self.beta(y)[:, :, None, None]
