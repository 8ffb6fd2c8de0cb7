r"""safetensors files: a header length (64 bits, little-endian), a JSON header, the numbers.

Accepted only if the header lies inside the file, every tensor's bytes
:math:`[b_i, e_i)` have the length of its shape and dtype, and sorted by :math:`b_i` the
intervals tile the rest of the file: no gap, no overlap, nothing after.
"""

from __future__ import annotations

import json
import math
import os
import struct
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from pairs import InputError

__all__ = ["read_safetensors"]

_HEADER_LIMIT = 100_000_000  # the limit of the format's reference implementation

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
    """Tensors by name, in the order of the header, and the file's metadata strings.

    Raises:
      InputError: not a safetensors file, truncated, or its header contradicts itself or the file.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
        return _parse(data)
    except OSError as error:
        raise InputError("file", f"cannot read '{path}' ({error.strerror or error})", "check the path") from None
    except (_Bad, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        problem = str(error).splitlines()[0]
        raise InputError(
            "file", f"'{path}' is no sound safetensors file: {problem}", "download or copy it again"
        ) from None


def _parse(data: bytes) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    if len(data) < 8:
        raise _Bad("it is shorter than its header")
    (length,) = struct.unpack("<Q", data[:8])
    if length > min(len(data) - 8, _HEADER_LIMIT):
        raise _Bad(f"its header is said to be {length} bytes long, the file has {len(data)}")
    header = json.loads(data[8 : 8 + length].decode("utf-8"), object_pairs_hook=_unique)
    if not isinstance(header, dict):
        raise _Bad("its header is no JSON object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise _Bad("its metadata are not strings")
    body = memoryview(data)[8 + length :]
    entries = {name: _entry(name, value) for name, value in header.items()}
    position = 0
    for name, (_, _, begin, end) in sorted(entries.items(), key=lambda item: item[1][2:]):
        if begin != position:
            raise _Bad(f"tensor {ascii(name)} begins at {begin}, not at {position} where the one before it ends")
        position = end
    if position != len(body):
        raise _Bad(f"its tensors end at {position}, the file at {len(body)}")
    return {n: np.frombuffer(body[b:e], d).reshape(s) for n, (d, s, b, e) in entries.items()}, metadata


def _unique(items: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({k for k, _ in items}) != len(items):
        raise _Bad("its header has a key twice")
    return dict(items)


def _entry(name: str, value: Any) -> tuple[np.dtype, tuple[int, ...], int, int]:
    where = f"tensor {ascii(name)}"
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise _Bad(f"{where} lacks dtype, shape or data_offsets")
    if not isinstance(value["dtype"], str) or value["dtype"] not in _DTYPES:
        raise _Bad(f"{where} has the unknown dtype {ascii(value['dtype'])}")
    shape, offsets = value["shape"], value["data_offsets"]
    for numbers in (shape, offsets):
        if not isinstance(numbers, list) or any(type(n) is not int or not 0 <= n < 2**62 for n in numbers):
            raise _Bad(f"{where} has shape {ascii(shape)} and offsets {ascii(offsets)}")
    dtype = np.dtype(_DTYPES[value["dtype"]])
    if len(offsets) != 2 or len(shape) > 32 or offsets[1] - offsets[0] != math.prod(shape) * dtype.itemsize:
        raise _Bad(f"{where} of shape {shape} does not fill offsets {offsets}")
    return dtype, tuple(shape), offsets[0], offsets[1]
