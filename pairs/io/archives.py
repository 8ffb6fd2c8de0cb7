r"""Zip archives opened within bounds: the list of members first, no member before its size is known.

The directory at the end of an archive says how many bytes it has; a directory of more than
4 MiB is refused before it is parsed. Members must be stored or deflated, have different names, and
unpack to at most :math:`b + f \times \text{size of the archive}` bytes together.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

__all__ = ["ArchiveError", "archive_faults", "fill", "open_zip"]

_DIRECTORY = 2**22
_NAME = 1024
_FAULTS = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, KeyError)
_FAULTS += (ValueError, OverflowError, MemoryError, OSError)


class ArchiveError(ValueError):
    """The archive is damaged, hostile, or not what its reader expects."""


def open_zip(file: IO[bytes], base: int, factor: float) -> tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]:
    """The archive in an open file, and its members by name.

    Args:
      file: an open binary file; its position is not kept.
      base: bytes that any archive may unpack to.
      factor: how many more bytes may come out of one byte of the archive.

    Raises:
      ArchiveError: no archive, or outside the bounds.
    """
    size = file.seek(0, 2)
    with archive_faults():
        if _directory_bytes(file, size) > _DIRECTORY:
            raise ArchiveError("its list of members is too long")
        archive = zipfile.ZipFile(file)
        infos = archive.infolist()
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        if len(info.filename) > _NAME:
            raise ArchiveError(f"a name in it has {len(info.filename)} characters")
        if info.filename in members:
            raise ArchiveError(f"it has two members called {ascii(info.filename)}")
        if info.flag_bits & 1:
            raise ArchiveError(f"member {ascii(info.filename)} is encrypted")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ArchiveError(f"member {ascii(info.filename)} is compressed by method {info.compress_type}")
        members[info.filename] = info
    declared = sum(info.file_size for info in infos)
    if declared > base + factor * size:
        raise ArchiveError(f"it unpacks to {declared} bytes, {declared // max(size, 1)} times its size")
    return archive, members


@contextmanager
def archive_faults() -> Iterator[None]:
    """Every way in which reading an archive can fail, as one kind of error with one line.

    Raises:
      ArchiveError: in place of what was raised inside.
    """
    try:
        yield
    except ArchiveError:
        raise
    except _FAULTS as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ArchiveError(ascii(reason)[1:-1][:200]) from None


def fill(stream: IO[bytes], target: memoryview) -> None:
    """Read bytes until ``target`` is full.

    Raises:
      ArchiveError: the stream ends before.
    """
    done = 0
    while done < len(target):
        part = stream.read(min(len(target) - done, 2**20))
        if not part:
            raise ArchiveError("it is truncated")
        target[done : done + len(part)] = part
        done += len(part)


def _directory_bytes(file: IO[bytes], size: int) -> int:
    file.seek(max(0, size - 2**16 - 22))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < 22:
        raise ArchiveError("it is no zip archive, or it is truncated")
    held = struct.unpack_from("<I", tail, at + 12)[0]
    if at >= 20 and tail[at - 20 : at - 16] == b"PK\x06\x07":
        file.seek(struct.unpack_from("<Q", tail, at - 12)[0])
        record = file.read(56)
        # a file with something before the archive has the record elsewhere: zipfile searches, so assume the worst
        held = struct.unpack_from("<Q", record, 40)[0] if record[:4] == b"PK\x06\x06" else size
    return held
