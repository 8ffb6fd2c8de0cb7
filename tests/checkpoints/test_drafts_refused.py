"""Nets that cannot be drafted, and layers that leave tensors over, are refused in words that help."""

from __future__ import annotations

import numpy as np
import pytest

from checkpoints.conversion import convert_tensors
from checkpoints.drafts.drafting import draft_manifest
from pairs import InputError
from pairs.sequential.spec import parse_layers


def test_a_net_with_a_label_is_refused_with_the_module_that_does_not_fit(tmp_path) -> None:
    draw = np.random.default_rng(0)
    # as many latents beside an embedding of eight numbers: the first convolution takes sixteen
    tensors = {"net.0.weight": (16, 6, 4, 4), "net.0.bias": (6,)}
    tensors |= {f"net.1.{n}": (6,) for n in ("weight", "bias", "running_mean", "running_var")}
    tensors |= {"net.3.weight": (6, 1, 4, 4), "embed.weight": (10, 8)}
    np.savez(tmp_path / "g.npz", **{n: draw.uniform(0.5, 1, s).astype("f") for n, s in tensors.items()})
    with pytest.raises(InputError, match="(?s)cannot take.*labels"):
        draft_manifest(tmp_path / "g.npz", None, (8, 8, 1))


def test_weights_of_a_norm_that_has_none_are_answered_with_affine() -> None:
    layers = parse_layers(
        [{"layer": "conv", "out": 2, "kernel": 1, "bias": False}, {"layer": "instance_norm"}], "critic.layers"
    )
    given = {"0.weight": np.ones((2, 1, 1, 1), "f"), "1.weight": np.ones(2, "f"), "1.bias": np.ones(2, "f")}
    with pytest.raises(InputError, match=r"give critic.layers\[1\] affine = true"):
        convert_tensors(given, layers, (4, 4, 1), "critic.layers")
    sound = parse_layers(
        [{"layer": "conv", "out": 2, "kernel": 1, "bias": False}, {"layer": "instance_norm", "affine": True}],
        "critic.layers",
    )
    convert_tensors(given, sound, (4, 4, 1), "critic.layers")  # the remedy works


def test_a_list_of_layers_given_as_branches_is_answered_with_a_list_of_branches() -> None:
    with pytest.raises(InputError, match="a list of branches, each a list of layers"):
        parse_layers([{"layer": "concatenate", "branches": [{"layer": "embed", "classes": 3, "out": 2}]}], "layers")
