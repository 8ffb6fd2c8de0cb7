"""Whole modules that compute something else than their classes and settings say are refused, never read past."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from module_files import linear, module, saved, sequential
from weight_files import W, write_files

from benchmarks.studies.sound_formats import Call
from checkpoints.weight_import import import_weights
from pairs import InputError

HOOK = Call("my.hook")
ASKED: dict[str, Any] = dict(prior="normal:3", sample_range=None, sample_shape=(8,))


def _refused(folder: Path, net: Call, **asked: Any) -> str:
    with pytest.raises(InputError) as caught:
        import_weights(*write_files(folder, g=saved(net)), **{**ASKED, **asked})
    return str(caught.value)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"_forward_hooks": {0: HOOK}}, "has a forward hook"),
        ({"_forward_pre_hooks": {3: HOOK}}, "has a hook before its forward"),
        ({"forward": HOOK}, "has a forward of its own"),
    ],
)
def test_hooks_and_a_replaced_forward_are_refused_wherever_they_hang(
    tmp_path: Path, setting: dict[str, Any], words: str
) -> None:
    changed = module("Linear", {"weight": W[8, 3]}, in_features=3, out_features=8, **setting)
    assert words in _refused(tmp_path, sequential(changed)) and "ONNX" in _refused(tmp_path, sequential(changed))
    whole = module("Sequential", children={"0": linear(W[8, 3])}, **setting)
    assert words in _refused(tmp_path, whole)
    assert words in _refused(
        tmp_path, module("my.Generator", children={"main": sequential(linear(W[8, 3]))}, **setting)
    )


def test_the_hooks_of_pytorchs_own_normalisations_are_known_along_their_usual_axis_alone(tmp_path: Path) -> None:
    u, v = np.ones(8, "f"), np.ones(3, "f")
    tensors = {"weight_orig": W[8, 3], "weight_u": u, "weight_v": v}

    def normalised(axis: int) -> Call:
        hook = Call("torch.nn.utils.spectral_norm.SpectralNorm", state={"name": "weight", "dim": axis})
        hooks = {"_forward_pre_hooks": {0: hook}}
        return sequential(module("Linear", tensors, in_features=3, out_features=8, **hooks))

    made = import_weights(*write_files(tmp_path, g=saved(normalised(0))), **ASKED)
    z = np.ones((2, 3), np.float32)
    np.testing.assert_allclose(made.pair.generate(z), z @ W[8, 3].T / (u @ W[8, 3] @ v), rtol=1e-5)
    assert "spectral norm along axis 1" in _refused(tmp_path, normalised(1))


def test_layer_norm_over_some_axes_is_refused_and_over_all_is_taken(tmp_path: Path) -> None:
    norm = lambda shape: module("LayerNorm", normalized_shape=shape, eps=1e-5, elementwise_affine=False)
    fold = module("Unflatten", dim=1, unflattened_size=(2, 4))
    some = sequential(linear(W[8, 3]), fold, norm((4,)))
    assert "normalises over [4]" in _refused(tmp_path, some, sample_shape=(4, 2))
    whole = sequential(linear(W[8, 3]), fold, norm((2, 4)))
    made = import_weights(*write_files(tmp_path, g=saved(whole)), **{**ASKED, "sample_shape": (4, 2)})
    x = made.pair.generate(np.ones((2, 3), np.float32))
    np.testing.assert_allclose(np.asarray(x).mean((1, 2)), 0, atol=1e-6)


def test_a_setting_that_the_list_has_no_word_for_is_answered_with_onnx_not_with_another_setting(tmp_path: Path) -> None:
    up = module("Upsample", scale_factor=2.0, mode="bicubic", align_corners=None, size=None)
    net = sequential(linear(W[8, 3]), module("Unflatten", dim=1, unflattened_size=(2, 2, 2)), up)
    words = _refused(tmp_path, net, sample_shape=(4, 4, 2))
    assert "bicubic" in words and words.endswith("export the model to ONNX")


def test_one_size_of_a_view_may_be_left_open(tmp_path: Path) -> None:
    net = sequential(linear(W[8, 3]), module("Unflatten", dim=1, unflattened_size=(2, -1, 2)))
    made = import_weights(*write_files(tmp_path, g=saved(net)), **{**ASKED, "sample_shape": (2, 2, 2)})
    z = np.eye(3, dtype=np.float32)
    want = (z @ W[8, 3].T).reshape(3, 2, 2, 2).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(made.pair.generate(z), want, atol=1e-6)


def test_classes_and_shapes_that_cannot_belong_are_refused(tmp_path: Path) -> None:
    assert "takes no labels" in _refused(tmp_path, sequential(linear(W[8, 3])), classes=10)
    assert "has 4 axes" in _refused(tmp_path, sequential(linear(W[8, 3])), sample_shape=(2, 2, 2, 1))


@pytest.mark.parametrize(
    "layer",
    [
        module("Softplus", beta=1, threshold=0.5),
        module("Softplus", beta=2, threshold=20),
        module("Softplus", beta=1),
        module("GELU", approximate="quick"),
        module("Upsample", scale_factor=float("inf"), mode="nearest", size=None),
        module("Upsample", scale_factor=2.0, size=None),
        module("ELU", alpha=None),
    ],
    ids=lambda layer: str(layer.state)[80:],
)
def test_settings_that_are_not_there_or_mean_something_else_are_refused(tmp_path: Path, layer: Call) -> None:
    fold = module("Unflatten", dim=1, unflattened_size=(2, 2, 2))
    assert "without proper settings" in _refused(tmp_path, sequential(linear(W[8, 3]), fold, layer), sample_shape=None)


def test_softplus_of_pytorch_is_taken(tmp_path: Path) -> None:
    net = sequential(linear(W[8, 3]), module("Softplus", beta=1, threshold=20))
    z = np.eye(3, dtype=np.float32)
    made = import_weights(*write_files(tmp_path, g=saved(net)), **ASKED)
    np.testing.assert_allclose(made.pair.generate(z), np.log1p(np.exp(z @ W[8, 3].T)), rtol=1e-5)
