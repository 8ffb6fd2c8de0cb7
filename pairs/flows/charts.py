r"""Charts: each prior as the image of a plain law, on all of space, in which a flow can work.

A chart c carries its base law b to the prior :math:`p_0`:

================  =====================================  ==========================================================
prior             base law b                             chart
================  =====================================  ==========================================================
normal            :math:`N(0, I)`                        :math:`\sigma v`
uniform           :math:`N(0, I)`                        :math:`l + (h - l)\,\Phi(v)`
truncated         :math:`N(0, I)`                        :math:`\Phi^{-1}(\Phi(-c) + (1 - 2\Phi(-c))\,\Phi(v))`
sphere            :math:`N(0, I)`                        :math:`r\,v / \lVert v\rVert`
class mixture     :math:`N(0, I)` with labels            :math:`\mu_k + \sigma_k v` for label k
class mixture     the mixture itself without labels      :math:`v`
================  =====================================  ==========================================================

So a law :math:`h(z)\,p_0(z)` of latents is :math:`h(c(v))\,b(v)` on the chart, whatever the prior. On the sphere the
length of v is an extra coordinate, which is independent of the direction under both laws.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import ndtr, ndtri

from ..class_mixture import ClassMixture
from ..errors import InputError
from ..priors import Normal, Prior, Sphere, TruncatedNormal, Uniform, flat_sum

__all__ = ["base_law", "from_latents", "to_latents"]

_INSIDE = 1e-6  # a probability is kept so far from 0 and 1: the quantile is then below 4.8


def base_law(prior: Prior, classes: int | None = None) -> Prior:
    """The base law of a prior's chart.

    Args:
      prior: Any prior of this package.
      classes: Number of classes of a conditional pair.

    Returns:
      A prior of the same shape.

    Raises:
      InputError: A prior that has no chart here.

    Example:
      >>> base_law(Uniform((3,)))
      Normal(shape=(3,), scale=1.0)
    """
    if isinstance(prior, ClassMixture) and classes is None:
        return prior
    if isinstance(prior, (ClassMixture, Normal, Uniform, TruncatedNormal, Sphere)):
        return Normal(prior.shape)
    raise InputError("prior", f"is a {type(prior).__name__}", "a flow needs one of the priors of pairs")


def to_latents(prior: Prior, v: Array, labels: Array | None = None) -> Array:
    """Latents of points of the chart, both ``(batch, *latent)``."""
    if isinstance(prior, Normal):
        return prior.scale * v
    if isinstance(prior, Uniform):
        # a sum in single precision may round to beyond the box, where the density is zero
        return jnp.clip(prior.low + (prior.high - prior.low) * ndtr(v), prior.low, prior.high)
    if isinstance(prior, TruncatedNormal):
        least = ndtr(-prior.bound)
        return jnp.clip(ndtri(least + (1 - 2 * least) * ndtr(v)), -prior.bound, prior.bound)
    if isinstance(prior, ClassMixture):
        return v if labels is None else prior.means[labels] + prior.scales[labels] * v
    return prior.project(v)


def from_latents(prior: Prior, z: Array, labels: Array | None = None) -> Array:
    r"""Points of the chart whose latents are z; on a sphere those of length :math:`\sqrt d`.

    Latents of a bounded prior count as 1e-6 inside its bounds at least.
    """
    if isinstance(prior, Normal):
        return z / prior.scale
    if isinstance(prior, Uniform):
        return ndtri(jnp.clip((z - prior.low) / (prior.high - prior.low), _INSIDE, 1 - _INSIDE))
    if isinstance(prior, TruncatedNormal):
        least = ndtr(-prior.bound)
        return ndtri(jnp.clip((ndtr(z) - least) / (1 - 2 * least), _INSIDE, 1 - _INSIDE))
    if isinstance(prior, ClassMixture):
        return z if labels is None else (z - prior.means[labels]) / prior.scales[labels]
    return z * jnp.sqrt(jnp.asarray(prior.size, z.dtype) / jnp.maximum(_square(prior, z), 1e-12))


def _square(prior: Prior, z: Array) -> Array:
    square = flat_sum(jax.lax.square(z), prior.shape)
    return square.reshape(-1, *(1 for _ in prior.shape))
