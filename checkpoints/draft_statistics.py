r"""Which activation stands where, by the running statistics of the BatchNorm that comes after.

A generator's BatchNorm remembers the mean and variance :math:`\mu, v` of its input under the prior. The right
activations before it, and the right prior, give these again; others do not. The distance of observed from stored
statistics is

.. math:: \overline{|\log(\hat v / v)|} + \overline{|\hat\mu - \mu| / \sqrt v}.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from pairs.sequential.layers import Layer
from pairs.sequential.spec import infer_shapes, parse_layers

from .conversion import convert_tensors

__all__ = ["ACTIVATIONS", "Spec", "advance", "distance", "settle"]

Spec = dict[str, Any]

ACTIVATIONS: tuple[tuple[Spec, ...], ...] = (
    ({"layer": "relu"},),
    ({"layer": "leaky_relu", "slope": 0.2},),
    ({"layer": "leaky_relu"},),
    (),
    ({"layer": "elu"},),
    ({"layer": "selu"},),
    ({"layer": "silu"},),
    ({"layer": "gelu"},),
    ({"layer": "tanh"},),
)
"""What is tried between two modules."""


def advance(specs: Sequence[Spec], tensors: Mapping[str, np.ndarray], x: Any) -> Any:
    """A few layers on a batch, with the tensors of the modules that they name."""
    for spec in specs:
        (layer,) = parse_layers([spec])
        x = layer(_params(layer, tensors, tuple(x.shape[1:])), x)
    return x


def _params(layer: Layer, tensors: Mapping[str, np.ndarray], shape: tuple[int, ...]) -> dict[str, Any]:
    if layer.name is None:
        return {}
    own = {n: a for n, a in tensors.items() if n.startswith(f"{layer.name}.")}
    infer_shapes([layer], shape)
    return dict(convert_tensors(own, [layer], shape).params[0])


def distance(x: Any, mean: np.ndarray, var: np.ndarray) -> float:
    """The formula above for one batch."""
    axes = tuple(range(x.ndim - 1))
    seen_mean, seen_var = (np.asarray(f(x, axis=axes), np.float64) for f in (jnp.mean, jnp.var))
    scale = np.sqrt(var + 1e-8)
    spread = np.abs(np.log((seen_var + 1e-8) / (var + 1e-8)))
    return float(np.mean(np.minimum(spread, 10)) + np.mean(np.minimum(np.abs(seen_mean - mean) / scale, 10)))


def settle(
    candidates: Sequence[Sequence[Spec]], usual: int, reach: Callable[[Sequence[Spec]], float]
) -> tuple[int, float, float]:
    """The candidate with the smallest distance; the usual one unless another is better by a quarter.

    Args:
      candidates: Layers to try.
      usual: Number of the candidate that convention would take.
      reach: Distance of the statistics with a candidate in place.

    Returns:
      The number of the candidate, its distance, and the next best distance.
    """
    found = [reach(c) for c in candidates]
    best = int(np.argmin(found))
    taken = best if found[best] < 0.75 * found[usual] else usual
    others = [d for i, d in enumerate(found) if i != taken]
    return taken, found[taken], min(others, default=float("inf"))
