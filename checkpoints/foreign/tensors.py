"""Tensors of any foreign file by dotted name: PyTorch, safetensors, npz, Keras."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np

from pairs import InputError
from pairs.io.paths import as_path

from .keras_h5 import read_keras
from .kinds import kind_of
from .limits import check_regular, refusal
from .modules import Module
from .npz import read_npz_tensors
from .safetensors import read_safetensors
from .state_dicts import below
from .torch_file import read_torch

__all__ = ["ForeignFile", "read_foreign", "read_tensors", "select"]

_KINDS = "a PyTorch, safetensors, npz or Keras file"


@dataclasses.dataclass(frozen=True)
class ForeignFile:
    """What a foreign file holds.

    Attributes:
      format: ``"PyTorch"``, ``"safetensors"``, ``"npz"`` or ``"Keras"``.
      tensors: arrays by dotted name.
      values: other plain values by dotted name.
      metadata: strings that the format keeps apart.
      parts: dotted names of the state dicts and modules in the file.
      modules: whole modules by dotted name.
      skipped: what was left unread, by dotted name: the class of each object.
      layers: the layer list, where the format says it (Keras).
    """

    format: str
    tensors: dict[str, np.ndarray]
    values: dict[str, Any]
    metadata: dict[str, str]
    parts: tuple[str, ...] = ("",)
    modules: dict[str, Module] = dataclasses.field(default_factory=dict)
    skipped: dict[str, str] = dataclasses.field(default_factory=dict)
    layers: tuple[dict[str, Any], ...] | None = None


def read_tensors(path: str | os.PathLike[str], key: str | int | None = None) -> dict[str, np.ndarray]:
    """Arrays by dotted name, in the order of the file (safetensors: sorted, numbers as numbers).

    Args:
      path: a PyTorch, safetensors, npz or Keras file. Nothing in it is executed.
      key: dotted path of the part to take, such as ``"model_state_dict"``, or its number in a list;
        names are given without it.

    Raises:
      InputError: missing, damaged or refused file, or no such part.
    """
    return select(read_foreign(path).tensors, key, path)


def select(tensors: dict[str, np.ndarray], key: str | int | None, path: Any) -> dict[str, np.ndarray]:
    """The tensors below ``key``, named without it.

    Args:
      tensors: by dotted name.
      key: the part; ``None`` for all.
      path: the file, for the message.

    Raises:
      InputError: no such part.
    """
    if key is None:
        return tensors
    chosen = below(tensors, str(key))
    if not chosen:
        tops = sorted({n.split(".")[0] for n in tensors})[:12]
        problem = f"{ascii(str(key))} is not in '{path}'"
        raise InputError("key", problem, f"it has {', '.join(ascii(t)[1:-1] for t in tops) or 'no tensors'}")
    return chosen


def read_foreign(path: str | os.PathLike[str]) -> ForeignFile:
    """Read a file of any supported format.

    Args:
      path: the file. What is in it decides, not its name.

    Raises:
      InputError: missing, damaged, refused, of no supported format, or without a tensor.
    """
    path = as_path("file", path)
    check_regular(path, _KINDS)
    found = _read(path)
    if not found.tensors:
        held = ", ".join(f"{ascii(n)[1:-1]} ({kind})" for n, kind in list(found.skipped.items())[:4])
        problem = f"holds no tensors, but {held}" if held else "holds no tensors"
        raise refusal(path, problem, "save the net's state dict")
    return found


def _read(path: Path) -> ForeignFile:
    try:
        kind = kind_of(path)
    except OSError as error:
        raise refusal(path, f"cannot be read ({error.strerror or error})", "check the path") from None
    if kind == "safetensors":
        tensors, metadata = read_safetensors(path)
        return ForeignFile(kind, tensors, {}, metadata)
    if kind == "npz":
        return ForeignFile(kind, read_npz_tensors(path), {}, {})
    if kind == "Keras":
        tensors, layers, values = read_keras(path)
        return ForeignFile(kind, tensors, values, {}, layers=layers)
    held = read_torch(path)
    return ForeignFile(kind, held.tensors, held.values, {}, tuple(held.parts), held.modules, held.skipped)
