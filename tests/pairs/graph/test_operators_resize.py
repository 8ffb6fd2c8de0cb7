"""Resize and pooling have the values and gradients of ONNX's evaluator."""

from __future__ import annotations

import numpy as np
import pytest

from pairs.graph.operators_resize import interpolation_matrix

oracle = pytest.importorskip("graph_oracle", reason="needs the package onnx")
check = oracle.check

X = np.random.default_rng(3).standard_normal((1, 2, 4, 5))
ROI = np.zeros(0)


def _scales(*values: float) -> list:
    return [ROI, np.asarray(values, np.float32)]


def _sizes(*values: int) -> list:
    return [None, None, np.asarray(values, np.int64)]


@pytest.mark.parametrize("transform", ["asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners"])
@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_resize_by_scales_and_sizes(mode: str, transform: str) -> None:
    attributes = {"mode": mode, "coordinate_transformation_mode": transform}
    if transform in ("asymmetric", "align_corners"):
        check("Resize", X, _scales(1, 1, 2, 2), attributes, 11)
    else:
        check("Resize", X, _sizes(1, 2, 3, 8), attributes, 13)


@pytest.mark.parametrize("rule", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
def test_nearest_rules(rule: str) -> None:
    attributes = {"mode": "nearest", "nearest_mode": rule, "coordinate_transformation_mode": "asymmetric"}
    check("Resize", X, _sizes(1, 2, 6, 3), attributes, 19)


@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_antialiasing_where_the_image_shrinks(mode: str) -> None:
    check("Resize", X, _scales(1, 1, 0.5, 0.6), {"mode": mode, "antialias": 1}, 18)


def test_cubic_settings() -> None:
    check("Resize", X, _scales(1, 1, 1.5, 2), {"mode": "cubic", "cubic_coeff_a": -0.5, "exclude_outside": 1}, 18)


def test_half_pixel_symmetric() -> None:
    attributes = {"mode": "linear", "coordinate_transformation_mode": "half_pixel_symmetric"}
    check("Resize", X, _scales(1, 1, 1.3, 0.7), attributes, 19)


@pytest.mark.parametrize("policy", ["stretch", "not_larger", "not_smaller"])
def test_some_axes_with_a_kept_aspect_ratio(policy: str) -> None:
    attributes = {"mode": "linear", "axes": [2, 3], "keep_aspect_ratio_policy": policy}
    check("Resize", X, [None, None, np.asarray([8, 8])], attributes, 18)


def test_rows_of_the_matrix_sum_to_one() -> None:
    u = np.linspace(-1, 6, 23)
    for mode in ("linear", "cubic"):
        np.testing.assert_allclose(interpolation_matrix(mode, u, 6).sum(1), 1, atol=1e-12)


POOLS = [
    {"kernel_shape": [2, 2], "strides": [2, 2]},
    {"kernel_shape": [3, 2], "strides": [1, 2], "pads": [1, 0, 1, 1]},
    {"kernel_shape": [2, 2], "auto_pad": "SAME_UPPER", "strides": [2, 2]},
    {"kernel_shape": [2, 2], "auto_pad": "SAME_LOWER"},
    {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1},
]


@pytest.mark.parametrize("attributes", POOLS)
def test_max_pool(attributes: dict) -> None:
    check("MaxPool", X, attributes=attributes)


@pytest.mark.parametrize("attributes", [*POOLS, {**POOLS[1], "count_include_pad": 1}])
def test_average_pool(attributes: dict) -> None:
    check("AveragePool", X, attributes=attributes)


def test_average_pool_with_ceil_and_counted_pads() -> None:
    attributes = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "ceil_mode": 1}
    check("AveragePool", X, attributes={**attributes, "count_include_pad": 1})


@pytest.mark.parametrize("op", ["AveragePool", "MaxPool"])
def test_dilated_pools(op: str) -> None:
    check(op, X, attributes={"kernel_shape": [2, 2], "dilations": [2, 2]}, opset=22)


@pytest.mark.parametrize("op", ["GlobalAveragePool", "GlobalMaxPool"])
def test_global_pools(op: str) -> None:
    check(op, X)


def test_pool_over_one_axis() -> None:
    check("MaxPool", X[:, :, 0], attributes={"kernel_shape": [2], "strides": [2]})
