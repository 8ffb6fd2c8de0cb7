"""A small sound ONNX file for the fuzzer; it needs the package onnx."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

__all__ = ["ONNX"]


def _generator() -> bytes:
    """Latents (6,) and a label to images (1, 6, 6)."""
    onnx: Any = importlib.import_module("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    draw = np.random.default_rng(0)
    floats = lambda *shape: draw.normal(size=shape).astype(np.float32)
    arrays = {"w": floats(9, 18), "k": floats(2, 1, 4, 4), "table": floats(5, 3), "shape": np.asarray([-1, 2, 3, 3])}
    nodes = [
        helper.make_node("Gather", ["table", "y"], ["e"]),
        helper.make_node("Concat", ["z", "e"], ["ze"], axis=1),
        helper.make_node("MatMul", ["ze", "w"], ["h"]),
        helper.make_node("Reshape", ["h", "shape"], ["i"]),
        helper.make_node("LeakyRelu", ["i"], ["r"], alpha=0.2),
        helper.make_node("ConvTranspose", ["r", "k"], ["t"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Tanh", ["t"], ["x"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [
            helper.make_tensor_value_info("z", kinds.FLOAT, ["n", 6]),
            helper.make_tensor_value_info("y", kinds.INT64, ["n"]),
        ],
        [helper.make_tensor_value_info("x", kinds.FLOAT, None)],
        [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]).SerializeToString()


ONNX = {"generator.onnx": _generator}
"""Makers of ONNX files by file name."""
