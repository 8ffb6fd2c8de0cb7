"""One loop for all solvers: step until every row of the batch is done, and drop rows that are.

A solver is an object that owns its options and has one shape,

    ``init(problem) -> state``, ``step(problem, state) -> state``, ``finish(problem, state) -> solution``

where ``state.done`` says which rows have stopped. Rows are independent problems. A row that is done is frozen by the
solver, and when few rows remain the driver continues with those alone. The loop runs on the host, because gradients of
convolutions are several times slower inside compiled loops on CPU.

A solver of one's own follows this protocol; :class:`interp.GeodesicSettings` takes the object in place of a name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pairs import Pair
from pairs.arrays import on_device

from ..curves.charts import Chart
from ..metric.energy import Mode
from .lbfgs import Lbfgs, Objective
from .problem import PathProblem, PathSolution

__all__ = ["Solver", "solve_path", "minimise"]

Found = TypeVar("Found")


class Solver(Protocol):
    """What a solver of paths must offer. It must be hashable, so that equal solvers share compiled programs."""

    @property
    def evaluations(self) -> int:
        """The largest number of steps."""
        ...

    @property
    def check_every(self) -> int:
        """The number of steps between two checks of which rows are done."""
        ...

    def check(self, pair: Pair, chart: Chart, mode: Mode, substeps: int) -> None:
        """Raise an ``InputError`` where the solver cannot do what is asked for."""
        ...

    def init(self, problem: PathProblem, /) -> Any:
        """The state before the first step; its leaves lead with the batch, and ``state.done`` is ``(batch,)``."""
        ...

    def step(self, problem: PathProblem, state: Any, /) -> Any:
        """The state one step further; rows that are done stay as they are."""
        ...

    def finish(self, problem: PathProblem, state: Any, /) -> PathSolution:
        """The solution that a state stands for."""
        ...


def solve_path(solver: Solver, problem: PathProblem) -> PathSolution:
    """Solve every path of a problem.

    Args:
      solver: One of :data:`interp.solve.SOLVERS`, or any object of the protocol.
      problem: Metric, curves with their start, and resolution.
    """
    return _drive(solver, problem, None)


def minimise(
    objective: Objective[Found], solver: Lbfgs, on_step: Callable[[np.ndarray, Any], None] | None = None
) -> Found:
    """Minimise any batched objective by L-BFGS.

    Args:
      objective: Start, value and gradient; see :class:`interp.solve.lbfgs.Objective`.
      solver: The options of L-BFGS.
      on_step: Is called after every step with the numbers of the rows that are left and their state.

    Returns:
      What ``objective.solution`` makes of the result.
    """
    return _drive(solver, objective, on_step)


def _drive(solver: Any, problem: Any, on_step: Callable[[np.ndarray, Any], None] | None) -> Any:
    state = solver.init(problem)
    part, whole, live = problem, state, np.arange(len(state.done))
    for count in range(1, solver.evaluations + 1):
        state = solver.step(part, state)
        if on_step is not None:
            on_step(live, state)
        if count % solver.check_every and count != solver.evaluations:
            continue
        active = ~np.asarray(state.done)[: len(live)]
        if not active.any():
            break
        bucket = max(1, 4 ** int(np.ceil(np.log(active.sum()) / np.log(4))))
        if bucket * 2 <= len(state.done) and len(state.done) >= 16:  # tiny batches are not worth a compilation
            whole = _put(whole, state, live)
            chosen = np.flatnonzero(active)
            rows = on_device(np.resize(chosen, bucket))  # filled up with repeats, which count as done
            state, part, live = _take(state, rows), part.take(rows), live[chosen]
            state = state._replace(done=state.done | (jnp.arange(bucket) >= len(chosen)))
    return solver.finish(problem, _put(whole, state, live))


@jax.jit
def _take(tree: Any, rows: Array) -> Any:
    return jax.tree.map(lambda a: a[rows], tree)


def _put(whole: Any, part: Any, live: np.ndarray) -> Any:
    if len(live) == len(whole.done) == len(part.done):
        return part
    at, count = on_device(live), len(live)
    return jax.tree.map(lambda w, p: w.at[at].set(p[:count]), whole, part)
