"""One operator against ONNX's own evaluator: values, and gradients by central differences in float64."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
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

_QUICK = {"xla_backend_optimization_level": 0}
_STEP = 1e-5  # central differences in float64: truncation 1e-10, rounding 1e-10


def model(
    op: str,
    x: np.ndarray,
    others: Sequence[np.ndarray | None] = (),
    attributes: Mapping[str, Any] | None = None,
    opset: int = 20,
    outputs: int = 1,
    free: bool = False,
) -> bytes:
    """A file with one node; floats are doubles, so that the evaluator is exact. ``free``: all arrays are inputs."""
    names = ["x", *("" if a is None else f"w{i}" for i, a in enumerate(others))]
    results = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(op, names, results, **(attributes or {}))
    given = {"x": x, **{f"w{i}": a for i, a in enumerate(others) if a is not None}}
    inputs = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), [None] * a.ndim)
        for n, a in given.items()
        if free or n == "x"
    ]
    arrays = [] if free else [numpy_helper.from_array(a, n) for n, a in given.items() if n != "x"]
    made = [helper.make_tensor_value_info(r, TensorProto.DOUBLE, None) for r in results]
    graph = helper.make_graph([node], "one", inputs, made, arrays)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)]).SerializeToString()


def check(
    op: str,
    x: np.ndarray,
    others: Sequence[np.ndarray | None] = (),
    attributes: Mapping[str, Any] | None = None,
    opset: int = 20,
    outputs: int = 1,
    gradient: bool = True,
    which: int = 0,
    formula: Callable[..., np.ndarray] | None = None,
) -> None:
    """Values and gradients with respect to the input and the parameters agree, in both stored orders.

    ``formula`` of all arrays stands in for the evaluator where the evaluator is wrong or has single precision alone.
    """
    arrays = {"x": x, **{f"w{i}": a for i, a in enumerate(others) if a is not None}}
    if formula is None:
        whole = model(op, x, others, attributes, opset, outputs, free=True)
        oracle = ReferenceEvaluator(onnx.load_model_from_string(whole))
        reference = lambda changed: np.asarray(oracle.run(None, {**arrays, **changed})[which])
    else:
        reference = lambda changed: formula(*{**arrays, **changed}.values())
    file = read_onnx(model(op, x, others, attributes, opset, outputs))
    graph = dataclasses.replace(file.graph, output=file.graph.nodes[-1].outputs[which])
    expected = reference({})
    if not gradient:
        if x.dtype.kind == "f":
            x = jnp.asarray(x, jnp.float32)
        close(channels_first(run_graph(graph, {"x": x, **file.parameters})), expected)
        return
    free = {"x": jnp.asarray(x, jnp.float32), **{n: jnp.asarray(a) for n, a in file.parameters.items()}}
    rng = np.random.default_rng(0)
    cotangent = rng.standard_normal(expected.shape)

    def ours(free: dict[str, Any], turn: bool) -> Any:
        value = ChannelsLast(jnp.moveaxis(free["x"], 1, -1)) if turn else free["x"]
        return jnp.asarray(channels_first(run_graph(graph, {**free, "x": value})))

    def both(free: dict[str, Any]) -> list[Any]:
        """Values and gradients, in each stored order."""
        found = []
        for turn in (False, True) if x.ndim > 2 else (False,):
            y, pull = jax.vjp(lambda f, turn=turn: ours(f, turn), free)
            found.append((y, pull(jnp.asarray(cotangent, y.dtype))[0]))
        return found

    ways = [{n: rng.standard_normal(a.shape) for n, a in free.items()} for _ in range(2)]
    moved = lambda way, step: reference({n: arrays[n] + step * w for n, w in way.items()})
    along = [np.sum(cotangent * (moved(w, _STEP) - moved(w, -_STEP))) / (2 * _STEP) for w in ways]
    for y, slopes in jax.jit(both, compiler_options=_QUICK)(free):
        close(y, expected)
        for way, slope in zip(ways, along, strict=True):
            terms = [np.asarray(slopes[n], np.float64) * w for n, w in way.items()]
            scale = sum(np.sum(np.abs(t)) for t in terms) + 1e-6
            assert abs(sum(np.sum(t) for t in terms) - slope) <= TOLERANCE * scale


def close(found: Any, expected: np.ndarray) -> None:
    """Equal shape, and equal values relative to the largest."""
    found = np.asarray(found)
    assert found.shape == expected.shape
    if expected.dtype.kind in "biu":
        np.testing.assert_array_equal(found, expected)
    else:
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * (np.abs(expected).max(initial=0) + 1e-12))
