"""What kind of file something is, by its first bytes: its name decides only where they do not."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import IO, Literal

from pairs.io.archives import ArchiveError, open_zip
from pairs.io.files import open_regular

from .limits import refusal, shown

__all__ = ["Kind", "kind_of"]

Kind = Literal["PyTorch", "safetensors", "npz", "Keras"]

_SUFFIXES: dict[str, Kind] = {".safetensors": "safetensors", ".npz": "npz", ".keras": "Keras"}
_WEIGHTS = (".pth", ".pt", ".ckpt", ".pkl", ".bin", ".safetensors", ".npz", ".h5", ".hdf5", ".keras", ".onnx")
_NO_WEIGHTS = (
    (b"\x93NUMPY", "is a single array (.npy)", "store all arrays of the net with numpy.savez"),
    (b"\x1f\x8b", "is packed by gzip", "unpack it first, with gunzip"),
    (b"BZh", "is packed by bzip2", "unpack it first, with bunzip2"),
    (b"\xfd7zXZ", "is packed by xz", "unpack it first, with unxz"),
    (b"\x28\xb5\x2f\xfd", "is packed by zstd", "unpack it first, with unzstd"),
    (b"7z\xbc\xaf\x27\x1c", "is packed by 7-Zip", "unpack it first"),
    (b"Rar!", "is packed by RAR", "unpack it first"),
    (
        b"version https://git-lfs",
        "is text: a pointer of Git LFS, not the file",
        "fetch the file itself, with git lfs pull",
    ),
    (b"<!DOCTYPE", "is text: a web page", "download the file itself"),
    (b"<!doctype", "is text: a web page", "download the file itself"),
    (b"<html", "is text: a web page", "download the file itself"),
)


def kind_of(path: Path) -> Kind:
    """The kind of a weight file.

    Args:
      path: A regular file.

    Raises:
      InputError: It is empty, packed, a web page or of another known kind that holds no weights.
      OSError: It cannot be read.
    """
    with open_regular(path) as file:
        head = file.read(512)
        size = file.seek(0, 2)
        if not head:
            raise refusal(path, "is empty", "download or copy it again")
        for start, problem, remedy in _NO_WEIGHTS:
            if head.startswith(start):
                raise refusal(path, problem, remedy)
        if head[257:262] == b"ustar":
            raise refusal(path, "is a tar archive", "unpack it, and give the file in it")
        if head.startswith(b"\x89HDF\r\n\x1a\n"):
            return "Keras"
        if head.startswith(b"PK\x03\x04"):
            return _archive(file, path) or _SUFFIXES.get(path.suffix.lower(), "PyTorch")
    if path.suffix.lower() == ".onnx":
        raise refusal(path, "is an ONNX file, which needs no manifest", "give it to ganrefine import itself")
    if len(head) > 8 and head[8:9] == b"{" and struct.unpack("<Q", head[:8])[0] <= size - 8:
        return "safetensors"
    if head[:1] == b"{" and head.isascii() and head[1:].strip()[:1] in (b'"', b"}"):
        raise refusal(path, "is text: JSON, without weights", "give the weight file that it lies beside")
    if path.suffix.lower() == ".msgpack":
        raise refusal(path, "is a msgpack file of Flax", "save the arrays with Orbax, and give its directory")
    return _SUFFIXES.get(path.suffix.lower(), "PyTorch")


def _archive(file: IO[bytes], path: Path) -> Kind | None:
    """The kind of a zip archive by the names in it; ``None`` where it is damaged or another one."""
    try:
        names = list(open_zip(file, base=2**62, factor=1.0)[1])
    except (ArchiveError, zipfile.BadZipFile):
        return None  # the reader says what is wrong
    if any(n == "data.pkl" or n.endswith("/data.pkl") for n in names):
        return "PyTorch"
    if "config.json" in names:
        return "Keras"
    inside = [n for n in names if n.lower().endswith(_WEIGHTS)]
    if inside:
        problem = f"is an archive with '{shown(inside[0])}' in it"
        raise refusal(path, problem, "unpack it, and give that file")
    return "npz" if names and all(n.endswith(".npy") for n in names) else None
