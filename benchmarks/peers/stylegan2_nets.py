"""StyleGAN2-ADA's nets in PyTorch, written from their published layer lists, and pickles of its programs' form."""

from __future__ import annotations

import io
import math
import pickle
import sys
import types
from typing import Any

import torch
from torch import nn
from torch.nn import functional

__all__ = ["network_pickle", "stylegan2_pair"]


def _filter() -> Any:
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    return torch.outer(taps, taps) / 64


def _filtered(x: Any, taps: Any, up: int, down: int, ends: tuple[int, int], gain: float = 1.0) -> Any:
    """Zeros between pixels, padding, the filter, and every ``down``-th pixel."""
    n, c, h, w = x.shape
    spread = x.new_zeros(n, c, h * up, w * up)
    spread[:, :, ::up, ::up] = x
    spread = functional.pad(spread, (*ends, *ends))
    kernel = (gain * taps.flip((0, 1)))[None, None].repeat(c, 1, 1, 1)
    return functional.conv2d(spread, kernel, groups=c)[:, :, ::down, ::down]


class Linear(nn.Module):
    """A dense layer with a gain at run time."""

    def __init__(self, n: int, m: int, activation: str = "linear", lr_multiplier: float = 1.0, bias: float = 0.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(m, n) / lr_multiplier)
        self.bias = nn.Parameter(torch.randn(m) * 0.1 / lr_multiplier + bias)
        self.activation, self.lr_multiplier = activation, lr_multiplier

    def forward(self, x: Any) -> Any:
        x = x @ self.weight.T * (self.lr_multiplier / math.sqrt(x.shape[1])) + self.bias * self.lr_multiplier
        return functional.leaky_relu(x, 0.2) * math.sqrt(2) if self.activation == "lrelu" else x


def _normal(x: Any) -> Any:
    return x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()


class Mapping(nn.Module):
    """Labels and latents to styles."""

    def __init__(self, latent: int, classes: int, style: int, layers: int, average: bool):
        super().__init__()
        if classes:
            self.embed = Linear(classes, style)
        for i in range(layers):
            first = latent + (style if classes else 0)
            setattr(self, f"fc{i}", Linear(first if i == 0 else style, style, "lrelu", 0.01))
        if average:
            self.register_buffer("w_avg", torch.randn(style) * 0.1)
        self.classes, self.num_layers = classes, layers

    def forward(self, z: Any, y: Any = None) -> Any:
        parts = [] if z is None else [_normal(z)]
        if self.classes:
            parts.append(_normal(self.embed(functional.one_hot(y, self.classes).to(self.embed.weight.dtype))))
        x = torch.cat(parts, 1)
        for i in range(self.num_layers):
            x = getattr(self, f"fc{i}")(x)
        return x


