r"""Features of a convolutional net that nobody trained (arXiv 2002.09797): fixed random kernels, any size and channels.

.. math:: h_0 = x \in [-1, 1], \qquad h_i = \mathrm{relu}(c_i * h_{i-1}), \qquad
   f = \big(\mathrm{mean}\,h_1, \dots, \mathrm{mean}\,h_k, \text{means of } h_k \text{ over the four quarters}\big),

with convolutions of stride 2, one for each halving until the longer side is at most 4 pixels, and He-normal kernels
drawn by numpy's generator, so that a seed gives the same net with every version of JAX. Random features rank sets of
very different quality, and hardly see what a refinement gains: they serve as a warning, not for a verdict.

References:
  Reliable Fidelity and Diversity Metrics for Generative Models, arXiv 2002.09797 (section 4.2).
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .. import Architecture, Net, Record, register
from ..convolution import conv

__all__ = ["RandomApply", "WIDTH", "random_kernels", "random_net"]

WIDTH = 64


def random_kernels(shape: tuple[int, ...], seed: int) -> dict[str, np.ndarray]:
    """The kernels of a seed for images ``(H, W, C)``."""
    side, inputs, rng = max(shape[:2]), shape[2], np.random.default_rng(seed)
    kernels: dict[str, np.ndarray] = {}
    while side > 4 or not kernels:
        size = 3 if kernels else 5
        scale = (2.0 / (size * size * inputs)) ** 0.5
        kernel = scale * rng.standard_normal((size, size, inputs, WIDTH))
        kernels[f"conv{len(kernels)}.kernel"] = kernel.astype(np.float32)
        side, inputs = (side + 1) // 2, WIDTH
    return kernels


@dataclasses.dataclass(frozen=True)
class RandomApply:
    """``(params, x) -> (batch, dim)``; ``x`` in ``sample_range``."""

    sample_range: tuple[float, float] = (0.0, 255.0)

    def __call__(self, params: Any, x: Array) -> Array:
        """Features ``(batch, dim)`` of images ``(batch, H, W, C)``."""
        low, high = self.sample_range
        h, found = (2.0 * x - (low + high)) / (high - low), []
        for i in range(len(params)):
            kernel = params[f"conv{i}.kernel"]
            h = jax.nn.relu(conv(h, kernel, 2, kernel.shape[0] // 2))
            found.append(jnp.mean(h, axis=(1, 2)))
        for rows in jnp.array_split(h, min(2, h.shape[1]), axis=1):
            found += [jnp.mean(q, axis=(1, 2)) for q in jnp.array_split(rows, min(2, h.shape[2]), axis=2)]
        return jnp.concatenate(found, axis=-1)


def random_net(params: dict[str, Array], shape: tuple[int, ...], sample_range: tuple[float, float]) -> Net:
    """A differentiable net on floats in ``sample_range``, rebuilt by checkpoints."""
    config = Record(input_shape=list(shape), sample_range=list(sample_range))
    return Net(params, RandomApply(sample_range), Architecture("benchmarks/random", config))


@register("benchmarks/random")
def _template(config: Record) -> tuple[RandomApply, Any]:
    rows, columns, channels = config["input_shape"]
    low, high = config["sample_range"]
    shapes = {
        k: jax.ShapeDtypeStruct(v.shape, v.dtype) for k, v in random_kernels((rows, columns, channels), 0).items()
    }
    return RandomApply((low, high)), shapes
