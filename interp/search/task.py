"""What the stages of a search hand to each other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jax import Array

from ..curves.sine_curve import Curve
from ..metric.energy import Metric
from ..settings import GeodesicSettings
from ..solve.driver import Solver

__all__ = ["Task", "Attempt"]


class Task(NamedTuple):
    """One block of paths to be found.

    Attributes:
      metric: How length is measured.
      settings: How paths are found.
      solver: The solver of the last level.
      labels: Class of every path, ``(batch,)``, or None.
      initial: Coefficients of a given start relative to the line, ``(batch, K, d)``, or None.
    """

    metric: Metric
    settings: GeodesicSettings
    solver: Solver
    labels: Array | None
    initial: Array | None

    def of_rows(self, rows: Array) -> Task:
        """The task of some paths only."""
        pick = lambda values: None if values is None else values[rows]
        return self._replace(labels=pick(self.labels), initial=pick(self.initial))


class Attempt(NamedTuple):
    """The curves found so far, and what they cost.

    Attributes:
      curve: The curves, with all modes.
      converged: Whether the solver's own test was met, ``(batch,)``.
      evaluations: Evaluations of the energy, ``(batch,)``.
      images: Generator images that those cost, ``(batch,)``.
    """

    curve: Curve
    converged: np.ndarray
    evaluations: np.ndarray
    images: np.ndarray
