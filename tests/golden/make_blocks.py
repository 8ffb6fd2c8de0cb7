"""Makes ``blocks.npz`` and ``blocks.json`` beside it with PyTorch (2.13): ``python tests/golden/make_blocks.py``.

Per case: input, labels where the net reads them, output in evaluation mode, state dict; and the layer list. What has no
module in PyTorch (attention, projection, conditional BatchNorm, the spectral norms of other projects) is written here
from its published formula.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

HERE = Path(__file__).parent
CLASSES = 3


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


def cases() -> dict[str, tuple[nn.Module, list[dict], tuple[int, ...]]]:
    """name -> (module, layer list, PyTorch shape of one input)."""
    one = lambda kind, **settings: [{"layer": kind, **settings}]
    conv = {"layer": "conv", "out": 4, "kernel": 3}
    up = {"layer": "conv_transpose", "out": 4, "kernel": 4, "stride": 2}
    made: dict[str, tuple[nn.Module, list[dict], tuple[int, ...]]] = {
        "selu": (nn.SELU(), one("selu"), (4, 5, 4)),
        "relu6": (nn.ReLU6(), one("relu6"), (4, 5, 4)),
        "mish": (nn.Mish(), one("mish"), (4, 5, 4)),
        "softsign": (nn.Softsign(), one("softsign"), (4, 5, 4)),
        "prelu": (nn.PReLU(), one("prelu"), (4, 5, 4)),
        "prelu_channels": (nn.PReLU(4), one("prelu", per_channel=True), (4, 5, 4)),
        "clip": (nn.Hardtanh(-0.5, 0.75), one("clip", low=-0.5, high=0.75), (4, 5, 4)),
        "pad_reflect": (nn.ReflectionPad2d((1, 2, 3, 0)), one("pad", size=[1, 2, 3, 0], mode="reflect"), (2, 5, 4)),
        "pad_replicate": (nn.ReplicationPad2d(2), one("pad", size=2, mode="replicate"), (2, 5, 4)),
        "pad_zeros": (nn.ZeroPad2d((0, 1, 2, 3)), one("pad", size=[0, 1, 2, 3]), (2, 5, 4)),
        "pixel_unshuffle": (nn.PixelUnshuffle(2), one("pixel_unshuffle"), (2, 4, 6)),
        "bilinear_aligned": (
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
            one("upsample", mode="bilinear", align_corners=True),
            (2, 5, 4),
        ),
        "bilinear_size": (
            nn.Upsample(size=(7, 3), mode="bilinear"),
            one("upsample", mode="bilinear", size=[7, 3]),
            (2, 5, 4),
        ),
        "nearest_size": (nn.Upsample(size=(7, 3)), one("upsample", size=[7, 3]), (2, 5, 4)),
        "nearest_factors": (nn.Upsample(scale_factor=(2, 3)), one("upsample", factor=[2, 3]), (2, 5, 4)),
        "max_pool_wide": (
            nn.MaxPool2d((2, 3), (1, 2), (1, 0)),
            one("max_pool", kernel=[2, 3], stride=[1, 2], padding=[1, 0]),
            (2, 6, 7),
        ),
        "avg_pool_whole": (nn.AvgPool2d((6, 7)), one("avg_pool", kernel=[6, 7]), (2, 6, 7)),
        "max_pool_sequence": (nn.MaxPool1d(3, 2), one("max_pool", kernel=3, stride=2), (2, 8)),
        "conv_wide": (
            nn.Conv2d(2, 4, (3, 2), (2, 1), (1, 0)),
            one("conv", out=4, kernel=[3, 2], stride=[2, 1], padding=[1, 0]),
            (2, 6, 7),
        ),
        "conv_dilated": (nn.Conv2d(2, 4, 3, 1, 2, 2), [{**conv, "padding": 2, "dilation": 2}], (2, 6, 7)),
        "conv_groups": (
            nn.Conv2d(4, 4, 3, 2, 1, groups=2),
            [{**conv, "stride": 2, "padding": 1, "groups": 2}],
            (4, 6, 7),
        ),
        "conv_reflect": (
            nn.Conv2d(2, 4, 3, 2, 1, padding_mode="reflect"),
            [{**conv, "stride": 2, "padding": 1, "padding_mode": "reflect"}],
            (2, 6, 7),
        ),
        "conv_circular": (
            nn.Conv2d(2, 4, 3, padding=1, padding_mode="circular"),
            [{**conv, "padding": 1, "padding_mode": "circular"}],
            (2, 6, 7),
        ),
        "conv_same": (nn.Conv2d(2, 4, 4, padding="same"), [{**conv, "kernel": 4, "padding": "same"}], (2, 6, 7)),
        "conv_sequence": (nn.Conv1d(2, 4, 3, 2, 1), [{**conv, "stride": 2, "padding": 1}], (2, 9)),
        "up_sequence": (nn.ConvTranspose1d(2, 4, 4, 2, 1), [{**up, "padding": 1}], (2, 5)),
        "up_sequence_extra": (
            nn.ConvTranspose1d(2, 4, 3, 2, 1, 1),
            one("conv_transpose", out=4, kernel=3, stride=2, padding=1, output_padding=1),
            (2, 5),
        ),
        "up_groups": (
            nn.ConvTranspose2d(4, 6, 4, 2, 1, groups=2),
            [{**up, "out": 6, "padding": 1, "groups": 2}],
            (4, 3, 4),
        ),
        "up_dilated": (
            nn.ConvTranspose2d(2, 4, 3, 2, 1, dilation=2),
            [{**up, "kernel": 3, "padding": 1, "dilation": 2}],
            (2, 3, 4),
        ),
        "up_wide": (
            nn.ConvTranspose2d(2, 4, (4, 3), (2, 1), (1, 0)),
            one("conv_transpose", out=4, kernel=[4, 3], stride=[2, 1], padding=[1, 0]),
            (2, 3, 4),
        ),
        "up_uneven": (
            nn.ConvTranspose2d(2, 4, 4, 2, (1, 0)),
            one("conv_transpose", out=4, kernel=4, stride=2, padding=[1, 0]),
            (2, 3, 4),
        ),
        "batch_norm_plain": (
            nn.BatchNorm2d(2, affine=False, eps=0.01),
            one("batch_norm", affine=False, eps=0.01),
            (2, 3, 4),
        ),
        "batch_norm_sequence": (nn.BatchNorm1d(2), one("batch_norm"), (2, 5)),
        "instance_norm_tracked": (
            nn.InstanceNorm2d(2, affine=True, track_running_stats=True),
            one("instance_norm", affine=True, track_running_stats=True),
            (2, 3, 4),
        ),
        "instance_norm_affine": (nn.InstanceNorm2d(2, affine=True), one("instance_norm", affine=True), (2, 3, 4)),
        "layer_norm_no_bias": (nn.LayerNorm([2, 3, 4], bias=False), one("layer_norm", bias=False), (2, 3, 4)),
        "weight_norm": (
            nn.Sequential(
                nn.utils.weight_norm(nn.Conv2d(2, 4, 3)),
                nn.utils.parametrizations.weight_norm(nn.ConvTranspose2d(4, 4, 3)),
                nn.Flatten(),
                nn.utils.parametrizations.weight_norm(nn.Linear(4 * 30, 3), dim=None),
            ),
            [
                conv,
                {"layer": "conv_transpose", "out": 4, "kernel": 3},
                {"layer": "flatten"},
                {"layer": "dense", "out": 3},
            ],
            (2, 5, 6),
        ),
        "sn_sigma": (PowerStep(("sn_u", "sn_sigma"), 2, 4, 3), [conv], (2, 5, 6)),
        "sv0": (PowerStep(("u0", "sv0"), 2, 4, 3), [conv], (2, 5, 6)),
        "weight_bar": (Bar(nn.Conv2d(2, 4, 3)), [conv], (2, 5, 6)),
        "spectral_old": (OldSpectral(2, 4, 3), [conv], (2, 5, 6)),
        "equalized": (Equalized(2, 4, 3), [{**conv, "equalized": True}], (2, 5, 6)),
        "residual": (
            Function(
                lambda s, x, y: s.main(x) + s.skip(x),
                main=nn.Sequential(
                    nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.AvgPool2d(2)
                ),
                skip=nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(2, 4, 1)),
            ),
            one(
                "residual",
                main=[
                    {**conv, "padding": 1},
                    {"layer": "relu"},
                    {**conv, "padding": 1},
                    {"layer": "avg_pool", "kernel": 2},
                ],
                skip=[{"layer": "avg_pool", "kernel": 2}, {**conv, "kernel": 1}],
            ),
            (2, 6, 4),
        ),
        "pixel_norm": (
            Function(lambda s, x, y: x / torch.sqrt((x**2).mean(1, keepdim=True) + 1e-8)),
            one("pixel_norm"),
            (4, 3, 2),
        ),
        "minibatch_stddev": (
            Function(lambda s, x, y: torch.cat([x, torch.full_like(x[:, :1], 0.25)], 1)),
            one("minibatch_stddev", value=0.25),
            (2, 3, 4),
        ),
        "embed_joined": (
            Function(
                lambda s, x, y: s.fc(torch.cat([x, s.embed(y)], 1)), fc=nn.Linear(9, 4), embed=nn.Embedding(CLASSES, 5)
            ),
            [
                *one("concatenate", branches=[[], one("embed", classes=CLASSES, out=5)]),
                {"layer": "dense", "out": 4},
            ],
            (4,),
        ),
        "embed_plane": (
            Function(
                lambda s, x, y: s.conv(torch.cat([x, s.embed(y).view(len(x), 1, 5, 6)], 1)),
                embed=nn.Embedding(CLASSES, 30),
                conv=nn.Conv2d(3, 4, 3),
            ),
            [
                *one(
                    "concatenate",
                    branches=[[], [*one("embed", classes=CLASSES, out=30), {"layer": "unflatten", "shape": [1, 5, 6]}]],
                ),
                conv,
            ],
            (2, 5, 6),
        ),
        "one_hot_channels": (
            Function(
                lambda s, x, y: s.conv(
                    torch.cat([x, functional.one_hot(y, CLASSES)[:, :, None, None].expand(-1, -1, 5, 6).float()], 1)
                ),
                conv=nn.Conv2d(2 + CLASSES, 4, 3),
            ),
            [
                *one(
                    "concatenate",
                    branches=[[], [*one("one_hot", classes=CLASSES), {"layer": "spread", "size": [5, 6]}]],
                ),
                conv,
            ],
            (2, 5, 6),
        ),
        "embed_times": (
            Function(lambda s, x, y: x * s.embed(y), embed=nn.Embedding(CLASSES, 4)),
            one("multiply", branches=[[], one("embed", classes=CLASSES, out=4)]),
            (4,),
        ),
        "conditional": (
            Function(conditional, bn=nn.BatchNorm2d(2, affine=False), embed=nn.Embedding(CLASSES, 4)),
            one("conditional_batch_norm", classes=CLASSES),
            (2, 3, 4),
        ),
        "conditional_gains": (
            Function(
                gains, bn=nn.BatchNorm2d(2, affine=False), gamma=nn.Embedding(CLASSES, 2), beta=nn.Embedding(CLASSES, 2)
            ),
            one("conditional_batch_norm", classes=CLASSES, offset=1.0),
            (2, 3, 4),
        ),
        "projection": (
            Function(
                lambda s, x, y: s.fc(x) + (s.embed(y) * x).sum(1, keepdim=True),
                fc=nn.Linear(4, 1),
                embed=nn.utils.spectral_norm(nn.Embedding(CLASSES, 4)),
            ),
            [
                *one("add", branches=[[{"layer": "dense", "out": 1}], one("projection", classes=CLASSES)]),
                {"layer": "unflatten", "shape": [1]},
            ],
            (4,),
        ),
        "attention": (
            Function(
                attention,
                query_conv=nn.Conv2d(8, 1, 1),
                key_conv=nn.Conv2d(8, 1, 1),
                value_conv=nn.Conv2d(8, 8, 1),
                gamma=nn.Parameter(torch.zeros(1)),
            ),
            one("self_attention"),
            (8, 4, 6),
        ),
        "attention_pooled": (
            Function(
                attention,
                theta=nn.utils.spectral_norm(nn.Conv2d(8, 2, 1, bias=False)),
                phi=nn.utils.spectral_norm(nn.Conv2d(8, 2, 1, bias=False)),
                g=nn.utils.spectral_norm(nn.Conv2d(8, 4, 1, bias=False)),
                o=nn.utils.spectral_norm(nn.Conv2d(4, 8, 1, bias=False)),
                gamma=nn.Parameter(torch.tensor(0.0)),
            ),
            one("self_attention", query=2, value=4, bias=False, output=True, pool=True),
            (8, 4, 6),
        ),
    }
    return made


def main() -> None:
    arrays, lists = {}, {}
    for name, (module, layers, shape) in cases().items():
        for part in module.modules():
            for p in part.parameters(recurse=False):
                nn.init.normal_(p, std=0.5)
            if getattr(part, "running_mean", None) is not None:
                part.running_mean.normal_()
                part.running_var.uniform_(0.5, 2.0)
        x, y = torch.randn(3, *shape), torch.arange(3) % CLASSES
        call = (lambda v, m=module, labels=y: m(v, labels)) if isinstance(module, Function) else module
        module.train()
        if any(n.endswith("_orig") for n in module.state_dict()) and name != "spectral_old":
            call(x)  # a step of the power iteration, so that u and v are not random
        module.eval()
        with torch.no_grad():
            arrays[f"{name}|x"], arrays[f"{name}|y"], arrays[f"{name}|labels"] = x.numpy(), call(x).numpy(), y.numpy()
        for key, tensor in module.state_dict().items():
            arrays[f"{name}|state|{key}"] = tensor.numpy()
        lists[name] = {"layers": layers, "shape": shape}
    np.savez_compressed(HERE / "blocks.npz", **arrays)
    (HERE / "blocks.json").write_text(json.dumps(lists, indent=1) + "\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    main()
