r"""From pictures to latents, so that two images of one's own can be the ends of a path.

.. math:: \min_z\; |F(G(z)) - F(x)|^2 / c_F + |G(z) - x|^2 / c_x
          + 0.01\, u(D(G(z))) + \lambda_r\,(|z|/\sigma - \sqrt d)^2 / d

with :math:`c_F, c_x` the mean squared distances between generated samples, so that the first two terms are of order one
for unrelated pictures. Starts are the encoder's code where the pair has an encoder, and the nearest of many random
samples. Every start is one row of the batched L-BFGS; the best per image is kept.
"""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from pairs import Net, Normal, Pair
from pairs.arguments import checked_key, differentiable
from pairs.batches import encode, generate
from pairs.checks import check_count, check_number, check_samples

from .free_latents import from_free, to_free
from .metric.critic_weight import Badness, BarrierWeight, WallWeight
from .metric.path_weight import PathWeight
from .solve.driver import minimise
from .solve.lbfgs import Lbfgs

__all__ = ["InversionSettings", "InversionResult", "invert"]

_CRITIC = 0.01  # factor of the critic's badness


@dataclasses.dataclass(frozen=True)
class InversionSettings:
    """How latents are sought.

    Attributes:
      candidates: Random samples that each image is compared with.
      starts: How many of the nearest are optimised.
      evaluations: The largest number of evaluations per start.
      radial: lambda_r, for normal priors.

    Raises:
      InputError: A setting is out of bounds.
    """

    candidates: int = 512
    starts: int = 4
    evaluations: int = 150
    radial: float = 0.1

    def __post_init__(self) -> None:
        for name in ("candidates", "starts", "evaluations"):
            check_count(name, getattr(self, name))
        check_number("radial", self.radial, at_least=0)


class InversionResult(NamedTuple):
    """Latents of pictures.

    Attributes:
      z: Latents, ``(n, *latent)``.
      x: The samples that they make, ``(n, *sample)``.
      error: Root-mean-square pixel error, ``(n,)``.
      loss: Value of the objective, ``(n,)``.
      start_loss: Its least value among the starts, ``(n,)``.
      converged: Whether the solver's test was met, ``(n,)``.
    """

    z: Array
    x: Array
    error: Array
    loss: Array
    start_loss: Array
    converged: Array


class _Minimum(NamedTuple):
    x: Array
    value: Array
    converged: Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class _Inversion:
    """The objective of the module's equation, in flat free variables ``(batch, d)``."""

    pair: Pair
    features: Net | None
    badness: Badness | None
    scales: Array
    radial: Array
    x: Array
    f: Array
    labels: Array | None
    start: Array
    size: Array
    jitted: bool = dataclasses.field(default=True, metadata=dict(static=True))

    def value(self, y: Array) -> Array:
        pair = self.pair
        z = from_free(pair, y)
        x = pair.generate(z, self.labels)
        flat = lambda v: v.reshape(len(v), -1)
        total = jnp.sum(flat(x - self.x) ** 2, axis=1) / self.scales[0]
        if self.features is not None:
            total = total + jnp.sum(flat(self.features(x) - self.f) ** 2, axis=1) / self.scales[1]
        if self.badness is not None:
            total = total + _CRITIC * self.badness(pair.score(x, self.labels))
        if isinstance(pair.prior, Normal):
            d = pair.prior.size
            radius = jnp.sqrt(jnp.sum(flat(z) ** 2, axis=1) + 1e-12) / pair.prior.scale
            total = total + self.radial * (radius - math.sqrt(d)) ** 2 / d
        return total

    def evaluate(self, y: Array, /) -> tuple[Array, Array]:
        def total(y: Array) -> tuple[Array, Array]:
            value = self.value(y)
            return jnp.sum(value), value

        (_, value), gradient = jax.value_and_grad(total, has_aux=True)(y)
        return value, gradient

    def take(self, rows: Array, /) -> _Inversion:
        pick = lambda v: None if v is None else v[rows]
        changes = {name: pick(getattr(self, name)) for name in ("x", "f", "labels", "start", "size")}
        return dataclasses.replace(self, **changes)

    def solution(self, x: Array, value: Array, converged: Array, evaluations: Array, /) -> _Minimum:
        return _Minimum(x, value, converged)


_value = jax.jit(_Inversion.value)


