"""Drawn weights for Inception under their published names: nets can be compared without the published weights."""

from __future__ import annotations

import math

import numpy as np

from ..features.inception import kernel_shapes

__all__ = ["drawn_inception"]


def drawn_inception(seed: int = 0) -> dict[str, np.ndarray]:
    """Tensors in PyTorch's layout, scaled so that no layer grows or fades; without the counters of BatchNorm."""
    rng = np.random.default_rng(seed)
    normal = lambda *shape: rng.standard_normal(shape, np.float32)
    tensors = {}
    for name, (height, width, inputs, outputs) in kernel_shapes().items():
        scale = np.float32(math.sqrt(2 / (height * width * inputs)))
        tensors[f"{name}.conv.weight"] = normal(outputs, inputs, height, width) * scale
        tensors[f"{name}.bn.weight"] = rng.uniform(0.8, 1.2, outputs).astype(np.float32)
        tensors[f"{name}.bn.bias"] = normal(outputs) * np.float32(0.05)
        tensors[f"{name}.bn.running_mean"] = normal(outputs) * np.float32(0.1)
        tensors[f"{name}.bn.running_var"] = rng.uniform(0.5, 1.5, outputs).astype(np.float32)
    tensors["fc.weight"] = normal(1008, 2048) * np.float32(0.02)
    return tensors
