"""The nets of torch-mimicry in PyTorch, written from their published layer lists: the reference of an import."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import spectral_norm

__all__ = ["KINDS", "mimicry_pair"]

KINDS = ("sngan", "wgan-gp", "dcgan", "infomax-gan", "ssgan", "cgan-pd", "sagan")

_WIDTHS = {
    32: ((1, 1, 1, 1), (1, 1, 1, 1)),
    48: ((8, 4, 2, 1), (1, 2, 4, 8, 16)),
    64: ((16, 8, 4, 2, 1), (1, 2, 4, 8, 16)),
    128: ((16, 16, 8, 4, 2, 1), (1, 2, 4, 8, 16, 16)),
}
"""Channels of generator and critic over the narrowest ones."""

_KEPT = {32: (3, 4), 48: (5,), 64: (), 128: (6,)}
"""The critic's blocks that keep the sides."""


class ConditionalNorm(nn.Module):
    """BatchNorm whose scale and offset are two halves of one embedding."""

    def __init__(self, channels: int, classes: int):
        super().__init__()
        self.bn = nn.BatchNorm2d(channels, affine=False)
        self.embed = nn.Embedding(classes, 2 * channels)

    def forward(self, x: Any, y: Any) -> Any:
        scale, offset = self.embed(y)[..., None, None].split(x.shape[1], dim=1)
        return self.bn(x) * scale + offset


