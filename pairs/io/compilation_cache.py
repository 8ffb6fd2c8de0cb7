"""Compiled programs of the commands, kept between runs in a folder of the user.

JAX compiles every program anew in every process, which takes longer than a short job. With a persistent cache a second
run of a command reads its programs. The folder is ``ganrefine`` in ``$XDG_CACHE_HOME`` (``~/.cache`` by default), with
one folder below it for each kind of machine and release of JAX, since compiled programs fit no other. It is the user's
alone, because what is read from it is run: no folder above it may be another user's (but root's), or be written by
others, unless they can move nothing there but their own (the sticky bit).

``GANREFINE_CACHE`` names another folder, or turns the cache ``off``. Who sets JAX's own variables
(``JAX_COMPILATION_CACHE_DIR``, ``JAX_ENABLE_COMPILATION_CACHE``) is left alone. A folder that cannot be written, or is
not so guarded, is not used, without a word: the cache saves time and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import stat
import tempfile
from importlib import metadata
from pathlib import Path

__all__ = ["VARIABLE", "use_compilation_cache"]

VARIABLE = "GANREFINE_CACHE"
MOST = 2 * 2**30
"""Bytes that the folder may hold, with those of other releases; what was not used for longest goes first."""
_NAME = re.compile("[0-9a-f]{16}")  # of a folder of one machine and release
_OFF = ("off", "0", "no", "false", "none")
_SHORTEST = "0.3"  # seconds of compilation from which a program is kept


def use_compilation_cache() -> Path | None:
    """Set JAX's variables for the cache; it has an effect only before JAX is imported.

    Returns:
      The folder, or None where there is no cache.
    """
    given = os.environ.get(VARIABLE, "").strip()
    if given.lower() in _OFF or {"JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE"} & set(os.environ):
        return None
    try:
        top = Path(given or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "ganrefine"))
        folder = top.absolute().resolve() / _machine()
        if not _guarded(folder):
            return None  # somebody else could put programs there
        missing = [place for place in (folder, *folder.parents) if not place.exists()]
        for place in reversed(missing):
            place.mkdir(mode=0o700, exist_ok=True)
        if not _guarded(folder):
            return None
        tempfile.TemporaryFile(dir=folder).close()
        _prune(folder)
    except (OSError, RuntimeError):  # no home, no permission, no room
        return None
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", _SHORTEST)
    return folder


def _machine() -> str:
    """A name for what compiled programs depend on, beside the program."""
    words = [platform.machine(), platform.python_implementation(), *map(_release, ("jax", "jaxlib"))]
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        words += [line for line in file if line.startswith(("model name", "flags", "Features"))][:2]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]


def _release(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"


def _guarded(folder: Path) -> bool:
    """Whether nobody but the user, and root, can change what is at a path, as far as it exists."""
    if not hasattr(os, "getuid"):
        return True
    if folder.is_symlink():
        return False
    for place in (folder, *folder.parents):
        if not os.path.lexists(place):
            continue
        held = place.stat()
        sticky = place != folder and held.st_mode & stat.S_ISVTX
        if held.st_uid not in ((os.getuid(),) if place == folder else (os.getuid(), 0)):
            return False
        if held.st_mode & 0o022 and not sticky:
            return False
    return True


def _prune(folder: Path) -> None:
    """Delete the programs that were not used for longest where this folder and its neighbours hold too much."""
    places = [p for p in folder.parent.iterdir() if _NAME.fullmatch(p.name) and p.is_dir() and not p.is_symlink()]
    files = []
    for place in places:
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            files += [(e.stat(follow_symlinks=False), e.path) for e in entries if e.is_file(follow_symlinks=False)]
    held = sum(s.st_size for s, _ in files)
    for s, path in sorted(files, key=lambda entry: max(entry[0].st_atime, entry[0].st_mtime)):
        if held <= MOST:
            return
        with contextlib.suppress(OSError):  # another process may have deleted it
            os.unlink(path)
        held -= s.st_size
        if Path(path).parent != folder:
            with contextlib.suppress(OSError):  # it holds more
                os.rmdir(Path(path).parent)
