"""What is true of a path, whoever made it: lengths, energy, speed, critic, radius, curvature."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError

from ..curves.charts import radius_percentile
from .energy import Metric, observe, path_energy, step_lengths

__all__ = ["Diagnostics", "diagnose"]


class Diagnostics(NamedTuple):
    """Measurements of paths.

    Attributes:
      energy: Energy as the mode defines it, ``(batch,)``.
      length: Length as the mode charges it, ``(batch,)``.
      plain_length: Feature length without weights, ``(batch,)``.
      pixel_length: Length of the samples themselves, ``(batch,)``.
      speed_ratio: Largest over smallest feature step, at most 1e9 (the image stands still), ``(batch,)``.
      critic: Scores along the path, ``(batch, n)``; these and what follows from them are NaN without a critic.
      critic_min: The least score, ``(batch,)``.
      critic_mean: The mean score, ``(batch,)``.
      critic_low: The 5 % quantile of the scores, ``(batch,)``.
      below_floor: Share of points whose score is under the floor of the path weight, ``(batch,)``.
      radius: Percentile of the latent's norm in the prior's law, ``(batch, n)``; NaN for priors that are not normal.
      radius_min: The least percentile, ``(batch,)``.
      detour: Latent length over the latent distance of the ends, ``(batch,)``.
      curvature: Largest turning of the feature path, in radians per unit of its length, ``(batch,)``.
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


def diagnose(
    metric: Metric, path: ArrayLike, *, labels: Array | None = None, floor: float | None = None
) -> Diagnostics:
    """Measure paths.

    Args:
      metric: How length is measured.
      path: Points, ``(batch, n, *latent)``.
      labels: Class of every path, ``(batch,)``, for conditional pairs.
      floor: The score under which ``below_floor`` counts: the floor of a path weight.

    Raises:
      InputError: There are fewer than two points, or the shape of the latents is wrong.

    Example:
      >>> import pairs
      >>> flat, critic = pairs.wrap(lambda p, z: z), pairs.wrap(lambda p, x: x[:, 0])
      >>> pair = pairs.make_pair(flat, critic, pairs.Normal((2,)), sample_range=None, critic_kind="energy")
      >>> found = diagnose(Metric(pair, mode="none"), [[[0.0, 0.0], [3.0, 4.0]]])
      >>> float(found.length[0]), float(found.critic_min[0])
      (5.0, 0.0)
    """
    path = jnp.asarray(path)
    shape = metric.pair.prior.shape
    if path.ndim != 2 + len(shape) or path.shape[2:] != shape:
        raise InputError("path", f"has shape {path.shape}", f"give (batch, n, {', '.join(map(str, shape))})")
    if path.shape[1] < 2:
        raise InputError("path", f"has {path.shape[1]} point", "give at least 2")
    flat = path.reshape(*path.shape[:2], -1)
    return _diagnose(metric, flat, labels, jnp.asarray(-jnp.inf if floor is None else floor, flat.dtype))


@jax.jit
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
    latent = jnp.linalg.norm(z[:, 1:] - z[:, :-1], axis=-1)
    straight = jnp.linalg.norm(z[:, -1] - z[:, 0], axis=-1)
    radius = radius_percentile(prior, z)
    known = metric.pair.has_critic
    score = seen.score if known else jnp.full_like(seen.score, jnp.nan)
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
        below_floor=jnp.mean(score < floor, axis=1) if known else score[:, 0],
        radius=radius,
        radius_min=jnp.min(radius, axis=1),
        detour=jnp.where(straight > 0, jnp.sum(latent, axis=1) / jnp.maximum(straight, 1e-30), 1.0),
        curvature=_curvature(seen.features),
    )


def _ratio(steps: Array) -> Array:
    tiny = jnp.finfo(steps.dtype).tiny
    ratio = jnp.max(steps, axis=1) / jnp.maximum(jnp.min(steps, axis=1), tiny)
    return jnp.where(jnp.max(steps, axis=1) <= tiny, 1.0, jnp.minimum(ratio, 1e9))


def _curvature(features: Array) -> Array:
    steps = features[:, 1:] - features[:, :-1]
    norms = jnp.linalg.norm(steps, axis=-1)
    safe = jnp.maximum(norms, jnp.finfo(norms.dtype).tiny)
    cosine = jnp.sum(steps[:, 1:] * steps[:, :-1], axis=-1) / (safe[:, 1:] * safe[:, :-1])
    turning = jnp.arccos(jnp.clip(cosine, -1, 1)) / jnp.maximum(0.5 * (safe[:, 1:] + safe[:, :-1]), 1e-12)
    still = (norms[:, 1:] < 1e-9) | (norms[:, :-1] < 1e-9)
    return jnp.max(jnp.where(still, 0.0, turning), axis=1, initial=0.0)
