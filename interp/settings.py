"""Settings and results of :func:`interp.geodesic`."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal, NamedTuple, get_args

from jax import Array

from pairs import InputError

from .curves.measures import Diagnostics
from .curves.sine_curve import Curve
from .metric.energy import Mode
from .metric.path_weight import Calibration, CalibrationConfig
from .support import Keep

__all__ = ["GeodesicConfig", "GeodesicResult", "Flags", "Solver"]

Solver = Literal["lbfgs", "gauss-newton", "georce", "adam"]


@dataclasses.dataclass(frozen=True)
class GeodesicConfig:
    """How paths are found. Defaults suit images; for closed forms raise ``segments`` and ``modes``.

    Attributes:
      points: points of the returned path, ends included.
      mode: see :mod:`interp.metric.energy`; ``strength`` is lambda of its additive and potential modes (ignored by
        the others), ``unit`` the unit of length (the published strengths, 1.8 for CelebA and 13.8 for
        MNIST, are in ``"mean"`` units).
      keep: how paths stay in the prior, see :mod:`interp.support`; ``radial`` the strength of the radial factor.
      solver: L-BFGS in sine coefficients (any size), Gauss-Newton or GEORCE on nodes (small latents,
        free chart), Adam (stochastic parameters of time).
      segments, modes: resolution of the last level; ``modes=0`` takes three for every eight segments: a
        curve with as many modes as nodes can leap a bad region between two of them.
      substeps: critic evaluations per segment.
      multiresolution: coarse levels first.
      restarts: extra starts bent sideways, tried on the coarsest level; -1 takes 4 where the latent has at
        most 3 dimensions and 0 elsewhere. A straight start on a symmetry axis is a saddle.
      grid: points per dimension of a grid whose shortest way is one more start (see :mod:`interp.starts.grid`),
        for latents of 2 or 3 dimensions, kept where the solver's nodes leap; 0 for none.
      evaluations: cap per pair on the last level. tolerance: relative decrease that counts as none.
      resample: returned points at equal feature distance, equal charged length, or equal parameter.
      batch: pairs solved at a time. chunk: images differentiated at a time (0: all).
      seed: of calibration and restarts.
    """

    points: int = 32
    mode: Mode = "conformal"
    strength: float = 1.0
    unit: Literal["sum", "mean"] = "sum"
    keep: Keep = "auto"
    radial: float = 0.1
    solver: Solver = "lbfgs"
    segments: int = 32
    modes: int = 0
    substeps: int = 1
    multiresolution: bool = True
    restarts: int = -1
    grid: int = 0
    evaluations: int = 60
    tolerance: float = 1e-5
    resample: Literal["feature", "charged", "none"] = "feature"
    batch: int = 64
    chunk: int = 0
    seed: int = 0
    calibration: CalibrationConfig = CalibrationConfig()

    def __post_init__(self) -> None:
        for name, least in (
            ("points", 2),
            ("segments", 2),
            ("modes", 0),
            ("substeps", 1),
            ("restarts", -1),
            ("grid", 0),
            ("evaluations", 1),
            ("batch", 1),
            ("chunk", 0),
        ):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise InputError(name, f"is {value!r}", f"give an integer of at least {least}")
        for name, choices in (
            ("mode", get_args(Mode)),
            ("solver", get_args(Solver)),
            ("keep", get_args(Keep)),
            ("unit", ("sum", "mean")),
            ("resample", ("feature", "charged", "none")),
        ):
            if getattr(self, name) not in choices:
                raise InputError(name, f"is {getattr(self, name)!r}", f"use one of {', '.join(choices)}")
        for name in ("strength", "radial", "tolerance"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(name, f"is {value!r}", "give a finite number of at least 0")
        if self.modes >= self.segments:
            raise InputError("modes", f"is {self.modes} with {self.segments} segments", "use fewer modes than segments")
        if self.solver in ("gauss-newton", "georce") and self.keep in ("sphere", "box"):
            raise InputError("solver", f"{self.solver} moves free nodes, keep is '{self.keep}'", "use lbfgs")
        if self.solver in ("gauss-newton", "georce") and self.mode not in ("none", "conformal"):
            raise InputError("solver", f"{self.solver} needs a metric, mode is '{self.mode}'", "use lbfgs")

    @property
    def mode_count(self) -> int:
        return self.modes or max(1, min(self.segments - 1, max(4, 3 * self.segments // 8)))


class Flags(NamedTuple):
    """Booleans per pair, ``(batch,)``.

    Attributes:
      converged: the solver's own test was met.
      fell_back: a baseline was shorter, and is what is returned.
      identical: both ends are the same point: a constant path.
      degenerate: the ends differ but no path between them moves the image (mode collapse).
      jumped: on a grid four times finer the weight is over 1.5 times its largest value on the solver's,
        and still so after a second solve on the finer grid.
      failed: energy or gradient was NaN or infinite at the start; the line is returned.
      critic_constant, critic_blind: the calibration's verdict, the same for every pair.
    """

    converged: Array
    fell_back: Array
    identical: Array
    degenerate: Array
    jumped: Array
    failed: Array
    critic_constant: Array
    critic_blind: Array


class GeodesicResult(NamedTuple):
    """Paths and everything known about them.

    Attributes:
      path: ``(batch, points, *latent)``, exact at the ends.
      curve: evaluate at other parameters; ``t`` are those of ``path``, ``(batch, points)``.
      energy, length: on the solver's grid, as the mode defines them; ``sqrt(energy) >= length``
        in the modes none and conformal.
      baseline_energy, baseline_length: the same for linear, slerp and matched, ``(batch,)`` each.
      evaluations: objective calls per pair over all levels; images: generator images they cost.
      flags, diagnostics: see there; diagnostics are of ``path``.
      calibration: what the critic's scores meant, None where the mode ignores them.
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
    flags: Flags
    diagnostics: Diagnostics
    calibration: Calibration | None
