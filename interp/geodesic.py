r"""Shortest paths between latents in the metric of a generator, its features and its critic.

Minimises the energies of :mod:`interp.energy` over the curves of :mod:`interp.curve`, from coarse to fine:
4 modes on 8 segments, 12 on 16, then the resolution asked for; coefficients carry over
exactly. Starts from the best of line, slerp and matched line, is compared with them at the end,
and returns the best of all. Every pair of ends is solved on its own: a batch of B gives what B
calls would.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Net, Pair

from .baselines import BASELINES
from .calibrate import Calibration, calibrate
from .curve import Chart, Curve, resample_times
from .energy import Metric, observe, path_energy, step_lengths
from .measure import Diagnostics, diagnose
from .settings import Flags, GeodesicConfig, GeodesicResult
from .solve.route import solve_level, stack_starts
from .support import chart_of, check_ends, check_labels, hashable_prior

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
        _check_net(pair, features)
    if config.mode != "none" and weight is None:
        if calibration is None:
            calibration = calibrate(pair, jax.random.key(config.seed), config.calibration)
        weight = calibration.weight if config.mode == "conformal" else calibration.cost
    metric = Metric(pair, features, strength=config.strength, radial=radial, mode=config.mode, unit=config.unit,
                    substeps=config.substeps)  # fmt: skip
    return (metric if weight is None else metric.replace(weight=weight)), calibration


def _check_net(pair: Pair, features: Net) -> None:
    x = jax.ShapeDtypeStruct((2, *pair.sample_shape), jnp.zeros(()).dtype)
    try:
        shape = jax.eval_shape(features, x).shape
    except Exception as error:  # whatever a stranger's net raises, the user needs one line
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            "features", f"fail on samples {x.shape}: {reason}", "give a net on this pair's samples"
        ) from error
    if not shape or shape[0] != 2:
        raise InputError("features", f"map {x.shape} to {shape}", "return (batch, features)")


def _check_pair(pair: Pair, labels: Array | None) -> None:
    """A generator and critic that do not fit are found before any work, without running them."""
    z = jax.ShapeDtypeStruct((2, *pair.prior.shape), jnp.zeros(()).dtype)
    label = None if labels is None else jax.ShapeDtypeStruct((2,), jnp.int32)
    for name, call, argument in (("generator", pair.generate, z), ("critic", pair.score, None)):
        if argument is None:
            argument = jax.ShapeDtypeStruct((2, *pair.sample_shape), z.dtype)
        wanted = (2, *pair.sample_shape) if name == "generator" else (2,)
        try:
            shape = jax.eval_shape(call, argument, label).shape
        except Exception as error:  # as above
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            remedy = "use the critic this generator was trained against"
            raise InputError(name, f"fails on input {argument.shape}: {reason}", remedy) from error
        if shape != wanted:
            raise InputError(name, f"maps {argument.shape} to {shape}", f"it must return {wanted}")


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
      initial: start coefficients ``(batch, K, d)`` relative to the best base path
        (:mod:`interp.amortise` proposes them); used where they beat the base path.

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
    _check_pair(pair, label)
    chart, _ = chart_of(pair.prior, config.keep, config.radial)
    if config.solver in ("gauss-newton", "georce") and chart.kind != "free":
        raise InputError("solver", f"{config.solver} moves free nodes, the prior asks for '{chart.kind}'", "use lbfgs")
    metric, calibration = make_metric(pair, config, features=features, weight=weight, calibration=calibration)
    dtype = jnp.promote_types(a.dtype, b.dtype)
    a, b = a.astype(dtype), b.astype(dtype)
    start = None if initial is None else jnp.asarray(initial, dtype)
    blocks = []
    for i in range(0, a.shape[0], config.batch):
        rows = slice(i, i + config.batch)
        block = partial(_solve_block, metric, config, chart, calibration)
        blocks.append(block(*_padded((a[rows], b[rows], None if label is None else label[rows],
                                      None if start is None else start[rows]), config.batch, a.shape[0])))  # fmt: skip
    count = a.shape[0]
    joined = jax.tree.map(lambda *parts: jnp.concatenate(parts)[:count], *blocks)
    return joined._replace(calibration=calibration)


def _padded(rows: tuple[Array | None, ...], batch: int, total: int) -> tuple[Array | None, ...]:
    """Repeat rows up to the block size, so that the last block of many compiles nothing new."""
    if total <= batch:
        return rows
    fill = lambda r: jnp.take(r, jnp.arange(batch) % r.shape[0], axis=0)
    return tuple(None if r is None else fill(r) for r in rows)


@partial(jax.jit, static_argnums=3)
def _survey(metric: Metric, curve: Curve, labels: Array | None, segments: int) -> tuple[Array, Array]:
    """Energy and charged length of the three base paths, ``(3, batch)`` each, outside any chart."""
    batch = curve.z0.shape[0]
    t = jnp.linspace(0, 1, segments * metric.substeps + 1, dtype=curve.z0.dtype)
    tile = lambda v: jnp.tile(v, (3,) + (1,) * (v.ndim - 1))
    zero = jnp.zeros((3 * batch, 1, curve.z0.shape[1]), curve.z0.dtype)
    three = Curve(tile(curve.z0), tile(curve.z1), jnp.repeat(jnp.arange(3), batch), zero, curve.prior, Chart())
    seen = observe(metric, three(t), None if labels is None else tile(labels))
    energy, length = path_energy(metric, seen), jnp.sum(step_lengths(metric, seen).weighted, axis=1)
    return energy.reshape(3, batch), length.reshape(3, batch)


@partial(jax.jit, static_argnums=3)
def _appraise(metric: Metric, curve: Curve, labels: Array | None, segments: int) -> tuple[Array, ...]:
    """Energy and length on the solver's grid; steps, and largest weight on it and on one four times finer."""
    n = segments * metric.substeps
    t = jnp.linspace(0, 1, 4 * n + 1, dtype=curve.z0.dtype)
    seen = observe(metric, curve(t), labels)
    coarse = jax.tree.map(lambda v: v[:, ::4], seen)
    charge = metric.weight(seen.score.reshape(-1)).reshape(seen.score.shape)
    fine_steps, plain_metric = metric.replace(substeps=1), metric.replace(substeps=1, mode="none", radial=0.0)
    plain, charged = step_lengths(plain_metric, seen).plain, step_lengths(fine_steps, seen).weighted
    length = jnp.sum(step_lengths(metric, coarse).weighted, axis=1)
    return (path_energy(metric, coarse), length, plain, charged, jnp.max(charge, axis=1), jnp.max(charge[:, ::4], axis=1))  # fmt: skip


