r"""A small convolutional net for images of any size: one convolution of stride 2 for each halving, then dense layers.

.. math:: h_0 = x \in [-1, 1], \qquad h_i = \mathrm{silu}(c_i * h_{i-1}), \qquad
   f = \mathrm{silu}(W\,\mathrm{vec}\,h_k), \qquad \text{head} = V f,

with k the number of halvings after which the longer side is at most 4 pixels. Width doubles once, from 32 to 64
channels. Each image alone decides its features: there is no normalisation across a batch.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
from jax import Array

from .. import Architecture, InputError, Net, Record, register
from ..convolution import conv

__all__ = ["DIM", "StridedApply", "init", "strided_net"]

DIM = 128
"""Features."""

Output = Literal["features", "head", "layers"]


def _convolutions(shape: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """``(kernel, inputs, outputs)`` of each convolution."""
    side, layers, inputs = max(shape[:2]), [], shape[2]
    while side > 4:
        layers.append((3, inputs, 64) if layers else (5, inputs, 32))
        side, inputs = (side + 1) // 2, layers[-1][2]
    return layers


def init(key: Array, shape: tuple[int, ...], head: int) -> dict[str, Array]:
    """He-normal kernels, zero biases.

    Args:
      key: decides the numbers.
      shape: ``(H, W, C)`` of an image.
      head: outputs of the head.
    """
    params: dict[str, Array] = {}

    def add(name: str, kernel: tuple[int, ...]) -> None:
        fan_in = 1
        for d in kernel[:-1]:
            fan_in *= d
        key_here = jax.random.fold_in(key, len(params))
        params[f"{name}.kernel"] = (2.0 / fan_in) ** 0.5 * jax.random.normal(key_here, kernel)
        params[f"{name}.bias"] = jnp.zeros(kernel[-1:])

    rows, columns, channels = shape
    for i, (size, inputs, outputs) in enumerate(_convolutions(shape)):
        add(f"conv{i}", (size, size, inputs, outputs))
        rows, columns, channels = (rows + 1) // 2, (columns + 1) // 2, outputs
    add("dense", (rows * columns * channels, DIM))
    add("head", (DIM, head))
    return params


@dataclasses.dataclass(frozen=True)
class StridedApply:
    """``(params, x) -> (batch, DIM)`` features, or the head's outputs; ``x`` in ``sample_range``.

    ``layers`` are the last maps, flattened, and after them the features.
    """

    sample_range: tuple[float, float] = (0.0, 255.0)
    output: Output = "features"

    def __call__(self, params: Any, x: Array) -> Array:
        """Features or outputs of the head for images ``(batch, H, W, C)``."""
        low, high = self.sample_range
        h = (2.0 * x - (low + high)) / (high - low)
        for i in range(sum(name.startswith("conv") for name in params) // 2):
            kernel = params[f"conv{i}.kernel"]
            h = jax.nn.silu(conv(h, kernel, 2, kernel.shape[0] // 2) + params[f"conv{i}.bias"])
        maps = h.reshape(h.shape[0], -1)
        h = jax.nn.silu(maps @ params["dense.kernel"] + params["dense.bias"])
        if self.output == "layers":
            return jnp.concatenate([maps, h], axis=1)
        return h if self.output == "features" else h @ params["head.kernel"] + params["head.bias"]


def strided_net(
    params: dict[str, Array],
    shape: tuple[int, ...],
    sample_range: tuple[float, float],
    output: Output = "features",
) -> Net:
    """A differentiable :class:`pairs.Net` on floats in ``sample_range``, rebuilt by checkpoints."""
    config = Record(
        input_shape=list(shape),
        sample_range=list(sample_range),
        output=output,
        head=int(params["head.bias"].shape[0]),
    )
    return Net(params, StridedApply(sample_range, output), Architecture("benchmarks/strided", config))


@register("benchmarks/strided")
def _template(config: Record) -> tuple[StridedApply, Any]:
    if config["output"] not in get_args(Output):
        raise InputError("output", f"is {config['output']!r}", f"use one of {', '.join(get_args(Output))}")
    rows, columns, channels = config["input_shape"]
    low, high = config["sample_range"]
    shapes = jax.eval_shape(lambda k: init(k, (rows, columns, channels), config["head"]), jax.random.key(0))
    return StridedApply((low, high), config["output"]), shapes
