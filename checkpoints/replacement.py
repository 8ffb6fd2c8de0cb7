"""An archive put in place of another by renaming, and the tidying up after a writer that was killed.

The older archive is ``.<name>.previous`` for the instant between two renames.
"""

from __future__ import annotations

import glob
import os
import platform
import secrets
import shutil
from pathlib import Path

from .integrity import is_archive

__all__ = ["files_below", "flush", "previous", "put", "settle", "workspace_beside"]


def files_below(folder: Path) -> list[Path]:
    """All files below a folder."""
    return [p for p in folder.rglob("*") if p.is_file()]


def flush(folder: Path) -> None:
    """Put contents on disk before the rename that makes them count."""
    for path in (*files_below(folder), *(p for p in folder.rglob("*") if p.is_dir()), folder):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def previous(target: Path) -> Path:
    """Where the older archive is while a newer one takes its place."""
    return target.with_name(f".{target.name}.previous")


def put(fresh: Path, target: Path) -> None:
    """Rename an archive to its destination, and delete the one that was there."""
    if target.exists():
        os.rename(target, previous(target))
    os.rename(fresh, target)
    if previous(target).exists():
        _drop_previous(target)


def _drop_previous(target: Path) -> None:
    """Delete the older archive under another name: what a killed writer leaves of it must not pass for the archive."""
    doomed = workspace_beside(target)
    os.rename(previous(target), doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def workspace_beside(target: Path) -> Path:
    """A new name beside an archive, which says who writes there."""
    return target.with_name(f"{_head(target)}{os.getpid()}-{secrets.token_hex(4)}")


def _head(target: Path) -> str:
    return f".{target.name}.writing-{platform.node()}-"


def settle(target: Path) -> None:
    """Tidy what a killed writer left: finish its interrupted replacement, remove its workspace."""
    if is_archive(previous(target)):
        if target.exists():
            _drop_previous(target)
        else:
            os.rename(previous(target), target)
    head = _head(target)
    for left in target.parent.glob(f"{glob.escape(head)}*"):
        pid = left.name[len(head) :].split("-")[0]
        if pid.isdigit() and not _alive(int(pid)):
            shutil.rmtree(left, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