def _solve_block(
    metric: Metric, config: GeodesicConfig, chart: Chart, calibration: Calibration | None,
    z0: Array, z1: Array, labels: Array | None, initial: Array | None,
) -> GeodesicResult:  # fmt: skip
    batch, d = z0.shape
    segments, modes = config.segments, config.mode_count
    zero = jnp.zeros((batch, modes, d), z0.dtype)
    curve = Curve(z0, z1, jnp.zeros((batch,), jnp.int32), zero, hashable_prior(metric.pair.prior), chart)
    energies, lengths = _survey(metric, curve, labels, segments)
    # on a sphere only slerp is admissible; elsewhere whichever base path is cheapest
    allowed = jnp.asarray([chart.kind != "sphere", True, chart.kind != "sphere"])[:, None]
    admissible = lambda values: jnp.where(allowed & jnp.isfinite(values), values, jnp.inf)
    curve = curve.replace(base=jnp.argmin(admissible(energies), axis=0).astype(jnp.int32))

    identical = jnp.all(z0 == z1, axis=1)
    tiny = 1e-10 * (1.0 + jnp.max(jnp.where(jnp.isfinite(energies), energies, 0.0)))
    still = jnp.all((energies <= tiny) | ~jnp.isfinite(energies), axis=0)
    failed = ~jnp.all(jnp.isfinite(jnp.where(allowed, energies, 0.0)), axis=0)
    solved = curve
    evaluations, images = jnp.zeros((batch,), jnp.int32), jnp.zeros((batch,), jnp.int32)
    converged = jnp.zeros((batch,), bool)
    if not bool(jnp.all(identical | still | failed)):
        solved, converged, evaluations, images = _levels(metric, config, curve, labels, initial)
    energy, length, plain, charged, fine_top, coarse_top = _appraise(metric, solved, labels, segments)
    jumped = (fine_top > 1.5 * coarse_top) & (config.mode != "none")
    if bool(jnp.any(jumped & ~identical)) and config.solver == "lbfgs" and config.substeps == 1:
        # one more round on the same curve with the critic seen inside segments
        tight = metric.replace(substeps=4)
        redone = solve_level(tight, config, solved, labels, segments, modes, config.evaluations)
        better = jnp.where(jumped[:, None, None], redone.curve.coefficients, solved.coefficients)
        solved = solved.replace(coefficients=better)
        evaluations, images = evaluations + jumped * redone.evaluations, images + jumped * redone.images
        converged = jnp.where(jumped, redone.converged, converged)
        energy, length, plain, charged, fine_top, coarse_top = _appraise(tight, solved, labels, segments)
        jumped = fine_top > 1.5 * coarse_top
    worse, rival = _shorter_baseline(metric, config, curve, labels, admissible(energies), admissible(lengths),
                                     energy, length, charged)  # fmt: skip
    fell_back = worse & ~identical & ~still & ~failed
    drop = fell_back | identical | still | failed
    if bool(jnp.any(drop)):
        base = jnp.where(fell_back, rival, solved.base)
        solved = solved.replace(base=base, coefficients=jnp.where(drop[:, None, None], 0.0, solved.coefficients))
        energy, length, plain, charged, *_ = _appraise(metric, solved, labels, segments)
    path, t = _place(config, solved, plain, charged)
    diagnostics = _diagnostics(metric, path, labels, calibration)
    everywhere = lambda flag: jnp.full((batch,), flag)
    flags = Flags(
        converged=converged & ~failed | identical, fell_back=fell_back, identical=identical,
        degenerate=still & ~identical & ~failed, jumped=jumped & ~identical, failed=failed,
        critic_constant=everywhere(calibration is not None and calibration.constant),
        critic_blind=everywhere(calibration is not None and calibration.blind),
    )  # fmt: skip
    shaped = path.reshape(batch, config.points, *metric.pair.prior.shape)
    named = lambda values: dict(zip(BASELINES, values, strict=True))
    return GeodesicResult(shaped, t, solved, energy, length, named(energies), named(lengths), evaluations, images, flags,
                          diagnostics, None)  # fmt: skip


