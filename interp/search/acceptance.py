"""What becomes of solved paths before they are returned: never worse than a given start or the best baseline.

Lengths on a solver's nodes can be too good: chords of unequal steps are a little short, and a bad region between two
nodes costs nothing. So a path whose weight jumps between nodes is solved once more on four times as many segments, and
wherever nodes cannot be trusted, lengths are compared on a grid that is finer than the solver's.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from ..curves.sine_curve import Curve, fit_modes
from ..solve.lbfgs import Lbfgs
from .appraisal import Appraisal, Baselines, appraise
from .levels import solve_finer
from .task import Attempt, Task

__all__ = ["Exempt", "exempt_of", "solve_jumps_again", "prefer_given_start", "prefer_baseline", "shorter_baseline"]

_SHARE = 1e-4  # relative difference of lengths that decides


class Exempt(NamedTuple):
    """Paths that there is nothing to solve for, ``(batch,)`` booleans.

    Attributes:
      identical: Both ends are the same point.
      still: No base path moves the sample.
      failed: A base path has no finite energy.
    """

    identical: np.ndarray
    still: np.ndarray
    failed: np.ndarray

    @property
    def any(self) -> np.ndarray:
        """Whether one of the three holds."""
        return self.identical | self.still | self.failed


def exempt_of(curve: Curve, baselines: Baselines) -> Exempt:
    """Which paths need no solver, from their ends and base paths."""
    energy = baselines.energy
    identical = np.all(np.asarray(curve.z0) == np.asarray(curve.z1), axis=1)
    still = np.all((energy <= 1e-12) | ~np.isfinite(energy), axis=0)
    failed = ~np.all(np.isfinite(np.where(baselines.allowed, energy, 0.0)), axis=0)
    return Exempt(identical, still, failed)


def solve_jumps_again(task: Task, attempt: Attempt, exempt: Exempt) -> tuple[Attempt, Appraisal]:
    """Appraise solved paths; those that jump are solved once more on four times as many segments (L-BFGS only)."""
    measure = lambda curve, segments: appraise(task.metric, curve, task.labels, segments)
    segments = task.settings.segments
    found = measure(attempt.curve, segments)
    jumped = found.jumped & ~exempt.identical & ~exempt.failed
    if jumped.any() and isinstance(task.solver, Lbfgs):
        attempt = solve_finer(task, attempt, jumped)
        found = measure(attempt.curve, segments)
        jumped = jumped & measure(attempt.curve, 4 * segments).jumped
    return attempt, found._replace(jumped=jumped)


def _deciding_segments(task: Task) -> int:
    """Segments of the appraisal whose fine length decides; finer where a given start has been measured inside edges."""
    given = task.initial is not None and task.settings.mode in ("none", "conformal")
    return task.settings.segments * (4 if given else 1)


def prefer_given_start(task: Task, start: Curve, attempt: Attempt, found: Appraisal) -> tuple[Attempt, Appraisal]:
    """Return to the given start where that is shorter on a grid sixteen times finer than the solver's.

    A start from a graph of latents has been measured inside its edges, so it may be better than nodes that jump.
    """
    segments = _deciding_segments(task)
    if task.initial is None or segments == task.settings.segments:
        return attempt, found
    given = start.replace(coefficients=fit_modes(task.initial, task.settings.mode_count))
    theirs = appraise(task.metric, given, task.labels, segments)
    ours = appraise(task.metric, attempt.curve, task.labels, segments).fine_length
    back = theirs.fine_length < (1 - _SHARE) * ours
    found = found._replace(fine_length=ours)
    if not back.any():
        return attempt, found
    curve = attempt.curve.replace(
        base=jnp.where(back, given.base, attempt.curve.base),
        coefficients=jnp.where(back[:, None, None], given.coefficients, attempt.curve.coefficients),
    )
    again = appraise(task.metric, curve, task.labels, task.settings.segments)
    jumped = np.where(back, theirs.jumped, found.jumped)
    length = np.where(back, theirs.fine_length, ours)
    return (
        attempt._replace(curve=curve, converged=attempt.converged & ~back),
        Appraisal(again.energy, again.length, length, jumped),
    )


def prefer_baseline(
    task: Task, start: Curve, baselines: Baselines, attempt: Attempt, found: Appraisal, exempt: Exempt
) -> tuple[Attempt, Appraisal, np.ndarray]:
    """Take the best baseline where it is shorter, and the base path where there was nothing to solve.

    Returns:
      The attempt, its appraisal, and which paths fell back to a baseline, ``(batch,)``.
    """
    worse, rival = shorter_baseline(task, start, baselines, found, _deciding_segments(task))
    fell_back = worse & ~exempt.any
    drop = fell_back | exempt.any
    if not drop.any():
        return attempt, found, fell_back
    curve = attempt.curve.replace(
        base=jnp.where(fell_back, rival, attempt.curve.base),
        coefficients=jnp.where(drop[:, None, None], 0.0, attempt.curve.coefficients),
    )
    again = appraise(task.metric, curve, task.labels, task.settings.segments)
    return attempt._replace(curve=curve), again._replace(jumped=found.jumped), fell_back


def shorter_baseline(
    task: Task, start: Curve, baselines: Baselines, found: Appraisal, segments: int
) -> tuple[np.ndarray, np.ndarray]:
    """Which paths have a baseline that is better than what was found, and which baseline that is.

    Energies decide where the mode is no metric. Lengths decide where it is one; where a baseline is shorter on the
    solver's nodes, or the path jumps between them, both are compared on the fine grid, to a ten-thousandth.

    Args:
      task: Metric, mode and labels.
      start: Curves with the same ends.
      baselines: What the base paths cost.
      found: What the solved paths cost; ``fine_length`` on four times ``segments``.
      segments: Segments of the appraisal of the baseline.

    Returns:
      Booleans ``(batch,)``, and positions in :data:`interp.BASELINES`, ``(batch,)``.
    """
    energies, lengths = baselines.admissible(baselines.energy), baselines.admissible(baselines.length)
    if task.settings.mode in ("additive", "potential"):
        return ~(found.energy <= np.min(energies, axis=0) * (1 + 1e-6)), np.argmin(energies, axis=0).astype(np.int32)
    rival = np.argmin(lengths, axis=0).astype(np.int32)
    suspect = ~(found.length <= np.min(lengths, axis=0)) | found.jumped
    if not suspect.any():
        return suspect, rival
    straight = start.replace(base=jnp.asarray(rival), coefficients=jnp.zeros_like(start.coefficients))
    fine = appraise(task.metric, straight, task.labels, segments).fine_length
    return suspect & ~(found.fine_length <= fine * (1 + _SHARE)), rival
