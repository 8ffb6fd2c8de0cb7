r"""From a critic's score to a weight of length: more where samples look worse.

With :math:`s` a score (higher = more real), :math:`q_{hi}` the median and :math:`q_{lo}` the 5 % quantile of
generated samples and :math:`T = q_{hi} - q_{lo}`,

.. math::
   u(s) = \tfrac1k\,\mathrm{softplus}\bigl(k (q_{hi} - s)/T\bigr), \quad k = 4, \qquad w(s) = 1 + \lambda u(s)

is 1 for good samples, :math:`1 + \lambda` at the 5 % quantile and linear below, so its gradient
never dies. :class:`ExponentialWeight` is the steeper :math:`e^{\beta u}` with a smooth ceiling,
:class:`WallWeight` is flat where scores are usual and steep below the 5 % quantile.
:class:`ReciprocalCost` is the cost :math:`1/\tilde D` of the released code that goes
with arXiv 2203.01035, :math:`\tilde D` an affine map of the score to [0.01, 0.99].

Every weight is a pytree: a function of the score whose numbers are leaves.
"""

from __future__ import annotations

import dataclasses
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jax import Array

__all__ = [
    "Weight",
    "Badness",
    "BarrierWeight",
    "ExponentialWeight",
    "RatioWeight",
    "ReciprocalCost",
    "UnitWeight",
    "WallWeight",
]


@runtime_checkable
class Weight(Protocol):
    """Anything that maps scores to positive weights, elementwise; a :class:`pairs.Net` is one too."""

    def __call__(self, score: Array, /) -> Array: ...


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Badness:
    """:math:`u(s)`: 0.17 at the median of generated samples, 1 at their 5 % quantile.

    With ``table`` (increasing quantiles of generated scores) the score is first replaced by its
    rank among them, continued linearly outside, for critics whose scale means nothing.
    """

    high: Array
    spread: Array
    table: Array | None = None
    sharpness: float = dataclasses.field(default=4.0, metadata=dict(static=True))

    @classmethod
    def between(cls, low: float, high: float) -> Badness:
        """With these as the 5 % quantile and the median."""
        return cls(jnp.asarray(high), jnp.asarray(max(high - low, 1e-6 * abs(high), 1e-30)))

    def position(self, score: Array) -> Array:
        """``(q_hi - s) / T``: 0 at the median, 1 at the 5 % quantile, more below."""
        score = score if self.table is None else rank(self.table, score)
        return ((self.high - score) / self.spread).astype(score.dtype)

    def __call__(self, score: Array, /) -> Array:
        return jax.nn.softplus(self.position(score) * self.sharpness) / self.sharpness


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class BarrierWeight:
    """``1 + strength * u(s)``: the default."""

    badness: Badness
    strength: Array

    def __call__(self, score: Array, /) -> Array:
        return 1 + jnp.asarray(self.strength, score.dtype) * self.badness(score)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class ExponentialWeight:
    """``exp(strength * u(s))`` flattened smoothly toward ``ceiling``: a wall rather than a slope."""

    badness: Badness
    strength: Array
    ceiling: float = dataclasses.field(default=30.0, metadata=dict(static=True))

    def __call__(self, score: Array, /) -> Array:
        raw = jnp.asarray(self.strength, score.dtype) * self.badness(score)
        return jnp.exp(-jnp.logaddexp(-raw, -jnp.log(jnp.asarray(self.ceiling, score.dtype))))


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class WallWeight:
    """``1 + (height - 1) log(1 + softplus(k (v - 1)))``, ``v`` the position of :class:`Badness`, ``k`` its sharpness 4.

    Above 1 by 0.018, 0.53, 1 and 1.61 times ``height - 1`` at the median (v = 0), the 5 % quantile (v = 1), v = 1.38
    and v = 2: what lies within the data costs much the same everywhere, and a path goes round what lies beyond.
    Right for a critic that knows where the data ends; one that only ranks samples wants the barrier.
    """

    badness: Badness
    height: Array

    def __call__(self, score: Array, /) -> Array:
        beyond = jnp.log1p(jax.nn.softplus(self.badness.sharpness * (self.badness.position(score) - 1)))
        return 1 + (jnp.asarray(self.height, score.dtype) - 1) * beyond


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class RatioWeight:
    """``1 + exp(pivot - s)``: the reciprocal of a density ratio for a logit critic; 2 at the pivot."""

    pivot: Array
    ceiling: float = dataclasses.field(default=1000.0, metadata=dict(static=True))

    def __call__(self, score: Array, /) -> Array:
        return 1 + jnp.exp(jnp.minimum(jnp.asarray(self.pivot, score.dtype) - score, jnp.log(self.ceiling)))


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class ReciprocalCost:
    """``1 / D~`` in [1.01, 100], ``D~ = clip((clip(s, low, high) - o) / (high - o), 0.01, 0.99)``, ``o = low - 10``.

    The clips are those of the released code; their zero gradient below ``low`` is why this is
    not the default.
    """

    low: Array
    high: Array
    offset: float = dataclasses.field(default=10.0, metadata=dict(static=True))

    def __call__(self, score: Array, /) -> Array:
        low, high = jnp.asarray(self.low, score.dtype), jnp.asarray(self.high, score.dtype)
        scaled = (jnp.clip(score, low, high) - low + self.offset) / (high - low + self.offset)
        return 1 / jnp.clip(scaled, 0.01, 0.99)


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class UnitWeight:
    """1 everywhere: what a constant critic deserves."""

    def __call__(self, score: Array, /) -> Array:
        return jnp.ones_like(score)


def rank(table: Array, score: Array) -> Array:
    """Share of generated samples below ``score``, linear outside the table so that a gradient remains."""
    n = table.shape[0]
    table = table.astype(score.dtype)
    inside = jnp.interp(score, table, jnp.linspace(0, 1, n, dtype=score.dtype))
    edge = max(1, n // 20)
    below = (table[edge] - table[0]) / edge * n + jnp.finfo(score.dtype).tiny
    above = (table[-1] - table[-1 - edge]) / edge * n + jnp.finfo(score.dtype).tiny
    return jnp.where(
        score < table[0],
        (score - table[0]) / below,
        jnp.where(score > table[-1], 1 + (score - table[-1]) / above, inside),
    )
