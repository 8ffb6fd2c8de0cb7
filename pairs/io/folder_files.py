"""The files of a data folder: at most splits of classes of files, so that a folder given by mistake is not walked."""

from __future__ import annotations

import json
from pathlib import Path

from ..errors import InputError

__all__ = ["DEPTH", "data_files", "files_below"]

_SEAL = "integrity.json"  # in every folder that checkpoints.save_pair writes
_INDEX = "index.json"  # in every folder of shards of a finished refinement
_MOST = 2**26  # bytes of an index; a shard takes some 150
DEPTH = 3
"""Most folders between a data folder and its files."""


def data_files(path: Path, limit: int | None, kinds: str) -> tuple[Path, list[Path]]:
    """The folder of a data set and its files; a file alone is a data set too.

    Of a refinement in shards that is finished the files are its shards, and what lies beside them is left out.

    Args:
      path: Folder or file.
      limit: How many samples are wanted, if not all.
      kinds: What may be given, for the remedy.

    Raises:
      InputError: The limit is below 1, nothing is there or a stored pair, or as :func:`files_below`.

    Example:
      >>> import tempfile
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     _ = Path(folder, "a.npy").write_bytes(b"")
      ...     [file.name for file in data_files(Path(folder, "a.npy"), None, "an NPY file")[1]]
      ['a.npy']
    """
    if limit is not None and limit < 1:
        raise InputError("limit", f"is {limit}", "give at least 1")
    if not path.exists():
        raise InputError("data", f"{path} does not exist", f"give {kinds}")
    if (path / _SEAL).is_file():
        raise InputError("data", f"{path} is a stored pair", f"give {kinds}, after PAIR where the command takes one")
    if not path.is_dir():
        return path.parent, [path]
    return path, _shards(path) or files_below(path)


def _shards(folder: Path) -> list[Path]:
    """The shards that an index names, each of which must be there; none where there is no such index."""
    index = folder / _INDEX
    try:
        if not index.is_file() or index.stat().st_size > _MOST:
            return []
        rows = json.loads(index.read_text())["shards"]
        names = [row["file"] for row in rows]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return []
    files = [folder / name for name in names if isinstance(name, str) and name == Path(name).name]
    if len(files) < len(names):
        return []
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        remedy = f"draw it again: the command that wrote {folder} makes what is missing"
        raise InputError("data", f"{folder} lacks {missing[0]}, which its index names", remedy)
    return files


def files_below(path: Path) -> list[Path]:
    """All files at or below ``path`` in the order of their names; hidden files and folders do not count.

    Raises:
      InputError: Folders lie deeper than a data set has them, or one cannot be read.

    Example:
      >>> import tempfile
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     _ = Path(folder, "b.png").write_bytes(b""), Path(folder, ".a.png").write_bytes(b"")
      ...     [file.name for file in files_below(Path(folder))]
      ['b.png']
    """
    files: list[Path] = []
    level = [path]
    for depth in range(DEPTH + 1):
        below: list[Path] = []
        for folder in level:
            try:
                entries = [p for p in folder.iterdir() if not p.name.startswith(".")]
                below += [p for p in entries if p.is_dir()]
                files += [p for p in entries if p.is_file()]
            except OSError as error:
                raise InputError("data", f"{folder} cannot be read ({error.strerror})", "check its rights") from None
        if below and depth == DEPTH:
            problem = f"{path} holds folders deeper than any data set has (for example {below[0]})"
            raise InputError("data", problem, "give the folder of the images; pictures lie in SPLIT/CLASS/FILE at most")
        level = below
    return sorted(files)
