"""Blocks without labels, each with its layer list: part of what ``make_blocks.py`` runs."""

from __future__ import annotations

import torch
from block_modules import Bar, Equalized, Function, OldSpectral, PowerStep
from torch import nn

Case = tuple[nn.Module, list[dict], tuple[int, ...]]
"""A module, its layer list, and PyTorch's shape of one input."""
CONV = {"layer": "conv", "out": 4, "kernel": 3}


def one(kind: str, **settings: object) -> list[dict]:
    """A list of one layer."""
    return [{"layer": kind, **settings}]


def plain_cases() -> dict[str, Case]:
    """name -> (module, layer list, PyTorch shape of one input)."""
    up = {"layer": "conv_transpose", "out": 4, "kernel": 4, "stride": 2}
    made: dict[str, Case] = {
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
        "conv_dilated": (nn.Conv2d(2, 4, 3, 1, 2, 2), [{**CONV, "padding": 2, "dilation": 2}], (2, 6, 7)),
        "conv_groups": (
            nn.Conv2d(4, 4, 3, 2, 1, groups=2),
            [{**CONV, "stride": 2, "padding": 1, "groups": 2}],
            (4, 6, 7),
        ),
        "conv_reflect": (
            nn.Conv2d(2, 4, 3, 2, 1, padding_mode="reflect"),
            [{**CONV, "stride": 2, "padding": 1, "padding_mode": "reflect"}],
            (2, 6, 7),
        ),
        "conv_circular": (
            nn.Conv2d(2, 4, 3, padding=1, padding_mode="circular"),
            [{**CONV, "padding": 1, "padding_mode": "circular"}],
            (2, 6, 7),
        ),
        "conv_same": (nn.Conv2d(2, 4, 4, padding="same"), [{**CONV, "kernel": 4, "padding": "same"}], (2, 6, 7)),
        "conv_sequence": (nn.Conv1d(2, 4, 3, 2, 1), [{**CONV, "stride": 2, "padding": 1}], (2, 9)),
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
                CONV,
                {"layer": "conv_transpose", "out": 4, "kernel": 3},
                {"layer": "flatten"},
                {"layer": "dense", "out": 3},
            ],
            (2, 5, 6),
        ),
        "sn_sigma": (PowerStep(("sn_u", "sn_sigma"), 2, 4, 3), [CONV], (2, 5, 6)),
        "sv0": (PowerStep(("u0", "sv0"), 2, 4, 3), [CONV], (2, 5, 6)),
        "weight_bar": (Bar(nn.Conv2d(2, 4, 3)), [CONV], (2, 5, 6)),
        "spectral_old": (OldSpectral(2, 4, 3), [CONV], (2, 5, 6)),
        "equalized": (Equalized(2, 4, 3), [{**CONV, "equalized": True}], (2, 5, 6)),
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
                    {**CONV, "padding": 1},
                    {"layer": "relu"},
                    {**CONV, "padding": 1},
                    {"layer": "avg_pool", "kernel": 2},
                ],
                skip=[{"layer": "avg_pool", "kernel": 2}, {**CONV, "kernel": 1}],
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
    }
    return made
