r"""safetensors files: a header length (64 bits, little-endian), a JSON header, the numbers.

Accepted only if the header lies inside the file, every tensor's bytes
:math:`[b_i, e_i)` have the length of its shape and dtype, and sorted by :math:`b_i` the
intervals tile the rest of the file: no gap, no overlap, nothing after. The header may have 4 MiB,
which is room for some forty thousand tensors.
"""

from __future__ import annotations

import json
import math
import os
import re
import struct
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from pairs.io.archives import ArchiveError, fill
from pairs.io.files import open_regular

from .limits import NAME_LIMIT, refusal, shown

__all__ = ["read_safetensors"]

_HEADER_LIMIT = 2**22

_DTYPES: dict[str, Any] = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": jnp.bfloat16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U64": np.uint64,
    "U32": np.uint32,
    "U16": np.uint16,
    "U8": np.uint8,
    "BOOL": np.bool_,
    "C64": np.complex64,
    "F8_E4M3": jnp.float8_e4m3fn,
    "F8_E5M2": jnp.float8_e5m2,
}


class _Bad(ValueError):
    """The file is not what the format says."""


def read_safetensors(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Tensors by name, sorted with numbers as numbers, and the file's metadata strings.

    The format's own writer sorts names as text, which puts layer 10 before layer 2.

    Args:
      path: the file.

    Raises:
      InputError: not a safetensors file, truncated, or its header contradicts itself or the file.
    """
    path = Path(path)
    try:
        with open_regular(path) as file:
            header, length, size = _header(file)
            data = np.empty(size - 8 - length, np.uint8)
            fill(file, data.data)
        return _parse(header, data)
    except OSError as error:
        raise refusal(path, f"cannot be read ({error.strerror or error})", "check the path") from None
    except MemoryError:
        raise refusal(path, "does not fit into memory", "use a machine with more memory") from None
    except (_Bad, ArchiveError) as error:
        raise refusal(path, f"is no sound safetensors file: {error}", "download or copy it again") from None


def _header(file: Any) -> tuple[dict[str, Any], int, int]:
    size = file.seek(0, 2)
    file.seek(0)
    if size < 8:
        raise _Bad("it is shorter than its header")
    (length,) = struct.unpack("<Q", file.read(8))
    if length > size - 8:
        raise _Bad(f"its header is said to be {length} bytes long, the file has {size}")
    if length > _HEADER_LIMIT:
        raise _Bad(f"its header has {length} bytes, at most {_HEADER_LIMIT} are read")
    try:
        text = file.read(length).decode("utf-8")
        header = json.loads(text, object_pairs_hook=_unique, parse_int=_integer, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        if isinstance(error, _Bad):
            raise
        raise _Bad(f"its header is no JSON ({shown(type(error).__name__)})") from None
    if not isinstance(header, dict):
        raise _Bad("its header is no JSON object")
    return header, length, size


def _parse(header: dict[str, Any], body: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise _Bad("its metadata are not strings")
    entries = {name: _entry(name, value) for name, value in header.items()}
    position = 0
    for name, (_, _, begin, end) in sorted(entries.items(), key=lambda item: item[1][2:]):
        if begin != position:
            raise _Bad(f"tensor '{shown(name)}' begins at {begin}, not at {position} where the one before it ends")
        position = end
    if position != len(body):
        raise _Bad(f"its tensors end at {position}, the file at {len(body)}")
    tensors = {}
    for name in sorted(entries, key=_natural):
        dtype, shape, begin, end = entries[name]
        tensors[name] = np.frombuffer(body[begin:end], dtype).reshape(shape)
    return tensors, metadata


def _natural(name: str) -> list[Any]:
    # digits compare as numbers by their length first, since a number of 5,000 digits is not to be converted
    split = re.split("([0-9]+)", name)
    return [(len(p.lstrip("0")), p.lstrip("0")) if i % 2 else p for i, p in enumerate(split)]


def _integer(text: str) -> int:
    if len(text) > 20:
        raise _Bad(f"its header has a number of {len(text)} digits")
    return int(text)


def _constant(text: str) -> Any:
    raise _Bad(f"its header has the number {text}")


def _unique(items: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({k for k, _ in items}) != len(items):
        raise _Bad("its header has a key twice")
    return dict(items)


def _entry(name: str, value: Any) -> tuple[np.dtype, tuple[int, ...], int, int]:
    where = f"tensor '{shown(name)}'"
    if len(name) > NAME_LIMIT:
        raise _Bad(f"a name in its header has {len(name)} characters")
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise _Bad(f"{where} lacks dtype, shape or data_offsets")
    if not isinstance(value["dtype"], str) or value["dtype"] not in _DTYPES:
        raise _Bad(f"{where} has an unknown dtype")
    shape, offsets = value["shape"], value["data_offsets"]
    for numbers in (shape, offsets):
        if not isinstance(numbers, list) or any(type(n) is not int or not 0 <= n < 2**62 for n in numbers):
            raise _Bad(f"{where} has a shape or offsets that are no sizes")
    dtype = np.dtype(_DTYPES[value["dtype"]])
    if len(shape) > 32 or len(offsets) != 2 or math.prod(n for n in shape if n) * dtype.itemsize >= 2**62:
        raise _Bad(f"{where} has a shape or offsets that are no sizes")
    if offsets[1] - offsets[0] != math.prod(shape) * dtype.itemsize:
        raise _Bad(f"{where} of shape {shape} does not fill offsets {offsets}")
    return dtype, tuple(shape), offsets[0], offsets[1]
