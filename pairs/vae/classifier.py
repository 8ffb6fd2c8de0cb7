r"""A small convolutional classifier whose inner activations compare images.

Three 3x3 convolutions of stride 2 (``channels``), ReLU after each, a dense layer, a linear head; no
normalisation. The *representations* are the outputs of the convolutions before their ReLU, as in
arXiv 1602.03220: after it half of the units say nothing about what they missed.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from ..convolution import conv
from ..errors import InputError

__all__ = ["ConvClassifier", "classification_loss"]


@dataclasses.dataclass(frozen=True)
class ConvClassifier:
    """``logits`` and ``representations`` of images ``(batch, H, W, C)`` in ``sample_range``."""

    input_shape: tuple[int, int, int] = (28, 28, 1)
    sample_range: tuple[float, float] = (0.0, 1.0)
    classes: int = 10
    channels: tuple[int, ...] = (16, 32, 64)
    width: int = 64

    def __post_init__(self) -> None:
        if len(self.input_shape) != 3:
            raise InputError("sample_shape", f"is {self.input_shape}", "the classifier takes images (H, W, C)")

    def shapes(self) -> list[tuple[int, int, int]]:
        """Shape of each representation, ``(H, W, C)``."""
        rows, columns, _ = self.input_shape
        found = []
        for channels in self.channels:
            rows, columns = (rows + 1) // 2, (columns + 1) // 2
            found.append((rows, columns, channels))
        return found

    def init(self, key: Array) -> list[dict[str, Array]]:
        """He-normal kernels, zero biases: convolutions, dense layer, head."""
        sizes = [self.input_shape[2], *self.channels]
        shapes: list[tuple[int, ...]] = [(3, 3, a, b) for a, b in zip(sizes[:-1], sizes[1:], strict=True)]
        shapes += [(math.prod(self.shapes()[-1]), self.width), (self.width, self.classes)]
        layers = []
        for i, shape in enumerate(shapes):
            scale = (2.0 / math.prod(shape[:-1])) ** 0.5
            kernel = scale * jax.random.normal(jax.random.fold_in(key, i), shape)
            layers.append({"kernel": kernel, "bias": jnp.zeros(shape[-1])})
        return layers

    def representations(self, params: Any, x: Array) -> list[Array]:
        """The convolutions' outputs before their ReLU."""
        low, high = self.sample_range
        h = (2.0 * x - (low + high)) / (high - low)
        found = []
        for layer in params[: len(self.channels)]:
            h = conv(h, layer["kernel"], 2, 1) + layer["bias"]
            found.append(h)
            h = jax.nn.relu(h)
        return found

    def logits(self, params: Any, x: Array) -> Array:
        """``(batch, classes)``."""
        h = jax.nn.relu(self.representations(params, x)[-1])
        dense, head = params[len(self.channels) :]
        h = jax.nn.relu(h.reshape(h.shape[0], -1) @ dense["kernel"] + dense["bias"])
        return h @ head["kernel"] + head["bias"]


def classification_loss(net: ConvClassifier, params: Any, x: Array, labels: Array, key: Array, shift: int = 2) -> Array:
    """Mean cross entropy of a batch moved by up to ``shift`` pixels."""
    by = jax.random.randint(key, (2,), -shift, shift + 1)
    x = jnp.roll(x, by, axis=(1, 2))
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(net.logits(params, x), labels))
