r"""Latent priors: sample, log density, gradient of it, projection back to the support.

Every prior is a frozen dataclass without arrays except :class:`pairs.ClassMixture`,
whose means and scales are leaves. Densities are exact up to no constant:
``log_prob`` is normalised. ``score`` is its gradient,

.. math:: s(z) = \nabla_z \log p_0(z),

which is zero inside a uniform box and on a sphere (tangentially). ``project``
maps any point to the support and is the identity on it.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import numbers
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from .errors import InputError

__all__ = ["Prior", "Normal", "Uniform", "Sphere", "TruncatedNormal", "check_shape", "flat_sum"]


def check_shape(shape: tuple[int, ...]) -> None:
    """Refuse anything but positive integers."""
    sides = shape if isinstance(shape, tuple | list) else ()
    if not sides or any(not isinstance(d, int) or isinstance(d, bool) or d < 1 for d in sides):
        raise InputError("prior.shape", f"is {shape!r}", "give positive integers, for example (64,)")


def _is_moderate(value: Any) -> bool:
    """Whether a value is a number between -1e30 and 1e30."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return False
    number: Any = value
    # compared before anything is converted: a whole number of a thousand digits is no float
    return bool(abs(number) < 1e30)


def _check_positive(field: str, value: float) -> None:
    if not (_is_moderate(value) and value > 0):
        raise InputError(field, f"is {value!r}"[:80], "give a number above 0 and below 1e30")


def flat_sum(values: Array, shape: tuple[int, ...]) -> Array:
    """Sum over the latent axes."""
    return jnp.sum(values, axis=tuple(range(values.ndim - len(shape), values.ndim)))


@dataclasses.dataclass(frozen=True)
class Prior:
    """What every prior offers. ``shape`` is the shape of one latent, without the batch."""

    shape: tuple[int, ...]
    kind: ClassVar[str] = ""

    def __post_init__(self) -> None:
        check_shape(self.shape)

    @property
    def size(self) -> int:
        """Number of latent coordinates."""
        return math.prod(self.shape)

    def sample(self, key: Array, n: int, labels: ArrayLike | None = None) -> Array:
        """``n`` latents, shape ``(n, *shape)``.

        Latent ``i`` depends on ``key`` and ``i`` alone, so a longer draw begins with the shorter one.
        """
        return _sample(self, key, n, None if labels is None else jnp.asarray(labels))

    def sample_each(self, keys: Array, labels: ArrayLike | None = None) -> Array:
        """One latent per key."""
        raise NotImplementedError

    def log_prob(self, z: ArrayLike, labels: ArrayLike | None = None) -> Array:
        """Normalised log density, shape ``(batch,)``; minus infinity outside the support."""
        raise NotImplementedError

    def score(self, z: ArrayLike, labels: ArrayLike | None = None) -> Array:
        """Gradient of the log density with respect to ``z``, same shape as ``z``."""
        raise NotImplementedError

    def project(self, z: ArrayLike) -> Array:
        """Nearest point of the support (identity where the support is all of space)."""
        return jnp.asarray(z)

    def record(self) -> dict[str, Any]:
        """JSON form, read back by :func:`prior_from_record`."""
        static = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.metadata.get("static", True)}
        return {"kind": self.kind, **static}


