"""Features of fixed random convolutions (arXiv 2002.09797): a warning for images that no other net fits.

Random features rank sets of very different quality, and hardly see what a refinement gains.
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

from pairs import InputError, Net
from pairs.arrays import on_device
from pairs.feature_nets.fixed_random import WIDTH, RandomApply, random_kernels, random_net

from .feature_net import Features

__all__ = ["RandomFeatures", "random_features"]


@dataclasses.dataclass(frozen=True, eq=False)
class RandomFeatures(Features):
    """:class:`Features` without training: no classes, and no reference but the real images at hand."""

    def logits(self, x: ArrayLike) -> np.ndarray:
        """Refused: the net knows no classes."""
        raise InputError("features", f"{self.name} knows no classes", "take a classifier for an inception score")

    def _apply_for(self, output: Any) -> Callable[[Any, Array], Array]:
        return RandomApply()

    def as_net(self, sample_range: tuple[float, float], output: Literal["features", "logits"] = "features") -> Net:
        """The features as a differentiable net on floats in ``sample_range``."""
        if output != "features":
            raise InputError("output", f"is {output!r}, and {self.name} knows no classes", "ask for features")
        return random_net(self.params, self.input_shape, sample_range)

    def maps_net(self, sample_range: tuple[float, float]) -> None:
        """None: critics stand on the features."""


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
    kernels = random_kernels(size, seed)
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(k).tobytes() for k in kernels.values())).hexdigest()
    params = {k: on_device(v) for k, v in kernels.items()}
    spec = jax.ShapeDtypeStruct((1, *size), jnp.float32)
    dim = jax.eval_shape(lambda p, x: RandomApply()(p, x), params, spec).shape[1]
    card = {"name": f"random-{seed}", "seed": seed, "width": WIDTH, "layers": len(kernels), "training": "none"}
    return RandomFeatures(card["name"], dim, digest, size, "random", params, card)
