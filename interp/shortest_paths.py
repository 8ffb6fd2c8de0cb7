r"""Shortest paths between latents in the metric of a generator, its features and its critic.

``pair -> metric -> curve -> solve -> result``: :func:`make_metric` says how length is measured
(:mod:`interp.metric.energy`), the cheapest base path between the ends is the first curve
(:mod:`interp.curves.sine_curve`), a solver improves it from coarse to fine (:mod:`interp.search.levels`), and what is
returned is never worse than the best of line, slerp and matched line (:mod:`interp.search.acceptance`). Every pair of
ends is solved on its own: a batch of B gives what B calls would.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Net, Pair
from pairs.arguments import differentiable
from pairs.arrays import on_device

from .checks import check_features, check_labels, check_nets, check_pairs_of_ends
from .curves.baselines import BASELINES
from .curves.charts import Chart, chart_of, static_prior
from .curves.sine_curve import Curve, evaluate
from .metric.critic_weight import Weight
from .metric.diagnostics import diagnose
from .metric.energy import Metric
from .metric.path_weight import PathWeight, weigh
from .metric.speed import constant_speed
from .result import Flags, GeodesicResult, outcome_of
from .search.acceptance import exempt_of, prefer_baseline, prefer_given_start, solve_jumps_again
from .search.appraisal import survey
from .search.levels import solve_levels
from .search.task import Attempt, Task
from .settings import GeodesicSettings
from .starts.grid import grid_start

__all__ = ["geodesic", "make_metric"]

_DEFAULT = GeodesicSettings()


def make_metric(
    pair: Pair,
    settings: GeodesicSettings = _DEFAULT,
    *,
    features: Net | None = None,
    weight: PathWeight | Weight | Net | None = None,
) -> tuple[Metric, PathWeight | None]:
    """The metric that settings ask for; the critic is weighed where it is needed and no weight is given.

    Args:
      pair: Generator, critic and prior.
      settings: Mode, strength, sub-steps, and how the critic is weighed.
      features: Net on samples that measures distance; pixels where None. ``pair.features`` is not taken by itself.
      weight: A path weight (:func:`interp.weigh`), or any pytree that maps scores to weights.

    Returns:
      The metric, and the path weight in it (None where the mode ignores the critic or ``weight`` is a function).

    Raises:
      InputError: The feature net or the settings do not suit the pair.
    """
    pair = differentiable(pair)
    _, radial = chart_of(pair.prior, settings.keep, settings.radial)
    if features is not None:
        check_features(pair, features)
    if settings.mode != "none" and weight is None:
        weight = weigh(pair, jax.random.key(settings.seed), settings.path_weight)
    metric = Metric(
        pair, features, strength=settings.strength, radial=radial, mode=settings.mode, substeps=settings.substeps
    )
    if not isinstance(weight, PathWeight):
        return (metric if weight is None else metric.replace(weight=weight)), None
    if settings.mode == "none":
        return metric, weight
    return metric.replace(weight=weight.weight if settings.mode == "conformal" else weight.cost), weight


def geodesic(
    pair: Pair,
    z0: ArrayLike,
    z1: ArrayLike,
    *,
    settings: GeodesicSettings = _DEFAULT,
    features: Net | None = None,
    weight: PathWeight | Weight | Net | None = None,
    labels: ArrayLike | None = None,
    initial: ArrayLike | None = None,
) -> GeodesicResult:
    """Paths from ``z0`` to ``z1``.

    Args:
      pair: Generator, critic and prior; the mode ``"none"`` needs no critic, and scores are then NaN where there is
        none.
      z0: First ends, ``(batch, *latent)``.
      z1: Last ends, ``(batch, *latent)``.
      settings: How paths are found.
      features: Net on samples that measures distance (``pair.features``, a classifier, a perceptual net); pixels where
        None.
      weight: How the critic counts, see :func:`make_metric`; weighed here where it is None and needed.
      labels: Class of every path, ``(batch,)``, for conditional pairs; a path keeps its label.
      initial: Coefficients of a start relative to the line, ``(batch, K, d)``, for free charts
        (:mod:`interp.starts.neighbours` and :mod:`interp.starts.memory` make them). It is tried beside the line and
        used where it is better.

    Raises:
      InputError: Ends have the wrong shape, are not finite or lie outside the prior's support; generator and critic do
        not fit; the solver does not suit the pair; a setting is bad.

    Example:
      >>> import pairs
      >>> flat = pairs.wrap(lambda p, z: p * z, jnp.asarray(2.0))
      >>> critic = pairs.wrap(lambda p, x: x[:, 0], None)
      >>> pair = pairs.make_pair(flat, critic, pairs.Normal((2,)), sample_range=None, critic_kind="energy")
      >>> settings = GeodesicSettings(mode="none", segments=8, restarts=0)
      >>> found = geodesic(pair, [[0.0, 0.0]], [[3.0, 4.0]], settings=settings)
      >>> round(float(found.length[0]), 3), found.messages()
      (10.0, ['The solver converged.'])
    """
    a, b = check_pairs_of_ends(pair, z0, z1)
    label = check_labels(pair, labels, len(a))
    check_nets(pair, label, settings.mode != "none")
    chart, _ = chart_of(pair.prior, settings.keep, settings.radial)
    solver = settings.make_solver()
    solver.check(pair, chart, settings.mode, settings.substeps)
    start = _checked_start(initial, a, chart)
    metric, path_weight = make_metric(pair, settings, features=features, weight=weight)
    if start is None and settings.grid:
        if chart.kind != "free":
            raise InputError("grid", f"is set for a '{chart.kind}' chart", "use keep='free' or 'radial', or grid=0")
        start = grid_start(metric, a, b, settings.mode_count, side=settings.grid)

    task, count, blocks = Task(metric, settings, solver, label, start), len(a), []
    if count <= settings.batch:
        found = _solve_block(task, chart, a, b, path_weight)
        return jax.tree.map(on_device, found)._replace(path_weight=path_weight)
    for low in range(0, count, settings.batch):
        # the last block is filled up with repeats, so that it compiles nothing new
        rows = np.arange(low, low + settings.batch) % count
        blocks.append(_solve_block(task.of_rows(on_device(rows)), chart, a[rows], b[rows], path_weight))
    joined = jax.tree.map(lambda *parts: jnp.concatenate(parts)[:count], *blocks)
    return joined._replace(path_weight=path_weight)


def _checked_start(initial: ArrayLike | None, z0: Array, chart: Chart) -> Array | None:
    if initial is None:
        return None
    start = jnp.asarray(initial, z0.dtype)
    if chart.kind != "free" or start.ndim != 3 or start.shape[::2] != z0.shape:
        remedy = f"give ({z0.shape[0]}, K, {z0.shape[1]}) with keep='free' or 'radial'"
        raise InputError("initial", f"has shape {start.shape} for a '{chart.kind}' chart", remedy)
    return start


def _solve_block(task: Task, chart: Chart, z0: Array, z1: Array, path_weight: PathWeight | None) -> GeodesicResult:
    """One block: survey the base paths, solve, accept, measure."""
    metric, settings, labels = task.metric, task.settings, task.labels
    batch, zero = len(z0), np.zeros((len(z0),), np.int32)
    coefficients = on_device(np.zeros((batch, settings.mode_count, z0.shape[1]), z0.dtype))
    curve = Curve(z0, z1, on_device(zero), coefficients, static_prior(metric.pair.prior), chart)
    baselines = survey(metric, curve, labels, settings.segments)
    if task.initial is None:
        curve = curve.replace(
            base=on_device(np.argmin(baselines.admissible(baselines.energy), axis=0).astype(np.int32))
        )

    exempt = exempt_of(curve, baselines)
    attempt = Attempt(curve, zero > 0, zero, zero)
    if not exempt.any.all():
        attempt = solve_levels(task, curve)
    attempt, found = solve_jumps_again(task, attempt, exempt)
    attempt, found = prefer_given_start(task, curve, attempt, found)
    attempt, found, fell_back = prefer_baseline(task, curve, baselines, attempt, found, exempt)

    path, t = _points(metric, settings, attempt.curve, labels)
    shaped = path.reshape(batch, settings.points, *metric.pair.prior.shape)
    everywhere = lambda flag: np.full((batch,), flag)
    flags = Flags(
        converged=attempt.converged & ~exempt.failed | exempt.identical,
        fell_back=fell_back,
        identical=exempt.identical,
        degenerate=exempt.still & ~exempt.identical & ~exempt.failed,
        jumped=found.jumped & ~exempt.identical,
        failed=exempt.failed,
        critic_constant=everywhere(path_weight is not None and path_weight.constant),
        critic_blind=everywhere(path_weight is not None and path_weight.blind),
    )
    named = lambda values: {str(name): on_device(value) for name, value in zip(BASELINES, values, strict=True)}
    return GeodesicResult(
        path=shaped,
        t=t,
        curve=attempt.curve,
        energy=on_device(found.energy),
        length=on_device(found.length),
        baseline_energy=named(baselines.energy),
        baseline_length=named(baselines.length),
        evaluations=on_device(attempt.evaluations),
        images=on_device(attempt.images),
        outcome=on_device(outcome_of(flags)),
        flags=Flags(*map(on_device, flags)),
        diagnostics=diagnose(metric, shaped, labels=labels, floor=None if path_weight is None else path_weight.floor),
        path_weight=None,
    )


def _points(metric: Metric, settings: GeodesicSettings, curve: Curve, labels: Array | None) -> tuple[Array, Array]:
    """Points of the curves and their parameters, as the settings space them."""
    if settings.resample == "feature":
        return constant_speed(metric, curve, settings.points, labels=labels)
    t = np.broadcast_to(np.linspace(0, 1, settings.points, dtype=curve.z0.dtype), (len(curve.z0), settings.points))
    return evaluate(curve, t), jnp.asarray(t)