def invert(
    pair: Pair,
    x: ArrayLike,
    key: Array | None = None,
    settings: InversionSettings = InversionSettings(),
    *,
    features: Net | None = None,
    weight: PathWeight | None = None,
    labels: ArrayLike | None = None,
) -> InversionResult:
    """Latents whose samples resemble pictures.

    Args:
      pair: The pair whose generator is to draw them.
      x: Pictures, ``(n, *sample)``, in the pair's range.
      key: Randomness of the candidates; ``jax.random.key(0)`` where None.
      settings: How latents are sought.
      features: Net of the feature term; that of the pair where None and present.
      weight: A barrier or wall of the critic turns its term on; without it latents may leave what the critic knows.
      labels: Class of every picture, ``(n,)``, for conditional pairs.

    Raises:
      InputError: Pictures have another shape or range, or are not finite.

    Example:
      >>> import pairs
      >>> net, critic = pairs.wrap(lambda p, z: jnp.tanh(z)), pairs.wrap(lambda p, x: x[:, 0])
      >>> pair = pairs.make_pair(net, critic, pairs.Normal((2,)), sample_range=(-1, 1), critic_kind="energy")
      >>> found = invert(pair, [[0.5, -0.5]], settings=InversionSettings(candidates=64, starts=1))
      >>> bool(found.error[0] < 0.05)
      True
    """
    key = checked_key(jax.random.key(0) if key is None else key, pair=pair, x=x, labels=labels)
    pair = differentiable(pair)
    x = jnp.asarray(check_samples("x", pair, x, least=1), jnp.float32)
    features = pair.features if features is None else features
    label = None if labels is None else jnp.asarray(labels)
    starts, wanted, scales = _starts(pair, x, key, settings, features, label)
    count, n = len(starts), len(x)
    tile = lambda v: None if v is None else jnp.tile(v, (count,) + (1,) * (v.ndim - 1))
    known = None if weight is None else weight.weight
    badness = known.badness if isinstance(known, (BarrierWeight, WallWeight)) else None
    begin = to_free(pair, jnp.concatenate(starts))
    objective = _Inversion(
        pair=pair,
        features=features,
        badness=badness,
        scales=scales,
        radial=jnp.asarray(settings.radial),
        x=jnp.tile(x, (count,) + (1,) * (x.ndim - 1)),
        f=jnp.tile(wanted, (count, 1)),
        labels=tile(label),
        start=begin,
        size=jnp.full((len(begin),), 0.1 * math.sqrt(pair.prior.size), begin.dtype),
    )
    found = minimise(objective, Lbfgs(settings.evaluations, tolerance=1e-4))
    loss = jnp.where(jnp.isfinite(found.value), found.value, jnp.inf).reshape(count, n)
    rows = jnp.argmin(loss, axis=0) * n + jnp.arange(n)
    best = from_free(pair, found.x[rows])
    made = generate(pair, best, label)
    return InversionResult(
        z=best,
        x=made,
        error=jnp.sqrt(jnp.mean((made - x).reshape(n, -1) ** 2, axis=1)),
        loss=jnp.min(loss, axis=0),
        start_loss=jnp.min(_value(objective, begin).reshape(count, n), axis=0),
        converged=found.converged[rows],
    )


def _starts(
    pair: Pair, x: Array, key: Array, settings: InversionSettings, features: Net | None, labels: Array | None
) -> tuple[list[Array], Array, Array]:
    """Latents to start from, the features of ``x``, and the scales of the pixel and feature terms."""
    count = settings.candidates
    z = pair.prior.sample(key, count)
    samples = generate(pair, z, None if labels is None else jnp.resize(labels, (count,)))
    pool, wanted = _flat_features(features, samples), _flat_features(features, x)
    pixels = samples.reshape(count, -1)
    scales = jnp.stack([2 * jnp.sum(jnp.var(pixels, axis=0)), 2 * jnp.sum(jnp.var(pool, axis=0))]) + 1e-12
    gap = jnp.sum((pool[None] - wanted[:, None]) ** 2, axis=-1)
    starts = [z[jnp.argsort(gap, axis=1)[:, i]] for i in range(min(settings.starts, count))]
    if pair.encoder is not None:
        starts.append(encode(pair.encoder, x, labels))
    return starts, wanted, scales


@jax.jit
def _flat_features(net: Net | None, x: Array) -> Array:
    return (x if net is None else net(x)).reshape(len(x), -1)
