"""A layer that lacks one setting is answered with that setting, and the answer works when it is followed."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from checkpoints.conversion import convert_tensors
from pairs import InputError
from pairs.sequential.spec import parse_layers

AFFINE = {"weight": (4,), "bias": (4,)}
STATS = {"running_mean": (4,), "running_var": (4,), "num_batches_tracked": ()}
CONV = {"layer": "conv", "out": 4, "kernel": 3}


@pytest.mark.parametrize(
    ("layer", "shapes", "answer"),
    [
        ({"layer": "instance_norm"}, STATS, "track_running_stats = true"),
        ({"layer": "instance_norm"}, AFFINE | STATS, "affine = true and track_running_stats = true"),
        ({"layer": "instance_norm", "affine": True}, AFFINE | STATS, "track_running_stats = true"),
        ({"layer": "batch_norm"}, STATS, "affine = false"),
        ({"layer": "batch_norm", "affine": False}, AFFINE | STATS, "affine = true"),
        ({"layer": "layer_norm"}, {"weight": (4, 5, 5)}, "bias = false"),
        ({"layer": "prelu"}, {"weight": (4,)}, "per_channel = true"),
        (CONV, {"weight": (4, 4, 3, 3)}, "bias = false"),
        ({**CONV, "bias": False}, {"weight": (4, 4, 3, 3), "bias": (4,)}, "bias = true"),
        (CONV, {"weight": (4, 1, 3, 3), "bias": (4,)}, "groups = 4"),
        (CONV, {"weight_g": (4, 1, 1, 1), "weight_v": (4, 2, 3, 3)}, "groups = 2 and bias = false"),
        ({**CONV, "layer": "conv_transpose"}, {"weight": (4, 2, 3, 3), "bias": (4,)}, "groups = 2"),
    ],
    ids=str,
)
def test_the_setting_that_a_layer_lacks_is_named_and_works(
    layer: dict[str, Any], shapes: dict[str, tuple[int, ...]], answer: str
) -> None:
    tensors = {f"n.{name}": np.ones(shape, np.float32) for name, shape in shapes.items()}
    beside = {"last.weight": np.ones((4, 4, 1, 1), np.float32)}
    last = {"layer": "conv", "out": 4, "kernel": 1, "bias": False}
    with pytest.raises(InputError) as caught:
        convert_tensors({**tensors, **beside}, parse_layers([layer, last]), (5, 5, 4))
    assert f"give layers[0] {answer}; or correct" in str(caught.value)
    given = {k: int(v) if v.isdigit() else v == "true" for k, v in re.findall(r"(\w+) = (\w+)", answer)}
    made = convert_tensors({**tensors, **beside}, parse_layers([{**layer, **given}, last]), (5, 5, 4))
    assert [row.module for row in made.table] == ["n", "last"] and not made.doubts


def test_nothing_is_named_where_no_setting_helps() -> None:
    tensors = {"n.weight": np.ones((4, 4, 3, 1), np.float32), "n.bias": np.ones(4, np.float32)}
    with pytest.raises(InputError, match=r"\('conv'\); correct the layers"):
        convert_tensors(tensors, parse_layers([CONV]), (5, 5, 4))
