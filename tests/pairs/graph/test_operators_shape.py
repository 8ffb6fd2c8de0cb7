"""Operators of shape and position have the values and gradients of ONNX's evaluator, in old and new forms."""

from __future__ import annotations

import numpy as np
import pytest

oracle = pytest.importorskip("graph_oracle", reason="needs the package onnx")
check = oracle.check

X = np.random.default_rng(4).standard_normal((2, 4, 3, 5))


def _ints(*values: int) -> np.ndarray:
    return np.asarray(values, np.int64)


@pytest.mark.parametrize(("to", "dtype"), [(1, np.float32), (7, np.int64), (9, np.bool_), (6, np.int32)])
def test_cast(to: int, dtype: type) -> None:
    check("Cast", np.asarray([0.0, 1.0, -3.0, 2.5]), attributes={"to": to}, gradient=False)


def test_cast_of_floats_has_a_gradient() -> None:
    check("Cast", X, attributes={"to": 11})
    check("CastLike", X, [np.ones(2)])


@pytest.mark.parametrize("shape", [(2, -1), (0, 0, 15), (2, 4, -1), (2, 4, 5, 3), (4, 2, 15), (-1,), (2, 4, 15, 1)])
def test_reshape(shape: tuple[int, ...]) -> None:
    check("Reshape", X, [_ints(*shape)])


def test_reshape_to_channels_alone() -> None:
    check("Reshape", X[:, :, :1, :1], [_ints(0, -1)])


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_flatten(axis: int) -> None:
    check("Flatten", X, attributes={"axis": axis})


def test_squeeze_and_unsqueeze_in_both_forms() -> None:
    flat = X[:, :, :1, :1]
    check("Squeeze", flat, [_ints(2, -1)], opset=13)
    check("Squeeze", flat, attributes={"axes": [3]}, opset=11)
    check("Squeeze", flat, opset=13)
    check("Unsqueeze", X, [_ints(0, -1)], opset=13)
    check("Unsqueeze", X[:, :, 0], attributes={"axes": [2]}, opset=11)


@pytest.mark.parametrize("perm", [[0, 2, 3, 1], [0, 3, 1, 2], [1, 0, 3, 2], None])
def test_transpose(perm: list[int] | None) -> None:
    check("Transpose", X, attributes={} if perm is None else {"perm": perm})


@pytest.mark.parametrize("axis", [0, 1, 3, -2])
def test_concat(axis: int) -> None:
    check("Concat", X, [np.ones_like(X), X], {"axis": axis})


def test_expand_and_tile() -> None:
    check("Expand", X[:, :, :1], [_ints(2, 1, 3, 1)])
    check("Expand", X, [_ints(3, 1, 1, 1, 1)])
    check("Tile", X, [_ints(1, 2, 1, 3)])


@pytest.mark.parametrize(("start", "end"), [(0, None), (1, None), (0, -1), (-2, 4)])
def test_shape(start: int, end: int | None) -> None:
    check("Shape", X, attributes={"start": start, **({} if end is None else {"end": end})}, gradient=False)


def test_size_and_constants_of_a_shape() -> None:
    check("Size", X, gradient=False)
    value = oracle.numpy_helper.from_array(np.asarray([3], np.int64))
    check("ConstantOfShape", _ints(2, 3), attributes={"value": value}, gradient=False)
    check("ConstantOfShape", _ints(2, 3), gradient=False)


def test_range() -> None:
    check("Range", np.asarray(1, np.int64), [np.asarray(9), np.asarray(3)], gradient=False)


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_to_space(mode: str) -> None:
    check("DepthToSpace", np.arange(96.0).reshape(1, 8, 3, 4), attributes={"blocksize": 2, "mode": mode})


def test_space_to_depth() -> None:
    check("SpaceToDepth", np.arange(48.0).reshape(1, 2, 4, 6), attributes={"blocksize": 2})


def test_gather() -> None:
    check("Gather", X, [_ints(1, 0, -1)], {"axis": 1})
    check("Gather", X, [np.asarray(1)], {"axis": 2})
    check("Gather", X, [np.asarray([[0, 1], [2, 1]])], {"axis": -2})
    check("Gather", _ints(3, 5, 7), [_ints(2)], gradient=False)


@pytest.mark.parametrize("axis", [-1, 0])
def test_one_hot(axis: int) -> None:
    check("OneHot", _ints(0, 2, 1, -1), [np.asarray(3), np.asarray([0.5, 2.0])], {"axis": axis}, gradient=False)


@pytest.mark.parametrize(
    "window",
    [
        (_ints(1), _ints(3), _ints(1)),
        (_ints(0, -3), _ints(2**63 - 1, -1), _ints(2, 3)),
        (_ints(-1), _ints(-(2**63)), _ints(3), _ints(-1)),
        (_ints(0, 1), _ints(1, 3), _ints(0, 1), _ints(1, 2)),
    ],
)
def test_slice(window: tuple) -> None:
    check("Slice", X, window)


def test_slice_from_the_first_axes() -> None:
    check("Slice", X, [_ints(0, 1), _ints(2, 3)])


@pytest.mark.parametrize("which", [0, 1])
def test_split_in_all_its_forms(which: int) -> None:
    check("Split", X, [_ints(1, 3)], {"axis": 1}, 13, 2, which=which)
    check("Split", X, attributes={"axis": 1, "split": [1, 3]}, opset=11, outputs=2, which=which, gradient=True)
    check("Split", X, attributes={"axis": -1, "num_outputs": 2}, opset=18, outputs=2, which=which)
    check("Split", X, attributes={"axis": 1}, opset=13, outputs=2, which=which)


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "wrap"])
def test_pad(mode: str) -> None:
    check("Pad", X, [_ints(0, 0, 1, 2, 0, 0, 2, 1)], {"mode": mode}, 19)
    check("Pad", X, [_ints(1, 2), None, _ints(-1)], {"mode": mode}, 19)


def test_pad_with_a_value_and_a_cut() -> None:
    check("Pad", X, [_ints(0, 1, 0, 0, 0, 0, 1, 0), np.asarray(0.7)])
    check("Pad", X, [_ints(0, 0, -1, 0, 0, 0, 0, -2)], opset=11, formula=lambda x, pads: x[:, :, 1:, :-2])


def test_dropout_does_nothing() -> None:
    check("Dropout", X, opset=13)
    check("Dropout", X, [np.asarray(0.5), np.asarray(False)], opset=13)
    check("Dropout", X, attributes={"ratio": 0.3}, opset=11)
