"""Files that are there whole or not at all, and regular files alone for reading."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from ..errors import InputError

__all__ = ["create_whole", "open_regular", "read_regular", "write_bytes", "write_whole"]


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


def write_whole(path: str | Path, put: Callable[[IO[bytes]], object]) -> None:
    """Let ``put`` write a temporary file beside ``path``, bring its bytes to disk, then rename it. Folders are made.

    Raises:
      InputError: the folder or the file cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        with os.fdopen(handle, "wb") as file:
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


def write_bytes(path: str | Path, content: bytes) -> None:
    """:func:`write_whole` of one string of bytes."""
    write_whole(path, lambda file: file.write(content))


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
