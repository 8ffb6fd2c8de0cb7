"""Which arrays and which layers of a Keras file make the net: by name, and only where the file's words bear it out."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from checkpoints.foreign.tensors import read_foreign
from checkpoints.weight_import import import_weights
from pairs import InputError

h5py = pytest.importorskip("h5py")
DRAW = np.random.default_rng(0)
KERNELS = {"a": DRAW.normal(size=(3, 4)).astype("f"), "b": DRAW.normal(size=(4, 2)).astype("f")}


def _layer(kind: str, name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": {"name": name, **config}}


CHAIN = [
    _layer("InputLayer", "z", batch_input_shape=[None, 3]),
    _layer("Dense", "a", units=4, use_bias=False),
    _layer("Dense", "b", units=2, use_bias=False),
]


def _functional(outputs: Any, inputs: Any = (("z", 0, 0),)) -> dict[str, Any]:
    layers, before = [], None
    for layer in CHAIN:
        name = layer["config"]["name"]
        layers.append({**layer, "name": name, "inbound_nodes": [] if before is None else [[[before, 0, 0, {}]]]})
        before = name
    config = {"layers": layers, "input_layers": inputs, "output_layers": outputs}
    return {"class_name": "Functional", "config": config}


def _read(path: Path, model: dict[str, Any], arrays: dict[str, dict[str, np.ndarray]]) -> Any:
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(model)
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in arrays]
        for name, held in arrays.items():
            inner = group.create_group(name)
            inner.attrs["weight_names"] = [f"{name}/{n}:0".encode() for n in held]
            for n, array in held.items():
                inner.create_dataset(f"{name}/{n}:0", data=array)
    return read_foreign(path)


def _kernels() -> dict[str, dict[str, np.ndarray]]:
    return {name: {"kernel": array} for name, array in KERNELS.items()}


@pytest.mark.parametrize("outputs", [[["a", 0, 0]], [["b", 0, 0], ["a", 0, 0]], ["a", 0, 0], {"score": ["a", 0, 0]}])
def test_a_model_whose_output_is_not_the_last_layer_is_refused(tmp_path: Path, outputs: Any) -> None:
    with pytest.raises(InputError, match="its output is not the chain's last layer"):
        _read(tmp_path / "m.h5", _functional(outputs), _kernels())


@pytest.mark.parametrize("outputs", [[["b", 0, 0]], ["b", 0, 0]])
def test_a_chain_is_read_in_both_forms_in_which_its_output_is_written(tmp_path: Path, outputs: Any) -> None:
    found = _read(tmp_path / "m.h5", _functional(outputs), _kernels())
    np.testing.assert_array_equal(found.tensors["b.weight"], KERNELS["b"].T)
    with pytest.raises(InputError, match="its input is not the chain's first layer"):
        _read(tmp_path / "m.h5", _functional(outputs, [["z", 0, 0], ["y", 0, 0]]), _kernels())


def test_arrays_go_where_their_names_say_whatever_their_order(tmp_path: Path) -> None:
    held = {n: DRAW.uniform(0.5, 1.5, 3).astype("f") for n in ("moving_variance", "beta", "moving_mean", "gamma")}
    model = {"class_name": "Sequential", "config": {"layers": [CHAIN[0], _layer("BatchNormalization", "n")]}}
    found = _read(tmp_path / "m.h5", model, {"n": held}).tensors
    for ours, theirs in dict(weight="gamma", bias="beta", running_mean="moving_mean").items():
        np.testing.assert_array_equal(found[f"n.{ours}"], held[theirs])
    np.testing.assert_array_equal(found["n.running_var"], held["moving_variance"])


@pytest.mark.parametrize("where", [{"module": "my.layers"}, {"registered_name": "my>Dense"}])
def test_a_class_of_another_package_is_not_taken_for_kerass(tmp_path: Path, where: dict[str, str]) -> None:
    model = {"class_name": "Sequential", "config": {"layers": [CHAIN[0], {**CHAIN[1], **where}]}}
    with pytest.raises(InputError, match=r"'a' is a Dense of my.*, not of Keras"):
        _read(tmp_path / "m.h5", model, {"a": {"kernel": KERNELS["a"]}})
    known = {**CHAIN[1], "module": "keras.layers", "registered_name": None}
    model = {"class_name": "Sequential", "config": {"layers": [CHAIN[0], known]}}
    assert "a.weight" in _read(tmp_path / "m.h5", model, {"a": {"kernel": KERNELS["a"]}}).tensors


def _nested() -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Two models in a row, whose layers have one name and one shape."""
    dense = _layer("Dense", "dense", units=3, activation="tanh", use_bias=False)
    inner = lambda name: {"class_name": "Sequential", "config": {"name": name, "layers": [CHAIN[0], dense]}}
    arrays = {name: DRAW.normal(size=(3, 3)).astype("f") for name in ("enc", "dec")}
    return {"class_name": "Sequential", "config": {"layers": [CHAIN[0], *map(inner, arrays)]}}, arrays


def _same_chain(path: Path, arrays: dict[str, np.ndarray]) -> None:
    pair = import_weights(path, prior="normal:3", sample_range=None).pair
    z = DRAW.normal(size=(4, 3)).astype("f")
    np.testing.assert_allclose(pair.generate(z), np.tanh(np.tanh(z @ arrays["enc"]) @ arrays["dec"]), atol=1e-6)


def test_models_inside_a_model_may_use_one_name_twice_in_hdf5(tmp_path: Path) -> None:
    model, arrays = _nested()
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(model)
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [b"enc", b"dec"]
        for name, array in arrays.items():
            inner = group.create_group(name)
            inner.attrs["weight_names"] = [b"dense/kernel:0"]
            inner.create_dataset("dense/kernel:0", data=array)
    _same_chain(tmp_path / "m.h5", arrays)


def test_models_inside_a_model_may_use_one_name_twice_in_archives(tmp_path: Path) -> None:
    model, arrays = _nested()
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for place, array in zip(("sequential", "sequential_1"), arrays.values(), strict=True):
            file.create_dataset(f"layers/{place}/layers/dense/vars/0", data=array)
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(model))
        archive.writestr("model.weights.h5", buffer.getvalue())
    _same_chain(tmp_path / "m.keras", arrays)


@pytest.mark.parametrize("name", [None, ["a"], {"a": 1}, 3])
def test_names_that_are_no_text_are_refused(tmp_path: Path, name: Any) -> None:
    model = {"class_name": "Sequential", "config": {"layers": [CHAIN[0], _layer("Dense", name, units=4)]}}
    with pytest.raises(InputError, match="a layer has no proper name"):
        _read(tmp_path / "m.h5", model, _kernels())


@pytest.mark.parametrize("layer", [{}, [], None, {"class_name": "Dense", "config": 3}])
def test_layers_of_no_form_are_refused_in_archives_too(tmp_path: Path, layer: Any) -> None:
    model = _functional([["b", 0, 0]])
    model["config"]["layers"][0] = layer
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(model))
        archive.writestr("model.weights.h5", b"")
    with pytest.raises(InputError, match="its input is not the chain's first layer|unknown form"):
        read_foreign(tmp_path / "m.keras")
