"""What the families here share in training: batches from bytes, their optimiser, checks.

The loop itself is :func:`pairs.fit.fit`; ``ganrefine train`` and the benchmarks run jobs
with checkpoints, and a run that stops and resumes takes the path of one that does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jax.typing import ArrayLike

from ..arrays import on_device
from ..errors import InputError

__all__ = ["Data", "adam", "apply_gradient", "as_data", "check_positive", "draw_images", "in_batches", "to_float"]


class Data(NamedTuple):
    """Training images, uint8 ``(n, H, W, C)``, and their labels ``(n,)`` where a family needs them."""

    images: Array
    labels: Array | None = None


def as_data(
    images: ArrayLike, shape: tuple[int, ...], labels: ArrayLike | None = None, classes: int | None = None
) -> Data:
    """Checked arrays on the device.

    Raises:
      InputError: not bytes, another shape, labels missing or out of range where ``classes`` is given.
    """
    x = jnp.asarray(images)
    if x.dtype != jnp.uint8 or x.shape[1:] != tuple(shape) or not len(x):
        raise InputError("data", f"holds {x.dtype} images {x.shape[1:]}", f"this model takes uint8 {tuple(shape)}")
    if classes is None:
        return Data(x)
    if labels is None:
        raise InputError("data", "has no labels", "give IDX files with labels, or pictures in one folder per class")
    y = jnp.asarray(labels, jnp.int32)
    if y.shape != (len(x),) or int(y.min()) < 0 or int(y.max()) >= classes:
        raise InputError("data", f"has labels {y.shape} from {y.min()} to {y.max()}", f"give 0 to {classes - 1}")
    return Data(x, y)


def to_float(images: Array, sample_range: tuple[float, float]) -> Array:
    """Bytes 0 to 255 to the ends of the range."""
    low, high = sample_range
    return low + (high - low) / 255.0 * images.astype(jnp.float32)


def draw_images(key: Array, data: Data, batch: int, sample_range: tuple[float, float]) -> tuple[Array, Any]:
    """A batch drawn with replacement, scaled to the range; and its labels (None where there are none)."""
    rows = jax.random.randint(key, (batch,), 0, data.images.shape[0])
    return to_float(data.images[rows], sample_range), None if data.labels is None else data.labels[rows]


def adam(rate: float, decay_at: Sequence[int] = (), b1: float = 0.9, b2: float = 0.999) -> optax.GradientTransformation:
    """Adam whose rate falls tenfold at each of ``decay_at`` updates."""
    if not 0 < rate < math.inf:
        raise InputError("learning_rate", f"is {rate}", "give a finite number above 0")
    if not decay_at:
        return optax.adam(rate, b1=b1, b2=b2)
    return optax.adam(optax.piecewise_constant_schedule(rate, dict.fromkeys(decay_at, 0.1)), b1=b1, b2=b2)


def apply_gradient(optimizer: optax.GradientTransformation, gradient: Any, state: Any, params: Any) -> tuple[Any, Any]:
    """``(new params, new optimizer state)``."""
    delta, state = optimizer.update(gradient, state, params)
    return optax.apply_updates(params, delta), state


def check_positive(settings: Any, *names: str, zero: bool = False) -> None:
    """Refuse settings that are not finite numbers above 0 (of at least 0 with ``zero``)."""
    for name in names:
        value = getattr(settings, name)
        good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not good or value < 0 or (value == 0 and not zero):
            raise InputError(name, f"is {value!r}", f"give a finite number {'of at least' if zero else 'above'} 0")


def in_batches(function: Callable[..., Any], params: Any, x: ArrayLike, batch: int = 1000) -> Any:
    """``function(params, rows)`` over all rows; a pytree of concatenated results."""
    rows = np.asarray(x)
    parts = [function(params, on_device(rows[i : i + batch])) for i in range(0, len(rows), batch)]
    return jax.tree.map(lambda *p: jnp.concatenate(p), *parts)
