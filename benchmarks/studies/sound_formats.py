"""Formats of weight files, written without the programs that usually write them."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["Call", "pickled", "safetensors_bytes", "torch_legacy_bytes", "torch_zip_bytes", "zipped"]


_STORAGE = {"float32": "FloatStorage", "float16": "HalfStorage", "int64": "LongStorage", "uint8": "ByteStorage"}


_MAGIC = 0x1950A86A20F9469CFC6C


class Call:
    """What a pickle writes for an object: a name, its arguments, and perhaps a state."""

    def __init__(self, name: str, *arguments: Any, state: Any = None):
        self.name, self.arguments, self.state = name, arguments, state


def pickled(value: Any, storages: dict[str, np.ndarray] | None = None) -> bytes:
    """The pickle of plain containers, numbers, text, arrays (as PyTorch tensors) and :class:`Call`.

    Args:
      value: the object.
      storages: filled with the arrays by storage key; without it, arrays are refused.
    """
    return b"\x80\x02" + _item(value, storages) + b"."


def _item(value: Any, storages: dict[str, np.ndarray] | None) -> bytes:
    inner = lambda v: _item(v, storages)
    if value is None or value is True or value is False:
        return {None: b"N", True: b"\x88", False: b"\x89"}[value]
    if isinstance(value, int):
        size = value.bit_length() // 8 + 1
        return b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if isinstance(value, str):
        text = value.encode("utf-8", "surrogatepass")
        return b"X" + struct.pack("<I", len(text)) + text
    if isinstance(value, bytes):
        return b"B" + struct.pack("<I", len(value)) + value
    if isinstance(value, tuple):
        return b"(" + b"".join(map(inner, value)) + b"t"
    if isinstance(value, list):
        return b"](" + b"".join(map(inner, value)) + b"e"
    if isinstance(value, dict):
        return b"}(" + b"".join(inner(k) + inner(v) for k, v in value.items()) + b"u"
    if isinstance(value, Call):
        module, _, name = value.name.rpartition(".")
        made = b"c" + module.encode() + b"\n" + name.encode() + b"\n" + inner(value.arguments) + b"R"
        return made if value.state is None else made + inner(value.state) + b"b"
    if not isinstance(value, np.ndarray) or storages is None:
        raise TypeError(f"a {type(value).__name__} has no place here")
    key = str(len(storages))
    storages[key] = value
    kind = b"ctorch\n" + _STORAGE[value.dtype.name].encode() + b"\n"
    where = b"(" + inner("storage") + kind + inner(key) + inner("cpu") + inner(value.size) + b"tQ"
    strides = tuple(s // value.itemsize for s in value.strides)
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + where + inner(0) + inner(value.shape) + inner(strides) + b"\x89NtR"


def torch_zip_bytes(value: Any, root: str = "archive") -> bytes:
    """A file of PyTorch's zip format.

    Args:
      value: as :func:`pickled`.
      root: folder inside the archive.
    """
    storages: dict[str, np.ndarray] = {}
    data = pickled(value, storages)
    return zipped({f"{root}/data.pkl": data, **{f"{root}/data/{k}": a.tobytes() for k, a in storages.items()}})


def torch_legacy_bytes(value: Any) -> bytes:
    """A file of PyTorch's format before version 1.6.

    Args:
      value: as :func:`pickled`.
    """
    storages: dict[str, np.ndarray] = {}
    body = pickled(value, storages)
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    numbers = b"".join(struct.pack("<q", a.size) + a.tobytes() for a in storages.values())
    return pickled(_MAGIC) + pickled(1001) + pickled(system) + body + pickled(list(storages)) + numbers


def safetensors_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """A safetensors file.

    Args:
      arrays: float32 arrays by name.
    """
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, array in arrays.items():
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(a.tobytes() for a in arrays.values())


def zipped(members: Mapping[str, bytes]) -> bytes:
    """An archive of stored members.

    Args:
      members: content by name.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()
