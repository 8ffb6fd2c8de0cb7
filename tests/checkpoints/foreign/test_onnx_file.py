"""What an ONNX file may hold, and in which words everything else is refused."""

from __future__ import annotations

import hashlib
import importlib
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from checkpoints.foreign.onnx import read_onnx
from pairs import InputError
from pairs.graph import run_graph

onnx = pytest.importorskip("onnx")
TensorProto, helper, numpy_helper = onnx.TensorProto, onnx.helper, onnx.numpy_helper

_INPUT = {"x": (TensorProto.FLOAT, ["batch", 2])}


def _model(
    *nodes: Any, arrays: dict | None = None, opset: int = 18, domain: str | None = None, changed: Any = None
) -> bytes:
    """A file of these nodes, from ``x`` to ``y``; ``changed`` may alter the model before it is written."""
    graph = helper.make_graph(
        list(nodes),
        "net",
        [helper.make_tensor_value_info(n, k, s) for n, (k, s) in _INPUT.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(a, n) for n, a in (arrays or {}).items()],
    )
    sets = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    model = helper.make_model(graph, opset_imports=sets)
    if changed is not None:
        changed(model)
    return model.SerializeToString()


def _refusal(data: bytes | Path) -> str:
    with pytest.raises(InputError) as caught:
        read_onnx(data)
    line = str(caught.value)
    assert "\n" not in line and line.isprintable()
    return line


def _node(op: str, *inputs: str, **attributes: Any) -> Any:
    return helper.make_node(op, list(inputs) or ["x"], ["y"], **attributes)


@pytest.mark.parametrize(
    ("op", "words"),
    [
        ("Loop", r"decides while running.*Loop.*without control flow"),
        ("Scan", "decides while running"),
        ("LSTM", "recurrent layers"),
        ("RandomNormalLike", "draws random numbers.*switched off"),
        ("QLinearConv", "is quantised.*QLinearConv.*no useful gradient; give the float model"),
        ("DynamicQuantizeLinear", "is quantised"),
        ("NonZero", "not on the list.*NonZero"),
        ("StringNormalizer", "not on the list"),
    ],
)
def test_operators_are_refused_by_name(op: str, words: str) -> None:
    assert re.search(words, _refusal(_model(_node(op))))


def test_if_is_refused_with_its_branches_unread() -> None:
    branch = helper.make_graph([helper.make_node("Loop", ["x"], ["z"])], "b", [], [])
    assert "decides while running" in _refusal(_model(_node("If", "x", then_branch=branch, else_branch=branch)))


def test_operators_of_other_domains_are_refused() -> None:
    node = helper.make_node("FusedConv", ["x"], ["y"], domain="com.example")
    assert "other domains than ai.onnx (com.example.FusedConv)" in _refusal(_model(node, domain="com.example"))


def test_a_name_with_an_escape_sequence_reaches_the_terminal_escaped() -> None:
    assert "Bad\\x1b[2J" in _refusal(_model(_node("Bad\x1b[2J")))
    assert "\\x1b" in _refusal(_model(_node("Relu", "no\x1bwhere")))


@pytest.mark.parametrize("opset", [9, 10, 99])
def test_operator_sets_out_of_range_are_refused(opset: int) -> None:
    assert f"uses operator set {opset}; 11 to" in _refusal(_model(_node("Relu"), opset=opset))


def test_settings_that_are_not_known_are_refused() -> None:
    assert "graph.Relu: has the setting 'slope'" in _refusal(_model(_node("Relu", slope=0.1)))
    assert "kernel_turned" in _refusal(_model(_node("Conv", "x", "x", kernel_turned=1)))


@pytest.mark.parametrize("data", [b"", b"\x00" * 64, b"not onnx at all", b"\x08\x0a"])
def test_bytes_that_are_no_graph_are_refused(data: bytes) -> None:
    _refusal(data)


def test_every_cut_of_a_file_is_refused_in_one_line_or_reads_as_a_whole() -> None:
    data = _model(_node("MatMul", "x", "w"), arrays={"w": np.ones((2, 3), np.float32)})
    for n in range(0, len(data), 3):
        try:
            read_onnx(data[:n])
        except InputError as error:
            assert "\n" not in str(error)


def test_damaged_files_are_refused_in_one_line_or_read_as_a_whole() -> None:
    """Seeded changes of one to four bytes; whatever is read has passed every check of a graph."""
    rng, data = random.Random(0), _model(_node("MatMul", "x", "w"), arrays={"w": np.ones((2, 3), np.float32)})
    for _ in range(1_500):
        changed = bytearray(data)
        for _ in range(rng.choice([1, 1, 2, 4])):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        try:
            read_onnx(bytes(changed))
        except InputError as error:
            assert "\n" not in str(error) and str(error).isprintable()


def test_sizes_must_match_the_data() -> None:
    def claim(model: Any) -> None:
        model.graph.initializer[0].dims[0] = 10**9

    data = _model(_node("MatMul", "x", "w"), arrays={"w": np.ones((2, 3), np.float32)}, changed=claim)
    assert "has 24 bytes for shape [1000000000, 3]" in _refusal(data)

    def words(model: Any) -> None:
        model.graph.initializer[0].ClearField("raw_data")
        model.graph.initializer[0].float_data.extend([1.0] * 5)

    data = _model(_node("MatMul", "x", "w"), arrays={"w": np.ones((2, 3), np.float32)}, changed=words)
    assert "another number of values" in _refusal(data)


