r"""Chord energies and lengths of paths through a generator, weighted by its critic.

For nodes :math:`z_0 \dots z_N`, :math:`f_i = F(G(z_i))`, :math:`\Delta_i = |f_{i+1} - f_i|`,
with :math:`w_i = w(D(G(z_i)))` and bars for the mean of the two ends of a segment:

.. math::
   \text{none} &: N \sum_i \Delta_i^2 \\
   \text{conformal} &: N \sum_i (\bar w_i \Delta_i)^2 \\
   \text{additive} &: N \sum_i (\Delta_i + \lambda \bar c_i / N)^2 \\
   \text{potential} &: N \sum_i \Delta_i^2 + \tfrac{\lambda}{N} \sum_i \bar c_i^2

Conformal, the default, is the energy of the metric :math:`w^2 J^\top J`, a true distance. Additive is the objective of
the code released with arXiv 2203.01035 (its diagonal form; the text of the paper could not be checked) with
:math:`\lambda` per unit of length, so that results do not depend on N; the weight in that code is :math:`\lambda/N`.
Potential is its predecessor of 2019. Jacobi's principle ties the three: an optimum of potential is a geodesic of
:math:`(\lambda c^2 + \mu) J^\top J`, one of additive a geodesic of
:math:`(\lambda c + \sqrt{\lambda^2 c^2 + \mu})^2 J^\top J`, with a constant :math:`\mu` fixed by the ends. So their
lengths are not comparable across pairs of ends, and their points lie sparser where the critic is low.

Chords need no Jacobian, are symmetric in the ends, and never exceed the length of the curve.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
from jax import Array

from pairs import Net, Normal, Pair
from pairs.checks import check_choice, check_count

from .critic_weight import UnitWeight, Weight

__all__ = ["Mode", "Metric", "Observed", "observe", "node_weight", "path_energy", "step_lengths", "StepLengths"]

Mode = Literal["conformal", "additive", "potential", "none"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Metric:
    """How paths are measured.

    Attributes:
      pair: Generator, critic and prior.
      features: Net on samples whose Euclidean distance is used; pixels where None.
      weight: From score to weight (conformal) or to cost c (additive, potential).
      strength: lambda of the additive and potential modes, in units of length and of length squared.
      radial: r of the factor ``1 + r * (|z| / scale - sqrt(d))^2`` on length, scale the prior's.
      mode: Which energy of the module's equations.
      substeps: Critic evaluations per segment; with more than one, a chord is charged for what lies inside it.

    Raises:
      InputError: The mode is unknown or ``substeps`` is below 1.
    """

    pair: Pair
    features: Net | None = None
    weight: Weight | Net = UnitWeight()
    strength: Any = 0.0
    radial: Any = 0.0
    mode: Mode = dataclasses.field(default="conformal", metadata=dict(static=True))
    substeps: int = dataclasses.field(default=1, metadata=dict(static=True))

    def __post_init__(self) -> None:
        check_choice("mode", self.mode, get_args(Mode))
        check_count("substeps", self.substeps)

    def replace(self, **changes: Any) -> Metric:
        """A copy with some attributes changed."""
        return dataclasses.replace(self, **changes)


class Observed(NamedTuple):
    """What generator, feature net and critic return at the nodes of paths.

    Attributes:
      features: ``(batch, n, D)``.
      score: ``(batch, n)``; zeros where scores play no part.
      z: Latents, ``(batch, n, d)``.
    """

    features: Array
    score: Array
    z: Array


class StepLengths(NamedTuple):
    """Lengths of the segments of paths.

    Attributes:
      plain: Feature distance, ``(batch, n - 1)``.
      weighted: The length that the mode charges, ``(batch, n - 1)``.
    """

    plain: Array
    weighted: Array


def observe(metric: Metric, z: Array, labels: Array | None = None, *, critic: bool | None = None) -> Observed:
    """Run generator, feature net and critic on nodes in one batch.

    Args:
      metric: The nets.
      z: Nodes, ``(batch, n, d)``.
      labels: Class of every path, ``(batch,)``.
      critic: Whether to score, which a pair without a critic cannot; None scores where the mode needs it.
    """
    batch, n, _ = z.shape
    each = None if labels is None else jnp.repeat(labels, n)
    pair = metric.pair
    x = pair.generate(z.reshape(batch * n, *pair.prior.shape), each)
    f = (x if metric.features is None else metric.features(x)).reshape(batch, n, -1)
    scored = metric.mode != "none" if critic is None else critic and pair.has_critic
    score = pair.score(x, each).reshape(batch, n) if scored else jnp.zeros((batch, n), z.dtype)
    return Observed(f, score.astype(z.dtype), z)


def _segment_mean(values: Array, substeps: int) -> Array:
    """Trapezoid mean over each segment of ``substeps`` sub-intervals, ``(batch, N*m + 1) -> (batch, N)``."""
    halves = 0.5 * (values[:, 1:] + values[:, :-1])
    return jnp.mean(halves.reshape(halves.shape[0], -1, substeps), axis=-1)


def node_weight(metric: Metric, seen: Observed) -> Array:
    """Factor of length at every node, ``(batch, n)``: the radial term, times the critic's weight if conformal."""
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
    factor = node_weight(metric, seen)
    return squared, _segment_mean(factor, metric.substeps)


def _geometric_cost(metric: Metric, seen: Observed) -> Array:
    log_cost = jnp.log(metric.weight(seen.score.reshape(-1)).reshape(seen.score.shape))
    return jnp.exp(_segment_mean(log_cost, metric.substeps))


def _root(squared: Array) -> Array:
    return jnp.sqrt(squared + (1e-18 if squared.dtype == jnp.float64 else 1e-12))


def path_energy(metric: Metric, seen: Observed) -> Array:
    """Energy of every path, ``(batch,)``."""
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
    """Lengths of every segment; additive charges its critic term too, potential only the plain length."""
    squared, factor = _chords(metric, seen)
    plain, weighted = jnp.sqrt(squared), factor * jnp.sqrt(squared)
    if metric.mode == "additive":
        weighted = weighted + metric.strength / squared.shape[1] * _geometric_cost(metric, seen)
    return StepLengths(plain, weighted)
