"""A second input of a graph is labels where its type or name says so, and is asked about otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from checkpoints.foreign.onnx import read_onnx
from checkpoints.weight_import import import_weights
from pairs import InputError

onnx = pytest.importorskip("onnx")
node = onnx.helper.make_node
file = pytest.importorskip("onnx_files").file
FLOAT, INT = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
W = np.random.default_rng(0).normal(size=(9, 8)).astype("f")


def _joined(folder: Path, name: str) -> Path:
    nodes = [node("Concat", ["z", name], ["h"], axis=1), node("MatMul", ["h", "w"], ["x"])]
    data = file(nodes, {"z": (FLOAT, ["n", 6]), name: (FLOAT, ["n", 3])}, ["x"], {"w": W})
    (folder / "g.onnx").write_bytes(data)
    return folder / "g.onnx"


@pytest.mark.parametrize("name", ["noise", "n", "eps", "style", "encoder_c0de"])
def test_a_second_latent_is_not_taken_for_labels(tmp_path: Path, name: str) -> None:
    asked: dict[str, Any] = dict(prior="normal:6", sample_range=None)
    with pytest.raises(InputError, match="generator_labels: .*--generator-labels"):
        import_weights(_joined(tmp_path, name), **asked)
    assert import_weights(_joined(tmp_path, name), labels=(name, None), **asked).pair.classes == 3


@pytest.mark.parametrize("name", ["y", "labels", "class_one_hot", "cond", "c", "input.y"])
def test_names_of_labels_are_known(tmp_path: Path, name: str) -> None:
    pair = import_weights(_joined(tmp_path, name), prior="normal:6", sample_range=None).pair
    z, y = np.ones((3, 6), np.float32), np.arange(3)
    want = np.concatenate([z, np.eye(3, dtype="f")], 1) @ W
    assert pair.classes == 3
    np.testing.assert_allclose(pair.generate(z, labels=y), want, rtol=1e-5)


def test_latents_that_are_whole_numbers_are_refused(tmp_path: Path) -> None:
    nodes = [node("Cast", ["z"], ["c"], to=FLOAT), node("MatMul", ["c", "w"], ["x"])]
    (tmp_path / "g.onnx").write_bytes(file(nodes, {"z": (INT, ["n", 9])}, ["x"], {"w": W}))
    with pytest.raises(InputError, match="takes latents 'z' as whole numbers"):
        import_weights(tmp_path / "g.onnx", prior="normal:9", sample_range=None)


@pytest.mark.parametrize("location", ["a\0b", "x" * 300, "y/" * 3000, "~"])
def test_places_of_data_that_no_file_system_takes_are_outside(tmp_path: Path, location: str) -> None:
    model = onnx.load_from_string(file([node("MatMul", ["z", "w"], ["x"])], {"z": (FLOAT, ["n", 9])}, ["x"], {"w": W}))
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = 1
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    (tmp_path / "g.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match="outside its folder"):
        read_onnx(tmp_path / "g.onnx")


def test_an_empty_array_of_immense_shape_is_refused(tmp_path: Path) -> None:
    model = onnx.load_from_string(file([node("MatMul", ["z", "w"], ["x"])], {"z": (FLOAT, ["n", 9])}, ["x"], {"w": W}))
    model.graph.initializer[0].dims[:] = [0, 2**62]
    model.graph.initializer[0].raw_data = b""
    with pytest.raises(InputError, match="'w' has shape"):
        read_onnx(model.SerializeToString())
