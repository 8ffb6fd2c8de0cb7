r"""Shortest paths between latents in the metric of a generator, its features and its critic.

Minimises the energies of :mod:`interp.metric.energy` over the curves of :mod:`interp.curves.sine_curve`, from coarse to fine:
4 modes on 8 segments, 12 on 16, then the resolution asked for; coefficients carry over
exactly. Starts from the best of line, slerp and matched line, is compared with them at the end,
and returns the best of all. Every pair of ends is solved on its own: a batch of B gives what B
calls would.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Net, Pair

from .curves.baselines import BASELINES
from .curves.measures import Diagnostics, constant_speed, diagnose
from .curves.sine_curve import Chart, Curve
from .metric.energy import Metric
from .metric.path_weight import Calibration, calibrate
from .settings import Flags, GeodesicConfig, GeodesicResult
from .solve.appraisal import appraise, shorter_baseline, survey
from .solve.levels import fit_modes, solve_again, solve_all_levels
from .starts.grid import grid_start
from .support import chart_of, check_ends, check_features, check_labels, check_nets, hashable_prior

__all__ = ["geodesic", "make_metric"]

_DEFAULT = GeodesicConfig()


def make_metric(
    pair: Pair,
    config: GeodesicConfig = _DEFAULT,
    *,
    features: Net | None = None,
    weight: Any = None,
    calibration: Calibration | None = None,
) -> tuple[Metric, Calibration | None]:
    """The metric a config asks for; calibrates the critic where it is needed and nothing was given.

    Args:
      features: net on samples; ``pair.features`` is *not* taken by itself (pass it).
      weight: function of the score that replaces the calibrated one; a pytree such as :class:`pairs.Net`.
    """
    _, radial = chart_of(pair.prior, config.keep, config.radial)
    if features is not None:
        check_features(pair, features)
    if config.mode != "none" and weight is None:
        if calibration is None:
            calibration = calibrate(pair, jax.random.key(config.seed), config.calibration)
        weight = calibration.weight if config.mode == "conformal" else calibration.cost
    metric = Metric(
        pair,
        features,
        strength=config.strength,
        radial=radial,
        mode=config.mode,
        unit=config.unit,
        substeps=config.substeps,
    )
    return (metric if weight is None else metric.replace(weight=weight)), calibration


def geodesic(
    pair: Pair,
    z0: ArrayLike,
    z1: ArrayLike,
    *,
    config: GeodesicConfig = _DEFAULT,
    features: Net | None = None,
    weight: Any = None,
    calibration: Calibration | None = None,
    labels: ArrayLike | None = None,
    initial: ArrayLike | None = None,
) -> GeodesicResult:
    """Paths from ``z0`` to ``z1``.

    Args:
      z0, z1: ends, ``(batch, *latent)``.
      features: net on samples that measures distance (``pair.features``, a classifier, a perceptual net);
        pixels where None.
      weight: replaces the calibrated critic weight, see :func:`make_metric`.
      calibration: from :func:`interp.calibrate`; computed where None and needed.
      labels: ``(batch,)`` for conditional pairs; a path keeps its label.
      initial: start coefficients ``(batch, K, d)`` relative to the line (:mod:`interp.starts.neighbours` and
        :mod:`interp.starts.memory` propose them), for free charts; tried next to the line, used where they are better.

    Raises:
      InputError: ends of the wrong shape, with NaN, or outside the prior's support; generator and
        critic that do not fit; bad settings.

    >>> import pairs
    >>> flat = pairs.wrap(lambda p, z: p * z, jnp.asarray(2.0))
    >>> critic = pairs.wrap(lambda p, x: x[:, 0], None)
    >>> pair = pairs.make_pair(flat, critic, pairs.Normal((2,)), sample_range=None, critic_kind="energy")
    >>> found = geodesic(pair, [[0.0, 0.0]], [[3.0, 4.0]], config=GeodesicConfig(mode="none"))
    >>> round(float(found.length[0]), 3)
    10.0
    """
    a, b = check_ends(pair, "z0", jnp.asarray(z0)), check_ends(pair, "z1", jnp.asarray(z1))
    if a.shape != b.shape:
        raise InputError("z1", f"has {b.shape[0]} rows, z0 has {a.shape[0]}", "give as many ends as starts")
    label = check_labels(pair, None if labels is None else jnp.asarray(labels), a.shape[0])
    check_nets(pair, label)
    chart, _ = chart_of(pair.prior, config.keep, config.radial)
    if config.solver in ("gauss-newton", "georce") and chart.kind != "free":
        raise InputError("solver", f"{config.solver} moves free nodes, the prior asks for '{chart.kind}'", "use lbfgs")
    metric, calibration = make_metric(pair, config, features=features, weight=weight, calibration=calibration)
    dtype = jnp.promote_types(a.dtype, b.dtype)
    a, b = a.astype(dtype), b.astype(dtype)
    start = None if initial is None else jnp.asarray(initial, dtype)
    if start is not None and (chart.kind != "free" or start.ndim != 3 or start.shape[::2] != a.shape):
        raise InputError(
            "initial",
            f"has shape {start.shape} for a '{chart.kind}' chart",
            f"give ({a.shape[0]}, K, {a.shape[1]}) with keep='free' or 'radial'",
        )
    if start is None and config.grid:
        if chart.kind != "free":
            raise InputError("grid", f"is set for a '{chart.kind}' chart", "use keep='free' or 'radial', or grid=0")
        start = grid_start(metric, a, b, config.mode_count, side=config.grid)
    count, blocks = a.shape[0], []
    for i in range(0, count, config.batch):
        # the last block of many is filled up with repeats, so that it compiles nothing new
        rows = np.arange(i, i + config.batch) % count if count > config.batch else np.arange(count)
        pick = lambda values, rows=rows: None if values is None else values[rows]
        blocks.append(_solve_block(metric, config, chart, calibration, a[rows], b[rows], pick(label), pick(start)))
    joined = jax.tree.map(lambda *parts: jnp.concatenate(parts)[:count], *blocks)
    return joined._replace(calibration=calibration)


def _solve_block(
    metric: Metric,
    config: GeodesicConfig,
    chart: Chart,
    calibration: Calibration | None,
    z0: Array,
    z1: Array,
    labels: Array | None,
    initial: Array | None,
) -> GeodesicResult:
    batch, d = z0.shape
    segments, modes = config.segments, config.mode_count
    zero = jnp.zeros((batch, modes, d), z0.dtype)
    curve = Curve(z0, z1, jnp.zeros((batch,), jnp.int32), zero, hashable_prior(metric.pair.prior), chart)
    energies, lengths = survey(metric, curve, labels, segments)
    # on a sphere only slerp is admissible; elsewhere whichever base path is cheapest
    allowed = jnp.asarray([chart.kind != "sphere", True, chart.kind != "sphere"])[:, None]
    admissible = lambda values: jnp.where(allowed & jnp.isfinite(values), values, jnp.inf)
    if initial is None:
        curve = curve.replace(base=jnp.argmin(admissible(energies), axis=0).astype(jnp.int32))

    identical = jnp.all(z0 == z1, axis=1)
    still = jnp.all((energies <= 1e-12) | ~jnp.isfinite(energies), axis=0)
    failed = ~jnp.all(jnp.isfinite(jnp.where(allowed, energies, 0.0)), axis=0)
    solved = curve
    evaluations, images = jnp.zeros((batch,), jnp.int32), jnp.zeros((batch,), jnp.int32)
    converged = jnp.zeros((batch,), bool)
    if not bool(jnp.all(identical | still | failed)):
        solved, converged, evaluations, images = solve_all_levels(metric, config, curve, labels, initial)
    energy, length, charged, fine_top, coarse_top = appraise(metric, solved, labels, segments)
    jumped = (fine_top > 1.5 * coarse_top) & (config.mode != "none")
    jumped = jumped & ~identical & ~failed
    if bool(jnp.any(jumped)) and config.solver == "lbfgs":
        chosen = np.flatnonzero(np.asarray(jumped))
        solved, again, more, cost = solve_again(metric, config, solved, labels, chosen, 4)
        evaluations, images = evaluations + more, images + cost
        converged = jnp.where(jumped, again, converged)
        energy, length, charged, *_ = appraise(metric, solved, labels, segments)
        *_, fine_top, coarse_top = appraise(metric, solved, labels, 4 * segments)
        jumped = jumped & (fine_top > 1.5 * coarse_top)
    close = segments
    if initial is not None and config.mode in ("none", "conformal"):
        # a start that looked between the nodes may know better than nodes that leap
        close = 4 * segments
        given = curve.replace(coefficients=fit_modes(initial, modes))
        theirs, *tops = appraise(metric, given, labels, close)[2:]
        charged = appraise(metric, solved, labels, close)[2]
        back = theirs < (1 - 1e-4) * charged
        if bool(jnp.any(back)):
            pick = lambda a, b: jnp.where(back.reshape((-1,) + (1,) * (a.ndim - 1)), a, b)
            solved = solved.replace(
                base=pick(given.base, solved.base), coefficients=pick(given.coefficients, solved.coefficients)
            )
            converged, jumped = converged & ~back, pick(tops[0] > 1.5 * tops[1], jumped)
            energy, length, *_ = appraise(metric, solved, labels, segments)
            charged = pick(theirs, charged)
    worse, rival = shorter_baseline(
        metric, config, curve, labels, admissible(energies), admissible(lengths), energy, length, charged, jumped, close
    )
    fell_back = worse & ~identical & ~still & ~failed
    drop = fell_back | identical | still | failed
    if bool(jnp.any(drop)):
        base = jnp.where(fell_back, rival, solved.base)
        solved = solved.replace(base=base, coefficients=jnp.where(drop[:, None, None], 0.0, solved.coefficients))
        energy, length, charged, *_ = appraise(metric, solved, labels, segments)
    path, t = _place(metric, config, solved, labels)
    diagnostics = _diagnostics(metric, path, labels, calibration)
    everywhere = lambda flag: jnp.full((batch,), flag)
    flags = Flags(
        converged=converged & ~failed | identical,
        fell_back=fell_back,
        identical=identical,
        degenerate=still & ~identical & ~failed,
        jumped=jumped & ~identical,
        failed=failed,
        critic_constant=everywhere(calibration is not None and calibration.constant),
        critic_blind=everywhere(calibration is not None and calibration.blind),
    )
    shaped = path.reshape(batch, config.points, *metric.pair.prior.shape)
    named = lambda values: {str(name): value for name, value in zip(BASELINES, values, strict=True)}
    return GeodesicResult(
        shaped,
        t,
        solved,
        energy,
        length,
        named(energies),
        named(lengths),
        evaluations,
        images,
        flags,
        diagnostics,
        None,
    )


def _place(metric: Metric, config: GeodesicConfig, curve: Curve, labels: Array | None) -> tuple[Array, Array]:
    if config.resample != "none":
        return constant_speed(metric, curve, config.points, labels=labels, weighted=config.resample == "charged")
    t = jnp.linspace(0, 1, config.points, dtype=curve.z0.dtype)
    return _points(curve, t), jnp.broadcast_to(t, (curve.z0.shape[0], config.points))


@jax.jit
def _points(curve: Curve, t: Array) -> Array:
    return curve(t)


def _diagnostics(metric: Metric, path: Array, labels: Array | None, calibration: Calibration | None) -> Diagnostics:
    floor = None if calibration is None else calibration.floor
    shaped = path.reshape(*path.shape[:2], *metric.pair.prior.shape)
    return diagnose(metric, shaped, labels=labels, floor=floor)
