"""Several points in a row: the paths of all legs as one, at constant feature speed from the first stop to the last.

Legs are solved side by side, since each is a path of its own; their frames are joined, and frames of the whole are
placed at equal feature distance between neighbouring frames of the legs, straight in the latent (in the pixels, for the
cross-fade). A closed loop is a tour that ends where it began.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from jax import Array

from pairs import Net, Pair

from .comparison import Comparison
from .curves.sine_curve import resample_times
from .metric.diagnostics import diagnose
from .metric.energy import Metric, observe, step_lengths

__all__ = ["joined"]


def joined(found: Comparison) -> Comparison:
    """A comparison of one row whose paths run through all legs of ``found``, in their order.

    Args:
      found: Paths of every method, one row per leg; each leg begins where the last one ended.

    Returns:
      Paths ``(1, legs * (points - 1) + 1, *latent)`` with their diagnostics; ``results`` stay those of the legs.
    """
    if len(found.cross_fade) == 1:
        return found
    plain = found.metric.replace(mode="none", substeps=1, radial=0.0)
    paths = {name: _even_latents(plain, _in_a_row(path)) for name, path in found.paths.items()}
    floor = None if found.path_weight is None else found.path_weight.floor
    fade = _even_samples(plain.features, _in_a_row(found.cross_fade))
    return found._replace(
        paths=paths,
        diagnostics={name: diagnose(found.metric, path, floor=floor) for name, path in paths.items()},
        cross_fade=fade,
        cross_fade_critic=_scores(found.metric.pair, fade),
    )


def _in_a_row(legs: Array) -> Array:
    """``(legs, points, ...)`` as ``(1, legs * (points - 1) + 1, ...)``; a stop counts once."""
    return jnp.concatenate([legs[:, :-1].reshape(1, -1, *legs.shape[2:]), legs[-1:, -1:]], axis=1)


@jax.jit
def _even_latents(metric: Metric, path: Array) -> Array:
    flat = path.reshape(*path.shape[:2], -1)
    lengths = step_lengths(metric, observe(metric, flat)).plain
    return _at_equal_lengths(flat, lengths).reshape(path.shape)


@jax.jit
def _even_samples(features: Net | None, x: Array) -> Array:
    flat = x.reshape(*x.shape[:2], -1)
    rows = flat if features is None else features(x[0]).reshape(1, x.shape[1], -1)
    return _at_equal_lengths(flat, jnp.linalg.norm(rows[:, 1:] - rows[:, :-1], axis=-1)).reshape(x.shape)


def _at_equal_lengths(rows: Array, lengths: Array) -> Array:
    """Rows ``(1, n, d)`` between the given ones where the accumulated length is a multiple of its mean."""
    grid = jnp.linspace(0, 1, rows.shape[1])
    t = resample_times(grid, lengths, rows.shape[1])[0]
    place = functools.partial(jnp.interp, t, grid)
    return jax.vmap(place, in_axes=1, out_axes=1)(rows[0])[None]


@jax.jit
def _scores(pair: Pair, x: Array) -> Array:
    return pair.score(x[0])[None] if pair.has_critic else jnp.full(x.shape[:2], jnp.nan, x.dtype)
