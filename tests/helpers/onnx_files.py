"""Small ONNX files: a convolutional generator and critic, with labels or without, and single nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

Shape = Sequence[int | str | None]


def file(
    nodes: Sequence[Any],
    inputs: Mapping[str, tuple[int, Shape]],
    outputs: Sequence[str],
    arrays: Mapping[str, np.ndarray] | None = None,
    opset: int = 18,
) -> bytes:
    """Bytes of a file with the given nodes."""
    graph = helper.make_graph(
        list(nodes),
        "net",
        [helper.make_tensor_value_info(n, kind, shape) for n, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs],
        [numpy_helper.from_array(a, n) for n, a in (arrays or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)]).SerializeToString()


def generator(
    last: str = "Tanh", labels: str | None = None, batch: int | str = "batch", flat: bool = False, channels: int = 1
) -> bytes:
    """Latents (6,) to images (channels, 6, 6); labels as ``"number"`` or ``"one_hot"`` of 5 classes."""
    rng = np.random.default_rng(0)
    weight = lambda *shape: (rng.normal(size=shape) / shape[0] ** 0.5).astype(np.float32)
    size = 6 if labels is None else 9
    arrays = {
        "w": weight(size, 36),
        "k": weight(4, channels, 4, 4),
        "c": weight(channels),
        "shape": np.asarray([-1 if isinstance(batch, str) else batch, 4, 3, 3], np.int64),
    }
    nodes, inputs = [], {"z": (TensorProto.FLOAT, [batch, 6])}
    if labels is not None:
        arrays["table"] = weight(5, 3)
        one_hot = labels == "one_hot"
        inputs["y"] = (TensorProto.FLOAT, [batch, 5]) if one_hot else (TensorProto.INT64, [batch])
        node = ("MatMul", ["y", "table"]) if one_hot else ("Gather", ["table", "y"])
        nodes += [helper.make_node(*node, ["e"]), helper.make_node("Concat", ["z", "e"], ["ze"], axis=1)]
    nodes += [
        helper.make_node("MatMul", ["z" if labels is None else "ze", "w"], ["h"]),
        helper.make_node("Reshape", ["h", "shape"], ["i"]),
        helper.make_node("Relu", ["i"], ["r"]),
        helper.make_node("ConvTranspose", ["r", "k", "c"], ["t"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node(last, ["t"], ["x"]),
    ]
    if flat:
        nodes.append(helper.make_node("Flatten", ["x"], ["f"]))
    return file(nodes, inputs, ["f" if flat else "x"], arrays)


def critic(last: str | None = None, labels: bool = False, flat: bool = False, channels: int = 1) -> bytes:
    """Images to one score; ``flat`` takes them as vectors."""
    rng = np.random.default_rng(1)
    weight = lambda *shape: (rng.normal(size=shape) / shape[0] ** 0.5).astype(np.float32)
    arrays = {"k": weight(4, channels, 4, 4), "w": weight(36, 1), "b": weight(1)}
    shape: Shape = ["batch", channels * 36] if flat else ["batch", channels, 6, 6]
    inputs, nodes, start = {"x": (TensorProto.FLOAT, shape)}, [], "x"
    if flat:
        arrays["shape"], start = np.asarray([-1, channels, 6, 6], np.int64), "i"
        nodes.append(helper.make_node("Reshape", ["x", "shape"], ["i"]))
    nodes += [
        helper.make_node("Conv", [start, "k"], ["h"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("LeakyRelu", ["h"], ["r"], alpha=0.2),
        helper.make_node("Flatten", ["r"], ["f"]),
        helper.make_node("Gemm", ["f", "w", "b"], ["s"]),
    ]
    score = "s"
    if labels:
        arrays["table"] = weight(5, 1)
        inputs["y"] = (TensorProto.INT64, ["batch"])
        nodes += [helper.make_node("Gather", ["table", "y"], ["e"]), helper.make_node("Add", ["s", "e"], ["p"])]
        score = "p"
    if last is not None:
        nodes.append(helper.make_node(last, [score], ["q"]))
    return file(nodes, inputs, ["q" if last else score], arrays)
