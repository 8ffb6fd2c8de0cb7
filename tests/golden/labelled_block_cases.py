"""Blocks that read labels, and attention, each with its layer list: part of what ``make_blocks.py`` runs."""

from __future__ import annotations

import torch
from block_cases import CONV, Case, one
from block_modules import Function, attention, conditional, gains
from torch import nn
from torch.nn import functional

CLASSES = 3


def labelled_cases() -> dict[str, Case]:
    """As :func:`block_cases.plain_cases`; modules that read labels, and attention."""
    return {
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
                CONV,
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
                CONV,
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
