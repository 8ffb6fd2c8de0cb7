"""Objects of the standard library and of NumPy as they stand in pickles, made from checked arguments alone.

Arrays are taken only with a plain dtype and with exactly the bytes that their shape needs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .limits import Refused

__all__ = ["Buildable", "plain_objects"]


class Buildable:
    """Something that a pickle may go on to fill: by a state, by entries, or by items."""

    __slots__ = ()

    def build(self, state: Any) -> None:
        """Take the state of the object.

        Raises:
          Refused: the object takes none, or not this one.
        """
        raise Refused("the pickle sets attributes of an object")

    def mapping(self) -> dict[Any, Any]:
        """The dictionary behind the object.

        Raises:
          Refused: there is none.
        """
        raise Refused("the pickle fills an object like a dict")

    def sequence(self) -> list[Any]:
        """The list behind the object.

        Raises:
          Refused: there is none.
        """
        raise Refused("the pickle fills an object like a list")


class Dtype(Buildable):
    """A ``numpy.dtype``: its kind and size at first, its byte order by the state."""

    __slots__ = ("dtype",)

    def __init__(self, text: Any, *_: Any):
        if type(text) is not str or len(text) > 4 or text[:1] not in "?bBhHiIlLqQefdFDSU" + "fiuc":
            raise Refused("a NumPy dtype is of an unknown kind")
        self.dtype = np.dtype(text)
        if self.dtype.kind not in "biufcSU":
            raise Refused("a NumPy dtype is no plain number")

    def build(self, state: Any) -> None:
        """Take the byte order."""
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else None
        if order not in ("<", ">", "|", "=") or (len(state) > 3 and state[3] is not None):
            raise Refused("a NumPy dtype is no plain number")
        self.dtype = self.dtype.newbyteorder(order)


class PickledArray(Buildable):
    """A ``numpy.ndarray`` on its way: empty at first, filled by the state."""

    __slots__ = ("array",)

    def __init__(self, *_: Any):
        self.array: np.ndarray | None = None

    def build(self, state: Any) -> None:
        """Take shape, dtype and bytes."""
        if not isinstance(state, tuple) or len(state) != 5:
            raise Refused("a NumPy array has a state of an unknown form")
        _, shape, dtype, fortran, data = state
        if not isinstance(dtype, Dtype) or type(data) is not bytes or not isinstance(shape, tuple):
            raise Refused("a NumPy array holds no plain numbers")
        if len(shape) > 32 or any(type(n) is not int or not 0 <= n < 2**48 for n in shape):
            raise Refused("a NumPy array has no proper shape")
        if math.prod(shape) * dtype.dtype.itemsize != len(data) or not data:
            raise Refused(f"a NumPy array of {math.prod(shape)} numbers has {len(data)} bytes")
        self.array = np.frombuffer(data, dtype.dtype).reshape(shape, order="F" if fortran is True else "C")


def _scalar(dtype: Any, data: Any) -> Any:
    if not isinstance(dtype, Dtype) or type(data) is not bytes or len(data) != dtype.dtype.itemsize:
        raise Refused("a NumPy number has the wrong size")
    return np.frombuffer(data, dtype.dtype)[0].item()


def _encode(text: Any, coding: Any) -> bytes:
    if type(text) is not str or coding not in ("latin1", "latin-1"):
        raise Refused("a string of bytes has an unknown form")
    return text.encode("latin-1")


def _bytes(*arguments: Any) -> bytes:
    if not arguments:
        return b""
    if type(arguments[0]) is bytes and len(arguments) == 1:
        return arguments[0]
    return _encode(*arguments)


def _complex(real: Any, imaginary: Any = 0.0) -> complex:
    if type(real) not in (int, float) or type(imaginary) not in (int, float):
        raise Refused("a complex number has parts that are no numbers")
    return complex(real, imaginary)


def _items(items: Any = ()) -> list[Any]:
    # the same list, not a copy: a thousand sets of one long list cost nothing
    if isinstance(items, list):
        return items
    if not isinstance(items, tuple) or len(items) > 1024:
        raise Refused("a set is made of something that is no list")
    return list(items)


def _mapping(items: Any = (), *_: Any) -> dict[Any, Any]:
    if isinstance(items, dict):
        return items
    # Python 2 wrote an OrderedDict as a list of pairs
    if not isinstance(items, (list, tuple)) or not all(isinstance(i, (list, tuple)) and len(i) == 2 for i in items):
        raise Refused("a dictionary is made of something that is no list of pairs")
    if not all(type(key) is str for key, _ in items):
        raise Refused("a dictionary has keys that are no text")
    return dict(items)


def plain_objects() -> dict[str, Any]:
    """Functions by the names that pickles of standard and NumPy objects use."""
    table: dict[str, Any] = {
        "_codecs.encode": _encode,
        "collections.OrderedDict": _mapping,
        "collections.Counter": _mapping,
    }
    for module in ("builtins", "__builtin__"):
        table |= {f"{module}.{n}": _items for n in ("set", "frozenset", "list")}
        table |= {f"{module}.bytes": _bytes, f"{module}.bytearray": _bytes, f"{module}.complex": _complex}
        table |= {f"{module}.{n}": f"{n}" for n in ("int", "float", "str", "bool", "tuple", "dict", "object")}
    table["collections.defaultdict"] = lambda *_: {}
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        table |= {f"{module}.scalar": _scalar, f"{module}._reconstruct": PickledArray}
    return {**table, "numpy.dtype": Dtype, "numpy.ndarray": "numpy.ndarray"}
