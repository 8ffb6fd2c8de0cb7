r"""From pictures to latents, so that two images of one's own can be the ends of a path.

.. math:: \min_z\; |F(G(z)) - F(x)|^2 / c_F + |G(z) - x|^2 / c_x
          + \lambda_c\, u(D(G(z))) + \lambda_r\,(|z|/\sigma - \sqrt d)^2 / d

with :math:`c_F, c_x` the mean squared distances between generated samples, so that the first two
terms are of order one for unrelated pictures. Starts from the encoder where the pair has one, and from the
nearest of many random samples; every start is one row of the batched L-BFGS, the best per image is kept.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Net, Normal, Pair, Sphere, TruncatedNormal, Uniform

from .metric.critic_weight import BarrierWeight
from .metric.path_weight import Calibration
from .solve.lbfgs import LbfgsConfig, minimise

__all__ = ["InvertConfig", "InvertResult", "invert"]


@dataclasses.dataclass(frozen=True)
class InvertConfig:
    """``candidates`` random samples compared with each image, the nearest ``starts`` of them optimised."""

    candidates: int = 512
    starts: int = 4
    evaluations: int = 150
    pixel: float = 1.0
    feature: float = 1.0
    critic: float = 0.01
    radial: float = 0.1

    def __post_init__(self) -> None:
        for name in ("candidates", "starts", "evaluations"):
            if getattr(self, name) < 1:
                raise InputError(name, f"is {getattr(self, name)}", "give at least 1")
        for name in ("pixel", "feature", "critic", "radial"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(name, f"is {value}", "give a finite number of at least 0")


class InvertResult(NamedTuple):
    """``z`` ``(n, *latent)``, the images it makes, root-mean-square pixel error, loss at the end and before, flags."""

    z: Array
    x: Array
    error: Array
    loss: Array
    start_loss: Array
    converged: Array


class _Shared(NamedTuple):
    pair: Pair
    features: Net | None
    badness: Any
    scales: Array
    weights: Array


class _Targets(NamedTuple):
    x: Array
    f: Array
    labels: Array | None


@dataclasses.dataclass(frozen=True)
class _Objective:
    jitted: bool = True

    def loss(self, shared: _Shared, targets: _Targets, y: Array) -> Array:
        pair = shared.pair
        z = _from_free(pair, y)
        x = pair.generate(z, targets.labels)
        flat = lambda v: v.reshape(len(v), -1)
        pixel, feature, critic, radial = shared.weights
        total = pixel * jnp.sum(flat(x - targets.x) ** 2, axis=1) / shared.scales[0]
        if shared.features is not None:
            total = total + feature * jnp.sum(flat(shared.features(x) - targets.f) ** 2, axis=1) / shared.scales[1]
        if shared.badness is not None:
            total = total + critic * shared.badness(pair.score(x, targets.labels))
        if isinstance(pair.prior, Normal):
            d = pair.prior.size
            radius = jnp.sqrt(jnp.sum(flat(z) ** 2, axis=1) + 1e-12) / pair.prior.scale
            total = total + radial * (radius - math.sqrt(d)) ** 2 / d
        return total

    def __call__(self, shared: _Shared, targets: _Targets, y: Array) -> tuple[Array, Array]:
        def total(y: Array) -> tuple[Array, Array]:
            value = self.loss(shared, targets, y)
            return jnp.sum(value), value

        (_, value), gradient = jax.value_and_grad(total, has_aux=True)(y)
        return value, gradient


def _box(pair: Pair) -> tuple[float, float] | None:
    prior = pair.prior
    if isinstance(prior, Uniform):
        return 0.5 * (prior.low + prior.high), 0.5 * (prior.high - prior.low)
    return (0.0, prior.bound) if isinstance(prior, TruncatedNormal) else None


def _from_free(pair: Pair, y: Array) -> Array:
    """Flat free variables to latents in the prior's support."""
    box = _box(pair)
    if box is not None:
        y = box[0] + box[1] * jnp.tanh(y)
    z = y.reshape(len(y), *pair.prior.shape)
    return pair.prior.project(z) if isinstance(pair.prior, Sphere) else z


def _to_free(pair: Pair, z: Array) -> Array:
    y = pair.prior.project(z).reshape(len(z), -1)
    box = _box(pair)
    return y if box is None else jnp.arctanh(jnp.clip((y - box[0]) / box[1], -1 + 1e-3, 1 - 1e-3))


