"""What is true of a path, whoever made it: lengths, energies, speed, critic, radius, curvature."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError

from ..metric.energy import Metric, observe, path_energy, step_lengths
from ..support import radius_percentile
from .sine_curve import Curve, resample_times

__all__ = ["Diagnostics", "diagnose", "constant_speed", "path_length"]


class Diagnostics(NamedTuple):
    """Per path, ``(batch,)`` unless said otherwise.

    Attributes:
      energy: as the mode defines it. length: as the mode charges it.
      plain_length: feature length without weights. pixel_length: length of the samples themselves.
      speed_ratio: largest over smallest feature step (infinite where the image stands still).
      critic: ``(batch, n)`` scores along the path; critic_min, critic_mean, critic_low (5 % quantile).
      below_floor: share of points under the calibration's floor.
      radius: ``(batch, n)`` percentile of the latent norm in the prior's law; radius_min its least value.
      detour: latent length over latent distance of the ends.
      curvature: largest turning of the feature path, radians per unit of its length.
    """

    energy: Array
    length: Array
    plain_length: Array
    pixel_length: Array
    speed_ratio: Array
    critic: Array
    critic_min: Array
    critic_mean: Array
    critic_low: Array
    below_floor: Array
    radius: Array
    radius_min: Array
    detour: Array
    curvature: Array


def _ratio(steps: Array) -> Array:
    tiny = jnp.finfo(steps.dtype).tiny
    ratio = jnp.max(steps, axis=1) / jnp.maximum(jnp.min(steps, axis=1), tiny)
    return jnp.where(jnp.max(steps, axis=1) <= tiny, 1.0, jnp.minimum(ratio, 1e9))


def _diagnose(metric: Metric, z: Array, labels: Array | None, floor: Array) -> Diagnostics:
    prior = metric.pair.prior
    fine = metric.replace(substeps=1)
    seen = observe(fine, z, labels, critic=True)
    lengths = step_lengths(fine, seen)
    if metric.features is None:
        pixels = lengths.plain
    else:
        pixel = fine.replace(features=None, mode="none")
        pixels = step_lengths(pixel, observe(pixel, z, labels)).plain
    steps = seen.features[:, 1:] - seen.features[:, :-1]
    norms = jnp.linalg.norm(steps, axis=-1)
    safe = jnp.maximum(norms, jnp.finfo(norms.dtype).tiny)
    cosine = jnp.sum(steps[:, 1:] * steps[:, :-1], axis=-1) / (safe[:, 1:] * safe[:, :-1])
    turning = jnp.arccos(jnp.clip(cosine, -1, 1)) / jnp.maximum(0.5 * (safe[:, 1:] + safe[:, :-1]), 1e-12)
    still = (norms[:, 1:] < 1e-9) | (norms[:, :-1] < 1e-9)
    latent = jnp.linalg.norm(z[:, 1:] - z[:, :-1], axis=-1)
    straight = jnp.linalg.norm(z[:, -1] - z[:, 0], axis=-1)
    radius = radius_percentile(prior, z)
    score = seen.score
    return Diagnostics(
        energy=path_energy(fine, seen),
        length=jnp.sum(lengths.weighted, axis=1),
        plain_length=jnp.sum(lengths.plain, axis=1),
        pixel_length=jnp.sum(pixels, axis=1),
        speed_ratio=_ratio(lengths.plain),
        critic=score,
        critic_min=jnp.min(score, axis=1),
        critic_mean=jnp.mean(score, axis=1),
        critic_low=jnp.quantile(score, 0.05, axis=1),
        below_floor=jnp.mean(score < floor, axis=1),
        radius=radius,
        radius_min=jnp.min(radius, axis=1),
        detour=jnp.where(straight > 0, jnp.sum(latent, axis=1) / jnp.maximum(straight, 1e-30), 1.0),
        curvature=jnp.max(jnp.where(still, 0.0, turning), axis=1, initial=0.0),
    )


_jit_diagnose = jax.jit(_diagnose)


def diagnose(
    metric: Metric, path: ArrayLike, *, labels: Array | None = None, floor: float | None = None
) -> Diagnostics:
    """Measure paths of latents ``(batch, n, *latent)``; ``floor`` is a calibration's 5 % quantile.

    Raises:
      InputError: fewer than two points, wrong latent shape.
    """
    path = jnp.asarray(path)
    shape = metric.pair.prior.shape
    if path.ndim != 2 + len(shape) or path.shape[2:] != shape:
        raise InputError("path", f"has shape {path.shape}", f"give (batch, n, {', '.join(map(str, shape))})")
    if path.shape[1] < 2:
        raise InputError("path", f"has {path.shape[1]} point", "give at least 2")
    flat = path.reshape(*path.shape[:2], -1)
    return _jit_diagnose(metric, flat, labels, jnp.asarray(-jnp.inf if floor is None else floor, flat.dtype))


def _steps(metric: Metric, z: Array, labels: Array | None) -> tuple[Array, Array]:
    lengths = step_lengths(metric, observe(metric, z, labels))
    return lengths.plain, lengths.weighted


def _constant_speed(
    metric: Metric, curve: Curve, labels: Array | None, points: int, dense: int, weighted: bool
) -> tuple[Array, Array]:
    t = jnp.linspace(0, 1, dense, dtype=curve.z0.dtype)
    fine = metric.replace(substeps=1) if weighted else metric.replace(substeps=1, mode="none", radial=0.0)
    steps = _steps(fine, curve(t), labels)[int(weighted)]
    # a second look where the first found the length: a curve may do all its moving within one step of t
    t = resample_times(t, steps, dense)
    steps = _steps(fine, curve(t), labels)[int(weighted)]
    t = resample_times(t, steps, points)
    return curve(t), t


_jit_constant_speed = jax.jit(_constant_speed, static_argnums=(3, 4, 5))


def constant_speed(
    metric: Metric, curve: Curve, points: int, *, labels: Array | None = None, density: int = 4, weighted: bool = False
) -> tuple[Array, Array]:
    """Points ``(batch, points, d)`` of curves at equal feature distance (or charged length), and their parameters.

    Distances are measured on a grid ``density`` times finer, twice, and inverted monotonically; the
    curve itself is evaluated at the new parameters ``(batch, points)``, nothing is refitted.
    """
    return _jit_constant_speed(metric, curve, labels, points, density * (points - 1) + 1, weighted)


def path_length(metric: Metric, z: Array, labels: Array | None = None) -> tuple[Array, Array]:
    """``(length as charged, plain feature length)`` of flat nodes ``(batch, n, d)``."""
    plain, charged = _jit_steps(metric, z, labels)
    return jnp.sum(charged, axis=1), jnp.sum(plain, axis=1)


_jit_steps = jax.jit(_steps)
