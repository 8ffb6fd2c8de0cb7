"""Keras files against numpy references written from Keras's definitions of its layers."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.studies.sound_formats import zipped
from checkpoints.conversion import convert_tensors
from checkpoints.foreign.keras_layers import flat_layers, translate
from checkpoints.foreign.limits import Refused
from checkpoints.foreign.tensors import read_foreign
from pairs import InputError
from pairs.sequential.layers import LAYERS
from pairs.sequential.spec import parse_layers, sequential_net

_DRAW = np.random.default_rng(0)


def _layer(kind: str, name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": {"name": name, **config}}


def _model(shape: tuple[int, ...], *layers: dict[str, Any]) -> dict[str, Any]:
    first = _layer("InputLayer", "input", batch_input_shape=[None, *shape])
    return {"class_name": "Sequential", "config": {"name": "s", "layers": [first, *layers]}}


def _run(model: dict[str, Any], arrays: dict[str, list[np.ndarray]], x: np.ndarray) -> np.ndarray:
    tensors, layers, shape = translate(flat_layers(model), arrays)
    parsed = parse_layers(layers)
    made = convert_tensors(tensors, parsed, shape)
    bare = [type(layer)(**{**layer.__dict__, "name": None}) for layer in parsed]
    return np.asarray(sequential_net(bare, getattr(made, "params", made), shape)(x))


def _floats(*shape: int) -> np.ndarray:
    return _DRAW.normal(size=shape).astype(np.float32)


def _pads(n: int, kernel: int, stride: int) -> tuple[int, int]:
    total = max((math.ceil(n / stride) - 1) * stride + kernel - n, 0)
    return total // 2, total - total // 2


def _conv_same(x: np.ndarray, w: np.ndarray, stride: int) -> np.ndarray:
    (_, h, v, _), (kh, kw, _, out) = x.shape, w.shape
    x = np.pad(x, ((0, 0), _pads(h, kh, stride), _pads(v, kw, stride), (0, 0)))
    y = np.zeros((len(x), math.ceil(h / stride), math.ceil(v / stride), out))
    for i in range(y.shape[1]):
        for j in range(y.shape[2]):
            y[:, i, j] = np.einsum("nabc,abco->no", x[:, i * stride : i * stride + kh, j * stride : j * stride + kw], w)
    return y


def _transposed_same(x: np.ndarray, w: np.ndarray, stride: int) -> np.ndarray:
    """The gradient of a 'same' convolution: every input adds its kernel, then the pads are cut off."""
    (n, h, v, _), (kh, kw, out, _) = x.shape, w.shape
    full = np.zeros((n, h * stride + kh, v * stride + kw, out))
    for i in range(h):
        for j in range(v):
            full[:, i * stride : i * stride + kh, j * stride : j * stride + kw] += np.einsum(
                "nc,aboc->nabo", x[:, i, j], w
            )
    (top, _), (left, _) = _pads(h * stride, kh, stride), _pads(v * stride, kw, stride)
    return full[:, top : top + h * stride, left : left + v * stride]


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [3, 4, 5])
@pytest.mark.parametrize("kind", ["Conv2D", "Conv2DTranspose"])
def test_same_padding_gives_what_keras_defines(kind: str, kernel: int, stride: int) -> None:
    transposed = kind == "Conv2DTranspose"
    x, w, b = _floats(2, 6, 7, 3), _floats(kernel, kernel, *((4, 3) if transposed else (3, 4))), _floats(4)
    config: dict[str, Any] = {"filters": 4, "kernel_size": [kernel] * 2, "strides": [stride] * 2, "padding": "same"}
    config |= {"output_padding": None} if transposed else {}
    model = _model((6, 7, 3), _layer(kind, "c", **config))
    layers = translate(flat_layers(model), {"c": [w, b]})[1]
    if layers[0].get("padding") == "same" and "groups" not in LAYERS["conv"].__dataclass_fields__:
        pytest.skip("the layer list has no padding that differs at both ends")
    want = (_transposed_same if transposed else _conv_same)(x, w, stride) + b
    np.testing.assert_allclose(_run(model, {"c": [w, b]}, x), want, atol=2e-5)  # sums of 75 float32 products


def test_batch_norm_has_keras_epsilon_and_may_lack_scale_and_centre() -> None:
    x, (gamma, beta, mean), var = _floats(5, 3), _floats(3, 3), _floats(3) ** 2 * 1e-3
    full = _model((3,), _layer("BatchNormalization", "b", axis=[1], epsilon=1e-3))
    want = (x - mean) / np.sqrt(var + 1e-3)
    np.testing.assert_allclose(
        _run(full, {"b": [gamma, beta, mean, var]}, x), want * gamma + beta, rtol=2e-5, atol=2e-4
    )
    bare = _model((3,), _layer("BatchNormalization", "b", scale=False, center=False, epsilon=1e-3))
    np.testing.assert_allclose(_run(bare, {"b": [mean, var]}, x), want, rtol=2e-5, atol=2e-4)


def test_flat_vectors_have_their_channels_last() -> None:
    x, w, b = _floats(4, 2, 3, 5), _floats(30, 6), _floats(6)
    model = _model((2, 3, 5), _layer("Flatten", "f"), _layer("Dense", "d", units=6))
    np.testing.assert_allclose(_run(model, {"d": [w, b]}, x), x.reshape(4, -1) @ w + b, atol=2e-5)
    z, w2, stats = _floats(4, 7), _floats(7, 30), [_floats(30), _floats(30), _floats(30), _floats(30) ** 2]
    norm = _layer("BatchNormalization", "n", epsilon=1e-3)
    dense = _layer("Dense", "d", units=30, use_bias=False)
    model = _model(
        (7,), dense, norm, _layer("LeakyReLU", "l", alpha=0.3), _layer("Reshape", "r", target_shape=[2, 3, 5])
    )
    h = (z @ w2 - stats[2]) / np.sqrt(stats[3] + 1e-3) * stats[0] + stats[1]
    want = np.where(h > 0, h, 0.3 * h).reshape(4, 2, 3, 5)
    np.testing.assert_allclose(_run(model, {"d": [w2], "n": stats}, z), want, rtol=1e-4, atol=1e-4)
    with pytest.raises(Refused, match="no dense layer before"):
        translate(flat_layers(_model((30,), _layer("Reshape", "r", target_shape=[2, 3, 5]))), {})


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (_layer("Lambda", "l", function="code"), "runs code of its own"),
        (_layer("LSTM", "l"), "is a LSTM"),
        (_layer("Dense", "l", units=3, activation="softmax"), "activation 'softmax'"),
        (_layer("Dense", "l", units=9), "has arrays of shapes"),
        (_layer("Conv2D", "l", filters=1, kernel_size=[1, 1]), "do not fit its input"),
        (_layer("BatchNormalization", "l", axis=[0]), "another axis"),
        (_layer("Dense", "l", units=3, data_format="channels_first"), "channels first"),
    ],
)
def test_layers_without_counterpart_are_refused_by_name(layer: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        translate(flat_layers(_model((4,), layer)), {"l": [_floats(4, 3), _floats(3)]})


def test_a_model_with_branches_or_code_is_refused() -> None:
    inner = [_layer("InputLayer", "a", batch_shape=[None, 3]), _layer("Dense", "b"), _layer("Dense", "c")]
    inner[1]["inbound_nodes"] = inner[2]["inbound_nodes"] = [[["a", 0, 0, {}]]]
    with pytest.raises(Refused, match="'c' does not follow the one before it"):
        flat_layers({"class_name": "Functional", "config": {"layers": inner}})
    with pytest.raises(Refused, match="not a Sequential one"):
        flat_layers({"class_name": "my.Model", "config": {}})


def _write(folder: Path, fill: Any) -> Path:
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "a.h5", "w") as file:
        fill(h5py, file)
    return folder / "a.h5"


def test_hdf5_files_that_point_elsewhere_are_refused(tmp_path: Path) -> None:
    def weights(file: Any) -> Any:
        file.attrs["model_config"] = json.dumps(_model((3,), _layer("Dense", "d", units=2)))
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [b"d"]
        group.create_group("d").attrs["weight_names"] = [b"d/kernel:0", b"d/bias:0"]
        group.create_dataset("d/d/bias:0", data=np.zeros(2, np.float32))
        return group

    def external(h5py: Any, file: Any) -> None:
        weights(file)["d/d/kernel:0"] = h5py.ExternalLink("other.h5", "/secret")

    def stored_elsewhere(h5py: Any, file: Any) -> None:
        weights(file).create_dataset("d/d/kernel:0", (3, 2), "f4", external=[("/etc/hostname", 0, 24)])

    def missing(h5py: Any, file: Any) -> None:
        weights(file)

    def only_weights(h5py: Any, file: Any) -> None:
        file.create_dataset("x", data=np.zeros(2))

    cases = ((external, "link to somewhere"), (stored_elsewhere, "another file"), (missing, "missing"))
    for fill, words in (*cases, (only_weights, "without the model; save the whole model")):
        with pytest.raises(InputError, match=words):
            read_foreign(_write(tmp_path, fill))


def test_archives_of_keras_3_number_their_layers_by_class_and_nest(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    inside = {"class_name": "Sequential", "config": {"name": "q", "layers": [_layer("Dense", "second", units=2)]}}
    model = _model((3,), _layer("Dense", "first", units=4), inside)
    buffer, arrays = io.BytesIO(), [_floats(3, 4), _floats(4), _floats(4, 2), _floats(2)]
    with h5py.File(buffer, "w") as file:
        for place, array in zip(
            ("dense/vars/0", "dense/vars/1", "sequential/layers/dense/vars/0"), arrays, strict=False
        ):
            file.create_dataset(f"layers/{place}", data=array)
        file.create_dataset("layers/sequential/layers/dense/vars/1", data=arrays[3])
    content = {"config.json": json.dumps(model).encode(), "model.weights.h5": buffer.getvalue()}
    (tmp_path / "a.keras").write_bytes(zipped(content))
    found = read_foreign(tmp_path / "a.keras")
    np.testing.assert_array_equal(found.tensors["second.weight"], arrays[2].T)
    assert [layer["layer"] for layer in found.layers or ()] == ["dense", "dense"]


def test_a_strangers_model_computes_what_its_arrays_say(data_root: Path) -> None:
    h5py = pytest.importorskip("h5py")
    for net, slope in (("generator", 0.2), ("discriminator", 0.2)):
        path = data_root / "pairs" / "sine-2d-keras" / f"{net}.h5"
        with h5py.File(path) as file:
            weights = file["model_weights"]
            names = [n for n in weights.attrs["layer_names"] if "dense" in n]
            pairs = [(np.asarray(weights[n][n]["kernel:0"]), np.asarray(weights[n][n]["bias:0"])) for n in names]
        x = _floats(50, 2)
        want = x.astype(np.float64)
        for i, (kernel, bias) in enumerate(pairs):
            want = want @ kernel + bias
            want = want if i == len(pairs) - 1 else np.where(want > 0, want, slope * want)
        found = read_foreign(path)
        layers = [layer for layer in found.layers or () if layer["layer"] != "sigmoid"]  # the logit before it
        assert len(found.layers or ()) - len(layers) == (net == "discriminator")
        parsed = parse_layers(layers)
        made = convert_tensors(found.tensors, parsed, (2,))
        bare = [type(layer)(**{**layer.__dict__, "name": None}) for layer in parsed]
        ours = np.asarray(sequential_net(bare, getattr(made, "params", made), (2,))(x))
        np.testing.assert_allclose(ours, want, rtol=1e-4, atol=1e-4 * np.abs(want).max())
