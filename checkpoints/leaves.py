"""Leaves of a pytree as plain numpy arrays, and back into a pytree of a known structure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pairs import InputError
from pairs.arrays import on_device

from .digest import named_leaves

__all__ = ["pack", "unpack"]


def _is_key(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def pack(leaf: Any, name: str) -> np.ndarray:
    """A leaf as a numpy array; typed random keys as their raw numbers.

    Raises:
      InputError: the leaf is no number, array or key.
    """
    if _is_key(leaf):
        return np.asarray(jax.random.key_data(leaf))
    array = np.asarray(leaf)
    if array.dtype.kind in "OUSMm":
        raise InputError(name, f"is a {type(leaf).__name__}", "keep numbers and arrays alone in what is stored")
    return array


def unpack(arrays: Mapping[str, np.ndarray], like: Any, field: str) -> Any:
    """A pytree with the structure of ``like`` and the numbers of ``arrays``, bit for bit.

    Leaves come back as what they are in ``like``: JAX array (also for ``ShapeDtypeStruct``),
    typed key, numpy array, or Python number.

    Raises:
      InputError: names or shapes differ (all of them are listed), or JAX would narrow 64-bit numbers.
    """
    wanted = named_leaves(like, field)
    faults = [f"'{n}' is missing" for n in wanted if n not in arrays]
    faults += [f"'{n}' is not part of it" for n in arrays if n not in wanted]
    for name in wanted.keys() & arrays.keys():
        want, have = _shape(wanted[name]), arrays[name].shape
        if want != have:
            faults.append(f"'{name}' has shape {have}, not {want}")
    if faults:
        more = f" and {len(faults) - 8} more" if len(faults) > 8 else ""
        raise InputError(
            field,
            "does not fit the stored arrays: " + ", ".join(sorted(faults)[:8]) + more,
            "use the code and configuration it was saved with",
        )
    leaves = [_restore(arrays[name], leaf, name) for name, leaf in wanted.items()]
    return jax.tree_util.tree_unflatten(jax.tree_util.tree_structure(like), leaves)


def _shape(leaf: Any) -> tuple[int, ...]:
    if _is_key(leaf):
        return jax.eval_shape(jax.random.key_data, leaf).shape
    return tuple(np.shape(leaf)) if not hasattr(leaf, "shape") else tuple(leaf.shape)


def _restore(array: np.ndarray, like: Any, name: str) -> Any:
    if _is_key(like):
        impl = jax.random.key_impl(like) if isinstance(like, jax.Array) else like.dtype._impl.name
        return jax.random.wrap_key_data(on_device(array), impl=impl)
    if isinstance(like, (bool, int, float, complex)):
        return type(like)(array.item())
    if isinstance(like, (np.ndarray, np.generic)):
        return array[()] if isinstance(like, np.generic) else array
    restored = on_device(array)
    if restored.dtype != array.dtype:
        raise InputError(name, f"is {array.dtype}, which JAX narrows to {restored.dtype}", "enable 64-bit JAX")
    return restored
