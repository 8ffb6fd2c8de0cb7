"""Checks of what interpolation is given: ends, nets on samples. A refusal names the field and a remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Net, Pair, Sphere, TruncatedNormal, Uniform
from pairs import checks as shared
from pairs.arguments import refuse_traced
from pairs.arrays import as_floats, on_device

__all__ = ["check_ends", "check_pairs_of_ends", "check_labels", "check_features", "check_nets", "check_unconditional"]


def check_ends(pair: Pair, field: str, z: ArrayLike) -> Array:
    """Latents as flat floats ``(batch, d)``.

    Args:
      pair: The pair whose prior they belong to.
      field: What a refusal names.
      z: Latents, ``(batch, *latent)``.

    Raises:
      InputError: The shape is wrong, a number is not finite, or a row lies outside the support of the prior.
    """
    prior = pair.prior
    refuse_traced(pair=pair, **{field: z})
    z = as_floats(field, z)
    wanted = ", ".join(map(str, prior.shape))
    if z.ndim != 1 + len(prior.shape) or z.shape[1:] != prior.shape or z.shape[0] < 1:
        raise InputError(field, f"has shape {z.shape}", f"give (batch, {wanted}), batch at least 1")
    if not np.isfinite(np.asarray(z)).all():
        raise InputError(field, "holds NaN or infinity", "draw it from the prior: pair.prior.sample(key, n)")
    if isinstance(prior, (Uniform, TruncatedNormal, Sphere)):
        outside = ~np.isfinite(np.asarray(prior.log_prob(z)))
        if outside.any():
            problem = f"row {int(np.argmax(outside))} lies outside the support of the {prior.kind} prior"
            raise InputError(field, problem, "use pair.prior.project(z)")
    return z.reshape(z.shape[0], -1)


def check_pairs_of_ends(pair: Pair, z0: ArrayLike, z1: ArrayLike) -> tuple[Array, Array]:
    """Both ends as flat floats ``(batch, d)`` of one type.

    Raises:
      InputError: :func:`check_ends` refuses one of them, or their numbers differ.
    """
    a, b = check_ends(pair, "z0", z0), check_ends(pair, "z1", z1)
    if a.shape != b.shape:
        raise InputError("z1", f"has {b.shape[0]} rows, z0 has {a.shape[0]}", "give as many ends as starts")
    dtype = jnp.promote_types(a.dtype, b.dtype)
    return a.astype(dtype), b.astype(dtype)


def check_labels(pair: Pair, labels: ArrayLike | None, n: int) -> Array | None:
    """Labels as int32 ``(n,)``, or None for an unconditional pair.

    Raises:
      InputError: Labels are missing, superfluous, of another shape, or outside the classes.
    """
    found = shared.check_labels(pair, labels, n)
    return None if found is None else on_device(found)


def check_unconditional(pair: Pair) -> None:
    """Refuse a conditional pair.

    Raises:
      InputError: The pair has classes.
    """
    if pair.classes:
        raise InputError("pair", "is conditional", "fix the label in generator and critic first: a path keeps it")


def check_features(pair: Pair, features: Net) -> None:
    """Refuse a feature net that does not take the samples of a pair; the net is traced, not run.

    Raises:
      InputError: The net fails on samples, or does not return one row per sample.
    """
    x = jax.ShapeDtypeStruct((2, *pair.sample_shape), jnp.zeros(()).dtype)
    shape = _traced_shape("features", features, "give a net on this pair's samples", x)
    if not shape or shape[0] != 2:
        raise InputError("features", f"map {x.shape} to {shape}", "return (batch, features)")


def check_nets(pair: Pair, labels: Array | None, scored: bool = True) -> None:
    """Refuse a generator and a critic that do not fit each other, before any work; they are traced, not run.

    Args:
      pair: The pair.
      labels: Class of every path, for conditional pairs.
      scored: Whether a critic is needed; one that is there is checked in either case.

    Raises:
      InputError: A net fails on its input or returns another shape than it must; the critic is needed and missing.
    """
    if scored and not pair.has_critic:
        remedy = "use mode=\"none\", or make one with 'ganrefine adapt PAIR DATA' (dcd.recover in Python)"
        raise InputError("critic", "is missing: this pair has a generator alone", remedy)
    dtype = jnp.zeros(()).dtype
    label = None if labels is None else jax.ShapeDtypeStruct((2,), jnp.int32)
    z = jax.ShapeDtypeStruct((2, *pair.prior.shape), dtype)
    x = jax.ShapeDtypeStruct((2, *pair.sample_shape), dtype)
    nets = [("generator", pair.generate, z, x.shape), ("critic", pair.score, x, (2,))]
    for name, call, given, wanted in nets if pair.has_critic else nets[:1]:
        shape = _traced_shape(name, call, "use the critic this generator was trained against", given, label)
        if shape != wanted:
            raise InputError(name, f"maps {given.shape} to {shape}", f"it must return {wanted}")


def _traced_shape(field: str, call: Callable[..., Array], remedy: str, given: Any, *rest: Any) -> tuple[int, ...]:
    try:
        return jax.eval_shape(call, given, *rest).shape
    except Exception as error:  # whatever a stranger's net raises, the user needs one line
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(field, f"fails on input {given.shape}: {reason}", remedy) from error
