r"""Charts keep a curve where the prior has its mass.

For :math:`N(0, \sigma^2 I)` in :math:`d` dimensions the radius :math:`|z|/\sigma` has a chi law with :math:`d` degrees
of freedom, close to :math:`N(\sqrt{d - 1/2}, 1/2)`. In 64 dimensions no draw lies within 5 of the origin, while the
shortest paths of a pull-back metric pass through the origin. From :math:`d \ge 32` curves therefore stay on spheres
whose radius is linear between the ends. From 8 to 31 dimensions, length is multiplied by
:math:`1 + \lambda_r (|z|/\sigma - \sqrt d)^2`. Below 8 dimensions, curves are free. Box priors have a smooth chart of
the box, sphere priors have the sphere.
"""

from __future__ import annotations

import dataclasses
from typing import Literal, get_args

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import gammainc

from pairs import ClassMixture, InputError, Normal, Prior, Sphere, TruncatedNormal, Uniform
from pairs.checks import check_choice

__all__ = ["Chart", "ChartKind", "Keep", "chart_of", "static_prior", "radius_percentile"]

ChartKind = Literal["free", "sphere", "box"]
Keep = Literal["auto", "free", "radial", "sphere", "box"]


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Chart:
    """How displacements act on a base path.

    Attributes:
      kind: ``"free"`` adds them, ``"sphere"`` keeps the radius of the base path, ``"box"`` stays between bounds.
      low: Lower bound of a box.
      high: Upper bound of a box.
    """

    kind: ChartKind = "free"
    low: float = -1.0
    high: float = 1.0

    def move(self, base: Array, delta: Array) -> Array:
        """``base`` displaced by ``delta`` without leaving the support; all are ``(batch, n, d)``."""
        if self.kind == "sphere":
            tiny = jnp.finfo(base.dtype).tiny
            radius = jnp.sqrt(jnp.sum(base**2, axis=-1, keepdims=True))
            y = base + delta
            return y * (radius / jnp.sqrt(jnp.sum(y**2, axis=-1, keepdims=True) + tiny))
        if self.kind == "box":
            middle, half = 0.5 * (self.low + self.high), 0.5 * (self.high - self.low)
            u = jnp.clip((base - middle) / half, -1 + 1e-4, 1 - 1e-4)
            return middle + half * jnp.tanh(jnp.arctanh(u) + delta / (half * (1 - u**2) + 0.05 * half))
        return base + delta


def chart_of(prior: Prior, keep: Keep, radial: float) -> tuple[Chart, float]:
    """The chart of a prior, and the strength of the radial factor of length.

    Args:
      prior: The prior of the latents.
      keep: How curves stay in the prior; ``"auto"`` decides by kind and dimension of the prior.
      radial: The strength where the radial factor applies.

    Raises:
      InputError: The choice is unknown or does not suit the prior.

    Example:
      >>> chart_of(Normal((64,)), "auto", 0.1)[0].kind, chart_of(Normal((16,)), "auto", 0.1)[1]
      ('sphere', 0.1)
    """
    check_choice("keep", keep, get_args(Keep))
    if keep == "auto":
        keep = _suitable(prior)
    if keep == "box":
        if isinstance(prior, Uniform):
            return Chart("box", prior.low, prior.high), 0.0
        if isinstance(prior, TruncatedNormal):
            return Chart("box", -prior.bound, prior.bound), 0.0
        raise InputError("keep", f"is 'box' but the prior is '{prior.kind}'", "use sphere, radial or free")
    if keep == "radial":
        if not isinstance(prior, Normal):
            raise InputError("keep", f"is 'radial' but the prior is '{prior.kind}'", "use auto")
        return Chart("free"), radial
    return Chart("sphere" if keep == "sphere" else "free"), 0.0


def _suitable(prior: Prior) -> Keep:
    if isinstance(prior, (Uniform, TruncatedNormal)):
        return "box"
    if isinstance(prior, Sphere) or (isinstance(prior, Normal) and prior.size >= 32):
        return "sphere"
    return "radial" if isinstance(prior, Normal) and prior.size >= 8 else "free"


def static_prior(prior: Prior) -> Prior | None:
    """The prior where it is hashable (all but class mixtures), for :class:`interp.Curve`."""
    return None if isinstance(prior, ClassMixture) else prior


def radius_percentile(prior: Prior, z: Array) -> Array:
    """Percentile, in [0, 100], of the radius of flat latents ``(..., d)`` in the prior's radius law.

    The result is NaN for priors that are not normal.

    Example:
      >>> round(float(radius_percentile(Normal((2,)), jnp.asarray([1.17741, 0.0]))))
      50
    """
    if not isinstance(prior, Normal):
        return jnp.full(z.shape[:-1], jnp.nan, z.dtype)
    squared = jnp.sum((z / prior.scale) ** 2, axis=-1)
    return 100 * gammainc(jnp.asarray(prior.size / 2, z.dtype), squared / 2)
