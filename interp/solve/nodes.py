"""What the solvers that move free nodes share: what they refuse, their start, and the curve through their nodes."""

from __future__ import annotations

import jax
from jax import Array

from pairs import InputError, Pair

from ..curves.charts import Chart
from ..curves.sine_curve import fit_modes, to_coefficients
from ..metric.energy import Mode
from .problem import PathProblem, PathSolution

__all__ = ["LARGEST", "check_nodes", "start_nodes", "through_nodes"]

LARGEST = 64
"""Latent dimensions beyond which d forward derivatives per node cost more than L-BFGS."""


def check_nodes(name: str, pair: Pair, chart: Chart, mode: Mode, substeps: int) -> None:
    """Refuse what a solver of free nodes cannot do.

    Raises:
      InputError: The chart is not free, the mode is no metric, the latents are too large, or there are sub-steps.
    """
    if chart.kind != "free":
        raise InputError("solver", f"{name} moves free nodes, the prior asks for '{chart.kind}'", "use lbfgs")
    if mode not in ("none", "conformal"):
        raise InputError("solver", f"{name} needs a metric, mode is '{mode}'", "use lbfgs")
    if pair.prior.size > LARGEST:
        remedy = f"use lbfgs above {LARGEST} dimensions"
        raise InputError("solver", f"{name} needs Jacobians, d = {pair.prior.size}", remedy)
    if substeps != 1:
        raise InputError("substeps", f"is {substeps} with {name}", "use lbfgs, or substeps=1")


@jax.jit
def start_nodes(problem: PathProblem) -> Array:
    """Nodes of the start of a problem, ``(batch, segments + 1, d)``."""
    return problem.points(problem.start)


def through_nodes(problem: PathProblem, z: Array, energy: Array, converged: Array, evaluations: Array) -> PathSolution:
    """The solution whose curves pass through nodes ``z``, cut to the modes of the problem's curve."""
    found = to_coefficients((z - problem.base)[:, 1:-1])
    curve = problem.curve.replace(coefficients=fit_modes(found, problem.curve.coefficients.shape[1]))
    return PathSolution(curve, energy, converged, evaluations, evaluations * z.shape[1])
