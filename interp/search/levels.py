"""From coarse to fine: 4 modes on 8 segments, 12 on 16, then the resolution asked for.

Coefficients carry over exactly. Coarse levels are solved by L-BFGS, the last one by the solver that was chosen. A given
start is not taken through coarse levels, because those would cut off the modes that it comes with.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pairs.arrays import on_device

from ..curves.sine_curve import Curve
from ..solve.driver import Solver, solve_path
from ..solve.lbfgs import Lbfgs
from ..solve.problem import PathSolution, path_problem
from .restarts import best_of, starts_of
from .task import Attempt, Task

__all__ = ["solve_levels", "solve_finer"]

_COARSE = ((4, 8, 12), (12, 16, 20))  # modes, segments and evaluations of the coarse levels
_COARSE_TOLERANCE = 1e-3


def solve_levels(task: Task, curve: Curve) -> Attempt:
    """Improve curves level by level; where there are several starts, the best of each path is kept."""
    settings = task.settings
    segments, modes = settings.segments, settings.mode_count
    plan = [p for p in _COARSE if p[1] < segments and p[0] <= modes] if settings.multiresolution else []
    zero = np.zeros((len(curve.z0),), np.int32)
    attempt = Attempt(curve, zero > 0, zero, zero)
    starts = starts_of(task, curve)
    if len(starts) > 1:
        level = plan[0] if plan else (min(modes, 4), min(segments, 8), 12)
        if task.initial is not None:
            level, plan = (modes, segments, level[2]), []
        attempt = _try_starts(task, attempt, starts, level)
        plan = plan[1:]
    for k, n, evaluations in plan:
        found = _solve(task, Lbfgs(evaluations, _COARSE_TOLERANCE), attempt.curve, n, k)
        attempt = _count(attempt, found)
    return _count(attempt, _solve(task, task.solver, attempt.curve, segments, modes))


def solve_finer(task: Task, attempt: Attempt, chosen: np.ndarray) -> Attempt:
    """Solve the paths where ``chosen`` ``(batch,)`` is true once more, on four times as many segments."""
    numbers = np.flatnonzero(chosen)
    bucket = min(len(chosen), 4 ** int(np.ceil(np.log(len(numbers)) / np.log(4))))
    rows = on_device(np.resize(numbers, bucket))
    part = jax.tree.map(lambda v: v[rows], attempt.curve)
    settings = task.settings
    found = _solve(task.of_rows(rows), task.solver, part, 4 * settings.segments, settings.mode_count)
    count = len(numbers)
    coefficients = attempt.curve.coefficients.at[numbers].set(found.curve.coefficients[:count])
    converged, evaluations, images = attempt.converged.copy(), attempt.evaluations.copy(), attempt.images.copy()
    converged[numbers] = np.asarray(found.converged)[:count]
    evaluations[numbers] += np.asarray(found.evaluations)[:count]
    images[numbers] += np.asarray(found.images)[:count]
    return Attempt(attempt.curve.replace(coefficients=coefficients), converged, evaluations, images)


def _solve(task: Task, solver: Solver, curve: Curve, segments: int, modes: int) -> PathSolution:
    return solve_path(solver, path_problem(task.metric, curve, task.labels, segments, modes, task.settings.chunk))


def _count(attempt: Attempt, found: PathSolution) -> Attempt:
    """The attempt with a level's solution and its cost."""
    evaluations, images = attempt.evaluations + np.asarray(found.evaluations), attempt.images + np.asarray(found.images)
    return Attempt(found.curve, np.asarray(found.converged), evaluations, images)


def _try_starts(task: Task, attempt: Attempt, starts: list[Array], level: tuple[int, int, int]) -> Attempt:
    """Solve all starts in one batch on one level and keep each path's best."""
    curve, count = attempt.curve, len(starts)
    tile = lambda v: jnp.tile(v, (count,) + (1,) * (v.ndim - 1))
    many = Curve(tile(curve.z0), tile(curve.z1), tile(curve.base), jnp.concatenate(starts), curve.prior, curve.chart)
    labels = None if task.labels is None else tile(task.labels)
    modes, segments, evaluations = level
    found = _solve(task._replace(labels=labels), Lbfgs(evaluations, _COARSE_TOLERANCE), many, segments, modes)
    total = lambda v: np.asarray(v).reshape(count, -1).sum(axis=0, dtype=np.int32)
    kept = curve.replace(coefficients=best_of(found.curve.coefficients, found.energy, count))
    return attempt._replace(curve=kept, evaluations=total(found.evaluations), images=total(found.images))
