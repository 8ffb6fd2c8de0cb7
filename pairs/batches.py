"""A net or a function on many rows, in batches of one shape.

The last batch is filled up with its own last row and the surplus is dropped, so that one compiled program serves every
number of rows. Nets travel as arguments of one compiled call: two pairs that differ only in weights, name or record
share a program.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from .arrays import as_floats, on_device
from .protocol import Net, Pair

__all__ = ["BATCH", "apply_in_batches", "apply_net", "encode", "generate", "map_batches", "score"]

BATCH = 256


@jax.jit
def apply_net(net: Net, *inputs: Any) -> Array:
    """``net(*inputs)`` as one compiled call."""
    return net(*inputs)


def generate(pair: Pair, z: ArrayLike, labels: ArrayLike | None = None) -> Array:
    """``G(z)``, compiled: ``(batch, *latent) -> (batch, *sample)``."""
    return apply_net(pair.generator, as_floats("z", z), *_given(labels))


def score(pair: Pair, x: ArrayLike, labels: ArrayLike | None = None) -> Array:
    """``D(x)``, compiled: ``(batch, *sample) -> (batch,)``."""
    return apply_net(pair.critic, as_floats("x", x), *_given(labels))


def encode(encoder: Net, x: ArrayLike, labels: ArrayLike | None = None) -> Array:
    """``E(x)``, compiled: ``(batch, *sample) -> (batch, *latent)``."""
    return apply_net(encoder, as_floats("x", x), *_given(labels))


def map_batches(function: Callable[..., Any], *rows: Any, batch: int = BATCH) -> Any:
    """``function`` on all rows, ``batch`` at a time; the results, pytrees of arrays that lead with rows, joined.

    Args:
      function: Takes as many arrays as ``rows`` has, of ``min(batch, n)`` rows each; row i of its result may depend
        on row i alone.
      *rows: Arrays of one length n.
      batch: Rows per call.

    Example:
      >>> map_batches(lambda a: 2 * a, np.arange(5), batch=2).tolist()
      [0, 2, 4, 6, 8]
    """
    arrays = [np.asarray(v) for v in rows]
    n = len(arrays[0])
    size = min(batch, n)
    places = [np.minimum(np.arange(low, low + size), n - 1) for low in range(0, n, max(size, 1))]
    pieces = [jax.tree.map(np.asarray, function(*(on_device(v[at]) for v in arrays))) for at in places]
    return jax.tree.map(lambda *p: np.concatenate(p)[:n], *pieces)


def apply_in_batches(net: Net, *inputs: Any, batch: int = BATCH) -> np.ndarray:
    """``net`` on all rows of ``inputs``, shape ``(n, ...)``."""
    return map_batches(lambda *part: apply_net(net, *part), *inputs, batch=batch)


def _given(labels: ArrayLike | None) -> tuple[ArrayLike, ...]:
    return () if labels is None else (labels,)
