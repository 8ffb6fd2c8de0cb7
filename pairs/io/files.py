"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from ..errors import InputError

__all__ = ["write_bytes", "write_whole"]


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


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError("out", f"{path} cannot be written ({error.strerror})", "choose a folder with room to write to")
