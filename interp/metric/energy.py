r"""Chord energies and lengths of paths through a generator, weighted by its critic.

For nodes :math:`z_0 \dots z_N`, :math:`f_i = F(G(z_i))`, :math:`\Delta_i = |f_{i+1} - f_i|`,
with :math:`w_i = w(D(G(z_i)))` and bars for the mean of the two ends of a segment:

.. math::
   \text{none} &: N \sum_i \Delta_i^2 \\
   \text{conformal} &: N \sum_i (\bar w_i \Delta_i)^2 \\
   \text{additive} &: N \sum_i (\Delta_i + \lambda \bar c_i / N)^2 \\
   \text{potential} &: N \sum_i \Delta_i^2 + \tfrac{\lambda}{N} \sum_i \bar c_i^2

Conformal is the energy of the metric :math:`w^2 J^\top J`: a true distance, the default. Additive is the objective of
the code released with arXiv 2203.01035 (its diagonal form; the text of the paper could not be
checked) with :math:`\lambda` per unit of length, so that results do not depend on N: the code's
weight is :math:`\lambda/N`. Potential is its 2019 predecessor. The three are tied by
Jacobi's principle: a potential optimum is a geodesic of :math:`(\lambda c^2 + \mu) J^\top J`, an additive one of
:math:`(\lambda c + \sqrt{\lambda^2 c^2 + \mu})^2 J^\top J`, with a constant :math:`\mu` fixed by the ends; so
their lengths are not comparable across pairs, and their points lie sparser where the critic is low.

Chords need no Jacobian, are symmetric in the ends, and never exceed the length of the curve.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
from jax import Array

from pairs import InputError, Net, Normal, Pair

from .critic_weight import UnitWeight, Weight

__all__ = ["Mode", "Metric", "Observed", "observe", "node_weight", "path_energy", "step_lengths", "StepLengths"]

Mode = Literal["conformal", "additive", "potential", "none"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Metric:
    """How paths are measured.

    Attributes:
      features: net on samples whose Euclidean distance is used; pixels where None.
      weight: score to weight (conformal) or to cost c (additive, potential).
      strength: lambda of the additive and potential modes, in units of length and length squared.
      radial: factor ``1 + radial * (r - sqrt(d))^2`` on length, r the latent norm over the prior's scale.
      unit: ``"sum"`` for Euclidean distances, ``"mean"`` for root mean square over coordinates.
      substeps: critic evaluations per segment; more than one keeps a chord from leaping a bad region.
    """

    pair: Pair
    features: Net | None = None
    weight: Weight | Net = UnitWeight()
    strength: Any = 0.0
    radial: Any = 0.0
    mode: Mode = dataclasses.field(default="conformal", metadata=dict(static=True))
    unit: Literal["sum", "mean"] = dataclasses.field(default="sum", metadata=dict(static=True))
    substeps: int = dataclasses.field(default=1, metadata=dict(static=True))

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise InputError("mode", f"is {self.mode!r}", f"use one of {', '.join(get_args(Mode))}")
        if self.unit not in ("sum", "mean"):
            raise InputError("unit", f"is {self.unit!r}", "use sum or mean")
        if self.substeps < 1:
            raise InputError("substeps", f"is {self.substeps}", "give at least 1")

    def replace(self, **changes: Any) -> Metric:
        return dataclasses.replace(self, **changes)


class Observed(NamedTuple):
    """Features ``(batch, n, D)``, scores ``(batch, n)`` (zeros where they play no part), latents ``(batch, n, d)``."""

    features: Array
    score: Array
    z: Array


class StepLengths(NamedTuple):
    """Per segment ``(batch, n - 1)``: plain feature distance, and the length the mode charges for it."""

    plain: Array
    weighted: Array


def observe(metric: Metric, z: Array, labels: Array | None = None, *, critic: bool | None = None) -> Observed:
    """Run generator, feature net and critic on nodes ``(batch, n, d)`` in one batch; ``labels`` are ``(batch,)``."""
    batch, n, _ = z.shape
    each = None if labels is None else jnp.repeat(labels, n)
    pair = metric.pair
    x = pair.generate(z.reshape(batch * n, *pair.prior.shape), each)
    f = (x if metric.features is None else metric.features(x)).reshape(batch, n, -1)
    wants = metric.mode != "none" if critic is None else critic
    score = pair.score(x, each).reshape(batch, n) if wants else jnp.zeros((batch, n), z.dtype)
    return Observed(f, score.astype(z.dtype), z)


def _segment_mean(values: Array, substeps: int) -> Array:
    """Trapezoid mean over each segment of ``substeps`` sub-intervals, ``(batch, N*m + 1) -> (batch, N)``."""
    halves = 0.5 * (values[:, 1:] + values[:, :-1])
    return jnp.mean(halves.reshape(halves.shape[0], -1, substeps), axis=-1)


def node_weight(metric: Metric, seen: Observed) -> Array:
    """Factor of length at every node, ``(batch, n)``: radial term, and critic weight in the conformal mode."""
    prior = metric.pair.prior
    scale = prior.scale if isinstance(prior, Normal) else 1.0
    radius = jnp.sqrt(jnp.sum(seen.z**2, axis=-1) + 1e-12) / scale
    factor = 1 + metric.radial * (radius - math.sqrt(prior.size)) ** 2
    if metric.mode == "conformal":
        factor = factor * metric.weight(seen.score.reshape(-1)).reshape(seen.score.shape)
    return factor


def _chords(metric: Metric, seen: Observed) -> tuple[Array, Array]:
    """Squared chords ``(batch, N)`` and the segment weights that multiply length."""
    f = seen.features[:, :: metric.substeps]
    squared = jnp.sum((f[:, 1:] - f[:, :-1]) ** 2, axis=-1)
    if metric.unit == "mean":
        squared = squared / f.shape[-1]
    factor = node_weight(metric, seen)
    return squared, _segment_mean(factor, metric.substeps)


def _geometric_cost(metric: Metric, seen: Observed) -> Array:
    log_cost = jnp.log(metric.weight(seen.score.reshape(-1)).reshape(seen.score.shape))
    return jnp.exp(_segment_mean(log_cost, metric.substeps))


def _root(squared: Array) -> Array:
    return jnp.sqrt(squared + (1e-18 if squared.dtype == jnp.float64 else 1e-12))


def path_energy(metric: Metric, seen: Observed) -> Array:
    """Energy per path, ``(batch,)``."""
    squared, factor = _chords(metric, seen)
    n = squared.shape[1]
    kinetic = factor**2 * squared
    if metric.mode == "additive":
        charge = _root(kinetic) + metric.strength / n * _geometric_cost(metric, seen)
        return n * jnp.sum(charge**2, axis=1)
    energy = n * jnp.sum(kinetic, axis=1)
    if metric.mode == "potential":
        energy = energy + metric.strength / n * jnp.sum(_geometric_cost(metric, seen) ** 2, axis=1)
    return energy


def step_lengths(metric: Metric, seen: Observed) -> StepLengths:
    """Length of every segment, plain and as the mode charges it (additive: with its critic term; potential: plain)."""
    squared, factor = _chords(metric, seen)
    plain, weighted = jnp.sqrt(squared), factor * jnp.sqrt(squared)
    if metric.mode == "additive":
        weighted = weighted + metric.strength / squared.shape[1] * _geometric_cost(metric, seen)
    return StepLengths(plain, weighted)