def test_constants_that_would_grow_are_refused_when_the_net_is_run() -> None:
    nodes = [helper.make_node("ConstantOfShape", ["n"], ["c"]), helper.make_node("Add", ["x", "c"], ["y"])]
    file = read_onnx(_model(*nodes, arrays={"n": np.asarray([10**6, 10**6])}))
    with pytest.raises(InputError, match="constant of shape"):
        run_graph(file.graph, {"x": np.ones((1, 2), np.float32)})


def test_functions_and_sparse_tensors_are_refused() -> None:
    def functions(model: Any) -> None:
        model.functions.add().name = "f"

    assert "functions of its own" in _refusal(_model(_node("Relu"), changed=functions))


def _external(model: Any, location: str, length: int = 24, **more: str) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": "0", "length": str(length), **more}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value


def _with_external(path: Path, location: str, length: int = 24, **more: str) -> Path:
    arrays = {"w": np.zeros((2, 3), np.float32)}
    changed = lambda model: _external(model, location, length, **more)
    path.write_bytes(_model(_node("MatMul", "x", "w"), arrays=arrays, changed=changed))
    return path


def test_data_beside_the_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(np.arange(6, dtype=np.float32).tobytes())
    file = read_onnx(_with_external(tmp_path / "a.onnx", "w.bin"))
    np.testing.assert_array_equal(file.parameters["w"], np.arange(6).reshape(2, 3))


def test_data_with_another_checksum_than_the_file_says_are_refused(tmp_path: Path) -> None:
    data = np.arange(6, dtype=np.float32).tobytes()
    (tmp_path / "w.bin").write_bytes(data)
    right = hashlib.sha1(data).hexdigest()
    assert read_onnx(_with_external(tmp_path / "a.onnx", "w.bin", checksum=right)).parameters["w"][1, 2] == 5
    (tmp_path / "w.bin").write_bytes(bytes(24))
    assert "another checksum" in _refusal(_with_external(tmp_path / "a.onnx", "w.bin", checksum=right))


@pytest.mark.parametrize("location", ["../w.bin", "/etc/hostname", "link.bin", "", "sub/../../w.bin"])
def test_data_outside_the_folder_is_refused(tmp_path: Path, location: str) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(24))
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "link.bin").symlink_to(tmp_path / "w.bin")
    assert "outside its folder" in _refusal(_with_external(folder / "a.onnx", location))


def test_data_that_is_missing_or_short_is_refused(tmp_path: Path) -> None:
    assert "which is not there" in _refusal(_with_external(tmp_path / "a.onnx", "w.bin"))
    (tmp_path / "w.bin").write_bytes(bytes(23))
    assert "outside the bytes" in _refusal(_with_external(tmp_path / "a.onnx", "w.bin"))
    (tmp_path / "w.bin").write_bytes(bytes(240))
    assert "outside the bytes" in _refusal(_with_external(tmp_path / "a.onnx", "w.bin", 240))
    assert "keeps 'w' in another file" in _refusal((tmp_path / "a.onnx").read_bytes())


@pytest.mark.parametrize("dtype", [TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE])
@pytest.mark.parametrize("raw", [True, False])
def test_other_precisions_become_float32_and_this_is_said(dtype: int, raw: bool) -> None:
    def swap(model: Any) -> None:
        values = np.asarray([1.5, -2.0, 0.25, 8.0])
        if raw:
            kind = {TensorProto.FLOAT16: np.float16, TensorProto.DOUBLE: np.float64}.get(dtype)
            bits = (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16) if kind is None else values
            data = bits.tobytes() if kind is None else values.astype(kind).tobytes()
            tensor = helper.make_tensor("w", dtype, [2, 2], data, raw=True)
        else:
            tensor = helper.make_tensor("w", dtype, [2, 2], values)
        model.graph.initializer[0].CopyFrom(tensor)

    data = _model(_node("MatMul", "x", "w"), arrays={"w": np.ones((2, 2), np.float32)}, changed=swap)
    file = read_onnx(data)
    assert file.parameters["w"].dtype == np.float32
    np.testing.assert_array_equal(file.parameters["w"], [[1.5, -2.0], [0.25, 8.0]])
    assert any("float32" in note for note in file.notes)


def test_weights_are_parameters_and_sizes_and_single_numbers_are_constants() -> None:
    arrays = {
        "w": np.ones((2, 4), np.float32),
        "half": np.asarray(0.5, np.float32),
        "scales": np.asarray([1, 2], np.float32),
    }
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Mul", ["a", "half"], ["b"]),
        helper.make_node("Resize", ["b", "", "scales"], ["y"]),
    ]
    file = read_onnx(_model(*nodes, arrays=arrays))
    assert set(file.parameters) == {"w"} and set(file.graph.constants) == {"half", "scales"}


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(InputError, match=r"pip install 'ganrefine\[onnx\]'"):
        read_onnx(_model(_node("Relu")))


def test_the_published_quantised_files_are_refused_in_one_line(data_root: Path) -> None:
    for name in ("generator-uint8", "quality-scorer-uint8"):
        line = _refusal(data_root / "pairs" / "mnist-wgan-gp-onnx" / f"{name}.onnx")
        assert "is quantised" in line and "give the float model" in line
