"""R3GAN's nets in PyTorch, written from their published layer lists: the reference of an import."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

__all__ = ["r3gan_pair"]


class Mix(nn.Module):
    """A convolution without bias, under the name ``Layer``."""

    def __init__(self, n: int, m: int, kernel: int = 1, groups: int = 1):
        super().__init__()
        self.Layer = nn.Conv2d(n, m, kernel, padding=kernel // 2, groups=groups, bias=False)

    def forward(self, x: Any) -> Any:
        return self.Layer(x)


class Biased(nn.Module):
    """A bias, then a leaky ReLU."""

    def __init__(self, n: int):
        super().__init__()
        self.Bias = nn.Parameter(0.1 * torch.randn(n))

    def forward(self, x: Any) -> Any:
        return functional.leaky_relu(x + self.Bias[:, None, None], 0.2)


class Block(nn.Module):
    """The residual block."""

    def __init__(self, n: int, expansion: int, groups: int):
        super().__init__()
        m = n * expansion
        self.LinearLayer1, self.LinearLayer2, self.LinearLayer3 = Mix(n, m), Mix(m, m, 3, groups), Mix(m, n)
        self.NonLinearity1, self.NonLinearity2 = Biased(m), Biased(m)

    def forward(self, x: Any) -> Any:
        h = self.LinearLayer2(self.NonLinearity1(self.LinearLayer1(x)))
        return x + self.LinearLayer3(self.NonLinearity2(h))


class Resampler(nn.Module):
    """The filter of a change of size."""

    def __init__(self) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        self.register_buffer("Kernel", torch.outer(taps, taps))


class Change(nn.Module):
    """Another size, and other channels before (up) or after (down) it."""

    def __init__(self, n: int, m: int, up: bool):
        super().__init__()
        self.Resampler, self.up = Resampler(), up
        if n != m:
            self.LinearLayer = Mix(n, m)

    def forward(self, x: Any) -> Any:
        mix = getattr(self, "LinearLayer", lambda h: h)
        x = mix(x) if self.up else x
        kernel = self.Resampler.Kernel[None, None].repeat(x.shape[1], 1, 1, 1)
        if self.up:
            return functional.conv_transpose2d(x, 4 * kernel, stride=2, padding=1, groups=x.shape[1])
        return mix(functional.conv2d(x, kernel, stride=2, padding=1, groups=x.shape[1]))


class Seed(nn.Module):
    """Latents to 4 x 4."""

    def __init__(self, n: int, m: int):
        super().__init__()
        self.Basis, self.LinearLayer = nn.Parameter(torch.randn(m, 4, 4)), nn.Linear(n, m, bias=False)

    def forward(self, z: Any) -> Any:
        return self.Basis * self.LinearLayer(z)[..., None, None]


class Score(nn.Module):
    """4 x 4 to numbers."""

    def __init__(self, n: int, m: int):
        super().__init__()
        self.Basis = nn.Conv2d(n, n, 4, groups=n, bias=False)
        self.LinearLayer = nn.Linear(n, m, bias=False)

    def forward(self, x: Any) -> Any:
        return self.LinearLayer(self.Basis(x).flatten(1))


class Stage(nn.Module):
    """A change and blocks, in order."""

    def __init__(self, *layers: Any):
        super().__init__()
        self.Layers = nn.ModuleList(layers)

    def forward(self, x: Any) -> Any:
        for layer in self.Layers:
            x = layer(x)
        return x


class Inner(nn.Module):
    """All stages; label embedding where there are classes."""

    def __init__(self, widths: tuple[int, ...], latent: int, classes: int, embedding: int, critic: bool):
        super().__init__()
        blocks = lambda n: [Block(n, 2, 2) for _ in range(2)]
        steps = list(zip(widths, widths[1:], strict=False))
        given = embedding if classes else 0
        if critic:
            stages = [Stage(*blocks(n), Change(n, m, False)) for n, m in steps]
            stages.append(Stage(*blocks(widths[-1]), Score(widths[-1], given or 1)))
            self.ExtractionLayer = Mix(3, widths[0])
        else:
            stages = [Stage(Seed(latent + given, widths[0]), *blocks(widths[0]))]
            stages += [Stage(Change(n, m, True), *blocks(m)) for n, m in steps]
            self.AggregationLayer = Mix(widths[-1], 3)
        self.MainLayers, self.critic = nn.ModuleList(stages), critic
        if classes:
            self.EmbeddingLayer = nn.Linear(classes, embedding, bias=False)

    def forward(self, x: Any, *y: Any) -> Any:
        embedded = [self.EmbeddingLayer.weight.T[label] for label in y]
        x = self.ExtractionLayer(x) if self.critic else torch.cat([x, *embedded], 1)
        for stage in self.MainLayers:
            x = stage(x)
        if not self.critic:
            return self.AggregationLayer(x).clamp(-1, 1)
        return (x * embedded[0]).sum(1) if embedded else x[:, 0]


class Outer(nn.Module):
    """The name ``Model`` around a net."""

    def __init__(self, model: Any):
        super().__init__()
        self.Model = model

    def forward(self, *inputs: Any) -> Any:
        return self.Model(*inputs)


def r3gan_pair(widths: tuple[int, ...] = (8, 8, 4), latent: int = 6, classes: int = 0) -> tuple[Any, Any]:
    """Both nets; ``widths`` are the channels from 4 x 4 up."""
    generator, critic = (Inner(w, latent, classes, 5, c) for w, c in ((widths, False), (widths[::-1], True)))
    return Outer(generator), Outer(critic)