class Attention(nn.Module):
    """Every pixel looks at the others' pooled keys and values."""

    def __init__(self, channels: int):
        super().__init__()
        make = lambda i, o: spectral_norm(nn.Conv2d(i, o, 1, bias=False))
        self.theta, self.phi = make(channels, channels // 8), make(channels, channels // 8)
        self.g, self.o = make(channels, channels // 2), make(channels // 2, channels)
        self.gamma = nn.Parameter(torch.tensor(0.3))

    def forward(self, x: Any) -> Any:
        pooled = lambda h: functional.max_pool2d(h, 2).flatten(2)
        q, k, v = self.theta(x).flatten(2), pooled(self.phi(x)), pooled(self.g(x))
        seen = v @ torch.einsum("bcm,bcn->bmn", q, k).softmax(-1).mT
        return x + self.gamma * self.o(seen.unflatten(2, x.shape[2:]))


class UpBlock(nn.Module):
    """The generator's block."""

    def __init__(self, inputs: int, outputs: int, classes: int, normed: bool):
        super().__init__()
        wrap = spectral_norm if normed else lambda m: m
        self.c1, self.c2 = (
            wrap(nn.Conv2d(inputs, outputs, 3, padding=1)),
            wrap(nn.Conv2d(outputs, outputs, 3, padding=1)),
        )
        norm = lambda n: ConditionalNorm(n, classes) if classes else nn.BatchNorm2d(n)
        self.b1, self.b2 = norm(inputs), norm(outputs)
        self.c_sc = wrap(nn.Conv2d(inputs, outputs, 1))

    def forward(self, x: Any, *y: Any) -> Any:
        grow = lambda h: functional.interpolate(h, scale_factor=2, mode="bilinear", align_corners=False)
        h = self.c1(grow(self.b1(x, *y).relu()))
        return self.c2(self.b2(h, *y).relu()) + self.c_sc(grow(x))


class DownBlock(nn.Module):
    """The critic's block; all but the first begin with a ReLU that works in place, so that the shortcut has it too."""

    def __init__(self, inputs: int, outputs: int, normed: bool, down: bool, first: bool = False):
        super().__init__()
        wrap = spectral_norm if normed else lambda m: m
        hidden = outputs if first else inputs
        self.c1, self.c2 = wrap(nn.Conv2d(inputs, hidden, 3, padding=1)), wrap(nn.Conv2d(hidden, outputs, 3, padding=1))
        self.c_sc = wrap(nn.Conv2d(inputs, outputs, 1)) if down or inputs != outputs else None
        self.down, self.first = down, first

    def forward(self, x: Any) -> Any:
        pool = (lambda h: functional.avg_pool2d(h, 2)) if self.down else lambda h: h
        if self.first and self.c_sc is not None:
            return pool(self.c2(self.c1(x).relu())) + self.c_sc(pool(x))
        x = x.relu()
        return pool(self.c2(self.c1(x).relu())) + pool(x if self.c_sc is None else self.c_sc(x))


class Generator(nn.Module):
    """Dense layer, blocks, BatchNorm, convolution, tanh."""

    def __init__(self, kind: str, size: int, width: int, latent: int, classes: int):
        super().__init__()
        normed, self.bottom = kind == "sagan", 6 if size == 48 else 4
        widths = [width * w for w in _WIDTHS[size][0]]
        wrap = spectral_norm if normed else lambda m: m
        self.l1 = wrap(nn.Linear(latent, self.bottom**2 * widths[0]))
        self.order: list[str] = []
        for i, (n, m) in enumerate(zip(widths, widths[1:], strict=False), 2):
            self._add(f"block{i}", UpBlock(n, m, classes, normed))
            if normed and i == (4 if size == 128 else 3):
                self._add("attn_block", Attention(m))
        end = len(widths) + 1
        self.ends = (f"b{end}", f"c{end}")
        setattr(self, self.ends[0], nn.BatchNorm2d(widths[-1]))
        setattr(self, self.ends[1], wrap(nn.Conv2d(widths[-1], 3, 3, padding=1)))

    def _add(self, name: str, module: Any) -> None:
        setattr(self, name, module)
        self.order.append(name)

    def forward(self, z: Any, *y: Any) -> Any:
        h = self.l1(z).view(len(z), -1, self.bottom, self.bottom)
        for name in self.order:
            h = getattr(self, name)(h, *(y if name != "attn_block" else ()))
        norm, last = (getattr(self, name) for name in self.ends)
        return last(norm(h).relu()).tanh()


class Critic(nn.Module):
    """Blocks, ReLU, sum or mean over pixels, dense layer, and what the kind adds."""

    def __init__(self, kind: str, size: int, width: int, classes: int):
        super().__init__()
        self.kind, normed = kind, kind not in ("dcgan", "wgan-gp")
        widths = [3, *(width * w for w in _WIDTHS[size][1])]
        self.order: list[Any] = []
        local, whole = nn.ModuleList(), nn.ModuleList()
        for i, (n, m) in enumerate(zip(widths, widths[1:], strict=False), 1):
            block = DownBlock(n, m, normed, i not in _KEPT[size], first=i == 1)
            if kind == "infomax-gan":
                (local if i < len(widths) - 1 else whole).append(block)
            else:
                setattr(self, f"block{i}", block)
            self.order.append(block)
            if kind == "sagan" and i == 2:
                self.attn_block = Attention(m)
                self.order.append(self.attn_block)
        wrap = spectral_norm if normed else lambda m: m
        last = widths[-1]
        number = {32: 5, 48: 6 if kind == "wgan-gp" else 5, 64: 6, 128: 7}[size]
        self.head = "linear" if kind == "infomax-gan" else f"l{number}"
        setattr(self, self.head, wrap(nn.Linear(last, 1)))
        if kind == "infomax-gan":
            self.local_feat_blocks, self.global_feat_blocks = local, whole
            self.local_nrkhs_a, self.global_nrkhs_a = wrap(nn.Conv2d(last, last, 1)), wrap(nn.Linear(last, last))
        elif kind == "ssgan":
            self.l_y = wrap(nn.Linear(last, 4))
        elif classes:
            self.l_y = wrap(nn.Embedding(classes, last))

    def forward(self, x: Any, *y: Any) -> Any:
        for block in self.order:
            x = block(x)
        h = x.relu().sum((2, 3)) if self.kind != "wgan-gp" else x.relu().mean((2, 3))
        score = getattr(self, self.head)(h)[:, 0]
        return score + (self.l_y(y[0]) * h).sum(1) if y else score


def mimicry_pair(kind: str, size: int, width: int = 8, latent: int = 12, classes: int = 5) -> tuple[Any, Any]:
    """Generator and critic of one kind at 32, 48, 64 or 128 pixels; ``width`` is that of the narrowest layer."""
    labels = classes if kind in ("cgan-pd", "sagan") else 0
    return Generator(kind, size, width, latent, labels), Critic(kind, size, width, labels)