@functools.partial(jax.jit, static_argnames=("n",))
def _sample(prior: Prior, key: Array, n: int, labels: Array | None) -> Array:
    """One compiled program a draw, in place of one for each of its operations."""
    return prior.sample_each(jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(n)), labels)


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Normal(Prior):
    r""":math:`N(0, \sigma^2 I)`.

    >>> float(Normal((2,)).log_prob(jnp.zeros((1, 2)))[0])  # -log(2 pi)
    -1.8378770351409912
    """

    scale: float = 1.0
    kind: ClassVar[str] = "normal"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_positive("prior.scale", self.scale)

    def sample_each(self, keys: Array, labels: ArrayLike | None = None) -> Array:
        """One latent per key."""
        return self.scale * jax.vmap(lambda k: jax.random.normal(k, self.shape))(keys)

    def log_prob(self, z: ArrayLike, labels: ArrayLike | None = None) -> Array:
        """Normalised log density, shape ``(batch,)``."""
        z = jnp.asarray(z)
        constant = self.size * (0.5 * math.log(2 * math.pi) + math.log(self.scale))
        return -0.5 * flat_sum((z / self.scale) ** 2, self.shape) - constant

    def score(self, z: ArrayLike, labels: ArrayLike | None = None) -> Array:
        """Gradient of the log density, same shape as ``z``."""
        return -jnp.asarray(z) / self.scale**2


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Uniform(Prior):
    """Uniform on the box ``[low, high]`` in every coordinate, ``[-1, 1]`` by default; projection clips."""

    low: float = -1.0
    high: float = 1.0
    kind: ClassVar[str] = "uniform"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (_is_moderate(self.low) and _is_moderate(self.high) and self.low < self.high):
            raise InputError(
                "prior.low",
                f"box is [{self.low}, {self.high}"[:80] + "]",
                "give low < high, both between -1e30 and 1e30",
            )

    def sample_each(self, keys: Array, labels: ArrayLike | None = None) -> Array:
        """One latent per key."""
        draw = lambda k: jax.random.uniform(k, self.shape, minval=self.low, maxval=self.high)
        return jax.vmap(draw)(keys)

    def log_prob(self, z: ArrayLike, labels: ArrayLike | None = None) -> Array:
        """Normalised log density, shape ``(batch,)``."""
        z = jnp.asarray(z)
        axes = tuple(range(z.ndim - len(self.shape), z.ndim))
        inside = jnp.all((z >= self.low) & (z <= self.high), axis=axes)
        return jnp.where(inside, -self.size * math.log(self.high - self.low), -jnp.inf)

    def score(self, z: ArrayLike, labels: ArrayLike | None = None) -> Array:
        """Gradient of the log density, same shape as ``z``."""
        return jnp.zeros_like(jnp.asarray(z))

    def project(self, z: ArrayLike) -> Array:
        """Nearest point of the support."""
        return jnp.clip(jnp.asarray(z), self.low, self.high)


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Sphere(Prior):
    r"""Uniform on the sphere :math:`|z| = r`; density with respect to its surface measure."""

    radius: float = 1.0
    kind: ClassVar[str] = "sphere"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_positive("prior.radius", self.radius)

    def sample_each(self, keys: Array, labels: ArrayLike | None = None) -> Array:
        """One latent per key."""
        return self.project(jax.vmap(lambda k: jax.random.normal(k, self.shape))(keys))

    def log_prob(self, z: ArrayLike, labels: ArrayLike | None = None) -> Array:
        """Normalised log density, shape ``(batch,)``."""
        z = jnp.asarray(z)
        d = self.size
        area = math.log(2) + d / 2 * math.log(math.pi) - math.lgamma(d / 2) + (d - 1) * math.log(self.radius)
        norm = jnp.sqrt(flat_sum(z**2, self.shape))
        on_it = jnp.abs(norm - self.radius) <= 1e-3 * self.radius
        return jnp.where(on_it, -area, -jnp.inf)

    def score(self, z: ArrayLike, labels: ArrayLike | None = None) -> Array:
        """Gradient of the log density, same shape as ``z``."""
        return jnp.zeros_like(jnp.asarray(z))

    def project(self, z: ArrayLike) -> Array:
        """Nearest point of the support."""
        z = jnp.asarray(z)
        axes = tuple(range(z.ndim - len(self.shape), z.ndim))
        norm = jnp.sqrt(jnp.sum(z**2, axis=axes, keepdims=True))
        return self.radius * z / jnp.maximum(norm, jnp.finfo(z.dtype).tiny)


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class TruncatedNormal(Prior):
    r""":math:`N(0, I)` cut to :math:`[-c, c]` in every coordinate ("truncation trick")."""

    bound: float = 2.0
    kind: ClassVar[str] = "truncated"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_positive("prior.bound", self.bound)

    def sample_each(self, keys: Array, labels: ArrayLike | None = None) -> Array:
        """One latent per key."""
        draw = lambda k: jax.random.truncated_normal(k, -self.bound, self.bound, self.shape)
        return jax.vmap(draw)(keys)

    def log_prob(self, z: ArrayLike, labels: ArrayLike | None = None) -> Array:
        """Normalised log density, shape ``(batch,)``."""
        z = jnp.asarray(z)
        axes = tuple(range(z.ndim - len(self.shape), z.ndim))
        inside = jnp.all(jnp.abs(z) <= self.bound, axis=axes)
        mass = math.log(math.erf(self.bound / math.sqrt(2)))
        constant = self.size * (0.5 * math.log(2 * math.pi) + mass)
        return jnp.where(inside, -0.5 * flat_sum(z**2, self.shape) - constant, -jnp.inf)

    def score(self, z: ArrayLike, labels: ArrayLike | None = None) -> Array:
        """Gradient of the log density, same shape as ``z``."""
        return -jnp.asarray(z)

    def project(self, z: ArrayLike) -> Array:
        """Nearest point of the support."""
        return jnp.clip(jnp.asarray(z), -self.bound, self.bound)
