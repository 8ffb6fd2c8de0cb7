"""The list of an archive's files with their SHA-256, the outermost of its seals (:mod:`checkpoints.archive`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from pairs.io.files import open_regular

__all__ = ["INTEGRITY", "integrity_text", "is_archive", "listed_files"]


INTEGRITY = "integrity.json"


_INTEGRITY_LIMIT = 2**24


def is_archive(path: Path) -> bool:
    """Whether ``path`` looks like something that :func:`checkpoints.archive.write_archive` made."""
    return path.is_dir() and (path / INTEGRITY).is_file()


def integrity_text(files: Mapping[str, str]) -> str:
    """Text of the list, from digests by file name."""
    return json.dumps({"files": files}, indent=1)


def listed_files(source: Path) -> dict[str, str]:
    """Digests by file name, as the integrity file says; its text must be what :func:`integrity_text` gives.

    Raises:
      ValueError: The list is too long, was changed, or names a file outside of its folder.
    """
    with open_regular(source / INTEGRITY) as file:
        raw = file.read(_INTEGRITY_LIMIT + 1)
    if len(raw) > _INTEGRITY_LIMIT:
        raise ValueError("it is too long")
    files = json.loads(raw)["files"]
    if not all(isinstance(sha, str) for sha in files.values()) or raw != integrity_text(files).encode():
        raise ValueError("it was changed")
    for name in files:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in path.parts[0]:
            raise ValueError(f"it names {ascii(name)}, which is not below its folder")
    return files
