"""Normalisations, reductions and softmax have the values and gradients of ONNX's evaluator."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from checkpoints.foreign.onnx import read_onnx
from pairs import InputError
from pairs.graph import run_graph

oracle = pytest.importorskip("graph_oracle", reason="needs the package onnx")
check, close, model = oracle.check, oracle.close, oracle.model

_RNG = np.random.default_rng(2)
X = _RNG.standard_normal((2, 4, 3, 5)) + 0.3


def _normal(*shape: int) -> np.ndarray:
    return _RNG.standard_normal(shape)


@pytest.mark.parametrize("x", [X, X[:, :, 0], X[:, :, 0, 0]])
def test_batch_norm_uses_the_stored_statistics(x: np.ndarray) -> None:
    others = [_normal(4), _normal(4), _normal(4), np.abs(_normal(4)) + 0.1]
    check("BatchNormalization", x, others, {"epsilon": 1e-3}, 15)
    column = lambda a: a.reshape(1, 4, *(1,) * (x.ndim - 2))
    formula = lambda x, g, b, m, v: column(g) * (x - column(m)) / np.sqrt(column(v) + 1e-3) + column(b)
    check("BatchNormalization", x, others, {"epsilon": 1e-3}, 11, formula=formula)


def test_batch_norm_in_training_mode_is_refused() -> None:
    others = [np.ones(4)] * 4
    graph = read_onnx(model("BatchNormalization", X, others, {"training_mode": 1})).graph
    with pytest.raises(InputError, match="training mode.*model.eval"):
        run_graph(graph, {"x": X.astype(np.float32), **{f"w{i}": np.ones(4, np.float32) for i in range(4)}})


def test_instance_norm() -> None:
    check("InstanceNormalization", X, [_normal(4), _normal(4)], {"epsilon": 1e-3})


@pytest.mark.parametrize(("opset", "size"), [(18, 2), (21, 4)])
def test_group_norm_has_a_scale_per_group_and_later_per_channel(opset: int, size: int) -> None:
    def formula(x: np.ndarray, scale: np.ndarray, bias: np.ndarray) -> np.ndarray:
        parts = x.reshape(2, 2, 30)
        y = (parts - parts.mean(2, keepdims=True)) / np.sqrt(parts.var(2, keepdims=True) + 1e-5)
        wide = lambda a: np.repeat(a, 4 // size).reshape(1, 4, 1, 1)
        return y.reshape(x.shape) * wide(scale) + wide(bias)

    check("GroupNormalization", X, [_normal(size), _normal(size)], {"num_groups": 2}, opset, formula=formula)


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_layer_norm(axis: int) -> None:
    shape = X.shape[axis:]
    check("LayerNormalization", X, [_normal(*shape), _normal(*shape)], {"axis": axis})
    check("LayerNormalization", X, [_normal(*shape)], {"axis": axis, "epsilon": 1e-2})


@pytest.mark.parametrize("axis", [1, -1])
def test_rms_norm(axis: int) -> None:
    check("RMSNormalization", X, [_normal(*X.shape[axis:])], {"axis": axis}, 23)


def test_lp_norm() -> None:
    check("LpNormalization", X, attributes={"axis": 1, "p": 2}, opset=22)
    formula = lambda x: x / np.abs(x).sum(-1, keepdims=True)
    check("LpNormalization", X, attributes={"p": 1}, opset=22, formula=formula)


def test_norms_of_zero_are_zero_with_gradient_zero() -> None:
    for op in ("ReduceL2", "LpNormalization"):
        graph = read_onnx(model(op, X)).graph
        total = lambda x, graph=graph: jnp.sum(run_graph(graph, {"x": x}))
        value, slope = jax.jit(jax.value_and_grad(total))(jnp.zeros((2, 3)))
        assert value == 0 and not np.any(np.isnan(slope))


REDUCTIONS = [
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
]


_AXES = [([1], 1), ([2, 3], 0), ([-1, 1], 0), (None, 1)]


@pytest.mark.parametrize(("i", "op"), list(enumerate(REDUCTIONS)))
def test_reductions(i: int, op: str) -> None:
    """Axes as an input; the choices go round, so that every operator sees two of the four."""
    for axes, keepdims in (_AXES[i % 4], _AXES[(i + 1) % 4]):
        others = [] if axes is None else [np.asarray(axes, np.int64)]
        check(op, X, others, {"keepdims": keepdims}, 18)


@pytest.mark.parametrize("op", ["ReduceSum", "ReduceMean"])
def test_reductions_with_axes_as_a_setting(op: str) -> None:
    check(op, X, attributes={"axes": [2, 3], "keepdims": 0}, opset=11)


def test_log_sum() -> None:
    check("ReduceLogSum", np.abs(X) + 0.1, [np.asarray([1])], opset=18)


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
def test_softmax(op: str) -> None:
    check(op, X, attributes={"axis": 1}, opset=13)
    check(op, X, opset=13)


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
def test_softmax_of_old_operator_sets_runs_over_all_later_axes(op: str) -> None:
    file = read_onnx(model(op, X, opset=11))
    found = np.asarray(run_graph(file.graph, {"x": X.astype(np.float32)}))
    flat = X.reshape(2, -1)
    expected = flat - np.log(np.exp(flat).sum(1, keepdims=True))
    close(found, (expected if op == "LogSoftmax" else np.exp(expected)).reshape(X.shape))
