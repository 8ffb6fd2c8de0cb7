"""Tensors of an ONNX file as numpy arrays; nothing outside the file's folder is read.

Sizes are checked against the bytes that are there before an array is made. Half precision,
bfloat16 and double precision become float32.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import math
from pathlib import Path
from typing import Any

import numpy as np

from pairs import InputError
from pairs.graph.values import shown
from pairs.io.paths import as_path

__all__ = ["read_tensor", "text"]

_DTYPES = {
    1: "<f4",
    2: "u1",
    3: "i1",
    4: "<u2",
    5: "<i2",
    6: "<i4",
    7: "<i8",
    9: "?",
    10: "<f2",
    11: "<f8",
    12: "<u4",
    13: "<u8",
    16: "<u2",
}
_BFLOAT16, _EXTERNAL = 16, 1
_WORDS = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data")


def text(value: str | bytes) -> str:
    """A name from a file; protobuf gives bytes where a name is no UTF-8."""
    if isinstance(value, str):
        return value
    raise InputError("file", f"has a name that is no text, '{shown(value)}'", "export the net again")


def read_tensor(tensor: Any, folder: Path | None) -> np.ndarray:
    """One tensor.

    Args:
      tensor: an ``onnx.TensorProto``.
      folder: of the file, for tensors that are stored beside it; ``None`` where there is none.

    Raises:
      InputError: a type without numbers, sizes that do not match the data, or data outside the folder.
    """
    name = shown(tensor.name)
    if tensor.data_type not in _DTYPES:
        problem = f"'{name}' has the type number {tensor.data_type}"
        raise InputError("file", problem, "store floats, integers or booleans of at least 8 bits")
    shape = tuple(tensor.dims)
    if any(n < 0 for n in shape) or len(shape) > 16 or math.prod(n for n in shape if n) >= 2**59:
        raise InputError("file", f"'{name}' has shape {list(shape)[:16]}", "export the net again")
    dtype = np.dtype(_DTYPES[tensor.data_type])
    if tensor.data_location == _EXTERNAL:
        array = _from_bytes(_external(tensor, folder, math.prod(shape) * dtype.itemsize), dtype, shape, name)
    elif tensor.HasField("raw_data"):
        array = _from_bytes(tensor.raw_data, dtype, shape, name)
    else:
        return _widen(_from_words(tensor, shape, name))
    if tensor.data_type == _BFLOAT16:
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return _widen(array)


def _widen(array: np.ndarray) -> np.ndarray:
    floats = array.dtype.kind in "fV" or array.dtype.name == "bfloat16"
    return array.astype(np.float32) if floats and array.dtype != np.float32 else array


def _from_bytes(data: bytes, dtype: np.dtype, shape: tuple[int, ...], name: str) -> np.ndarray:
    if len(data) != math.prod(shape) * dtype.itemsize:
        problem = f"'{name}' has {len(data)} bytes for shape {list(shape)} of {dtype.name}"
        raise InputError("file", problem, "export the net again")
    array = np.frombuffer(data, dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="))


def _from_words(tensor: Any, shape: tuple[int, ...], name: str) -> np.ndarray:
    """The older form, a list of numbers; it must have one word per element."""
    if max(len(getattr(tensor, field)) for field in _WORDS) != math.prod(shape):
        raise InputError("file", f"'{name}' has another number of values than shape {list(shape)}", "export it again")
    try:
        return np.asarray(importlib.import_module("onnx.numpy_helper").to_array(tensor))
    except (ValueError, TypeError, OverflowError) as error:
        reason = shown((str(error) or type(error).__name__).splitlines()[0])
        raise InputError("file", f"'{name}' is damaged ({reason})", "export the net again") from None


def _external(tensor: Any, folder: Path | None, size: int) -> bytes:
    """Bytes of a tensor stored beside the file: a plain file below its folder, within its length."""
    name, place = shown(tensor.name), {text(e.key): text(e.value) for e in tensor.external_data}
    location = place.get("location", "")
    if folder is None:
        problem = f"keeps '{name}' in another file"
        raise InputError("file", problem, "give the path of the file, or export with external_data=False")
    try:
        path = (folder / as_path("file", location)).resolve() if location else folder
    except InputError:  # too long for a name, or with a zero byte in it
        path = Path("/")
    inside = location and not Path(location).is_absolute() and path.is_relative_to(folder.resolve())
    if not inside:
        problem = f"keeps '{name}' at '{shown(location)}', outside its folder"
        raise InputError("file", problem, "export with external_data=False")
    try:
        offset, length = int(place.get("offset", 0)), int(place.get("length", size))
    except ValueError:
        raise InputError("file", f"has a damaged place for '{name}'", "export the net again") from None
    if not path.is_file():
        problem = f"keeps '{name}' in '{shown(location)}', which is not there"
        raise InputError("file", problem, "put that file beside it")
    if length != size or not 0 <= offset <= path.stat().st_size - size:
        raise InputError("file", f"keeps '{name}' outside the bytes of '{shown(location)}'", "export the net again")
    wanted = place.get("checksum", "").strip().lower()
    if wanted and wanted != _sha1(path, path.stat().st_mtime_ns):
        problem = f"keeps '{name}' in '{shown(location)}', whose bytes have another checksum"
        raise InputError("file", problem, "get that file again from where this one is from")
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(size)


@functools.lru_cache(maxsize=4)
def _sha1(path: Path, changed: int) -> str:
    """SHA-1 of a file, which many tensors may share, at the time of its last change."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha1").hexdigest()
