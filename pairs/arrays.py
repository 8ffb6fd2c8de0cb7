"""Arrays that a caller gave: floats of at least single precision. Half is widened, whole numbers become floats."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .errors import InputError

__all__ = ["as_floats"]


def as_floats(field: str, value: Any) -> Array:
    """An array of floats of at least single precision; traced arrays are taken too.

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
