r"""StyleGAN2's modules filled with the weights of a pair, with layers that take a whole batch at once.

The reference modules of :mod:`benchmarks.peers.stylegan2_nets` convolve sample by sample, with a kernel for each. What
is compared in speed computes the same as the published code does in training: inputs times styles, one convolution,
outputs times the factor of the demodulation. Filters are depthwise convolutions where PyTorch is eager, and sums of
shifted images where it compiles, which it fuses.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from pairs import Net, Pair

from .stylegan2_nets import Conv, Critic, Generator, Mapping, ModulatedConv, SynthesisBlock

__all__ = ["stylegan2_modules"]

_RATE = 0.01
_TAPS = (0.125, 0.375, 0.375, 0.125)


def _blur(x: Any, taps: Any, padding: int, stride: int = 1, gain: float = 1.0) -> Any:
    if not torch.compiler.is_compiling():
        kernel = (gain * gain * taps)[None, None].expand(x.shape[1], 1, 4, 4)
        return functional.conv2d(x, kernel, stride=stride, padding=padding, groups=x.shape[1])
    for axis in (2, 3):
        ends = (0, 0, padding, padding) if axis == 2 else (padding, padding, 0, 0)
        x = functional.pad(x, ends)
        last = x.shape[axis] - 3
        parts = [gain * tap * x.narrow(axis, i, last) for i, tap in enumerate(_TAPS)]
        total = parts[0] + parts[1] + parts[2] + parts[3]
        x = total if stride == 1 else (total[:, :, ::stride] if axis == 2 else total[:, :, :, ::stride])
    return x


class BatchedConv(ModulatedConv):
    """The modulated convolution of a batch as one convolution."""

    def forward(self, x: Any, w: Any) -> Any:
        s = self.affine(w)
        x = x * s[..., None, None]
        if self.up:
            y = functional.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2)
            y = _blur(y, self.resample_filter, 1, gain=2.0)
        else:
            y = functional.conv2d(x, self.weight, padding=1)
        factor = (s.square() @ self.weight.square().sum((2, 3)).T + 1e-8).rsqrt()
        y = y * factor[..., None, None] + self.noise_const * self.noise_strength + self.bias[:, None, None]
        return functional.leaky_relu(y, 0.2) * math.sqrt(2)


class BatchedBlock(SynthesisBlock):
    """One size of the generator; the picture is spread by a transposed convolution."""

    def forward(self, x: Any, image: Any, w: Any) -> tuple[Any, Any]:
        x = self.const[None].expand(len(w), -1, -1, -1) if x is None else self.conv0(x, w)
        x = self.conv1(x, w)
        y = self.torgb(x, w)
        if image is None:
            return x, y
        kernel = (4 * self.resample_filter)[None, None].expand(image.shape[1], 1, 4, 4)
        return x, functional.conv_transpose2d(image, kernel, stride=2, padding=1, groups=image.shape[1]) + y


class FilteredConv(Conv):
    """The critic's convolution, with filters as above."""

    def forward(self, x: Any, gain: float = 1.0) -> Any:
        kernel, side = self.weight / math.sqrt(self.weight[0].numel()), self.weight.shape[2]
        if self.down and side == 1:
            x = functional.conv2d(_blur(x, self.resample_filter, 1, 2), kernel)
        elif self.down:
            x = functional.conv2d(_blur(x, self.resample_filter, 2), kernel, stride=2)
        else:
            x = functional.conv2d(x, kernel, padding=side // 2)
        if self.bias is None:
            return x * gain
        return functional.leaky_relu(x + self.bias[:, None, None], 0.2) * (math.sqrt(2) * gain)


_BATCHED = {ModulatedConv: BatchedConv, SynthesisBlock: BatchedBlock, Conv: FilteredConv}


def stylegan2_modules(pair: Pair) -> tuple[Any, Any]:
    """Generator and critic of the pair's weights: the space ``z``, no labels, no clamp, no truncation."""
    assert pair.generator.architecture is not None and pair.critic.architecture is not None
    g, d = pair.generator.architecture.config.to_dict(), pair.critic.architecture.config.to_dict()
    generator = Generator(tuple(g["widths"]), g["latent"], g["style"], 0, g["channels"], None)
    generator.mapping = Mapping(g["latent"], 0, g["style"], g["mapping"], True)
    critic = Critic(tuple(d["widths"]), 0, d["channels"], None)
    for module, tensors in ((generator, _generator(pair.generator)), (critic, _critic(pair.critic))):
        state = {k: torch.from_numpy(np.array(v, np.float32)) for k, v in tensors}
        missing, left = module.load_state_dict(state, strict=False)
        assert not left and all(name.endswith("resample_filter") for name in missing), (missing, left)
        for part in module.modules():
            part.__class__ = _BATCHED.get(type(part), type(part))
    return generator, critic


Tensors = Iterator[tuple[str, Any]]


def _dense(name: str, p: Any, rate: float = 1.0) -> Tensors:
    kernel = np.asarray(p["kernel"], np.float32)
    yield f"{name}.weight", kernel.T * math.sqrt(len(kernel)) / rate
    yield f"{name}.bias", np.asarray(p["bias"], np.float32) / rate


def _conv(name: str, kernel: Any, bias: Any, scaled: bool) -> Tensors:
    kernel = np.asarray(kernel, np.float32)
    kernel = kernel.reshape(*((1, 1) if kernel.ndim == 2 else kernel.shape[:2]), *kernel.shape[-2:])
    gain = math.sqrt(math.prod(kernel.shape[:3])) if scaled else 1.0
    yield f"{name}.weight", kernel.transpose(3, 2, 0, 1) * gain
    if bias is not None:
        yield f"{name}.bias", bias


def _generator(net: Net) -> Tensors:
    p = net.params
    yield "mapping.w_avg", p["average"]
    yield "synthesis.b4.const", np.moveaxis(np.asarray(p["const"]), -1, 0)
    for i in range(len(p["mapping"]["layers"])):
        yield from _dense(f"mapping.fc{i}", p["mapping"]["layers"][i], _RATE)
    for i in range(len(p["blocks"])):
        block = p["blocks"][i]
        for part in ("conv1", "torgb") if i == 0 else ("conv0", "conv1", "torgb"):
            name, own = f"synthesis.b{4 * 2**i}.{part}", block[part]
            yield from _dense(f"{name}.affine", own["affine"])
            yield from _conv(name, own["kernel"], own["bias"], scaled=part == "torgb")
            if part != "torgb":
                yield f"{name}.noise_const", own["noise"]
                yield f"{name}.noise_strength", 1.0


def _critic(net: Net) -> Tensors:
    p, count = net.params, len(net.params["blocks"])
    size = 4 * 2**count
    yield from _conv(f"b{size}.fromrgb", p["fromrgb"]["kernel"], p["fromrgb"]["bias"], True)
    for i in range(count):
        name, block = f"b{size // 2**i}", p["blocks"][i]
        for part in ("conv0", "conv1"):
            yield from _conv(f"{name}.{part}", block[part]["kernel"], block[part]["bias"], True)
        yield from _conv(f"{name}.skip", block["skip"], None, True)
    yield from _conv("b4.conv", p["conv"]["kernel"], p["conv"]["bias"], True)
    yield from _dense("b4.fc", p["fc"])
    yield from _dense("b4.out", p["out"])
