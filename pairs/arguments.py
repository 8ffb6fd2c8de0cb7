"""What the public functions of ``dcd`` and ``interp`` accept as keys, arrays and nets: made fit, or refused in a line.

Chains, solvers and trainers loop on the host, so that they cannot run on values that ``jax.jit``, ``jax.vmap`` or
``jax.grad`` traces, and they compute in single precision at least.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer

from .batches import apply_net
from .errors import InputError
from .protocol import Net, Pair

__all__ = ["checked_key", "differentiable", "refuse_traced"]

_KEY = "make one with jax.random.key(seed)"


def refuse_traced(**given: Any) -> None:
    """Refuse arguments that hold traced values.

    Args:
      **given: Any pytrees, by the name that a refusal says.

    Raises:
      InputError: One of them holds a traced value.
    """
    for field, value in given.items():
        if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(value)):
            remedy = "call this function outside jax.jit, jax.vmap and jax.grad: it loops on the host"
            raise InputError(field, "is traced", remedy)


def checked_key(key: Any, **given: Any) -> Array:
    """The key as one typed key; an old-style key gives the same random numbers as the typed key of its seed.

    Args:
      key: What a caller gave as a key.
      **given: Other arguments, which must not be traced either.

    Raises:
      InputError: It is no key, several keys, or traced.

    Example:
      >>> bool(checked_key(jax.random.PRNGKey(3)) == jax.random.key(3))
      True
    """
    refuse_traced(key=key, **given)
    dtype = getattr(key, "dtype", None)
    if dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key):
        if key.shape != ():
            raise InputError("key", f"is an array of keys of shape {key.shape}", "give one of them")
        return key
    if dtype != np.uint32 or key.ndim != 1:
        raise InputError("key", f"is no key but {_named(key)}", _KEY)
    try:
        return jax.random.wrap_key_data(jnp.asarray(key))
    except (TypeError, ValueError):
        raise InputError("key", f"holds {key.shape[0]} numbers", _KEY) from None


def differentiable(pair: Pair) -> Pair:
    """The pair with nets that return at least single precision.

    Args:
      pair: Any pair; it comes back as it is where its nets do so already.

    Raises:
      InputError: It is no pair, or a net returns whole numbers, which pass no gradient.
    """
    if not isinstance(pair, Pair):
        remedy = "make one with ganrefine.load or ganrefine.make_pair"
        raise InputError("pair", f"is no pair but {_named(pair)}", remedy)
    z = jax.ShapeDtypeStruct((1, *pair.prior.shape), jnp.zeros(()).dtype)
    x = jax.ShapeDtypeStruct((1, *pair.sample_shape), jnp.zeros(()).dtype)
    label = () if pair.classes is None else (jax.ShapeDtypeStruct((1,), jnp.int32),)
    changes: dict[str, Any] = {}
    for name, given in (("generator", z), ("critic", x)):
        net = getattr(pair, name)
        if not isinstance(net, Net) or (name == "critic" and not pair.has_critic):
            continue
        try:
            kind = jax.eval_shape(apply_net, net, given, *label).dtype
        except Exception:  # whatever a stranger's net raises, the checks of each command say it better
            continue
        if not jnp.issubdtype(kind, jnp.floating):
            what = "samples" if name == "generator" else "scores"
            raise InputError(name, f"returns {what} of {kind.name}, which pass no gradient", "return floats")
        if jnp.finfo(kind).bits < 32:
            changes[name] = Net(net.params, _Widened(net.apply), None)
    return pair.replace(**changes) if changes else pair


@dataclasses.dataclass(frozen=True)
class _Widened:
    """The function of a net with its result in single precision."""

    apply: Callable[..., Array]

    def __call__(self, params: Any, *inputs: Any) -> Array:
        return self.apply(params, *inputs).astype(jnp.float32)


def _named(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return f"{value!r:.40}" if shape is None else f"{value.dtype.name} of shape {shape}"
