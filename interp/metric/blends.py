r"""What a path must not look like, as a pair: negatives for a critic that is to judge paths.

With samples :math:`x_a, x_b` of latents :math:`z_a, z_b` (of one class, where there are classes), a row is one of

.. math::
   G((1 - t) z_a + t z_b),\quad G(\mathrm{slerp}(z_a, z_b; t)),\quad (1 - t) x_a + t x_b,\quad x_a + \sigma \xi,\quad
   x_a

with t uniform over [0.2, 0.8]: points of lines and great arcs, pixel cross-fades, samples moved by noise, and samples
as they are. The noise is white or, for images, coarse (constant over squares of four pixels), and :math:`\sigma` is
log-uniform from an eighth of s to s, the median distance per coordinate from a cross-fade to the nearest sample: as
far as blends of this pair lie from its samples. A critic that ``dcd.recover`` trains on this pair with real data knows
what lies between samples, beside them, and among them.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from pairs import Net, Pair, Uniform
from pairs.arguments import checked_key
from pairs.arrays import on_device
from pairs.batches import map_batches
from pairs.checks import check_count

from ..curves.baselines import lerp, slerp

__all__ = ["BlendApply", "blends"]

SHARES = (0.4, 0.2, 0.2, 0.2)
"""Shares of latent blends, cross-fades, moved samples and samples as they are."""
_NEAR, _COARSE = 0.2, 4


@dataclasses.dataclass(frozen=True)
class BlendApply:
    """The generator of the module's rows, ``params = {"samples", "points", "scale"}``.

    ``samples`` and ``points`` are ``(classes, n, *sample)``; rows of latents are five numbers in [0, 1]: which kind,
    which sample, which other, t (or the noise's scale), and the noise itself.

    Attributes:
      bounds: Range that moved samples are cut to, or None.
    """

    bounds: tuple[float, float] | None = None

    def __call__(self, params: Any, u: Array, *labels: Array) -> Array:
        """Negatives ``(batch, *sample)`` that rows of ``u``, ``(batch, 5)``, choose."""
        samples, points = params["samples"], params["points"]
        group = labels[0] if labels else jnp.zeros(len(u), jnp.int32)
        pick = lambda pool, v: pool[group, jnp.minimum((v * pool.shape[1]).astype(jnp.int32), pool.shape[1] - 1)]
        wide = lambda v: v.reshape(-1, *[1] * (samples.ndim - 2))
        a, b = pick(samples, u[:, 1]), pick(samples, u[:, 2])
        t = wide(_NEAR + (1 - 2 * _NEAR) * u[:, 3])
        noise = params["scale"] * 8.0 ** (wide(u[:, 3]) - 1) * _noise(u[:, 4], samples.shape[2:])
        moved = a + noise if self.bounds is None else jnp.clip(a + noise, *self.bounds)
        edges = np.cumsum(SHARES)
        kind = wide(u[:, 0])
        rest = jnp.where(kind < edges[2], moved, a)
        return jnp.where(kind < edges[0], pick(points, u[:, 1]), jnp.where(kind < edges[1], (1 - t) * a + t * b, rest))


def _noise(u: Array, shape: tuple[int, ...]) -> Array:
    """Standard normal noise ``(batch, *shape)`` that ``u`` ``(batch,)`` decides; every other image's is coarse."""
    seeds = (u * 2.0**24).astype(jnp.uint32)
    white = lambda seed: jax.random.normal(jax.random.fold_in(jax.random.key(0), seed), shape)
    if len(shape) != 3:
        return jax.vmap(white)(seeds)
    rows, columns, channels = shape

    def coarse(seed: Array) -> Array:
        small = (-(-rows // _COARSE), -(-columns // _COARSE), channels)
        x = jax.random.normal(jax.random.fold_in(jax.random.key(1), seed), small)
        return jnp.repeat(jnp.repeat(x, _COARSE, axis=0), _COARSE, axis=1)[:rows, :columns]

    return jax.vmap(lambda seed: jnp.where(seed % 2 == 0, white(seed), coarse(seed)))(seeds)


def blends(pair: Pair, key: Array | None = None, *, count: int = 4096) -> Pair:
    """A pair whose samples are blends of the given pair's, with the same critic and without encoder.

    Args:
      pair: The pair whose paths are to be judged; blends keep the class of a conditional pair.
      key: Randomness of the pools; ``jax.random.key(0)`` where None.
      count: Samples in the pool, and points of lines and arcs, over all classes.

    Raises:
      InputError: The count is below 64.

    Example:
      >>> import pairs
      >>> same, critic = pairs.wrap(lambda p, z: z, None), pairs.wrap(lambda p, x: x[:, 0], None)
      >>> pair = pairs.make_pair(same, critic, pairs.Normal((3,)), sample_range=None, critic_kind="energy")
      >>> negatives = blends(pair, count=64)
      >>> negatives.generate(negatives.prior.sample(jax.random.key(1), 10)).shape
      (10, 3)
    """
    check_count("count", count, 64)
    key = checked_key(jax.random.key(0) if key is None else key, pair=pair)
    groups = pair.classes or 1
    each = -(-count // groups)
    labels = None if pair.classes is None else np.repeat(np.arange(groups), each)
    keys = jax.random.split(key, 3)
    label = None if labels is None else jnp.asarray(labels)
    a, b = (pair.prior.sample(k, groups * each, label) for k in keys[:2])
    t = 0.2 + 0.6 * jax.random.uniform(keys[2], (groups * each, 1))
    flat = lambda z: z.reshape(len(z), -1)
    line, arc = lerp(flat(a), flat(b), t)[:, 0], slerp(flat(a), flat(b), t)[:, 0]
    straight = (jnp.arange(len(line)) % 2 == 0)[:, None]
    middle = pair.prior.project(jnp.where(straight, line, arc).reshape(a.shape))
    draw = lambda z: map_batches(lambda *v: _generate(pair, *v), z, *(() if labels is None else (labels,)))
    samples, points = draw(a), draw(middle)
    pools = {
        "samples": on_device(samples.reshape(groups, each, *pair.sample_shape)),
        "points": on_device(points.reshape(groups, each, *pair.sample_shape)),
        "scale": jnp.asarray(_stray(samples.reshape(groups, each, -1)), jnp.float32),
    }
    return pair.replace(
        generator=Net(pools, BlendApply(pair.sample_range)), prior=Uniform((5,), 0.0, 1.0), encoder=None
    )


@jax.jit
def _generate(pair: Pair, z: Array, *labels: Array) -> Array:
    return pair.generate(z, *labels)


def _stray(samples: np.ndarray, most: int = 512) -> float:
    """Median distance per coordinate from cross-fades of samples ``(classes, n, d)`` to the nearest sample."""
    distances = []
    for group in samples.astype(np.float64):
        half = max(1, min(most // len(samples), len(group) // 2))
        middle = 0.5 * (group[:half] + group[-half:])
        squares = np.sum(group**2, axis=1) - 2 * middle @ group.T
        distances.append(np.sqrt(np.maximum(squares.min(axis=1) + np.sum(middle**2, axis=1), 0)))
    return float(np.median(np.concatenate(distances))) / samples.shape[2] ** 0.5
