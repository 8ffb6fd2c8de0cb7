r"""Keeping paths where the prior has its mass, and saying where they are.

For :math:`N(0, \sigma^2 I)` in :math:`d` dimensions the radius :math:`|z|/\sigma` follows a chi law with
:math:`d` degrees of freedom, close to :math:`N(\sqrt{d - 1/2}, 1/2)`: in 64 dimensions nothing
lies within 5 of the origin, while the shortest pull-back paths go right through it. From
:math:`d \ge 32` paths therefore stay on spheres whose radius goes linearly between the ends; from
8 to 31 length is multiplied by :math:`1 + \lambda_r (|z|/\sigma - \sqrt d)^2`; below they are free.
Box priors get a smooth chart of the box, sphere priors the sphere.
"""

from __future__ import annotations

from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import gammainc

from pairs import ClassMixture, InputError, Net, Normal, Pair, Prior, Sphere, TruncatedNormal, Uniform

from .curves.sine_curve import Chart

__all__ = [
    "Keep",
    "chart_of",
    "check_ends",
    "check_labels",
    "check_features",
    "check_nets",
    "radius_percentile",
    "hashable_prior",
]

Keep = Literal["auto", "free", "radial", "sphere", "box"]


def chart_of(prior: Prior, keep: Keep, radial: float) -> tuple[Chart, float]:
    """Chart and strength of the radial factor.

    Raises:
      InputError: a box chart for a prior without a box, an unknown choice.
    """
    if keep not in get_args(Keep):
        raise InputError("keep", f"is {keep!r}", f"use one of {', '.join(get_args(Keep))}")
    boxed = isinstance(prior, (Uniform, TruncatedNormal))
    if keep == "auto":
        if boxed:
            keep = "box"
        elif isinstance(prior, Sphere) or (isinstance(prior, Normal) and prior.size >= 32):
            keep = "sphere"
        else:
            keep = "radial" if isinstance(prior, Normal) and prior.size >= 8 else "free"
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


def hashable_prior(prior: Prior) -> Prior | None:
    """The prior where it is static (all but class mixtures), for :class:`interp.Curve`."""
    return None if isinstance(prior, ClassMixture) else prior


def check_ends(pair: Pair, name: str, z: Array) -> Array:
    """Ends as flat floats ``(batch, d)``.

    Raises:
      InputError: wrong shape, NaN or infinity, outside the support of the prior.
    """
    prior = pair.prior
    z = jnp.asarray(z)
    if not jnp.issubdtype(z.dtype, jnp.floating):
        z = z.astype(jnp.zeros(()).dtype)
    wanted = ", ".join(map(str, prior.shape))
    if z.ndim != 1 + len(prior.shape) or z.shape[1:] != prior.shape or z.shape[0] < 1:
        raise InputError(name, f"has shape {z.shape}", f"give (batch, {wanted}), batch at least 1")
    if not bool(jnp.all(jnp.isfinite(z))):
        raise InputError(name, "holds NaN or infinity", "draw it from the prior: pair.prior.sample(key, n)")
    if isinstance(prior, (Uniform, TruncatedNormal, Sphere)):
        outside = ~np.isfinite(np.asarray(prior.log_prob(z)))
        if outside.any():
            raise InputError(
                name,
                f"row {int(np.argmax(outside))} lies outside the support of the {prior.kind} prior",
                "use pair.prior.project(z)",
            )
    return z.reshape(z.shape[0], -1)


def check_labels(pair: Pair, labels: Array | None, batch: int) -> Array | None:
    """Labels as integers ``(batch,)``, or None for an unconditional pair."""
    if pair.classes is None:
        if labels is not None:
            raise InputError("labels", "are given for an unconditional pair", "leave them out")
        return None
    if labels is None:
        raise InputError("labels", f"are missing for a pair with {pair.classes} classes", "give one per pair of ends")
    labels = jnp.asarray(labels)
    if labels.shape != (batch,) or not jnp.issubdtype(labels.dtype, jnp.integer):
        raise InputError("labels", f"have shape {labels.shape}, {labels.dtype}", f"give ({batch},) integers")
    if bool(jnp.any((labels < 0) | (labels >= pair.classes))):
        raise InputError("labels", "lie outside the classes", f"use 0 to {pair.classes - 1}")
    return labels


def check_features(pair: Pair, features: Net) -> None:
    x = jax.ShapeDtypeStruct((2, *pair.sample_shape), jnp.zeros(()).dtype)
    try:
        shape = jax.eval_shape(features, x).shape
    except Exception as error:  # whatever a stranger's net raises, the user needs one line
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            "features", f"fail on samples {x.shape}: {reason}", "give a net on this pair's samples"
        ) from error
    if not shape or shape[0] != 2:
        raise InputError("features", f"map {x.shape} to {shape}", "return (batch, features)")


def check_nets(pair: Pair, labels: Array | None) -> None:
    """A generator and critic that do not fit are found before any work, without running them."""
    z = jax.ShapeDtypeStruct((2, *pair.prior.shape), jnp.zeros(()).dtype)
    label = None if labels is None else jax.ShapeDtypeStruct((2,), jnp.int32)
    for name, call, argument in (("generator", pair.generate, z), ("critic", pair.score, None)):
        if argument is None:
            argument = jax.ShapeDtypeStruct((2, *pair.sample_shape), z.dtype)
        wanted = (2, *pair.sample_shape) if name == "generator" else (2,)
        try:
            shape = jax.eval_shape(call, argument, label).shape
        except Exception as error:  # as above
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            remedy = "use the critic this generator was trained against"
            raise InputError(name, f"fails on input {argument.shape}: {reason}", remedy) from error
        if shape != wanted:
            raise InputError(name, f"maps {argument.shape} to {shape}", f"it must return {wanted}")


def radius_percentile(prior: Prior, z: Array) -> Array:
    """Where the radius of flat latents ``(..., d)`` lies in the prior's radius law, in [0, 100]; NaN where it has none.

    >>> from pairs import Normal
    >>> round(float(radius_percentile(Normal((2,)), jnp.asarray([1.17741, 0.0]))))
    50
    """
    if not isinstance(prior, Normal):
        return jnp.full(z.shape[:-1], jnp.nan, z.dtype)
    squared = jnp.sum((z / prior.scale) ** 2, axis=-1)
    return 100 * gammainc(jnp.asarray(prior.size / 2, z.dtype), squared / 2)
