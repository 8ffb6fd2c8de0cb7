"""Entries of a leaderboard on disk: one file each, under the digest of all that it depends on.

A file that is there under the digest that is asked for is not computed again; one that was cut or changed does not
count as there, since its seal differs.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from checkpoints.digest import canonical
from pairs.io.files import read_regular
from pairs.io.reports import to_json
from pairs.io.sealed_arrays import read_sealed, write_sealed

__all__ = ["Entry", "digest_of", "read_entry", "write_entry"]


class Entry(NamedTuple):
    """One method at one budget.

    Attributes:
      report: Figures in JSON form.
      rows: Rows of the samples in the judge's features, ``(n, d)``, so that entries can be compared in pairs.
    """

    report: dict[str, Any]
    rows: np.ndarray


def digest_of(*about: Any) -> str:
    """SHA-256 of what an entry depends on, in JSON form.

    Example:
      >>> digest_of("ddls", {"steps": 4})[:8]
      '232a39b6'
    """
    return hashlib.sha256(canonical(list(about)).encode()).hexdigest()


def _path(folder: Path, name: str, digest: str) -> Path:
    return folder / f"{name}-{digest[:16]}.npz"


def read_entry(folder: Path, name: str, digest: str) -> Entry | None:
    """The entry of a digest; None where there is none."""
    try:
        content = read_regular(_path(folder, name, digest))
    except OSError:
        return None
    arrays = read_sealed(content, digest.encode())
    if arrays is None:
        return None
    return Entry(json.loads(arrays["report"].tobytes()), arrays["rows"])


def write_entry(folder: Path, name: str, digest: str, entry: Entry) -> Entry:
    """Write an entry, whole or not at all.

    Returns:
      The entry as it is read back.

    Raises:
      InputError: The folder cannot be written.
    """
    report = np.frombuffer(to_json(entry.report).encode(), np.uint8)
    rows = entry.rows.astype(np.float32)
    write_sealed(_path(folder, name, digest), {"report": report, "rows": rows}, digest.encode())
    return Entry(json.loads(report.tobytes()), rows)
