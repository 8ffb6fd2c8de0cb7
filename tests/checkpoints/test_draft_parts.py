"""Parts of a draft: sizes of kernels, places of members, and trials that compute what imported nets compute."""

from __future__ import annotations

import numpy as np
import pytest

from checkpoints.conversion import convert_tensors
from checkpoints.drafts.modules import between
from checkpoints.drafts.sizes import Kernel, solve_sizes
from checkpoints.drafts.trial import advance
from pairs.sequential.spec import parse_layers, sequential_net

_EVERY = [
    {"layer": "unflatten", "shape": [6, 2, 2], "channels_last": True},
    {"layer": "conv_transpose", "out": 8, "kernel": 3, "stride": 2, "padding": 1, "output_padding": 1, "name": "a"},
    {"layer": "batch_norm", "eps": 0.8, "name": "b"},
    {"layer": "leaky_relu", "slope": 0.2},
    {"layer": "upsample", "mode": "bilinear"},
    {"layer": "conv", "out": 4, "kernel": 3, "padding": 1, "bias": False, "name": "c"},
    {"layer": "group_norm", "groups": 2, "name": "d"},
    {"layer": "prelu", "per_channel": True, "name": "d2"},
    {"layer": "upsample"},
    {"layer": "avg_pool", "kernel": 2},
    {"layer": "conv", "out": 4, "kernel": 4, "stride": 2, "padding": 1, "name": "e"},
    {"layer": "instance_norm", "affine": True, "name": "f"},
    {"layer": "max_pool", "kernel": 2},
    *({"layer": kind} for kind in ("elu", "selu", "silu", "gelu", "relu")),
    {"layer": "flatten", "channels_last": True},
    {"layer": "dense", "out": 5, "name": "g"},
    {"layer": "layer_norm", "name": "h"},
    {"layer": "sigmoid"},
    {"layer": "dense", "out": 1, "name": "i"},
    {"layer": "tanh"},
    {"layer": "squeeze"},
]


def test_trials_compute_what_imported_layers_compute() -> None:
    draw = np.random.default_rng(0)
    shapes = {"a": (6, 8, 3, 3), "b": (8,), "c": (4, 8, 3, 3), "d": (4,), "d2": (4,), "e": (4, 4, 4, 4), "f": (4,)}
    shapes |= {"g": (5, 16), "h": (5,), "i": (1, 5)}
    tensors = {f"{n}.weight": draw.normal(size=s).astype("f") for n, s in shapes.items()}
    bias = {"a": 8, "b": 8, "d": 4, "e": 4, "f": 4, "g": 5, "h": 5, "i": 1}
    tensors |= {f"{n}.bias": draw.normal(size=k).astype("f") for n, k in bias.items()}
    tensors |= {f"b.{n}": draw.uniform(0.5, 1.5, size=8).astype("f") for n in ("running_mean", "running_var")}
    x = draw.normal(size=(3, 24)).astype("f")
    layers = parse_layers(_EVERY)
    made = convert_tensors(tensors, layers, (24,))
    net = sequential_net([layer.converted() for layer in layers], made.params, (24,))
    # float32 sums through twenty layers; a wrong layout or eps is off by more than 1e-2
    np.testing.assert_allclose(advance(_EVERY, tensors, x), np.asarray(net(x)), atol=2e-5)


@pytest.mark.parametrize(
    ("kernels", "start", "end", "strides", "paddings"),
    [
        ([4, 4, 4, 4], 1, 32, [1, 2, 2, 2], [0, 1, 1, 1]),
        ([4, 4, 4, 4, 4], 1, 64, [1, 2, 2, 2, 2], [0, 1, 1, 1, 1]),
        ([4, 4], 7, 28, [2, 2], [1, 1]),
        ([5, 5], 7, 28, [2, 2], [2, 2]),
        ([7, 4, 4], 1, 28, [1, 2, 2], [0, 1, 1]),
        ([2, 2, 2], 4, 32, [2, 2, 2], [0, 0, 0]),
    ],
)
def test_sizes_of_generators_are_those_of_published_nets(kernels, start, end, strides, paddings) -> None:
    _, steps = solve_sizes([Kernel(k, True) for k in kernels], start, end)[0]
    assert [s.stride for s in steps] == strides and [s.padding for s in steps] == paddings


@pytest.mark.parametrize(
    ("kernels", "start", "end", "strides", "paddings"),
    [
        ([4, 4, 4, 4], 32, 2, [2, 2, 2, 2], [1, 1, 1, 1]),
        ([4, 4, 4, 4, 4], 64, 1, [2, 2, 2, 2, 1], [1, 1, 1, 1, 0]),
        ([2, 2, 2], 32, 4, [2, 2, 2], [0, 0, 0]),
        ([4, 4, 4], 28, 1, [2, 2, 2], [0, 0, 0]),
        ([5, 5], 28, 7, [2, 2], [2, 2]),
        ([3, 3, 3, 3], 32, 2, [2, 2, 2, 2], [1, 1, 1, 1]),
        ([3, 3, 3], 28, 7, [1, 2, 2], [1, 1, 1]),
    ],
)
def test_sizes_of_critics_are_those_of_published_nets(kernels, start, end, strides, paddings) -> None:
    style = False if kernels == [4, 4, 4] else None
    found = solve_sizes([Kernel(k, False) for k in kernels], start, end, style)
    assert sorted(s.stride for s in found[0][1]) == sorted(strides)
    assert [s.padding for s in found[0][1]] == paddings


def test_sizes_that_no_stride_reaches_are_refused() -> None:
    assert solve_sizes([Kernel(1, False)], 8, 3) == []


def test_places_between_members_of_a_sequential_are_counted() -> None:
    assert between("main.0", "main.3") == 2 and between("0", "1") == 0
    assert between("main.0", "other.1") is None and between("main.3", "main.1") is None
