"""Arrays on their way to the device: floats of at least single precision, host arrays, copies."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .errors import InputError

__all__ = ["as_floats", "copied", "on_device"]


def as_floats(field: str, value: Any) -> Array:
    """An array of floats of at least single precision; half is widened, whole numbers become floats.

    Traced arrays are taken too.

    Args:
      field: What a refusal names.
      value: Any array, or nested lists of numbers.

    Raises:
      InputError: Ragged lists, text, objects, or complex numbers.
    """
    if not isinstance(value, jax.Array):
        try:
            value = np.asarray(value)
        except ValueError:
            raise InputError(field, "is a list of rows of different lengths", "give an array of numbers") from None
    kind = np.dtype(value.dtype)
    if not (jnp.issubdtype(kind, jnp.floating) or kind.kind in "iub"):
        raise InputError(field, f"holds {kind.name} values", "give an array of real numbers")
    wide = jnp.result_type(float) if kind == np.float64 else jnp.promote_types(kind, jnp.float32)
    return jnp.asarray(value, wide)


def on_device(value: Any) -> Array:
    """A copy of a host array on the default device, in the type that JAX gives it; any other value as an array.

    ``jnp.asarray`` does the same, and compiles a program for every new shape and type of a host array. Only for code
    that is not traced.

    Args:
      value: An array, or nested lists of numbers.

    Example:
      >>> on_device(np.arange(3.0)).dtype
      dtype('float32')
    """
    # the copy is made here: a CPU device may otherwise read the caller's own memory, which the caller may write to
    return jax.device_put(np.array(value)) if isinstance(value, np.ndarray) else jnp.asarray(value)


def copied(tree: Any) -> Any:
    """A pytree of arrays with every leaf copied, so that a compiled call may take its memory.

    Only for code that is not traced: nothing is compiled, unlike for ``jnp.copy`` of every new shape.

    Args:
      tree: Arrays; a copy stays on the devices of its leaf.

    Example:
      >>> given = on_device(np.ones(2))
      >>> copied({"a": given})["a"].unsafe_buffer_pointer() == given.unsafe_buffer_pointer()
      False
    """
    own = jax.tree.map(lambda leaf: np.array(leaf) if isinstance(leaf, np.ndarray) else leaf, tree)
    return jax.device_put(own, may_alias=False)
