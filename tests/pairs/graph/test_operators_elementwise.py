"""Every elementwise operator has the values and gradients of ONNX's evaluator."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import erf

oracle = pytest.importorskip("graph_oracle", reason="needs the package onnx")
check = oracle.check

_RNG = np.random.default_rng(0)
X = 2 * _RNG.standard_normal((2, 3, 4, 5))
POSITIVE = np.abs(X) + 0.1
SMOOTH = [
    "Atan",
    "Cos",
    "Exp",
    "HardSwish",
    "Identity",
    "Mish",
    "Neg",
    "Sigmoid",
    "Sin",
    "Softplus",
    "Softsign",
    "Tanh",
]


@pytest.mark.parametrize("op", [*SMOOTH, "Abs", "Relu", "Reciprocal"])
def test_functions_of_one_array(op: str) -> None:
    check(op, X, opset=22)


@pytest.mark.parametrize("op", ["Log", "Sqrt"])
def test_functions_of_positive_numbers(op: str) -> None:
    check(op, POSITIVE)


@pytest.mark.parametrize("op", ["Ceil", "Floor", "Round", "Sign"])
def test_steps_have_gradient_zero(op: str) -> None:
    check(op, X)


@pytest.mark.parametrize(
    ("op", "attributes", "opset"),
    [
        ("Celu", {"alpha": 0.7}, 20),
        ("Elu", {}, 20),
        ("Elu", {"alpha": 0.5}, 11),
        ("Gelu", {"approximate": "tanh"}, 20),
        ("HardSigmoid", {}, 20),
        ("HardSigmoid", {"alpha": 0.3, "beta": 0.4}, 20),
        ("LeakyRelu", {}, 20),
        ("LeakyRelu", {"alpha": 0.2}, 11),
        ("Selu", {}, 20),
        ("Selu", {"alpha": 1.5, "gamma": 1.1}, 20),
        ("Swish", {}, 24),
        ("Swish", {"alpha": 1.5}, 24),
        ("ThresholdedRelu", {"alpha": 0.5}, 20),
    ],
)
def test_activations_with_settings(op: str, attributes: dict, opset: int) -> None:
    check(op, X, attributes=attributes, opset=opset)


def test_erf_and_gelu_in_double_precision() -> None:
    check("Erf", X, formula=erf)
    check("Gelu", X, formula=lambda x: 0.5 * x * (1 + erf(x / np.sqrt(2))))


_SHAPES = [(3, 1, 1), (2, 3, 4, 5), (5,), (1, 3, 1, 1)]


@pytest.mark.parametrize(
    ("op", "shape"),
    [
        *(("Mul", shape) for shape in _SHAPES),
        ("Add", (3, 1, 1)),
        ("Sub", (5,)),
        ("Div", (1, 3, 1, 1)),
        ("PRelu", (3, 1, 1)),
    ],
)
def test_two_arrays_broadcast_in_both_orders(op: str, shape: tuple[int, ...]) -> None:
    check(op, X, [_RNG.standard_normal(shape) + np.sign(_RNG.standard_normal(shape))])


def test_a_larger_number_of_axes_on_the_other_side() -> None:
    check("Mul", X[0], [_RNG.standard_normal((2, 3, 4, 5))])


@pytest.mark.parametrize("op", ["Sum", "Mean", "Max", "Min"])
def test_three_arrays(op: str) -> None:
    check(op, X, [_RNG.standard_normal((3, 1, 1)), _RNG.standard_normal((4, 5))])


@pytest.mark.parametrize("exponent", [2.0, 3.0, -1.0, 0.0])
def test_whole_powers_of_negative_numbers(exponent: float) -> None:
    check("Pow", X, [np.asarray(exponent)])


@pytest.mark.parametrize("exponent", [np.asarray(0.5), np.asarray([-0.5]), _RNG.standard_normal((3, 1, 1))])
def test_powers_of_positive_numbers(exponent: np.ndarray) -> None:
    check("Pow", POSITIVE, [exponent])


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (None, 0.5), (-0.5, None)])
def test_clip(low: float | None, high: float | None) -> None:
    check("Clip", X, [None if v is None else np.asarray(v) for v in (low, high)])


@pytest.mark.parametrize("op", ["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"])
def test_comparisons(op: str) -> None:
    whole = np.arange(6.0).reshape(1, 2, 3)
    check(op, whole, [np.full((1,), 2.0)], gradient=False)


@pytest.mark.parametrize("op", ["And", "Or", "Xor"])
def test_logic(op: str) -> None:
    check(op, np.asarray([True, True, False, False]), [np.asarray([True, False, True, False])], gradient=False)


def test_not() -> None:
    check("Not", np.asarray([True, False]), gradient=False)


@pytest.mark.parametrize(("op", "attributes"), [("Div", {}), ("Mod", {}), ("Mod", {"fmod": 1})])
def test_whole_numbers(op: str, attributes: dict) -> None:
    check(op, np.asarray([7, 9, 4], np.int32), [np.asarray([2, 4, 5], np.int32)], attributes, gradient=False)


def test_where() -> None:
    values = [oracle.helper.make_tensor_value_info(n, k, None) for n, k in (("c", 9), ("x", 1), ("y", 1))]
    out = [oracle.helper.make_tensor_value_info("z", 1, None)]
    graph = oracle.helper.make_graph([oracle.helper.make_node("Where", ["c", "x", "y"], ["z"])], "where", values, out)
    made = oracle.helper.make_model(graph, opset_imports=[oracle.helper.make_opsetid("", 18)])
    inputs = {"c": X > 0, "x": X.astype(np.float32), "y": np.ones((5,), np.float32)}
    (expected,) = oracle.ReferenceEvaluator(made).run(None, inputs)
    np.testing.assert_array_equal(oracle.run_graph(oracle.read_onnx(made.SerializeToString()).graph, inputs), expected)
