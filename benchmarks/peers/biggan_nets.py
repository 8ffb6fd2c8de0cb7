"""BigGAN-PyTorch's nets in PyTorch, written from their published layer lists: the reference of an import."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

__all__ = ["biggan_pair"]


class _Spectral(nn.Module):
    """Spectral norm by one power step from ``u0``, for layers of any kind."""

    def __init__(self, module: Any):
        super().__init__()
        self.weight = module.weight
        if getattr(module, "bias", None) is not None:
            self.bias = module.bias
        self.kind = [module]
        self.register_buffer("u0", torch.randn(1, len(self.weight)))
        self.register_buffer("sv0", torch.ones(1))

    def forward(self, x: Any) -> Any:
        matrix, bias, (module,) = self.weight.flatten(1), getattr(self, "bias", None), self.kind
        with torch.no_grad():
            v = functional.normalize(self.u0 @ matrix, eps=1e-12)
            u = functional.normalize(v @ matrix.T, eps=1e-12)
        weight = self.weight / (u @ matrix @ v.T).squeeze()
        if isinstance(module, nn.Conv2d):
            return functional.conv2d(x, weight, bias, padding=module.padding)
        return (
            functional.embedding(x, weight) if isinstance(module, nn.Embedding) else functional.linear(x, weight, bias)
        )


def _sn(n: int, m: int, kernel: int = 3, bias: bool = True) -> Any:
    return _Spectral(nn.Conv2d(n, m, kernel, padding=kernel // 2, bias=bias))


class _Norm(nn.Module):
    """BatchNorm with stored statistics; scale and offset are parameters, or linear in a condition."""

    def __init__(self, channels: int, condition: int | None):
        super().__init__()
        if condition is None:
            self.gain, self.bias = nn.Parameter(torch.rand(channels) + 0.5), nn.Parameter(torch.zeros(channels))
        else:
            self.gain, self.bias = (_Spectral(nn.Linear(condition, channels, bias=False)) for _ in range(2))
        self.register_buffer("stored_mean", torch.zeros(channels))
        self.register_buffer("stored_var", torch.ones(channels))

    def forward(self, x: Any, y: Any = None) -> Any:
        gain, bias = (self.gain, self.bias) if y is None else (1 + self.gain(y), self.bias(y))
        flat = functional.batch_norm(x, self.stored_mean, self.stored_var, eps=1e-5)
        return flat * gain[..., None, None] + bias[..., None, None]


class _Attend(nn.Module):
    def __init__(self, n: int):
        super().__init__()
        self.theta, self.phi, self.g = _sn(n, n // 8, 1, False), _sn(n, n // 8, 1, False), _sn(n, n // 2, 1, False)
        self.o, self.gamma = _sn(n // 2, n, 1, False), nn.Parameter(torch.tensor(0.4))

    def forward(self, x: Any, y: Any = None) -> Any:
        k, v = (functional.max_pool2d(f(x), 2).flatten(2) for f in (self.phi, self.g))
        weight = (self.theta(x).flatten(2).mT @ k).softmax(-1)
        return x + self.gamma * self.o((v @ weight.mT).unflatten(2, x.shape[2:]))


class _Up(nn.Module):
    def __init__(self, n: int, m: int, condition: int):
        super().__init__()
        self.conv1, self.conv2, self.conv_sc = _sn(n, m), _sn(m, m), _sn(n, m, 1)
        self.bn1, self.bn2 = _Norm(n, condition), _Norm(m, condition)

    def forward(self, x: Any, y: Any) -> Any:
        h = self.conv1(functional.interpolate(self.bn1(x, y).relu(), scale_factor=2))
        return self.conv2(self.bn2(h, y).relu()) + self.conv_sc(functional.interpolate(x, scale_factor=2))


class _Down(nn.Module):
    def __init__(self, n: int, m: int, first: bool, down: bool):
        super().__init__()
        self.conv1, self.conv2 = _sn(n, m), _sn(m, m)
        self.conv_sc = _sn(n, m, 1) if down or n != m else None
        self.first, self.down = first, down

    def forward(self, x: Any) -> Any:
        pool = (lambda h: functional.avg_pool2d(h, 2)) if self.down else (lambda h: h)
        h = pool(self.conv2(self.conv1(x if self.first else x.relu()).relu()))
        short = (lambda h: h) if self.conv_sc is None else self.conv_sc
        return h + (short(pool(x)) if self.first else pool(short(x)))


class _BigGenerator(nn.Module):
    def __init__(self, widths: tuple[int, ...], part: int, shared: int, classes: int, attention: int):
        super().__init__()
        self.shared, self.part = nn.Embedding(classes, shared), part
        self.linear = _Spectral(nn.Linear(part, 16 * widths[0]))
        blocks = [nn.ModuleList([_Up(n, m, shared + part)]) for n, m in zip(widths, widths[1:], strict=False)]
        blocks[attention].append(_Attend(widths[attention + 1]))
        self.blocks = nn.ModuleList(blocks)
        self.output_layer = nn.Sequential(_Norm(widths[-1], None), nn.ReLU(), _sn(widths[-1], 3))

    def forward(self, z: Any, y: Any) -> Any:
        first, *parts = z.split(self.part, 1)
        h = self.linear(first).unflatten(1, (-1, 4, 4))
        for block, part in zip(self.blocks, parts, strict=True):
            for layer in block:
                h = layer(h, torch.cat([self.shared(y), part], 1))
        return self.output_layer(h).tanh()


class _BigCritic(nn.Module):
    def __init__(self, widths: tuple[int, ...], classes: int, attention: int):
        super().__init__()
        steps = list(enumerate(zip((3, *widths), widths, strict=False)))
        small = len(widths) == 4  # at 32 pixels two blocks keep the sides, else one
        blocks = [nn.ModuleList([_Down(n, m, i == 0, i < (2 if small else len(steps) - 1))]) for i, (n, m) in steps]
        blocks[attention].append(_Attend(widths[attention]))
        self.blocks = nn.ModuleList(blocks)
        self.linear = _Spectral(nn.Linear(widths[-1], 1))
        self.embed = _Spectral(nn.Embedding(classes, widths[-1]))

    def forward(self, x: Any, y: Any) -> Any:
        for block in self.blocks:
            for layer in block:
                x = layer(x)
        h = x.relu().sum((2, 3))
        return self.linear(h)[:, 0] + (self.embed(y) * h).sum(1)


def biggan_pair(size: int = 128, ch: int = 2, part: int = 4, shared: int = 6, classes: int = 5) -> tuple[Any, Any]:
    """Both nets of BigGAN-PyTorch at 32 or 128 pixels; attention at 64 x 64, or at 16 x 16 of 32."""
    if size == 32:
        wide = (4 * ch,) * 4
        return _BigGenerator(wide, part, shared, classes, 1), _BigCritic(wide, classes, 0)
    up, down = (16, 16, 8, 4, 2, 1), (1, 2, 4, 8, 16, 16)
    g = _BigGenerator(tuple(ch * n for n in up), part, shared, classes, 3)
    return g, _BigCritic(tuple(ch * n for n in down), classes, 0)
