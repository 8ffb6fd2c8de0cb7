r"""Which activation stands where, by the running statistics of the BatchNorm that comes after.

A generator's BatchNorm remembers the mean and variance :math:`\mu, v` of its input under the prior. The right
activations before it, and the right prior, give these again; others do not. The distance of observed from stored
statistics is

.. math:: \overline{|\log(\hat v / v)|} + \overline{|\hat\mu - \mu| / \sqrt v}.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from .trial import Spec

__all__ = ["ACTIVATIONS", "BETTER", "Settled", "distance", "settle"]

ACTIVATIONS: tuple[tuple[Spec, ...], ...] = (
    ({"layer": "relu"},),
    ({"layer": "leaky_relu", "slope": 0.2},),
    ({"layer": "leaky_relu"},),
    (),
    ({"layer": "leaky_relu", "slope": 0.1},),
    ({"layer": "leaky_relu", "slope": 0.3},),
    ({"layer": "elu"},),
    ({"layer": "selu"},),
    ({"layer": "silu"},),
    ({"layer": "gelu"},),
    ({"layer": "tanh"},),
)
"""What is tried between two modules, the most usual first."""

_NOISE = 0.03  # below what few hundred rows and a moving average leave open
BETTER = 0.75
"""A candidate replaces the conventional one where its distance is below this share of it."""


@dataclasses.dataclass(frozen=True)
class Settled:
    """What statistics say of a place.

    Attributes:
      taken: Number of the candidate.
      off: Its distance.
      other: The next best distance.
      near: Numbers of the candidates that the statistics do not exclude.
    """

    taken: int
    off: float
    other: float
    near: tuple[int, ...]


def distance(x: np.ndarray, mean: np.ndarray, var: np.ndarray) -> float:
    """The formula above for one batch, channels second."""
    axes = (0, *range(2, x.ndim))
    seen_mean, seen_var = x.mean(axes, dtype=np.float64), x.var(axes, dtype=np.float64)
    scale = np.sqrt(var + 1e-8)
    spread = np.abs(np.log((seen_var + 1e-8) / (var + 1e-8)))
    return float(np.mean(np.minimum(spread, 10)) + np.mean(np.minimum(np.abs(seen_mean - mean) / scale, 10)))


def settle(candidates: Sequence[Sequence[Spec]], usual: int, reach: Callable[[Sequence[Spec]], float]) -> Settled:
    """The most usual of the candidates whose distance is not a quarter above the smallest.

    Args:
      candidates: Layers to try, the most usual first.
      usual: Number of the candidate that convention takes before all others.
      reach: Distance of the statistics with a candidate in place.
    """
    found = [reach(c) for c in candidates]
    near = tuple(i for i, d in enumerate(found) if BETTER * d <= min(found) or d <= min(found) + _NOISE)
    taken = usual if usual in near else near[0]
    others = [d for i, d in enumerate(found) if i != taken]
    return Settled(taken, found[taken], min(others, default=float("inf")), near)
