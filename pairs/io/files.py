"""Files that are there whole or not at all, and regular files alone for reading."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from ..errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

__all__ = ["create_whole", "open_regular", "read_regular", "sweep_parts", "write_bytes", "write_whole"]

_YOUNG = 2.0
"""Seconds for which a temporary file is left alone: it may not be marked yet."""


def open_regular(path: str | Path) -> IO[bytes]:
    """Open a regular file for reading; pipes, devices and sockets are refused without waiting for them.

    Args:
      path: the file, or a symbolic link to one.

    Raises:
      OSError: the file is absent, cannot be read, or is not a regular file.
    """
    # without O_NONBLOCK, opening a pipe that nobody writes to waits for ever
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return os.fdopen(handle, "rb")


def read_regular(path: str | Path) -> bytes:
    """All bytes of a regular file.

    Args:
      path: the file, or a symbolic link to one.

    Raises:
      OSError: as :func:`open_regular`.
    """
    with open_regular(path) as file:
        return file.read()


def write_whole(path: str | Path, put: Callable[[IO[bytes]], object], sweep: bool = True) -> None:
    """Let ``put`` write a temporary file beside ``path``, bring its bytes to disk, then rename it. Folders are made.

    Args:
      path: The file.
      put: Writes its content.
      sweep: Whether what killed processes left of this file goes first, which lists the folder.

    Raises:
      InputError: the folder or the file cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if sweep:
            sweep_parts(path.parent, path.name)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        with os.fdopen(handle, "wb") as file:
            _mark(file)
            put(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise _unwritable(path, error) from None
        raise


def write_bytes(path: str | Path, content: bytes, sweep: bool = True) -> None:
    """:func:`write_whole` of one string of bytes."""
    write_whole(path, lambda file: file.write(content), sweep)


def sweep_parts(folder: Path, name: str = "*") -> None:
    """Remove temporary files in a folder that no process is writing any more.

    Args:
      folder: The folder.
      name: Name of the file that they were to become; any by default.
    """
    if fcntl is None:
        return
    for left in folder.glob(f".{name}.*.part"):
        with contextlib.suppress(OSError):  # gone, or somebody else's
            if time.time() - left.stat().st_mtime < _YOUNG:
                continue
            with open(left, "rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails where its writer lives
                left.unlink()


def _mark(file: IO[bytes]) -> None:
    """Show other processes that this file is being written, for as long as it is open."""
    if fcntl is not None:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def create_whole(path: str | Path, content: bytes) -> bool:
    """Make a file that is not there, whole, in one move; of several processes that try, one succeeds.

    Args:
      path: The file, in a folder that is there.
      content: Its bytes.

    Returns:
      Whether the file was made; False where there is one already, which stays as it is.

    Raises:
      OSError: The folder cannot be written.
    """
    path = Path(path)
    if path.exists():
        return False
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            _mark(file)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
        try:
            os.link(temporary, path)  # unlike a rename, it fails where the file is there
        except FileExistsError:
            return False
        except OSError:  # a file system without links: the file may be seen before it is whole
            try:
                with open(path, "xb") as file:
                    file.write(content)
            except FileExistsError:
                return False
        return True
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError("out", f"{path} cannot be written ({error.strerror})", "choose a folder with room to write to")
