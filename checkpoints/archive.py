"""Sealed archives: an Orbax directory that is whole and unchanged, or an error.

Three seals, from the outside in. ``integrity.json`` lists the SHA-256 of every file,
so that nothing damaged reaches a parser; it must be written exactly as :mod:`checkpoints.integrity` writes it, and
may name files below its folder alone. The metadata inside Orbax's custom metadata
carries a digest of itself. Each array is compared with its own digest after loading.

Writing goes to a hidden sibling directory that is renamed into place: a destination
is absent, old or new, never half. Replacing moves the old archive to
``.<name>.previous`` for the instant between two renames; reading looks there too.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jax import numpy as jnp

from pairs import InputError
from pairs.io.paths import as_path

from . import digest
from . import orbax_directory as _orbax
from .integrity import INTEGRITY, integrity_text, is_archive, listed_files
from .replacement import files_below, flush, previous, put, settle, workspace_beside

__all__ = ["check_destination", "read_archive", "read_archive_metadata", "write_archive"]

VERSION = 1


def check_destination(path: str | os.PathLike[str], overwrite: bool = False) -> Path:
    """Absolute destination of a new archive; call it before long work. Nothing is left behind.

    Raises:
      InputError: it exists and ``overwrite`` is off, it exists and is no archive, or its
        folder cannot be written to.
    """
    target = Path(os.path.abspath(as_path("path", path)))
    if not target.name:
        raise InputError("path", f"'{path}' names no directory", "give a new directory")
    if target.exists() or target.is_symlink():
        if not is_archive(target):
            raise InputError("path", f"'{target}' exists and is not a checkpoint", "choose another path")
        if not overwrite:
            raise InputError("path", f"'{target}' exists", "choose another path, or overwrite it (--overwrite)")
    nearest = target.parent
    while not nearest.exists():
        nearest = nearest.parent
    probe = nearest / f".{target.name[:100]}.probe-{secrets.token_hex(4)}"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError("path", f"cannot write in '{nearest}' ({reason})", "choose a writable folder") from None
    return target


def write_archive(
    path: str | os.PathLike[str],
    kind: str,
    arrays: Mapping[str, np.ndarray],
    metadata: Mapping[str, Any],
    *,
    overwrite: bool = False,
) -> Path:
    """Write arrays and JSON metadata, read them back, and put them at ``path``.

    Raises:
      InputError: see :func:`check_destination`; or the disk is full.
    """
    target = check_destination(path, overwrite)
    settle(target)
    table = digest.leaf_table(arrays)
    sealed = digest.seal(
        {"format": kind, "version": VERSION, **metadata, "leaves": table, "tree_digest": digest.table_digest(table)}
    )
    workspace = workspace_beside(target)
    fresh = workspace / "archive"
    try:
        workspace.mkdir(parents=True)
        _orbax.write(fresh, arrays, sealed)
        files = {str(p.relative_to(fresh).as_posix()): digest.file_digest(p) for p in sorted(files_below(fresh))}
        (fresh / INTEGRITY).write_text(integrity_text(files), encoding="utf-8")
        read_archive(fresh, kind)
        flush(fresh)
        put(fresh, target)
    except InputError:
        raise
    except Exception as error:  # Orbax and tensorstore raise many kinds; the user needs one line
        raise InputError("path", f"'{target}' could not be written ({_line(error)})", "check the disk") from error
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
    return target


def read_archive_metadata(path: str | os.PathLike[str], kind: str | None = None) -> dict[str, Any]:
    """Verified metadata of an archive, without reading its arrays into memory.

    Raises:
      InputError: nothing there, not an archive, damaged, of another kind, or of a newer version.
    """
    return _verified(_locate(path), kind)


def read_archive(path: str | os.PathLike[str], kind: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays by name and metadata, both verified.

    Raises:
      InputError: as :func:`read_archive_metadata`.
    """
    source = _locate(path)
    metadata = _verified(source, kind)
    try:
        table = {n: (tuple(e["shape"]), jnp.dtype(e["dtype"])) for n, e in metadata["leaves"].items()}
        arrays = _orbax.read_arrays(source, table)
    except Exception as error:
        raise _damaged(source, f"its arrays cannot be read, {_line(error)}") from error
    for name, entry in metadata["leaves"].items():
        if digest.leaf_table({name: arrays[name]})[name] != entry:
            raise _damaged(source, f"'{name}' differs from its digest")
    return arrays, metadata


def _locate(path: str | os.PathLike[str]) -> Path:
    target = Path(os.path.abspath(as_path("path", path)))
    if not target.exists() and is_archive(previous(target)):
        return previous(target)
    if not target.exists():
        raise InputError("path", f"'{target}' does not exist", "give a stored pair or a file of weights")
    if not target.is_dir():
        raise InputError("path", f"'{target}' is a file", "give the directory of a checkpoint")
    if not is_archive(target):
        if (target / _orbax.METADATA_FILE).exists():
            raise InputError(
                "path",
                f"'{target}' is an Orbax directory without {INTEGRITY}: damaged, or written by another program",
                "restore it from a copy; a checkpoint of your own nets becomes a pair with ganrefine import DIR "
                "--factory FILE.py:FUNCTION --out PAIR",
            )
        remedy = f"give {target / 'pair'}" if is_archive(target / "pair") else "give a directory written by save_pair"
        raise InputError("path", f"'{target}' holds no checkpoint", remedy)
    return target


def _verified(source: Path, kind: str | None) -> dict[str, Any]:
    try:
        files = listed_files(source)
        broken = [n for n, sha in files.items() if not (source / n).is_file() or digest.file_digest(source / n) != sha]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise _damaged(source, f"{INTEGRITY} cannot be used, {_line(error)}") from None
    if broken:
        state = "changed" if (source / broken[0]).is_file() else "missing"
        raise _damaged(source, f"file {ascii(broken[0])} is {state}")
    try:
        metadata = _orbax.read_metadata(source)
    except Exception as error:
        raise _damaged(source, f"its metadata cannot be read, {_line(error)}") from error
    if not digest.sealed(metadata):
        raise _damaged(source, "its metadata is missing or changed")
    if kind is not None and metadata.get("format") != kind:
        raise InputError("path", f"'{source}' holds a {metadata.get('format')}, not a {kind}", "give another path")
    if metadata.get("version") != VERSION:
        raise InputError(
            "path", f"'{source}' has format version {metadata.get('version')}, not {VERSION}", "update this package"
        )
    if digest.table_digest(metadata["leaves"]) != metadata["tree_digest"]:
        raise _damaged(source, "its list of arrays differs from its digest")
    return metadata


def _damaged(path: Path, how: str) -> InputError:
    return InputError("path", f"'{path}' is damaged: {how}", "restore it from a copy")


def _line(error: BaseException) -> str:
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return text if len(text) <= 160 else text[:157] + "..."
