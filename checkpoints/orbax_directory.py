"""The one place that calls Orbax: a flat dictionary of numpy arrays and a JSON mapping, to and from a directory."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from orbax.checkpoint import v1 as ocp

__all__ = ["METADATA_FILE", "read_arrays", "read_metadata", "read_tree", "write"]

METADATA_FILE = "_CHECKPOINT_METADATA"

# Orbax refuses an empty tree; this array is always there and never handed out.
_MARK = {"__archive__": np.zeros((1,), np.uint8)}


def write(path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> None:
    """Write to ``path`` (absolute, absent). Arrays of size zero hold nothing and are left out."""
    stored = {name: a for name, a in arrays.items() if a.size}
    ocp.save(str(path), {**stored, **_MARK}, custom_metadata=dict(metadata))
    # Orbax notes here where it wrote; an archive is moved afterwards and may be published.
    note = path / "commit_success.txt"
    if note.exists():
        note.write_text("Checkpoint commit was successful.\n", encoding="utf-8")


def read_metadata(path: Path) -> Any:
    """The JSON mapping given to :func:`write`; ``None`` where it is gone."""
    return ocp.metadata(str(path)).custom_metadata


def read_arrays(path: Path, table: Mapping[str, tuple[tuple[int, ...], np.dtype]]) -> dict[str, np.ndarray]:
    """The arrays, given the shape and dtype of each."""
    empty = {name: np.zeros(shape, dtype) for name, (shape, dtype) in table.items()}
    loaded = ocp.load(str(path), {**{name: a for name, a in empty.items() if a.size}, **_MARK})
    return {name: np.asarray(loaded[name]) if a.size else a for name, a in empty.items()}


def read_tree(path: Path) -> Any:
    """Whatever tree another program saved at ``path``, as nested dictionaries of arrays."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sharding info not provided")
        return ocp.load(str(path))
