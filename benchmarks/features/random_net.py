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
import hashlib
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from pairs import Architecture, InputError, Net, Record, register
from pairs.layers import conv

from .bundle import Features

__all__ = ["RandomApply", "RandomFeatures", "random_features"]

WIDTH = 64


def _kernels(shape: tuple[int, int, int], seed: int) -> dict[str, np.ndarray]:
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
        low, high = self.sample_range
        h, found = (2.0 * x - (low + high)) / (high - low), []
        for i in range(len(params)):
            kernel = params[f"conv{i}.kernel"]
            h = jax.nn.relu(conv(h, kernel, 2, kernel.shape[0] // 2))
            found.append(jnp.mean(h, axis=(1, 2)))
        for rows in jnp.array_split(h, min(2, h.shape[1]), axis=1):
            found += [jnp.mean(q, axis=(1, 2)) for q in jnp.array_split(rows, min(2, h.shape[2]), axis=2)]
        return jnp.concatenate(found, axis=-1)


@dataclasses.dataclass(frozen=True, eq=False)
class RandomFeatures(Features):
    """:class:`Features` without training: no classes, and no reference but the real images at hand."""

    def logits(self, x: ArrayLike) -> np.ndarray:
        raise InputError("features", f"{self.name} knows no classes", "take a classifier for an inception score")

    def _apply_for(self, output: Any) -> Callable[[Any, Array], Array]:
        return RandomApply()

    def as_net(self, sample_range: tuple[float, float], output: Literal["features", "logits"] = "features") -> Net:
        if output != "features":
            raise InputError("output", f"is {output!r}, and {self.name} knows no classes", "ask for features")
        config = Record(input_shape=list(self.input_shape), sample_range=list(sample_range))
        return Net(self.params, RandomApply(sample_range), Architecture("benchmarks/random", config))


def random_features(shape: tuple[int, ...], seed: int = 0) -> RandomFeatures:
    """Random features for images ``(H, W, C)``.

    Args:
      shape: of one image, with sides of at least 8 pixels.
      seed: decides the kernels.

    Returns:
      Features whose digest is that of the kernels.

    Raises:
      InputError: the shape is not that of an image.

    >>> random_features((28, 28, 1)).dim
    448
    """
    if len(shape) != 3 or min(shape[:2]) < 8 or shape[2] < 1:
        raise InputError("shape", f"is {tuple(shape)}", "random features take (H, W, C) with sides of 8 or more")
    size = (shape[0], shape[1], shape[2])
    kernels = _kernels(size, seed)
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(k).tobytes() for k in kernels.values())).hexdigest()
    params = {k: jnp.asarray(v) for k, v in kernels.items()}
    spec = jax.ShapeDtypeStruct((1, *size), jnp.float32)
    dim = jax.eval_shape(lambda p, x: RandomApply()(p, x), params, spec).shape[1]
    card = {"name": f"random-{seed}", "seed": seed, "width": WIDTH, "layers": len(kernels), "training": "none"}
    return RandomFeatures(card["name"], dim, digest, size, "random", params, card)


@register("benchmarks/random")
def _template(config: Record) -> tuple[RandomApply, Any]:
    rows, columns, channels = config["input_shape"]
    low, high = config["sample_range"]
    shapes = {k: jax.ShapeDtypeStruct(v.shape, v.dtype) for k, v in _kernels((rows, columns, channels), 0).items()}
    return RandomApply((low, high)), shapes
