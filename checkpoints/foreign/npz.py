"""Weights in NumPy's ``.npz`` archives."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from pairs.io.archives import ArchiveError
from pairs.io.npz import open_npz

from .limits import refusal

__all__ = ["read_npz_tensors"]


def read_npz_tensors(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Arrays by name, in the order of the archive.

    Args:
      path: the archive. It may unpack to twice its size and 64 MiB.

    Raises:
      InputError: damaged, truncated, compressed beyond that, or with pickled objects in it.
    """
    path = Path(path)
    try:
        with open_npz(path) as archive:
            return {name: archive[name] for name in archive.names}
    except (ArchiveError, OSError, MemoryError) as error:
        reason = str(error) or type(error).__name__
        raise refusal(path, f"is no sound npz file ({reason})", "save arrays alone, with numpy.savez") from None
