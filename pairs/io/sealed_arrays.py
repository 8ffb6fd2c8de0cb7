r"""NPZ files that know what they belong to: arrays under a seal.

.. math:: \mathrm{SHA256}\big(\text{about} \,\|\, \text{name, type, shape and bytes of each array, by name}\big).

A file whose content was changed, cut, or made for something else has another seal than its reader computes.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np

from .files import write_bytes

__all__ = ["read_sealed", "seal_of", "write_sealed"]

SEAL = "seal"


def seal_of(arrays: dict[str, np.ndarray], about: bytes) -> np.ndarray:
    """The seal, 32 bytes as uint8."""
    total = hashlib.sha256(len(about).to_bytes(8, "little") + about)
    for name in sorted(arrays):
        a = np.ascontiguousarray(arrays[name])
        total.update(f"{name} {a.dtype.str} {a.shape}\0".encode())
        total.update(a.tobytes())
    return np.frombuffer(total.digest(), np.uint8)


def write_sealed(path: Path, arrays: dict[str, np.ndarray], about: bytes) -> bytes:
    """Write arrays and seal, whole or not at all.

    Args:
      path: File to write.
      arrays: Arrays by name; ``seal`` is not free.
      about: What the file belongs to.

    Returns:
      The bytes of the file.

    Raises:
      InputError: The file cannot be written.
    """
    packed = io.BytesIO()
    entries: dict[str, Any] = {**arrays, SEAL: seal_of(arrays, about)}
    np.savez(packed, **entries)
    content = packed.getvalue()
    write_bytes(path, content, sweep=False)  # folders of shards are large, and their claim has swept them
    return content


def read_sealed(content: bytes, about: bytes) -> dict[str, np.ndarray] | None:
    """The arrays of a file of :func:`write_sealed`, the seal among them; None where seal and content differ."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        said = arrays.pop(SEAL)
    except Exception:  # damaged headers raise whatever zipfile, zlib and numpy raise
        return None
    seal = seal_of(arrays, about)
    return {**arrays, SEAL: seal} if np.array_equal(seal, said) else None