def _shorter_baseline(
    metric: Metric, config: GeodesicConfig, curve: Curve, labels: Array | None, energies: Array, lengths: Array,
    energy: Array, length: Array, charged: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """Which pairs have a baseline better than what was found, and which one it is.

    By energy where the mode is no metric. By length where it is: chords of unequal steps are a
    little short, so a suspicion on the solver's grid is settled on one four times finer, to 1e-4.
    """
    if config.mode in ("additive", "potential"):
        return ~(energy <= jnp.min(energies, axis=0) * (1 + 1e-6)), jnp.argmin(energies, axis=0).astype(jnp.int32)
    rival = jnp.argmin(lengths, axis=0).astype(jnp.int32)
    suspect = ~(length <= jnp.min(lengths, axis=0))
    if not bool(jnp.any(suspect)):
        return suspect, rival
    straight = curve.replace(base=rival, coefficients=jnp.zeros_like(curve.coefficients))
    fine = jnp.sum(_appraise(metric, straight, labels, config.segments)[3], axis=1)
    return suspect & ~(jnp.sum(charged, axis=1) <= fine * (1 + 1e-4)), rival


def _place(config: GeodesicConfig, curve: Curve, plain: Array, charged: Array) -> tuple[Array, Array]:
    dense = jnp.linspace(0, 1, plain.shape[1] + 1, dtype=curve.z0.dtype)
    if config.resample == "none":
        t = jnp.broadcast_to(jnp.linspace(0, 1, config.points, dtype=dense.dtype), (plain.shape[0], config.points))
    else:
        t = resample_times(dense, plain if config.resample == "feature" else charged, config.points)
    return _points(curve, t), t


@jax.jit
def _points(curve: Curve, t: Array) -> Array:
    return curve(t)


def _diagnostics(metric: Metric, path: Array, labels: Array | None, calibration: Calibration | None) -> Diagnostics:
    floor = None if calibration is None else calibration.floor
    shaped = path.reshape(*path.shape[:2], *metric.pair.prior.shape)
    return diagnose(metric, shaped, labels=labels, floor=floor)


def _levels(
    metric: Metric, config: GeodesicConfig, curve: Curve, labels: Array | None, initial: Array | None
) -> tuple[Curve, Array, Array, Array]:
    """Coarse to fine; bent starts on the coarsest level. Returns curve, converged, evaluations, images."""
    segments, modes = config.segments, config.mode_count
    plan = [(4, 8, 12), (12, 16, 20)] if config.multiresolution else []
    plan = [(k, n, e) for k, n, e in plan if n < segments and k <= modes]
    batch, d = curve.z0.shape
    restarts = config.restarts if config.restarts >= 0 else (4 if d <= 3 else 0)
    evaluations, images = jnp.zeros((batch,), jnp.int32), jnp.zeros((batch,), jnp.int32)
    if restarts or initial is not None:
        k, n, e = plan[0] if plan else (min(modes, 4), min(segments, 8), 12)
        curve, used, cost = stack_starts(metric, config, curve, labels, initial, restarts, n, k, e)
        evaluations, images = evaluations + used, images + cost
        plan = plan[1:]
    for k, n, e in plan:
        level = solve_level(metric, config, curve, labels, n, k, e, coarse=True)
        curve, evaluations, images = level.curve, evaluations + level.evaluations, images + level.images
    last = solve_level(metric, config, curve, labels, segments, modes, config.evaluations)
    return last.curve, last.converged, evaluations + last.evaluations, images + last.images
