"""States on disk: resumable training and sampling, with the same seals as pairs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pairs import Record

from .archive import read_archive, read_archive_metadata, write_archive
from .digest import named_leaves
from .leaves import pack, unpack

__all__ = ["STATE_FORMAT", "load_state", "save_state", "state_record"]

STATE_FORMAT = "ganrefine-state"


def save_state(path: str | os.PathLike[str], tree: Any, *, record: Mapping[str, Any] | None = None) -> Path:
    """Write a pytree of arrays, numbers and keys; atomically replaces the state that was at ``path``.

    A process killed at any instant leaves the previous state or the new one.

    Args:
      path: directory; a relative one is taken from the working directory.
      tree: the pytree.
      record: JSON values to keep with it (step, configuration), read by :func:`state_record`.

    Raises:
      InputError: something else than a checkpoint lies at ``path``, its folder is not writable,
        or a leaf is no number.
    """
    arrays = {name: pack(leaf, name) for name, leaf in named_leaves(tree, "tree").items()}
    return write_archive(path, STATE_FORMAT, arrays, {"record": Record(record or {}).to_dict()}, overwrite=True)


def load_state(path: str | os.PathLike[str], like: Any) -> Any:
    """The pytree saved at ``path``, bit for bit; ``like`` gives its structure and kinds of leaves.

    Raises:
      InputError: nothing there, damaged in any way, or another structure than ``like``.
    """
    arrays, _ = read_archive(path, STATE_FORMAT)
    return unpack(arrays, like, "like")


def state_record(path: str | os.PathLike[str]) -> Record:
    """The ``record`` saved with a state, verified, without reading its arrays.

    Raises:
      InputError: as :func:`load_state`.
    """
    return Record(read_archive_metadata(path, STATE_FORMAT)["record"])
