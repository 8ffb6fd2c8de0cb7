"""Tensors of any foreign file by dotted name: PyTorch (both formats), safetensors, npz."""

from __future__ import annotations

import dataclasses
import os
import re
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from pairs import InputError

from .safetensors import read_safetensors
from .torch_file import read_torch

__all__ = ["ForeignFile", "read_foreign", "read_tensors"]

_MAX_ENTRIES = 200_000
_NPZ_FAULTS = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    RuntimeError,
    MemoryError,
    OverflowError,
    SyntaxError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)


@dataclasses.dataclass(frozen=True)
class ForeignFile:
    """What a foreign file holds: its format, tensors and other values by dotted name, metadata."""

    format: str
    tensors: dict[str, np.ndarray]
    values: dict[str, Any]
    metadata: dict[str, str]


def read_tensors(path: str | os.PathLike[str], key: str | None = None) -> dict[str, np.ndarray]:
    """Arrays by dotted name, in the order of the file (safetensors: sorted, numbers as numbers).

    Args:
      path: a PyTorch, safetensors or npz file. Nothing in it is executed.
      key: dotted path of the part to take, such as ``"model_state_dict"``; names are given without it.

    Raises:
      InputError: missing, damaged or refused file, or no such part.
    """
    return select(read_foreign(path).tensors, key, path)


def select(tensors: dict[str, np.ndarray], key: str | None, path: Any) -> dict[str, np.ndarray]:
    """The tensors below ``key``, named without it."""
    if key is None:
        return tensors
    chosen = {n.removeprefix(key + "."): a for n, a in tensors.items() if n.startswith(key + ".")}
    if not chosen:
        tops = sorted({n.split(".")[0] for n in tensors})[:12]
        raise InputError("key", f"'{key}' is not in '{path}'", f"it has {', '.join(tops) or 'no tensors'}")
    return chosen


def read_foreign(path: str | os.PathLike[str]) -> ForeignFile:
    """Read a file of any supported format.

    Raises:
      InputError: missing, damaged, refused, or of no supported format.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        problem = f"'{path}' is a directory" if path.is_dir() else f"'{path}' does not exist"
        raise InputError("file", problem, "give a PyTorch, safetensors or npz file")
    if path.suffix == ".safetensors":
        tensors, metadata = read_safetensors(path)
        return ForeignFile("safetensors", _natural(tensors), {}, metadata)
    if path.suffix == ".npz":
        return ForeignFile("npz", _read_npz(path), {}, {})
    flat = _flatten(read_torch(path), path)
    tensors = {n: v for n, v in flat.items() if isinstance(v, np.ndarray)}
    return ForeignFile("PyTorch", tensors, {n: v for n, v in flat.items() if n not in tensors}, {})


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    size = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            declared = sum(info.file_size for info in archive.infolist())
        if declared > 1000 * size:
            raise ValueError(f"it unpacks to {declared} bytes, {declared // max(size, 1)} times its size")
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except _NPZ_FAULTS as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(
            "file", f"'{path}' is no sound npz file ({reason})", "save arrays alone, with numpy.savez"
        ) from None


def _natural(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Safetensors files sort names as text, which puts layer 10 before layer 2."""
    split = lambda name: [int(p) if i % 2 else p for i, p in enumerate(re.split("([0-9]+)", name))]
    return {n: tensors[n] for n in sorted(tensors, key=split)}


def _flatten(tree: Any, path: Path) -> dict[str, Any]:
    """Dotted names in file order. Visits are counted: a shared container is met more often than it is stored."""
    flat: dict[str, Any] = {}
    waiting: list[tuple[str, Any]] = [("", tree)]
    for _ in range(_MAX_ENTRIES):
        if not waiting:
            return flat
        name, value = waiting.pop()
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
        if items is not None:
            waiting.extend(reversed([(f"{name}.{k}" if name else str(k), v) for k, v in items]))
        elif name in flat:
            raise InputError("file", f"'{path}' has '{name}' twice", "save one state dict alone")
        else:
            flat[name or "value"] = value
    raise InputError("file", f"'{path}' has too many entries", "save one state dict alone")
