"""Critics that fit the shape of a sample, as layer lists that a checkpoint can rebuild.

Vectors get three layers of 128 units (512 and 256 for more than 64 numbers), small images 512 and 256 units on the
flattened pixels, larger images convolutions of stride 2. The activation is SiLU, whose slope is smooth: a chain follows
the gradient of the critic, and the gradient of a piecewise linear critic jumps. A critic of a conditional pair adds to
its score the product of its last features with an embedding of the label (projection critic, arXiv:1802.05637).
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pairs import InputError, Net
from pairs.sequential.spec import init_sequential

__all__ = ["convolutional_layers", "default_layers", "fresh_critic"]

SMALL_IMAGE = 1024
"""Most numbers of an image that dense layers take."""
SILU = {"layer": "silu"}


def default_layers(shape: tuple[int, ...], classes: int | None = None) -> list[dict[str, Any]]:
    """Return the layer list of a critic.

    Args:
      shape: Shape of a sample, ``(n,)`` or ``(H, W, C)``.
      classes: Number of labels of a conditional pair.

    Returns:
      Layers that end in one number per sample.

    Example:
      >>> [layer["out"] for layer in default_layers((28, 28, 1)) if layer["layer"] == "dense"]
      [512, 256, 1]
    """
    size = math.prod(shape)
    if len(shape) == 3 and size > SMALL_IMAGE:
        return [*_halved(shape, 4), {"layer": "flatten"}, *_score(classes)]
    widths = (512, 256) if size > 64 else (128, 128, 128)
    flatten = [{"layer": "flatten"}] if len(shape) > 1 else []
    return [*flatten, *(part for w in widths for part in ({"layer": "dense", "out": w}, SILU)), *_score(classes)]


def convolutional_layers(shape: tuple[int, ...], classes: int | None = None) -> list[dict[str, Any]]:
    """Return the layers of a critic that sees texture: convolutions down to a side of 8 or less, and 128 units.

    Args:
      shape: Shape of an image, ``(H, W, C)``.
      classes: Number of labels of a conditional pair.

    Returns:
      Layers that end in one number per sample.

    Example:
      >>> [layer["out"] for layer in convolutional_layers((28, 28, 1)) if "out" in layer]
      [32, 64, 128, 1]
    """
    return [*_halved(shape, 8), {"layer": "flatten"}, {"layer": "dense", "out": 128}, SILU, *_score(classes)]


def _halved(shape: tuple[int, ...], least: int) -> list[dict[str, Any]]:
    """Convolutions of stride 2 until the smaller side is ``least`` or less."""
    layers: list[dict[str, Any]] = []
    side, width = min(shape[:2]), 32
    while side > least:
        layers += [{"layer": "conv", "out": width, "kernel": 4, "stride": 2, "padding": 1}, SILU]
        side, width = side // 2, min(2 * width, 256)
    return layers


def _score(classes: int | None) -> list[dict[str, Any]]:
    """The layers that end in the score."""
    score: dict[str, Any] = {"layer": "dense", "out": 1}
    if classes is not None:
        score = {"layer": "add", "branches": [[score], [{"layer": "projection", "classes": classes}]]}
    return [score, {"layer": "squeeze"}]


@functools.lru_cache(maxsize=64)
def _drawn(layers: str, shape: tuple[int, ...]) -> Callable[[Array], Net]:
    """What draws the weights of a layer list, compiled once for all critics of these layers."""
    return jax.jit(lambda key: init_sequential(key, json.loads(layers), shape))


def _plain(value: Any) -> Any:
    """A number of NumPy or JAX in a layer list as JSON holds it."""
    if np.ndim(value) or not hasattr(value, "item"):
        raise InputError("architecture", f"holds {type(value).__name__}", "use text, numbers and lists")
    return value.item()


def fresh_critic(
    key: Array,
    shape: tuple[int, ...],
    layers: Iterable[Mapping[str, Any]] | None = None,
    classes: int | None = None,
) -> Net:
    """Make a critic with random weights.

    Args:
      key: Key of the weights.
      shape: Shape of a sample.
      layers: Layer list; :func:`default_layers` by default.
      classes: Number of labels of a conditional pair.

    Returns:
      The critic.

    Raises:
      InputError: The layers do not fit the samples, or do not return one number per sample.
    """
    chosen = default_layers(shape, classes) if layers is None else list(layers)
    text = json.dumps([dict(v) if isinstance(v, Mapping) else v for v in chosen], default=_plain)
    net = _drawn(text, tuple(shape))(key)
    labels = () if classes is None else (jax.ShapeDtypeStruct((2,), jnp.int32),)
    scores = jax.eval_shape(net, jax.ShapeDtypeStruct((2, *shape), jnp.float32), *labels).shape
    if scores != (2,):
        raise InputError("architecture", f"returns {scores} for 2 samples", "end it with dense out=1 and squeeze")
    return net
