"""Settings of :func:`interp.geodesic`."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, get_args

from pairs import InputError
from pairs.checks import check_choice, check_count, check_number

from .curves.charts import Keep
from .metric.energy import Mode
from .metric.path_weight import PathWeightSettings
from .solve.driver import Solver
from .solve.table import SolverName, solver_named

__all__ = ["GeodesicSettings"]

_COUNTS = {
    "points": 2,
    "segments": 2,
    "modes": 0,
    "substeps": 1,
    "restarts": -1,
    "grid": 0,
    "evaluations": 1,
    "batch": 1,
    "chunk": 0,
}


@dataclasses.dataclass(frozen=True)
class GeodesicSettings:
    """How paths are found. The defaults suit images; closed forms want more ``segments`` and ``modes``.

    Attributes:
      points: Points of the returned path, ends included.
      mode: Which energy, see :mod:`interp.metric.energy`.
      strength: lambda of the additive and potential modes; the other modes ignore it.
      keep: How paths stay in the prior, see :mod:`interp.curves.charts`.
      radial: Strength of the radial factor, where it applies.
      solver: A name (L-BFGS in sine coefficients for any size, Gauss-Newton or GEORCE on nodes for small latents and
        free charts, Adam on random nodes), or an object of :class:`interp.solve.Solver`.
      segments: Segments of the last level.
      modes: Sine modes of the last level; 0 takes three for every eight segments, because a curve with as many modes
        as nodes can cross a bad region between two of them.
      substeps: Critic evaluations per segment.
      multiresolution: Whether coarse levels come first.
      restarts: Extra starts that are bent sideways, tried on the coarsest level; -1 takes 4 where the latent has at
        most 3 dimensions and 0 elsewhere. A straight start on an axis of symmetry is a saddle.
      grid: Points per dimension of a grid whose cheapest chain is one more start (:mod:`interp.starts.grid`), for
        latents of 2 or 3 dimensions; 0 for none.
      evaluations: Evaluations per path on the last level, of a solver given by name.
      tolerance: Relative decrease of energy that counts as none, of a solver given by name.
      resample: Whether the returned points have equal feature distance, or equal steps of the curve's parameter.
      batch: Paths that are solved at a time.
      chunk: Images that are differentiated at a time, 0 for all.
      seed: Seed of the path weight, of bent starts and of Adam.
      path_weight: How the critic is weighed where no weight is given.

    Raises:
      InputError: A setting is unknown or out of bounds.

    Example:
      >>> GeodesicSettings(segments=16).mode_count
      6
    """

    points: int = 32
    mode: Mode = "conformal"
    strength: float = 1.0
    keep: Keep = "auto"
    radial: float = 0.1
    solver: SolverName | Solver = "lbfgs"
    segments: int = 32
    modes: int = 0
    substeps: int = 1
    multiresolution: bool = True
    restarts: int = -1
    grid: int = 0
    evaluations: int = 60
    tolerance: float = 1e-5
    resample: Literal["feature", "none"] = "feature"
    batch: int = 64
    chunk: int = 0
    seed: int = 0
    path_weight: PathWeightSettings = PathWeightSettings()

    def __post_init__(self) -> None:
        for name, least in _COUNTS.items():
            check_count(name, getattr(self, name), least)
        for name in ("strength", "radial", "tolerance"):
            check_number(name, getattr(self, name), at_least=0)
        check_choice("mode", self.mode, get_args(Mode))
        check_choice("keep", self.keep, get_args(Keep))
        check_choice("resample", self.resample, ("feature", "none"))
        if isinstance(self.solver, str):
            check_choice("solver", self.solver, get_args(SolverName))
        if self.modes >= self.segments:
            raise InputError("modes", f"is {self.modes} with {self.segments} segments", "use fewer modes than segments")

    @property
    def mode_count(self) -> int:
        """Sine modes of the last level."""
        return self.modes or max(1, min(self.segments - 1, max(4, 3 * self.segments // 8)))

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON values; reports name the path weight ``calibration``."""
        solver = self.solver if isinstance(self.solver, str) else repr(self.solver)
        record: dict[str, Any] = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        del record["path_weight"]
        return record | {"solver": solver, "calibration": dataclasses.asdict(self.path_weight)}

    def make_solver(self) -> Solver:
        """The solver of the last level."""
        if isinstance(self.solver, str):
            return solver_named(self.solver, self.evaluations, self.tolerance, self.seed)
        return self.solver
