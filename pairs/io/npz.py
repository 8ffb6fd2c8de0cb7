r"""NPZ archives read without pickle and within bounds.

An archive is taken only if each of its members is plain (stored or deflated, not encrypted), each
member's header is the literal dictionary that numpy writes, the member is exactly as long as its
header says, and all members together unpack to at most

.. math:: 64\,\text{MiB} + 2 \times \text{size of the archive}

(or the factor that the caller gives). Every bound is checked before memory is taken.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from .archives import ArchiveError, archive_faults, fill, open_zip
from .files import open_regular

__all__ = ["NpzArchive", "open_npz", "read_npy"]

_BASE = 2**26
_HEADER = re.compile(
    r"\{\s*(?:'descr':\s*'(?P<descr>[<>|=]?[A-Za-z]\d{1,4})'\s*,?\s*"
    r"|'fortran_order':\s*(?P<fortran>True|False)\s*,?\s*"
    r"|'shape':\s*\((?P<shape>(?:\s*\d{1,18}L?\s*,)*(?:\s*\d{1,18}L?)?\s*)\)\s*,?\s*){3}\}\s*",
)


class NpzArchive:
    """An open archive: the names in it, and arrays on demand."""

    def __init__(self, archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]):
        self._archive, self._members = archive, members

    @property
    def names(self) -> list[str]:
        """Names of the arrays, in the order of the archive."""
        return list(self._members)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one array, from its header alone.

        Raises:
          ArchiveError: the header is damaged.
        """
        with archive_faults(), self._archive.open(self._members[name]) as stream:
            return _header(stream, name)[1]

    def __getitem__(self, name: str) -> np.ndarray:
        """One array; the whole member is read and its checksum compared.

        Raises:
          ArchiveError: the member is damaged or is no array of numbers.
        """
        with archive_faults(), self._archive.open(self._members[name]) as stream:
            dtype, shape, fortran, start = _header(stream, name)
            size = math.prod(shape) * dtype.itemsize
            if start + size != self._members[name].file_size:
                held = self._members[name].file_size - start
                raise ArchiveError(f"array {ascii(name)} of shape {shape} needs {size} bytes and has {held}")
            flat = np.empty(math.prod(shape), dtype)
            fill(stream, flat.view(np.uint8).data if flat.size else memoryview(b""))
            if stream.read(1):
                raise ArchiveError(f"array {ascii(name)} is followed by something else")
            return flat.reshape(shape, order="F" if fortran else "C")


@contextmanager
def open_npz(path: Path, factor: float = 2.0, base: int = _BASE) -> Iterator[NpzArchive]:
    """Open an archive whose members unpack to at most ``base`` bytes and ``factor`` times the file together.

    Args:
      path: the archive; only a regular file is opened.
      factor: how many bytes may come out of one byte of the file.
      base: bytes that any archive may unpack to.

    Raises:
      ArchiveError: no archive, too large when unpacked, or with members that numpy never writes.
      OSError: the file cannot be read, or is no regular file.
    """
    with open_regular(path) as file:
        if file.read(6) == b"\x93NUMPY":
            raise ArchiveError("it is a single array (.npy) under the name of an archive")
        archive, members = open_zip(file, base, factor)
        with archive:
            named = {name.removesuffix(".npy"): info for name, info in members.items()}
            if len(named) != len(members):
                raise ArchiveError("it has two members for one array")
            yield NpzArchive(archive, named)


def read_npy(path: Path) -> np.ndarray:
    """The array of a ``.npy`` file, which must be as long as its header says.

    Args:
      path: the file; only a regular file is opened.

    Raises:
      ArchiveError: the file is damaged or holds no array of numbers.
      OSError: the file cannot be read, or is no regular file.
    """
    with open_regular(path) as file:
        size = file.seek(0, 2)
        file.seek(0)
        dtype, shape, fortran, start = _header(file, path.name)
        if start + math.prod(shape) * dtype.itemsize != size:
            problem = f"its array of shape {shape} needs {math.prod(shape) * dtype.itemsize} bytes and has"
            raise ArchiveError(f"{problem} {size - start}")
        flat = np.empty(math.prod(shape), dtype)
        fill(file, flat.view(np.uint8).data if flat.size else memoryview(b""))
        return flat.reshape(shape, order="F" if fortran else "C")


def _header(stream: IO[bytes], name: str) -> tuple[np.dtype, tuple[int, ...], bool, int]:
    head = stream.read(8)
    if head[:6] != b"\x93NUMPY" or len(head) < 8 or head[6] not in (1, 2, 3):
        raise ArchiveError(f"member {ascii(name)} is no array")
    width = 2 if head[6] == 1 else 4
    length = int.from_bytes(stream.read(width), "little")
    if length > 2**16:
        raise ArchiveError(f"the header of array {ascii(name)} is said to be {length} bytes long")
    text = stream.read(length).decode("latin1")
    # without runs of spaces the pattern cannot take time that grows with their square
    match = _HEADER.fullmatch(" ".join(text.split())) if len(text) == length else None
    if match is None or None in (match["descr"], match["fortran"], match["shape"]):
        kind = "pickled objects" if "'|O" in text or "'O'" in text else "no plain array of numbers"
        raise ArchiveError(f"{ascii(name)} holds {kind}")
    try:
        dtype = np.dtype(match["descr"])
    except TypeError:
        raise ArchiveError(f"array {ascii(name)} has the unknown type {match['descr']}") from None
    if dtype.hasobject:
        raise ArchiveError(f"{ascii(name)} holds pickled objects")
    shape = tuple(int(n.strip().rstrip("L")) for n in match["shape"].split(",") if n.strip())
    if len(shape) > 32 or math.prod(n for n in shape if n) * max(dtype.itemsize, 1) >= 2**62:
        raise ArchiveError(f"array {ascii(name)} is said to have shape {shape}")
    return dtype, shape, match["fortran"] == "True", 8 + width + length