class ModulatedConv(nn.Module):
    """A kernel for every sample."""

    def __init__(self, n: int, m: int, style: int, size: int, up: bool, clamp: float | None):
        super().__init__()
        self.affine, self.weight = Linear(style, n, bias=1.0), nn.Parameter(torch.randn(m, n, 3, 3))
        self.bias, self.noise_strength = nn.Parameter(torch.randn(m) * 0.1), nn.Parameter(torch.tensor(0.2))
        self.register_buffer("noise_const", torch.randn(size, size))
        self.register_buffer("resample_filter", _filter())
        self.up, self.conv_clamp, self.activation = up, clamp, "lrelu"

    def forward(self, x: Any, w: Any) -> Any:
        kernels = self.weight[None] * self.affine(w)[:, None, :, None, None]
        kernels = kernels / (kernels.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
        made = []
        for one, kernel in zip(x, kernels, strict=True):
            if self.up:
                y = functional.conv_transpose2d(one[None], kernel.transpose(0, 1), stride=2)
                made.append(_filtered(y, self.resample_filter, 1, 1, (1, 1), gain=4))
            else:
                made.append(functional.conv2d(one[None], kernel, padding=1))
        y = torch.cat(made) + self.noise_const * self.noise_strength + self.bias[:, None, None]
        y = functional.leaky_relu(y, 0.2) * math.sqrt(2)
        return y if self.conv_clamp is None else y.clamp(-self.conv_clamp, self.conv_clamp)


class ToRgb(nn.Module):
    """Kernel 1, no division."""

    def __init__(self, n: int, style: int, channels: int, clamp: float | None):
        super().__init__()
        self.conv_clamp = clamp
        self.affine, self.weight = Linear(style, n, bias=1.0), nn.Parameter(torch.randn(channels, n, 1, 1))
        self.bias = nn.Parameter(torch.randn(channels) * 0.1)

    def forward(self, x: Any, w: Any) -> Any:
        s = self.affine(w) / math.sqrt(x.shape[1])
        y = functional.conv2d(x * s[..., None, None], self.weight, self.bias)
        return y if self.conv_clamp is None else y.clamp(-self.conv_clamp, self.conv_clamp)


class SynthesisBlock(nn.Module):
    """One size."""

    def __init__(self, n: int | None, m: int, style: int, size: int, channels: int, clamp: float | None):
        super().__init__()
        if n is None:
            self.const = nn.Parameter(torch.randn(m, size, size))
        else:
            self.conv0 = ModulatedConv(n, m, style, size, True, clamp)
        self.conv1 = ModulatedConv(m, m, style, size, False, clamp)
        self.torgb = ToRgb(m, style, channels, clamp)
        self.register_buffer("resample_filter", _filter())

    def forward(self, x: Any, image: Any, w: Any) -> tuple[Any, Any]:
        x = self.const[None].repeat(len(w), 1, 1, 1) if x is None else self.conv0(x, w)
        x = self.conv1(x, w)
        y = self.torgb(x, w)
        return x, y if image is None else _filtered(image, self.resample_filter, 2, 1, (2, 1), gain=4) + y


class Generator(nn.Module):
    """Mapping and synthesis; psi draws styles to their average."""

    def __init__(self, widths: tuple[int, ...], latent: int, style: int, classes: int, channels: int, clamp: Any):
        super().__init__()
        self.mapping, self.synthesis = Mapping(latent, classes, style, 3, True), nn.Module()
        ends = (None, *widths)
        for i, m in enumerate(widths):
            block = SynthesisBlock(ends[i], m, style, 4 * 2**i, channels, clamp)
            setattr(self.synthesis, f"b{4 * 2**i}", block)
        self.z_dim, self.sizes, self.psi = latent, [4 * 2**i for i in range(len(widths))], 1.0

    def forward(self, z: Any, *y: Any) -> Any:
        w = self.mapping(z, *y)
        w = self.mapping.w_avg + self.psi * (w - self.mapping.w_avg)
        x = image = None
        for size in self.sizes:
            x, image = getattr(self.synthesis, f"b{size}")(x, image, w)
        return image.clamp(-1, 1)


class Conv(nn.Module):
    """A convolution with a gain at run time, on blurred images where it halves the sides."""

    def __init__(self, n: int, m: int, kernel: int, down: bool = False, act: bool = True, clamp: Any = None):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(m, n, kernel, kernel))
        self.bias = nn.Parameter(torch.randn(m) * 0.1) if act else None
        self.register_buffer("resample_filter", _filter())
        self.down, self.conv_clamp, self.activation = down, clamp, "lrelu" if act else "linear"

    def forward(self, x: Any, gain: float = 1.0) -> Any:
        kernel, side = self.weight / math.sqrt(self.weight[0].numel()), self.weight.shape[2]
        if self.down and side == 1:
            x = functional.conv2d(_filtered(x, self.resample_filter, 1, 2, (1, 1)), kernel)
        elif self.down:
            x = functional.conv2d(_filtered(x, self.resample_filter, 1, 1, (2, 2)), kernel, stride=2)
        else:
            x = functional.conv2d(x, kernel, padding=side // 2)
        if self.bias is None:
            return x * gain
        x = functional.leaky_relu(x + self.bias[:, None, None], 0.2) * (math.sqrt(2) * gain)
        return x if self.conv_clamp is None else x.clamp(-self.conv_clamp * gain, self.conv_clamp * gain)


class CriticBlock(nn.Module):
    """One size, residual."""

    def __init__(self, n: int, m: int, channels: int | None, clamp: Any):
        super().__init__()
        if channels is not None:
            self.fromrgb = Conv(channels, n, 1, clamp=clamp)
        self.conv0, self.conv1 = Conv(n, n, 3, clamp=clamp), Conv(n, m, 3, down=True, clamp=clamp)
        self.skip = Conv(n, m, 1, down=True, act=False)

    def forward(self, x: Any) -> Any:
        x = self.fromrgb(x) if hasattr(self, "fromrgb") else x
        return self.skip(x, math.sqrt(0.5)) + self.conv1(self.conv0(x), math.sqrt(0.5))


class Critic(nn.Module):
    """Blocks; at 4 x 4 the channel of the batch's standard deviation is 0."""

    def __init__(self, widths: tuple[int, ...], classes: int, channels: int, clamp: Any):
        super().__init__()
        self.sizes = [4 * 2**i for i in range(len(widths) - 1, 0, -1)]
        for i, (size, n, m) in enumerate(zip(self.sizes, widths, widths[1:], strict=False)):
            setattr(self, f"b{size}", CriticBlock(n, m, channels if i == 0 else None, clamp))
        last, self.b4, self.classes = widths[-1], nn.Module(), classes
        self.b4.conv, self.b4.fc = Conv(last + 1, last, 3, clamp=clamp), Linear(16 * last, last, "lrelu")
        self.b4.out = Linear(last, last if classes else 1)
        if classes:
            self.mapping = Mapping(0, classes, last, 3, False)

    def forward(self, x: Any, *y: Any) -> Any:
        for size in self.sizes:
            x = getattr(self, f"b{size}")(x)
        x = self.b4.out(self.b4.fc(self.b4.conv(functional.pad(x, (0, 0, 0, 0, 0, 1))).flatten(1)))
        return (x * self.mapping(None, *y)).sum(1) / math.sqrt(x.shape[1]) if self.classes else x[:, 0]


def stylegan2_pair(
    widths: tuple[int, ...] = (8, 8, 4), latent: int = 6, style: int = 8, classes: int = 0, clamp: float | None = None
) -> tuple[Any, Any]:
    """Both nets; ``widths`` are the channels from 4 x 4 up."""
    generator = Generator(widths, latent, style, classes, 3, clamp)
    return generator, Critic(widths[::-1], classes, 3, clamp)


def network_pickle(nets: dict[str, Any]) -> bytes:
    """A pickle in which every module is source text, the name of its class and its state."""
    name = "torch_utils.persistence"
    module = types.ModuleType(name)
    rebuild: Any = lambda meta: None
    rebuild.__module__, rebuild.__qualname__ = name, "_reconstruct_persistent_obj"
    module.__dict__["_reconstruct_persistent_obj"] = rebuild

    class _Pickler(pickle.Pickler):
        def reducer_override(self, item: Any) -> Any:
            if not isinstance(item, nn.Module):
                return NotImplemented
            about = dict(type="class", version=6, module_src="import os", class_name=type(item).__name__)
            return rebuild, ({**about, "state": dict(item.__dict__)},)

    file = io.BytesIO()
    sys.modules[name] = module
    sys.modules.setdefault("torch_utils", types.ModuleType("torch_utils"))
    try:
        _Pickler(file).dump({"training_set_kwargs": {"path": "x"}, "augment_pipe": None, **nets})
    finally:
        del sys.modules[name]
    return file.getvalue()
