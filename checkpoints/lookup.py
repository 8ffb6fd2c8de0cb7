"""From what a user types to a pair: a bundled name, a stored pair, or a manifest."""

from __future__ import annotations

import os
from pathlib import Path

from pairs import InputError, Pair
from pairs.io.paths import as_path

from .importing import import_manifest
from .integrity import INTEGRITY, is_archive
from .store import load_pair

__all__ = ["DEFAULT", "bundled_names", "bundled_path", "bundled_tuned", "resolve", "stored_pair"]

DEFAULT = "fashion-mnist-wgan-gp"
_BUNDLED = Path(__file__).resolve().parent / "bundled"


def bundled_names() -> tuple[str, ...]:
    """Names of the pairs that come with the package, sorted."""
    if not _BUNDLED.is_dir():
        return ()
    return tuple(sorted(p.name for p in _BUNDLED.iterdir() if (p / INTEGRITY).is_file()))


def bundled_tuned() -> Path:
    """The tuning result of the default bundled pair, made by ``python -m dcd tune``."""
    return _BUNDLED / f"{DEFAULT}.tuned.toml"


def bundled_path(name: str) -> Path | None:
    """Folder of a bundled pair, ``None`` for any other name."""
    return _BUNDLED / name if name in bundled_names() else None


def resolve(name_or_path: str | os.PathLike[str] | None = None) -> Pair:
    """The pair behind a name or a path; the default bundled pair for ``None``.

    A bundled name comes first (write ``./name`` for a folder of that name), then a directory
    written by :func:`~checkpoints.save_pair`, then a ``pair.toml`` manifest (or a folder with
    one). Stored pairs were checked when they were saved, and their digests say that nothing
    changed since; manifests are checked here.

    Raises:
      InputError: nothing of that name, a damaged checkpoint, a file that is neither.
    """
    given = DEFAULT if name_or_path is None else os.fspath(name_or_path)
    if not given:
        raise InputError("pair", "is empty", f"give {_kinds()}")
    bundled = bundled_path(given)
    if bundled is not None:
        return load_pair(bundled)
    path = as_path("pair", given)
    if path.is_dir():
        if (path / "pair.toml").is_file() and not (path / INTEGRITY).is_file():
            return import_manifest(path / "pair.toml")
        return load_pair(path)
    if path.is_file():
        if path.suffix == ".toml":
            return import_manifest(path)
        remedy = "make a pair of it with ganrefine import, or write a pair.toml manifest that names it and its layers"
        raise InputError("pair", f"'{path}' is a file that is no manifest", remedy)
    if path.with_name(f".{path.name}.previous").is_dir():
        return load_pair(path)
    tried = f"no bundled pair of that name, nothing at '{path.absolute()}'"
    raise InputError("pair", f"'{given}' was not found ({tried})", f"give {_kinds()}")


def stored_pair(name_or_path: str | os.PathLike[str]) -> Pair | None:
    """The bundled or stored pair of that name or path, ``None`` where it is something else.

    Args:
      name_or_path: What a user gave.

    Raises:
      InputError: A stored pair that is damaged.
    """
    if os.fspath(name_or_path) in bundled_names() or is_archive(as_path("pair", name_or_path)):
        return resolve(name_or_path)
    return None


def _kinds() -> str:
    names = ", ".join(bundled_names()) or "none installed"
    return f"a bundled name ({names}), a directory written by save_pair, or a pair.toml manifest"
