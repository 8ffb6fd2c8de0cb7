r"""From a critic's score to a weight of length: more where samples look worse.

With :math:`s` a score (higher = more real), :math:`q_{hi}` the median and :math:`q_{lo}` the 5 % quantile of generated
samples and :math:`T = q_{hi} - q_{lo}`,

.. math::
   u(s) = \tfrac1k\,\mathrm{softplus}\bigl(k (q_{hi} - s)/T\bigr), \quad k = 4, \qquad w(s) = 1 + \lambda u(s)

is near 1 for good samples, :math:`1 + \lambda` at the 5 % quantile and linear below, so that its gradient does not
vanish. :class:`WallWeight` is flat where scores are usual and steep below the 5 % quantile. :class:`ReciprocalCost` is
the cost :math:`1/\tilde D` of the code released with arXiv 2203.01035, :math:`\tilde D` an affine map of the score to
[0.01, 0.99].

Every weight is a pytree: a function of the score whose numbers are leaves.
"""

from __future__ import annotations

import dataclasses
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jax import Array

__all__ = ["Weight", "Badness", "BarrierWeight", "ReciprocalCost", "UnitWeight", "WallWeight", "rank"]

_SHARPNESS = 4.0  # k of the equation
_OFFSET = 10.0  # how far below the lowest score the released code puts the zero of its affine map


@runtime_checkable
class Weight(Protocol):
    """Any map from scores to positive weights, elementwise; a :class:`pairs.Net` is one too."""

    def __call__(self, score: Array, /) -> Array:
        """Weights of the shape of ``score``."""
        ...


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Badness:
    """:math:`u(s)`: 0.17 at the median of generated samples, 1 at their 5 % quantile.

    Attributes:
      high: The median, ``()``.
      spread: The median minus the 5 % quantile, ``()``.
      table: Increasing quantiles of generated scores, ``(n,)``; the score is then replaced by its rank among them,
        continued linearly outside, for critics whose scale has no meaning. None leaves scores as they are.

    Example:
      >>> round(float(Badness.between(0.0, 1.0)(jnp.asarray(0.0))), 3)
      1.005
    """

    high: Array
    spread: Array
    table: Array | None = None

    @classmethod
    def between(cls, low: float, high: float) -> Badness:
        """The badness with ``low`` as the 5 % quantile and ``high`` as the median."""
        return cls(jnp.asarray(high), jnp.asarray(max(high - low, 1e-6 * abs(high), 1e-30)))

    def position(self, score: Array) -> Array:
        """``(q_hi - s) / T``: 0 at the median, 1 at the 5 % quantile, more below."""
        score = score if self.table is None else rank(self.table, score)
        return ((self.high - score) / self.spread).astype(score.dtype)

    def __call__(self, score: Array, /) -> Array:
        """Values of the shape of ``score``."""
        return jax.nn.softplus(self.position(score) * _SHARPNESS) / _SHARPNESS


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class BarrierWeight:
    """``1 + strength * u(s)``, the default.

    Attributes:
      badness: u.
      strength: lambda, ``()``.
    """

    badness: Badness
    strength: Array

    def __call__(self, score: Array, /) -> Array:
        """Values of the shape of ``score``."""
        return 1 + jnp.asarray(self.strength, score.dtype) * self.badness(score)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class WallWeight:
    """``1 + (height - 1) log(1 + softplus(4 (v - 1)))`` with ``v`` the position of :class:`Badness`.

    The weight exceeds 1 by 0.018, 0.53, 1 and 1.61 times ``height - 1`` at the median (v = 0), the 5 % quantile
    (v = 1), v = 1.38 and v = 2. What lies within the data therefore costs much the same everywhere, and a path avoids
    what lies beyond. The wall suits a critic that separates data from the rest; the barrier suits a critic that only
    ranks samples.

    Attributes:
      badness: Where the wall stands.
      height: How high the wall is, ``()``, above 1.
    """

    badness: Badness
    height: Array

    def __call__(self, score: Array, /) -> Array:
        """Values of the shape of ``score``."""
        beyond = jnp.log1p(jax.nn.softplus(_SHARPNESS * (self.badness.position(score) - 1)))
        return 1 + (jnp.asarray(self.height, score.dtype) - 1) * beyond


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class ReciprocalCost:
    """``1 / D~`` in [1.01, 100], ``D~ = clip((clip(s, low, high) - o) / (high - o), 0.01, 0.99)``, ``o = low - 10``.

    The clips are those of the code released with arXiv 2203.01035. Their gradient is zero below ``low``, which is why
    this cost is not the default.

    Attributes:
      low: Lowest score of generated samples, ``()``.
      high: Highest score of generated samples, ``()``.
    """

    low: Array
    high: Array

    def __call__(self, score: Array, /) -> Array:
        """Values of the shape of ``score``."""
        low, high = jnp.asarray(self.low, score.dtype), jnp.asarray(self.high, score.dtype)
        scaled = (jnp.clip(score, low, high) - low + _OFFSET) / (high - low + _OFFSET)
        return 1 / jnp.clip(scaled, 0.01, 0.99)


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class UnitWeight:
    """1 for every score: the weight of a constant critic."""

    def __call__(self, score: Array, /) -> Array:
        """Values of the shape of ``score``."""
        return jnp.ones_like(score)


def rank(table: Array, score: Array) -> Array:
    """The share of generated samples below ``score``, linear outside the table so that a gradient remains.

    Args:
      table: Increasing quantiles of generated scores, ``(n,)``.
      score: Scores of any shape.
    """
    n = table.shape[0]
    table = table.astype(score.dtype)
    inside = jnp.interp(score, table, jnp.linspace(0, 1, n, dtype=score.dtype))
    edge = max(1, n // 20)
    below = (table[edge] - table[0]) / edge * n + jnp.finfo(score.dtype).tiny
    above = (table[-1] - table[-1 - edge]) / edge * n + jnp.finfo(score.dtype).tiny
    beyond = jnp.where(score > table[-1], 1 + (score - table[-1]) / above, inside)
    return jnp.where(score < table[0], (score - table[0]) / below, beyond)
