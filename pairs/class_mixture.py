"""A latent prior with one Gaussian per class."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from .errors import InputError
from .priors import Prior, check_shape, flat_sum

__all__ = ["ClassMixture"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class ClassMixture(Prior):
    r"""One Gaussian per class, :math:`p_0(z) = \sum_c \pi_c N(z; \mu_c, \mathrm{diag}\,\sigma_c^2)`.

    ``means`` and ``scales`` have shape ``(classes, *shape)``, ``weights`` ``(classes,)`` sums to one.
    With labels, ``sample``, ``log_prob`` and ``score`` use the class's component
    alone; without, the mixture.
    """

    shape: tuple[int, ...] = dataclasses.field(metadata=dict(static=True))
    means: Array
    scales: Array
    weights: Array
    kind: ClassVar[str] = "class-mixture"

    def __post_init__(self) -> None:
        if not all(hasattr(a, "ndim") for a in (self.means, self.scales, self.weights)):
            return  # a pytree being rebuilt around placeholders
        check_shape(self.shape)
        classes = self.weights.shape
        if len(classes) != 1 or self.means.shape != classes + self.shape or self.scales.shape != self.means.shape:
            raise InputError(
                "prior.means",
                f"shapes are means {self.means.shape}, scales {self.scales.shape}, weights {classes}",
                f"give (classes, {', '.join(map(str, self.shape))}) twice and (classes,)",
            )

    def sample_each(self, keys: Array, labels: ArrayLike | None = None) -> Array:
        """One latent per key."""
        pick, noise = jnp.moveaxis(jax.vmap(lambda k: jax.random.split(k, 2))(keys), 1, 0)
        if labels is None:
            labels = jax.vmap(lambda k: jax.random.categorical(k, jnp.log(self.weights)))(pick)
        xi = jax.vmap(lambda k: jax.random.normal(k, self.shape))(noise)
        chosen = jnp.asarray(labels)
        return self.means[chosen] + self.scales[chosen] * xi

    def _components(self, z: Array) -> Array:
        u = (z[:, None] - self.means) / self.scales
        return -0.5 * flat_sum(u**2 + 2 * jnp.log(self.scales) + math.log(2 * math.pi), self.shape)

    def log_prob(self, z: ArrayLike, labels: ArrayLike | None = None) -> Array:
        """Normalised log density, shape ``(batch,)``."""
        each = self._components(jnp.asarray(z))
        if labels is None:
            return jax.scipy.special.logsumexp(each + jnp.log(self.weights), axis=1)
        return jnp.take_along_axis(each, jnp.asarray(labels)[:, None], axis=1)[:, 0]

    def score(self, z: ArrayLike, labels: ArrayLike | None = None) -> Array:
        """Gradient of the log density, same shape as ``z``."""
        return jax.grad(lambda v: jnp.sum(self.log_prob(v, labels)))(jnp.asarray(z))

    def record(self) -> dict[str, Any]:
        """JSON form, without the arrays."""
        return {"kind": self.kind, "shape": self.shape, "classes": int(self.weights.shape[0])}