_identity = jax.jit(lambda net, x: x.reshape(len(x), -1) if net is None else net(x).reshape(len(x), -1))
_generate = jax.jit(lambda pair, z, labels: pair.generate(z, labels))
_encode = jax.jit(lambda pair, x, labels: pair.encoder(x) if labels is None else pair.encoder(x, labels))


def invert(
    pair: Pair,
    x: ArrayLike,
    key: Array | None = None,
    config: InvertConfig = InvertConfig(),
    *,
    features: Net | None = None,
    calibration: Calibration | None = None,
    labels: ArrayLike | None = None,
) -> InvertResult:
    """Latents whose samples look like ``x`` ``(n, *sample)``, in the pair's range.

    Args:
      features: net of the feature term (``pair.features`` where None and present).
      calibration: turns the critic term on; without it pictures may leave what the critic knows.

    Raises:
      InputError: pictures of another shape or range, NaN.
    """
    x = jnp.asarray(x, jnp.float32)
    if x.ndim != 1 + len(pair.sample_shape) or x.shape[1:] != pair.sample_shape:
        raise InputError("x", f"has shape {x.shape}", f"give (n, {', '.join(map(str, pair.sample_shape))})")
    if not bool(jnp.all(jnp.isfinite(x))):
        raise InputError("x", "holds NaN or infinity", "check the pictures")
    if pair.sample_range is not None and not _within(x, pair.sample_range):
        raise InputError("x", f"leaves the range {pair.sample_range}", "scale the pictures to the pair's sample range")
    key = jax.random.key(0) if key is None else key
    features = pair.features if features is None else features
    n = len(x)
    label = None if labels is None else jnp.asarray(labels)
    z = pair.prior.sample(key, config.candidates)
    pool_labels = None if label is None else jnp.resize(label, (config.candidates,))
    samples = _generate(pair, z, pool_labels)
    pool, wanted = _identity(features, samples), _identity(features, x)
    pixels = samples.reshape(config.candidates, -1)
    scales = jnp.stack([2 * jnp.sum(jnp.var(pixels, axis=0)), 2 * jnp.sum(jnp.var(pool, axis=0))]) + 1e-12
    gap = jnp.sum((pool[None] - wanted[:, None]) ** 2, axis=-1)
    starts = [z[jnp.argsort(gap, axis=1)[:, i]] for i in range(min(config.starts, config.candidates))]
    if pair.encoder is not None:
        starts.append(_encode(pair, x, label))
    count = len(starts)
    tile = lambda v: None if v is None else jnp.tile(v, (count,) + (1,) * (v.ndim - 1))
    weight = None if calibration is None else calibration.weight
    badness = weight.badness if isinstance(weight, BarrierWeight) else None
    numbers = jnp.asarray([config.pixel, config.feature, config.critic, config.radial])
    shared = _Shared(pair, features, badness, scales, numbers)
    targets = _Targets(jnp.tile(x, (count,) + (1,) * (x.ndim - 1)), jnp.tile(wanted, (count, 1)), tile(label))
    begin = _to_free(pair, jnp.concatenate(starts))
    size = jnp.full((len(begin),), 0.1 * math.sqrt(pair.prior.size), begin.dtype)
    objective = _Objective()
    before = jax.jit(_Objective.loss, static_argnums=0)(objective, shared, targets, begin)
    settings = LbfgsConfig(evaluations=config.evaluations, tolerance=1e-4)
    solution = minimise(objective, shared, targets, begin, size, settings)
    loss = jnp.where(jnp.isfinite(solution.value), solution.value, jnp.inf).reshape(count, n)
    rows = jnp.argmin(loss, axis=0) * n + jnp.arange(n)
    best = _from_free(pair, solution.x[rows])
    made = _generate(pair, best, label)
    error = jnp.sqrt(jnp.mean((made - x).reshape(n, -1) ** 2, axis=1))
    return InvertResult(
        best, made, error, jnp.min(loss, axis=0), jnp.min(before.reshape(count, n), axis=0), solution.converged[rows]
    )


def _within(x: Array, bounds: tuple[float, float]) -> bool:
    low, high = bounds
    slack = 1e-3 * (high - low)
    return bool(np.min(x) >= low - slack and np.max(x) <= high + slack)
