"""The solvers by their names on the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from .adam import Adam
from .driver import Solver
from .gauss_newton import GaussNewton
from .lbfgs import Lbfgs
from .pullback_georce import Georce

__all__ = ["SOLVERS", "SolverName", "solver_named"]

SolverName = Literal["lbfgs", "gauss-newton", "georce", "adam"]

SOLVERS: dict[SolverName, Callable[[int, float, int], Solver]] = {
    "lbfgs": lambda evaluations, tolerance, seed: Lbfgs(evaluations, tolerance),
    "gauss-newton": lambda evaluations, tolerance, seed: GaussNewton(evaluations, tolerance),
    "georce": lambda evaluations, tolerance, seed: Georce(evaluations, tolerance),
    "adam": lambda evaluations, tolerance, seed: Adam(evaluations, seed),
}
"""What makes the solver of a name from evaluations, tolerance and seed."""


def solver_named(name: SolverName, evaluations: int, tolerance: float, seed: int) -> Solver:
    """The solver of a name; Adam takes the seed, the others take the tolerance."""
    return SOLVERS[name](evaluations, tolerance, seed)
