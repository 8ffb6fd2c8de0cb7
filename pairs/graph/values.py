"""Static values of a graph: numpy arrays that are known while a net is traced.

A value is *static* exactly when it is a numpy array: shapes, axes, pads, indices, small
constants and whatever is computed from them. Everything else is a JAX array or a
:class:`~pairs.graph.layout.ChannelsLast`. Static values are written as JSON in the
configuration of a graph, ``{"dtype": "int64", "shape": [2], "values": [0, -1]}``, with
``"inf"``, ``"-inf"`` and ``"nan"`` as words.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import InputError

__all__ = ["STATIC_LIMIT", "check_size", "decode", "encode", "integers", "is_static", "shown"]

STATIC_LIMIT = 65_536
"""Most numbers that one static value may hold."""

_DTYPES = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")
_WORDS = ("inf", "-inf", "nan")


def is_static(value: Any) -> bool:
    """Whether ``value`` is known while tracing.

    >>> is_static(np.ones(2))
    True
    """
    return isinstance(value, (np.ndarray, np.generic))


def check_size(shape: tuple[int, ...], name: str = "graph") -> None:
    """Refuse a static value that would be larger than :data:`STATIC_LIMIT`."""
    if math.prod(shape) > STATIC_LIMIT or len(shape) > 16:
        problem = f"computes a constant of shape {list(shape)[:16]}, more than {STATIC_LIMIT} numbers"
        raise InputError(name, problem, "store large constants as float initialisers")


def shown(name: Any) -> str:
    r"""A name from a file, made fit for a terminal: printable ASCII, at most 80 characters.

    >>> shown("a" + chr(27) + "[2J")
    'a\\x1b[2J'
    """
    text = str(name).encode("unicode_escape", "backslashreplace").decode("ascii")
    return text if len(text) <= 80 else text[:77] + "..."


def encode(array: Any) -> dict[str, Any]:
    """JSON form of a small array.

    >>> encode(np.asarray([1.5, np.inf], np.float32))["values"]
    [1.5, 'inf']

    Raises:
      InputError: the array is too large or holds something else than numbers.
    """
    array = np.asarray(array)
    check_size(array.shape)
    if array.dtype.name not in _DTYPES:
        raise InputError("graph", f"holds a constant of type {array.dtype.name}", "use numbers alone")
    values = array.reshape(-1).tolist()
    if array.dtype.kind == "f":
        values = [v if math.isfinite(v) else str(v) for v in values]
    return {"dtype": array.dtype.name, "shape": list(array.shape), "values": values}


def decode(record: Any, name: str = "graph") -> np.ndarray:
    """Inverse of :func:`encode`.

    Raises:
      InputError: the record is not what :func:`encode` writes.
    """
    try:
        dtype, shape, values = record["dtype"], tuple(record["shape"]), record["values"]
        if dtype not in _DTYPES or any(type(n) is not int or n < 0 for n in shape) or not isinstance(values, list):
            raise ValueError("dtype, shape or values")
        check_size(shape, name)
        if any(isinstance(v, str) and v not in _WORDS for v in values):
            raise ValueError("values")
        if np.dtype(dtype).kind == "f":
            values = [float(v) for v in values]
        return np.asarray(values, dtype).reshape(shape)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(name, "has a damaged constant", "import the file again") from None


def integers(value: Any, what: str) -> tuple[int, ...]:
    """A static value as a tuple of integers.

    Raises:
      InputError: the value depends on the input of the net.
    """
    if not is_static(value):
        raise InputError("graph", f"computes {what} from the input of the net", "export it with constant shapes")
    array = np.atleast_1d(np.asarray(value))
    if array.ndim != 1 or (array.dtype.kind not in "iu" and not np.all(array == np.round(array))):
        raise InputError("graph", f"has {what} that are no list of integers", "export the net again")
    return tuple(int(v) for v in array)
