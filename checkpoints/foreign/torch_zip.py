"""PyTorch's zip format (since version 1.6): ``data.pkl`` with the objects, one stored member per storage.

A member is read straight into the memory that its tensors will use, and its checksum is compared.
Declared sizes are compared with the sizes in the archive before anything is read.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import IO, Any

import numpy as np

from pairs.io.archives import ArchiveError, archive_faults, fill, open_zip

from .limits import Budget, Refused, shown
from .pickle_data import read_pickle
from .torch_tensors import Storage, allowed_names, persistent_storages

__all__ = ["read_torch_zip"]

_PICKLE = 2**28


def read_torch_zip(file: IO[bytes], budget: Budget) -> tuple[Any, int]:
    """The object in an open file, with filled storages, and the number of dictionary entries left out.

    Args:
      file: an open binary file.
      budget: what the objects are charged to.

    Raises:
      Refused: damaged, a program, compressed, or with sizes that contradict each other.
    """
    try:
        archive, members = open_zip(file, base=0, factor=1.0)
    except ArchiveError as error:
        raise Refused(_as_damage(str(error))) from None
    if any(n.endswith("/constants.pkl") or "/code/" in n for n in members):
        raise Refused("it is a TorchScript program")
    if any(i.compress_type != zipfile.ZIP_STORED for i in members.values()):
        raise Refused("the archive is compressed, which torch.save never does")
    pickles = [name for name in members if name == "data.pkl" or name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise Refused("it is a zip archive without a data.pkl of its own")
    root = pickles[0].removesuffix("data.pkl")
    order = members.get(f"{root}byteorder")
    if order is not None and (order.file_size > 16 or bytes(_member(file, order)).strip() != b"little"):
        raise Refused("its numbers are big-endian")
    if members[pickles[0]].file_size > _PICKLE:
        raise Refused("its data.pkl is too large")
    storages: dict[str, Storage] = {}
    stream = io.BytesIO(_member(file, members[pickles[0]]).data)
    tree, left_out = read_pickle(stream, allowed_names(), persistent_storages(storages), budget, inert=True)
    if stream.read(1):
        raise Refused("the pickle is malformed (something follows it)")
    for key, storage in storages.items():
        info = members.get(f"{root}data/{key}")
        if info is None:
            raise Refused(f"storage '{shown(key)}' is missing")
        if info.file_size != storage.nbytes:
            raise Refused(f"storage '{shown(key)}' has {info.file_size} bytes, not the {storage.nbytes} declared")
        storage.data = _member(file, info)
    return tree, left_out


def _member(file: IO[bytes], info: zipfile.ZipInfo) -> np.ndarray:
    """Bytes of a stored member, without the copies that ``zipfile`` makes."""
    file.seek(info.header_offset)
    head = file.read(30)
    if len(head) < 30 or head[:4] != b"PK\x03\x04" or info.compress_size != info.file_size:
        raise Refused("the archive is damaged (a member is not where its list says)")
    name, extra = struct.unpack("<HH", head[26:30])
    file.seek(name + extra, 1)
    data = np.empty(info.file_size, np.uint8)
    try:
        with archive_faults():
            fill(file, data.data)
    except ArchiveError:
        raise Refused("it is truncated") from None
    if zlib.crc32(data.data) != info.CRC:
        raise Refused(f"the archive is damaged (member '{shown(info.filename)}' differs from its checksum)")
    return data


def _as_damage(problem: str) -> str:
    return (
        "the archive declares more bytes than the file has"
        if "unpacks to" in problem
        else f"the archive is damaged ({problem})"
    )
