"""One operator against ONNX's own evaluator: values, and gradients by central differences in float64."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from checkpoints.foreign.onnx import read_onnx
from pairs.graph import run_graph
from pairs.graph.layout import ChannelsLast, channels_first

TOLERANCE = 1e-5
"""Relative to the largest number: float32 rounding of sums of at most some hundred terms is ten times below it."""

_STEP = 1e-5  # central differences in float64: truncation 1e-10, rounding 1e-10


def model(
    op: str,
    x: np.ndarray,
    others: Sequence[np.ndarray | None] = (),
    attributes: Mapping[str, Any] | None = None,
    opset: int = 20,
    outputs: int = 1,
) -> bytes:
    """A file with one node; floats are doubles, so that the evaluator is exact."""
    names = ["x", *("" if a is None else f"w{i}" for i, a in enumerate(others))]
    results = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(op, names, results, **(attributes or {}))
    arrays = [numpy_helper.from_array(a, f"w{i}") for i, a in enumerate(others) if a is not None]
    kind = helper.np_dtype_to_tensor_dtype(x.dtype)
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("x", kind, [None] * x.ndim)],
        [helper.make_tensor_value_info(r, TensorProto.DOUBLE, None) for r in results],
        arrays,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    return made.SerializeToString()


def check(
    op: str,
    x: np.ndarray,
    others: Sequence[np.ndarray | None] = (),
    attributes: Mapping[str, Any] | None = None,
    opset: int = 20,
    outputs: int = 1,
    gradient: bool = True,
    which: int = 0,
) -> None:
    """Values and gradients with respect to the input and the parameters agree, in both stored orders."""
    data = model(op, x, others, attributes, opset, outputs)
    oracle = ReferenceEvaluator(onnx.load_model_from_string(data))
    file = read_onnx(data)
    graph = file.graph if not which else _other_output(file, which)
    reference = lambda value: np.asarray(oracle.run(None, {"x": value})[which])
    expected = reference(x)
    params = {n: jnp.asarray(a) for n, a in file.parameters.items()}
    for turn in (False, True) if x.ndim > 2 and x.dtype.kind == "f" else (False,):

        def ours(value: Any, params: Any, turn: bool = turn) -> Any:
            value = ChannelsLast(jnp.moveaxis(value, 1, -1)) if turn else value
            return jnp.asarray(channels_first(run_graph(graph, {"x": value, **params})))

        if not gradient:
            close(ours(jnp.asarray(x), params), expected)
            continue
        y, pull = jax.vjp(ours, jnp.asarray(x, jnp.float32), params)
        close(y, expected)
        rng = np.random.default_rng(0)
        cotangent = rng.standard_normal(expected.shape)
        slope, slopes = pull(jnp.asarray(cotangent, y.dtype))
        for _ in range(3):
            way = rng.standard_normal(x.shape)
            along = np.sum(cotangent * (reference(x + _STEP * way) - reference(x - _STEP * way))) / (2 * _STEP)
            scale = np.sum(np.abs(np.asarray(slope, np.float64) * way)) + 1e-6
            assert abs(np.sum(np.asarray(slope, np.float64) * way) - along) <= TOLERANCE * scale
        for name, found in slopes.items():
            way = rng.standard_normal(found.shape)
            along = sum(s * np.sum(cotangent * _moved(data, name, s * _STEP * way, x, which)) for s in (1, -1))
            scale = np.sum(np.abs(np.asarray(found, np.float64) * way)) + 1e-6
            assert abs(np.sum(np.asarray(found, np.float64) * way) - along / (2 * _STEP)) <= TOLERANCE * scale


def close(found: Any, expected: np.ndarray) -> None:
    """Equal shape, and equal values relative to the largest."""
    found = np.asarray(found)
    assert found.shape == expected.shape
    if expected.dtype.kind in "biu":
        np.testing.assert_array_equal(found, expected)
    else:
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * (np.abs(expected).max(initial=0) + 1e-12))


def _other_output(file: Any, which: int) -> Any:
    import dataclasses

    return dataclasses.replace(file.graph, output=file.graph.nodes[-1].outputs[which])


def _moved(data: bytes, name: str, step: np.ndarray, x: np.ndarray, which: int) -> np.ndarray:
    """The evaluator's result with one initialiser changed."""
    changed = onnx.load_model_from_string(data)
    for tensor in changed.graph.initializer:
        if tensor.name == name:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) + step, name))
    return np.asarray(ReferenceEvaluator(changed).run(None, {"x": x})[which])
