"""Which arrays and which layers of a Keras file make the net: by name, and only where the file's words bear it out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from checkpoints.foreign.tensors import read_foreign
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
