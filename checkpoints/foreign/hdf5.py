"""HDF5 files read within bounds (``h5py``): arrays that lie in the file itself, and texts.

An HDF5 file can point at other files (external links, external and virtual data) and can ask for
filters that are loaded as plugins. Only plain data of the file itself are read here, contiguous or
packed by the filters that every HDF5 library has, and at most 64 MiB and twice the file of them.

On damaged files the HDF5 library itself can hang, take memory without end, or end the process. A file
is therefore read first by a process of its own (:mod:`~checkpoints.foreign.hdf5_trial`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from pairs import InputError

from .limits import Refused, shown

__all__ = ["child", "open_hdf5", "parse_json", "read_array", "read_text", "read_texts"]

_TEXT = 2**22
_FILTERS = frozenset((1, 2, 3))  # deflate, shuffle, checksum
_FAULTS = (
    OSError,
    KeyError,
    ValueError,
    TypeError,
    RuntimeError,
    MemoryError,
    OverflowError,
    AttributeError,
    IndexError,
)


@contextmanager
def open_hdf5(source: Any) -> Iterator[Any]:
    """An ``h5py.File``, with every way in which it can fail as one kind of error.

    Args:
      source: path, or a binary file object.

    Raises:
      InputError: the package h5py is absent.
      Refused: in place of what h5py raises.
    """
    try:
        import h5py
    except ImportError:
        raise InputError("file", "is a Keras file, which needs h5py", "pip install 'ganrefine[keras]'") from None
    try:
        with h5py.File(source, "r") as file:
            yield file
    except (Refused, InputError):
        raise
    except _FAULTS as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise Refused(f"the file is damaged ({shown(reason, 120)})") from None


def child(group: Any, name: str) -> Any:
    """A member that lies in the group's own file; ``None`` where there is none.

    Args:
      group: an h5py group.
      name: of the member; slashes go down.

    Raises:
      Refused: a link to somewhere else on the way.
    """
    import h5py

    for part in filter(None, name.split("/")):
        if not isinstance(group, h5py.Group):
            raise Refused(f"'{shown(name)}' goes through something that is no group")
        link = group.get(part, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise Refused(f"'{shown(name)}' is a link to somewhere else")
        group = group[part]
    return group


def read_array(group: Any, name: str, most: int) -> np.ndarray:
    """A numeric array of the file itself.

    Args:
      group: an h5py group.
      name: of the array.
      most: bytes that it may have.

    Raises:
      Refused: absent, stored elsewhere, packed by another filter, too large, or no numbers.
    """
    import h5py

    data = child(group, name)
    if not isinstance(data, h5py.Dataset):
        raise Refused(f"array '{shown(name)}' is missing")
    made = data.id.get_create_plist()
    filters = {made.get_filter(i)[0] for i in range(made.get_nfilters())}
    if data.is_virtual or data.external or not filters <= _FILTERS:
        raise Refused(f"array '{shown(name)}' lies in another file, or is packed by an unknown filter")
    if data.dtype.kind not in "fiub" or math.prod(data.shape) * data.dtype.itemsize > most:
        raise Refused(f"array '{shown(name)}' holds no numbers, or too many")
    return np.asarray(data[()])


def _attribute(group: Any, name: str) -> Any:
    """An attribute whose declared size is compared with a bound before memory is taken."""
    import h5py

    held = h5py.h5a.open(group.id, name.encode())
    if len(held.shape) > 1 or math.prod(held.shape) * held.dtype.itemsize > _TEXT:
        raise Refused(f"attribute '{shown(name)}' is too large")
    return group.attrs[name]


def read_text(group: Any, name: str) -> str | None:
    """A text in the attributes of a group; ``None`` where there is none.

    Args:
      group: an h5py group or file.
      name: of the attribute.

    Raises:
      Refused: no text, or one of more than 4 MiB.
    """
    if name not in group.attrs:
        return None
    value = _attribute(group, name)
    value = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    if not isinstance(value, str) or len(value) > _TEXT:
        raise Refused(f"attribute '{shown(name)}' is no text of moderate length")
    return value


def read_texts(group: Any, name: str) -> list[str]:
    """A list of texts in the attributes of a group, which Keras cuts into ``name0``, ``name1`` ... where it is long.

    Args:
      group: an h5py group or file.
      name: of the attribute.

    Raises:
      Refused: something else than texts.
    """
    parts = [name] if name in group.attrs else []
    while not parts or parts[0] != name:
        if f"{name}{len(parts)}" not in group.attrs or len(parts) > 1000:
            break
        parts.append(f"{name}{len(parts)}")
    found = [
        v.decode("utf-8", "replace") if isinstance(v, bytes) else v
        for part in parts
        for v in list(_attribute(group, part))
    ]
    if not all(isinstance(v, str) for v in found):
        raise Refused(f"attribute '{shown(name)}' is no list of texts")
    return found


def parse_json(text: str | bytes) -> Any:
    """JSON without numbers of thousands of digits and without deep nesting.

    Args:
      text: at most 4 MiB.

    Raises:
      Refused: too long, or no JSON.
    """

    def integer(digits: str) -> int:
        if len(digits) > 20:
            raise Refused(f"it has a number of {len(digits)} digits")
        return int(digits)

    if len(text) > _TEXT:
        raise Refused(f"its description of the model has {len(text)} characters")
    try:
        # bytes would be searched for other codings
        return json.loads(text.decode() if isinstance(text, bytes) else text, parse_int=integer)
    except (ValueError, RecursionError) as error:
        if isinstance(error, Refused):
            raise
        raise Refused("its description of the model is no JSON") from None
