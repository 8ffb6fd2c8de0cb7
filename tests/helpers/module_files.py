"""Whole PyTorch modules and Keras models as files, written without PyTorch and Keras."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.studies.sound_formats import Call, torch_zip_bytes

_PLACES = {
    "Linear": "linear",
    "Sequential": "container",
    "Embedding": "sparse",
    "Conv2d": "conv",
    "BatchNorm1d": "batchnorm",
    "Flatten": "flatten",
}


def module(kind: str, tensors: Mapping[str, np.ndarray] | None = None, /, **settings: Any) -> Call:
    """A module of PyTorch, or of another class where ``kind`` has a dot; ``children`` are its modules."""
    children = settings.pop("children", {})
    tensors = {} if tensors is None else dict(tensors)
    buffers = {n: tensors.pop(n) for n in list(tensors) if n.startswith("running")}
    where = kind if "." in kind else f"torch.nn.modules.{_PLACES.get(kind, 'activation')}.{kind}"
    parts = {"_parameters": tensors, "_buffers": buffers, "_modules": children}
    return Call(where, state={"training": False, **parts, **settings})


def linear(weight: np.ndarray, bias: np.ndarray | None = None) -> Call:
    """A dense layer."""
    tensors = {"weight": weight.astype(np.float32), **({} if bias is None else {"bias": bias.astype(np.float32)})}
    return module("Linear", tensors, in_features=weight.shape[1], out_features=weight.shape[0])


def sequential(*children: Call) -> Call:
    """The modules one after the other."""
    return module("Sequential", children={str(i): child for i, child in enumerate(children)})


def leaky() -> Call:
    """LeakyReLU with slope 0.2."""
    return module("LeakyReLU", negative_slope=0.2, inplace=False)


def embedding(table: np.ndarray) -> Call:
    """One row per class."""
    plain = dict(num_embeddings=len(table), embedding_dim=table.shape[1], max_norm=None)
    return module("Embedding", {"weight": table.astype(np.float32)}, **plain)


def saved(value: Call | Mapping[str, Any]) -> bytes:
    """The file that ``torch.save`` writes."""
    return torch_zip_bytes(value)


def keras(weights: list[tuple[np.ndarray, np.ndarray]], last: str = "linear") -> bytes:
    """A Keras file of dense layers with LeakyReLU(0.2) between them."""
    import h5py

    buffer, layers = io.BytesIO(), []
    with h5py.File(buffer, "w") as file:
        group = file.create_group("model_weights")
        for i, (kernel, bias) in enumerate(weights):
            end = last if i == len(weights) - 1 else "linear"
            config = {"name": f"dense_{i}", "units": kernel.shape[1], "activation": end, "use_bias": True}
            layers.append({"class_name": "Dense", "config": config})
            if i < len(weights) - 1:
                layers.append({"class_name": "LeakyReLU", "config": {"name": f"leaky_{i}", "alpha": 0.2}})
            inner = group.create_group(f"dense_{i}")
            inner.attrs["weight_names"] = [f"dense_{i}/kernel:0".encode(), f"dense_{i}/bias:0".encode()]
            inner.create_dataset(f"dense_{i}/kernel:0", data=kernel.astype(np.float32))
            inner.create_dataset(f"dense_{i}/bias:0", data=bias.astype(np.float32))
        layers[0]["config"]["batch_input_shape"] = [None, weights[0][0].shape[0]]
        group.attrs["layer_names"] = [layer["config"]["name"].encode() for layer in layers if "Dense" in str(layer)]
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"layers": layers}})
        file.attrs["keras_version"] = "2.7.0"
    return buffer.getvalue()
