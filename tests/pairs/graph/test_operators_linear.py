"""Products and convolutions have the values and gradients of ONNX's evaluator, in all their settings."""

from __future__ import annotations

import numpy as np
import pytest

oracle = pytest.importorskip("graph_oracle", reason="needs the package onnx")
check = oracle.check

_RNG = np.random.default_rng(1)


def _normal(*shape: int) -> np.ndarray:
    return _RNG.standard_normal(shape)


@pytest.mark.parametrize("shape", [((3, 4), (4, 5)), ((2, 3, 4), (4, 5)), ((2, 3, 4, 5), (3, 5, 2)), ((2, 4), (4,))])
def test_matmul(shape: tuple) -> None:
    check("MatMul", _normal(*shape[0]), [_normal(*shape[1])])


@pytest.mark.parametrize(
    "attributes", [{}, {"transB": 1}, {"transA": 1, "alpha": 0.5, "beta": 2.0}, {"transA": 1, "transB": 1}]
)
def test_gemm(attributes: dict) -> None:
    a = _normal(4, 3) if attributes.get("transA") else _normal(3, 4)
    b = _normal(5, 4) if attributes.get("transB") else _normal(4, 5)
    check("Gemm", a, [b, _normal(5)], attributes)
    check("Gemm", a, [b], attributes)


def test_einsum() -> None:
    check("Einsum", _normal(2, 3, 4), [_normal(2, 4, 5)], {"equation": "bij,bjk->bik"})


CONVOLUTIONS = [
    ((2, 3, 8, 7), (4, 3, 3, 3), {}),
    ((2, 3, 8, 8), (4, 3, 4, 4), {"strides": [2, 2], "pads": [1, 1, 1, 1], "kernel_shape": [4, 4]}),
    ((2, 3, 8, 7), (4, 3, 3, 2), {"strides": [2, 2], "pads": [0, 1, 2, 0]}),
    ((2, 3, 8, 7), (4, 3, 3, 2), {"strides": [1, 2], "dilations": [2, 1]}),
    ((2, 4, 8, 8), (6, 2, 3, 3), {"group": 2, "pads": [1, 1, 1, 1]}),
    ((2, 4, 8, 8), (4, 1, 3, 3), {"group": 4}),
    ((2, 3, 7, 8), (4, 3, 4, 4), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    ((2, 3, 7, 8), (4, 3, 4, 4), {"auto_pad": "SAME_LOWER"}),
    ((2, 3, 7, 8), (4, 3, 4, 4), {"auto_pad": "VALID"}),
    ((2, 3, 9), (4, 3, 3), {"strides": [2], "pads": [1, 0]}),
    ((2, 3, 9), (4, 3, 3), {"dilations": [2]}),
    ((1, 2, 5, 4, 4), (3, 2, 2, 2, 2), {"pads": [1, 0, 0, 0, 1, 0]}),
]


@pytest.mark.parametrize(("x", "w", "attributes"), CONVOLUTIONS)
def test_conv(x: tuple, w: tuple, attributes: dict) -> None:
    check("Conv", _normal(*x), [_normal(*w), _normal(w[0])], attributes)


def test_conv_without_bias() -> None:
    check("Conv", _normal(2, 3, 5, 5), [_normal(4, 3, 3, 3)])


TRANSPOSED = [
    ((2, 3, 4, 5), (3, 4, 3, 3), {}),
    ((2, 3, 4, 4), (3, 4, 4, 4), {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ((2, 3, 4, 4), (3, 4, 3, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}),
    ((2, 3, 4, 4), (3, 4, 3, 2), {"strides": [2, 2], "pads": [0, 1, 2, 0], "output_padding": [1, 0]}),
    ((2, 3, 4, 4), (3, 4, 3, 3), {"strides": [3, 2], "dilations": [2, 1], "output_padding": [2, 1]}),
    ((2, 3, 4, 4), (3, 4, 3, 3), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    ((2, 3, 4, 4), (3, 4, 3, 3), {"auto_pad": "SAME_LOWER", "strides": [2, 2]}),
    ((2, 3, 5), (3, 4, 4), {"strides": [2], "pads": [1, 1]}),
    ((2, 3, 5), (3, 4, 3), {"strides": [2], "output_padding": [1]}),
]


@pytest.mark.parametrize(("x", "w", "attributes"), TRANSPOSED)
def test_conv_transpose(x: tuple, w: tuple, attributes: dict) -> None:
    check("ConvTranspose", _normal(*x), [_normal(*w), _normal(w[1])], attributes)


def _scattered(
    x: np.ndarray, w: np.ndarray, bias: np.ndarray, stride: int, pads: tuple, size: tuple, group: int
) -> np.ndarray:
    """Every input pixel adds its kernel to the output; the pads are cut off."""
    count, out = x.shape[1] // group, w.shape[1]
    whole = np.zeros((x.shape[0], out * group, 40, 40))
    for c in range(x.shape[1]):
        first = c // count * out
        for i, j in np.ndindex(*x.shape[2:]):
            patch = x[:, c, i, j][:, None, None, None] * w[c]
            rows, cols = slice(i * stride, i * stride + w.shape[2]), slice(j * stride, j * stride + w.shape[3])
            whole[:, first : first + out, rows, cols] += patch
    cut = whole[:, :, pads[0] : pads[0] + size[0], pads[1] : pads[1] + size[1]]
    return cut + bias[:, None, None]


def test_conv_transpose_in_groups() -> None:
    x, w, bias = _normal(2, 4, 4, 4), _normal(4, 3, 3, 3), _normal(6)
    formula = lambda x, w, b: _scattered(x, w, b, 2, (1, 0), (7, 9), 2)
    check("ConvTranspose", x, [w, bias], {"group": 2, "strides": [2, 2], "pads": [1, 0, 1, 0]}, formula=formula)
    formula = lambda x, w, b: _scattered(x, w, b, 1, (0, 0), (6, 6), 4)
    check("ConvTranspose", x, [_normal(4, 1, 3, 3), _normal(4)], {"group": 4}, formula=formula)


@pytest.mark.parametrize(("auto", "begin"), [("NOTSET", 1), ("SAME_UPPER", 0)])
def test_conv_transpose_to_an_output_shape(auto: str, begin: int) -> None:
    """One of the 9 rows and columns is cut off, at the end for SAME_UPPER and at the beginning otherwise."""
    attributes = {"strides": [2, 2], "output_shape": [8, 8], "auto_pad": auto}
    formula = lambda x, w, b: _scattered(x, w, b, 2, (begin, begin), (8, 8), 1)
    check("ConvTranspose", _normal(2, 3, 4, 4), [_normal(3, 4, 3, 3), _normal(4)], attributes, formula=formula)
