"""What :func:`interp.geodesic` returns, and what it says about every path."""

from __future__ import annotations

import enum
from typing import NamedTuple

import numpy as np
from jax import Array
from jax.core import Tracer

from .curves.sine_curve import Curve
from .metric.diagnostics import Diagnostics
from .metric.path_weight import PathWeight

__all__ = ["Flags", "GeodesicResult", "Outcome", "MESSAGES", "outcome_of"]


class Outcome(enum.IntEnum):
    """What happened to one path; :data:`MESSAGES` puts each in words."""

    CONVERGED = 0
    NOT_CONVERGED = 1
    JUMPED = 2
    FELL_BACK = 3
    IDENTICAL = 4
    DEGENERATE = 5
    FAILED = 6


MESSAGES: dict[Outcome, str] = {
    Outcome.CONVERGED: "The solver converged.",
    Outcome.NOT_CONVERGED: "The solver stopped before it converged; raise evaluations for a shorter path.",
    Outcome.JUMPED: "The path crosses a bad region between two nodes; raise segments or substeps.",
    Outcome.FELL_BACK: "A baseline is shorter than what the solver found and is returned.",
    Outcome.IDENTICAL: "Both ends are the same point; the path is constant.",
    Outcome.DEGENERATE: "The ends differ, but no path between them changes the sample (mode collapse).",
    Outcome.FAILED: "Energies of the baselines are NaN or infinite; the first base path is returned unsolved.",
}
"""The sentence for every outcome."""


class Flags(NamedTuple):
    """What is true of every path, ``(batch,)`` booleans.

    Attributes:
      converged: The solver's own test was met.
      fell_back: A baseline was shorter and is what is returned.
      identical: Both ends are the same point; the path is constant.
      degenerate: The ends differ, but no path between them moves the sample (mode collapse).
      jumped: On a grid four times finer the weight exceeds 1.5 times its largest value on the solver's nodes, and does
        so again after a second solve on the finer grid.
      failed: Energies were NaN or infinite at the start; the base path is returned.
      critic_constant: The path weight found the critic constant; the same for every path.
      critic_blind: The path weight found that the critic does not tell midpoints from samples; the same for every path.
    """

    converged: Array | np.ndarray
    fell_back: Array | np.ndarray
    identical: Array | np.ndarray
    degenerate: Array | np.ndarray
    jumped: Array | np.ndarray
    failed: Array | np.ndarray
    critic_constant: Array | np.ndarray
    critic_blind: Array | np.ndarray


def outcome_of(flags: Flags) -> np.ndarray:
    """The :class:`Outcome` of every path, ``(batch,)`` int32; the first that applies, from the gravest down."""
    ranked = [
        (flags.failed, Outcome.FAILED),
        (flags.identical, Outcome.IDENTICAL),
        (flags.degenerate, Outcome.DEGENERATE),
        (flags.fell_back, Outcome.FELL_BACK),
        (flags.jumped, Outcome.JUMPED),
        (flags.converged, Outcome.CONVERGED),
    ]
    choices = [np.full(np.shape(flag), code, np.int32) for flag, code in ranked]
    return np.select([np.asarray(flag) for flag, _ in ranked], choices, np.int32(Outcome.NOT_CONVERGED))


class GeodesicResult(NamedTuple):
    """Paths and what is known about them.

    Attributes:
      path: Points, ``(batch, points, *latent)``, exact at the ends.
      t: Parameters of those points on the curve, ``(batch, points)``.
      curve: The curves, to be evaluated at other parameters.
      energy: Energy on the solver's grid as the mode defines it, ``(batch,)``.
      length: Length on the solver's grid as the mode charges it, ``(batch,)``; at most ``sqrt(energy)`` in the modes
        none and conformal.
      baseline_energy: Energy of linear, slerp and matched, ``(batch,)`` each.
      baseline_length: Length of linear, slerp and matched, ``(batch,)`` each.
      evaluations: Evaluations of the energy per path over all levels, ``(batch,)``.
      images: Generator images that those cost, ``(batch,)``.
      outcome: The :class:`Outcome` of every path, ``(batch,)`` int32.
      flags: What is true of every path.
      diagnostics: Measurements of ``path``.
      path_weight: The critic's weight with its evidence; None where the mode ignores the critic or the weight was a
        plain function.
    """

    path: Array
    t: Array
    curve: Curve
    energy: Array
    length: Array
    baseline_energy: dict[str, Array]
    baseline_length: dict[str, Array]
    evaluations: Array
    images: Array
    outcome: Array
    flags: Flags
    diagnostics: Diagnostics
    path_weight: PathWeight | None

    def messages(self) -> list[str]:
        """One sentence per path about what happened to it."""
        return [MESSAGES[Outcome(int(code))] for code in np.asarray(self.outcome)]

    def __repr__(self) -> str:
        """A few lines: how many paths, what became of them, their lengths; no arrays."""
        if isinstance(self.path, Tracer) or not isinstance(self.path, Array | np.ndarray):
            return tuple.__repr__(self)  # a tree of other values, as jax.tree.map makes it
        shape = self.path.shape
        codes, counts = np.unique(np.asarray(self.outcome), return_counts=True)
        told = ", ".join(
            f"{n} {Outcome(int(c)).name.lower().replace('_', ' ')}" for c, n in zip(codes, counts, strict=True)
        )
        low, high = float(np.min(self.length)), float(np.max(self.length))
        return (
            f"GeodesicResult of {shape[0]} paths of {shape[1]} points\n"
            f"  outcomes  {told}\n"
            f"  length    {low:.4g} to {high:.4g}\n"
            f"  fields    {', '.join(self._fields)}"
        )
