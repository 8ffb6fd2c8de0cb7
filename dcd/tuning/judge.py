"""How tuning measures samples: the caller brings a feature net and its distances."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

__all__ = ["Change", "Judge"]


class Change(NamedTuple):
    """A distance to real data before and after refinement.

    Attributes:
      before: Distance of the generator's samples.
      after: Distance of the refined samples.
      difference: ``after`` minus ``before``; negative for an improvement.
      interval: 95 % interval of the difference.
    """

    before: float
    after: float
    difference: float
    interval: tuple[float, float]


class Judge(NamedTuple):
    """A feature space with its distances. This package has no feature net of its own.

    Attributes:
      features: Function from samples ``(n, *sample)``, floats, to rows ``(n, d)``.
      distance: Function from rows and rows of real samples to a distance; lower is better. It is infinite for rows
        that are not finite.
      changes: Function from rows before, rows after and rows of real samples to changes by name, each of which must
        be an improvement.
    """

    features: Callable[[np.ndarray], np.ndarray]
    distance: Callable[[np.ndarray, np.ndarray], float]
    changes: Callable[[np.ndarray, np.ndarray, np.ndarray], dict[str, Change]]
