r"""Small convolutional classifiers whose penultimate layer serves as a feature space.

Two architectures, so that settings tuned on one can be judged on the other. With
:math:`c_k^s` a ``k x k`` convolution of stride ``s``:

* ``a``: :math:`c_5^2(32), c_3^2(64), c_3^2(64)`, dense 128, SiLU throughout (smooth, so
  that distances in feature space have derivatives of every order);
* ``b``: :math:`c_3(24)`, mean pool, :math:`c_3(48)`, mean pool, :math:`c_3^2(64)`, dense 96, leaky ReLU(0.2).

Features are taken after the nonlinearity of the dense layer. Distances between their
distributions are named after the net ("FD, fashion-mnist-classifier-a features"): they are
not the Inception FID and must not be compared with it.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array

from .. import Architecture, InputError, Net, Record, register
from ..convolution import conv

__all__ = ["Arch", "DIMENSIONS", "ClassifierApply", "Output", "init", "classifier_net"]

Arch = Literal["a", "b"]
Output = Literal["features", "logits", "layers"]
DIMENSIONS: dict[str, int] = {"a": 128, "b": 96}
"""Features of each architecture."""

_LAYERS: dict[str, tuple[tuple[int, int, int, bool], ...]] = {  # kernel, outputs, stride, pool after it
    "a": ((5, 32, 2, False), (3, 64, 2, False), (3, 64, 2, False)),
    "b": ((3, 24, 1, True), (3, 48, 1, True), (3, 64, 2, False)),
}


def init(key: Array, arch: str, input_shape: tuple[int, ...], classes: int) -> dict[str, Array]:
    """He-normal kernels, zero biases; ``input_shape`` is ``(H, W, C)``."""
    rows, columns, inputs = input_shape
    params: dict[str, Array] = {}

    def add(name: str, i: int, shape: tuple[int, ...]) -> None:
        fan_in = 1
        for d in shape[:-1]:
            fan_in *= d
        params[f"{name}.kernel"] = (2.0 / fan_in) ** 0.5 * jax.random.normal(jax.random.fold_in(key, i), shape)
        params[f"{name}.bias"] = jnp.zeros(shape[-1:])

    for i, (kernel, outputs, stride, pool) in enumerate(_LAYERS[arch]):
        add(f"conv{i}", i, (kernel, kernel, inputs, outputs))
        rows, columns, inputs = (rows + stride - 1) // stride, (columns + stride - 1) // stride, outputs
        rows, columns = (rows // 2, columns // 2) if pool else (rows, columns)
    add("dense", 10, (rows * columns * inputs, DIMENSIONS[arch]))
    add("head", 11, (DIMENSIONS[arch], classes))
    return params


@dataclasses.dataclass(frozen=True)
class ClassifierApply:
    """``(params, x) -> (batch, dim)`` features, or ``(batch, classes)`` logits; ``x`` in ``sample_range``.

    ``layers`` are the last maps, flattened, and after them the features.
    Each sample alone decides its output: there is no normalisation across the batch.
    """

    arch: str
    sample_range: tuple[float, float] = (0.0, 1.0)
    output: Output = "features"

    def __call__(self, params: Any, x: Array) -> Array:
        """Features or logits of images, ``(batch, H, W, C) -> (batch, d)``."""
        low, high = self.sample_range
        h = (2.0 * x - (low + high)) / (high - low)
        act = jax.nn.silu if self.arch == "a" else lambda v: jax.nn.leaky_relu(v, 0.2)
        for i, (kernel, _, stride, pool) in enumerate(_LAYERS[self.arch]):
            h = act(conv(h, params[f"conv{i}.kernel"], stride, kernel // 2) + params[f"conv{i}.bias"])
            h = _mean_pool(h) if pool else h
        maps = h.reshape(h.shape[0], -1)
        h = act(maps @ params["dense.kernel"] + params["dense.bias"])
        if self.output == "layers":
            return jnp.concatenate([maps, h], axis=1)
        return h if self.output == "features" else h @ params["head.kernel"] + params["head.bias"]


def _mean_pool(x: Array) -> Array:
    rows, columns = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
    x = x[:, :rows, :columns]
    x = x.reshape(x.shape[0], rows // 2, 2, columns // 2, 2, x.shape[3])
    return jnp.mean(x, axis=(2, 4))


def classifier_net(
    params: dict[str, Array],
    arch: str,
    input_shape: tuple[int, ...],
    sample_range: tuple[float, float],
    output: Output = "features",
) -> Net:
    """A differentiable :class:`pairs.Net` on float samples in ``sample_range``, rebuilt by checkpoints."""
    config = Record(
        arch=arch,
        input_shape=list(input_shape),
        sample_range=list(sample_range),
        output=output,
        classes=int(params["head.bias"].shape[0]),
    )
    return Net(params, ClassifierApply(arch, sample_range, output), Architecture("benchmarks/classifier", config))


@register("benchmarks/classifier")
def _template(config: Record) -> tuple[ClassifierApply, Any]:
    if config["arch"] not in DIMENSIONS:
        raise InputError("arch", f"is {config['arch']!r}", f"use one of {', '.join(DIMENSIONS)}")
    low, high = config["sample_range"]
    shape = jax.eval_shape(
        lambda k: init(k, config["arch"], tuple(config["input_shape"]), config["classes"]), jax.random.key(0)
    )
    return ClassifierApply(config["arch"], (low, high), config["output"]), shape
