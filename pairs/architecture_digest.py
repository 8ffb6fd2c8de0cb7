"""What a net is beside its weights, as a digest that is the same in every process."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import re
import types
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["architecture_digest"]

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def architecture_digest(net: Any) -> str:
    """SHA-256 of a net's architecture, weights left out.

    It covers name and configuration of the registered architecture. A net without one is known by the type and the
    fields of its ``apply``; a function by its name, the names and numbers in its code, its defaults and what it closes
    over.

    Args:
      net: A :class:`~pairs.Net`.

    Returns:
      64 hexadecimal digits.

    Example:
      >>> from pairs import wrap
      >>> flat, steep = (wrap(functools.partial(jax.nn.leaky_relu, negative_slope=s)) for s in (0.1, 0.2))
      >>> architecture_digest(flat) == architecture_digest(steep)
      False
    """
    made_by = getattr(net, "architecture", None)
    told = getattr(net, "apply", net) if made_by is None else (made_by.name, made_by.config)
    return hashlib.sha256(_text(told, ()).encode()).hexdigest()


def _text(value: Any, above: tuple[int, ...]) -> str:
    """Text of a value, without addresses; ``above`` are the objects that it was reached through."""
    if id(value) in above:
        return "again"
    inner = functools.partial(_text, above=(*above, id(value)))
    if isinstance(value, (np.ndarray, jax.Array)) and not jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        a = np.asarray(value)
        return f"array {a.dtype.name} {a.shape} {hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest()}"
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, Mapping):
        return f"{{{', '.join(sorted(f'{inner(k)}: {inner(v)}' for k, v in value.items()))}}}"
    if isinstance(value, (tuple, list)):
        return f"{_text(type(value), above)}({', '.join(map(inner, value))})"
    if isinstance(value, (set, frozenset)):
        return f"set({', '.join(sorted(map(inner, value)))})"
    if isinstance(value, functools.partial):
        return f"partial({inner(value.func)}, {inner(value.args)}, {inner(value.keywords)})"
    if isinstance(value, types.FunctionType):
        empty = types.CellType()  # of a name that has no value yet
        held = [cell.cell_contents for cell in value.__closure__ or () if cell != empty]
        more = [_code(value.__code__), value.__defaults__, value.__kwdefaults__, held]
        return f"{value.__module__}.{value.__qualname__}({inner(more)})"
    if isinstance(value, types.MethodType):
        return f"method({inner(value.__func__)}, {inner(value.__self__)})"
    if callable(value) and hasattr(value, "__wrapped__"):
        return f"wrapped({inner(inspect.unwrap(value))})"
    name = _text(type(value), above)
    if dataclasses.is_dataclass(value):
        fields = [f.name for f in dataclasses.fields(value) if f.compare and f.repr]
        return f"{name}({', '.join(f'{f}={inner(getattr(value, f, None))}' for f in fields)})"
    if type(value).__repr__ is object.__repr__ and _fields_of(value):
        return f"{name}({inner(_fields_of(value))})"
    return f"{name} {_ADDRESS.sub('', repr(value))}"


def _code(code: types.CodeType) -> list[Any]:
    """Names and numbers that a function's code uses, those of functions within it included."""
    numbers = [c for c in code.co_consts if isinstance(c, (int, float, complex))]
    return [code.co_names, numbers, [_code(c) for c in code.co_consts if isinstance(c, types.CodeType)]]


def _fields_of(value: Any) -> dict[str, Any]:
    """The attributes of an object; none where it has no place for them."""
    return getattr(value, "__dict__", {})
