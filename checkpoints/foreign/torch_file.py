"""PyTorch checkpoint files without PyTorch and without running anything in them.

Both formats: the zip archive (since 1.6) with ``data.pkl`` and one entry per storage,
and the older one, which is five parts in a row: magic number, protocol version,
system information, the object, the list of storage keys; then each storage as a
64-bit count and raw numbers. What a pickle may name is a fixed list
(:func:`checkpoints.torch_tensors.allowed_names`): tensors, Parameters, containers,
devices, dtypes, sizes. A file can make nothing else happen.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

from pairs import InputError

from .pickle_data import Refused, read_pickle
from .torch_tensors import Storage, Tensor, allowed_names, dtype_of_storage

__all__ = ["is_torch_file", "read_torch"]

_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_START = b"\x8a\x0a" + _MAGIC.to_bytes(10, "little")
_PICKLE_LIMIT = 2**28
_ZIP_FAULTS = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, KeyError, RuntimeError, ValueError, MemoryError)
_SAVE_AGAIN = "in PyTorch: torch.save(model.state_dict(), 'weights.pth')"


def is_torch_file(path: Path) -> bool:
    """Whether the first bytes are those of a PyTorch file, of either format (an ``.npz`` is a zip file too)."""
    with open(path, "rb") as file:
        head = file.read(16)
    return head[2:14] == _LEGACY_START or (head[:4] == b"PK\x03\x04" and path.suffix != ".npz") or head[:1] == b"\x80"


def read_torch(path: str | os.PathLike[str]) -> Any:
    """The object in a file written by ``torch.save``: nested containers with numpy arrays for tensors.

    Args:
      path: ``.pth``, ``.pt``, ``.ckpt``, ``.bin``: the name does not matter.

    Returns:
      Plain containers; arrays are read-only and may be non-contiguous; devices and dtypes are strings.

    Raises:
      InputError: not a PyTorch file, damaged or truncated, a whole module or TorchScript instead
        of a state dict, a name outside the list, or sizes that contradict each other.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            head = file.read(16)
            file.seek(0)
            if head[:4] == b"PK\x03\x04":
                tree = _read_zip(file)
            elif head[2:14] == _LEGACY_START:
                tree = _read_legacy(file)
            else:
                raise Refused(_other_format(head))
            return _arrays(tree, {}, 0)
    except OSError as error:
        raise InputError("file", f"cannot read '{path}' ({error.strerror or error})", "check the path") from None
    except Refused as error:
        raise InputError("file", f"'{path}' is refused: {error}", _remedy(str(error))) from None
    except _ZIP_FAULTS as error:
        raise InputError("file", f"'{path}' is damaged or truncated ({error})", "download or copy it again") from None


def _remedy(problem: str) -> str:
    if "torch.nn." in problem or "__main__" in problem or "module" in problem or "TorchScript" in problem:
        return f"save its numbers alone, {_SAVE_AGAIN}"
    if "truncated" in problem or "malformed" in problem:
        return "download or copy it again"
    return f"save tensors alone, {_SAVE_AGAIN}"


def _other_format(head: bytes) -> str:
    if head[:1] == b"\x80":
        return "it is a pickle, but not one that torch.save writes"
    if head[:4] in (b"\x89HDF",):
        return "it is an HDF5 file"
    if head.isascii() and head:
        return f"it is text, beginning {ascii(head[:12].decode())} (a download page or a pointer file?)"
    return "it is not a PyTorch file"


def _persistent(storages: dict[str, Storage], legacy: bool) -> Any:
    def load(pid: Any) -> Any:
        if not isinstance(pid, tuple) or not pid:
            raise Refused("a storage has no description")
        if pid[0] == "module":
            raise Refused("it holds a whole module with its source code")
        if pid[0] != "storage" or len(pid) not in (5, 6):
            raise Refused(f"it refers to a {ascii(pid[0])}")
        _, kind, key, _, count = pid[:5]
        if type(key) is not str or type(count) is not int or count < 0:
            raise Refused("a storage has no proper key or size")
        made = storages.setdefault(key, Storage(key, dtype_of_storage(kind), count))
        if (made.dtype, made.count) != (dtype_of_storage(kind), count):
            raise Refused(f"storage {ascii(key)} is described in two ways")
        if legacy and len(pid) == 6 and pid[5] is not None:
            raise Refused("it uses storage views of PyTorch 0.1")
        return made

    return load


def _read_zip(file: IO[bytes]) -> Any:
    size = os.fstat(file.fileno()).st_size
    with zipfile.ZipFile(file) as archive:
        entries = {info.filename: info for info in archive.infolist()}
        if len(entries) != len(archive.infolist()):
            raise Refused("the archive has two entries of one name")
        if any(n.endswith("/constants.pkl") or "/code/" in n for n in entries):
            raise Refused("it is a TorchScript program")
        if any(i.compress_type != zipfile.ZIP_STORED or i.flag_bits & 1 for i in entries.values()):
            raise Refused("the archive is compressed or encrypted, which torch.save never does")
        if sum(info.file_size for info in entries.values()) > size:
            raise Refused("the archive declares more bytes than the file has")
        pickles = [
            name for name in entries if name == "data.pkl" or name.count("/") == 1 and name.endswith("/data.pkl")
        ]
        if len(pickles) != 1:
            raise Refused("it is a zip archive without a data.pkl of its own")
        root = pickles[0].removesuffix("data.pkl")
        if root + "byteorder" in entries and archive.read(root + "byteorder").strip() != b"little":
            raise Refused("its numbers are big-endian")
        if entries[pickles[0]].file_size > _PICKLE_LIMIT:
            raise Refused("its data.pkl is too large")
        storages: dict[str, Storage] = {}
        with archive.open(pickles[0]) as stream:
            tree = read_pickle(stream, allowed_names(), _persistent(storages, legacy=False))
            if stream.read():
                raise Refused("the pickle is malformed (something follows it)")
        for key, storage in storages.items():
            entry = entries.get(f"{root}data/{key}")
            if entry is None:
                raise Refused(f"storage {ascii(key)} is missing")
            if entry.file_size != storage.nbytes:
                raise Refused(f"storage {ascii(key)} has {entry.file_size} bytes, not the {storage.nbytes} declared")
            storage.data = archive.read(entry)
    return tree


def _read_legacy(file: IO[bytes]) -> Any:
    size = os.fstat(file.fileno()).st_size
    allowed = allowed_names()
    if read_pickle(file, {}) != _MAGIC or read_pickle(file, {}) != 1001:
        raise Refused("its version is unknown")
    system = read_pickle(file, {})
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise Refused("its numbers are big-endian")
    storages: dict[str, Storage] = {}
    tree = read_pickle(file, allowed, _persistent(storages, legacy=True))
    keys = read_pickle(file, {})
    if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(storages):
        raise Refused("its list of storages differs from those in use")
    for key in keys:
        storage, head = storages[key], file.read(8)
        if len(head) < 8:
            raise Refused("it is truncated")
        (count,) = struct.unpack("<q", head)
        if count != storage.count:
            raise Refused(f"storage {ascii(key)} has {count} elements, not the {storage.count} declared")
        if storage.nbytes > size - file.tell():
            raise Refused("it is truncated")
        storage.data = file.read(storage.nbytes)
    if file.read(1):
        raise Refused("something follows its last storage")
    return tree


def _arrays(tree: Any, done: dict[int, Any], depth: int) -> Any:
    """Replace tensors by arrays; shared containers stay shared, so references cannot multiply."""
    if isinstance(tree, Tensor):
        return tree.numpy()
    if isinstance(tree, Storage):
        return f"storage of {tree.count}"
    if not isinstance(tree, (dict, list, tuple, set)):
        return tree if isinstance(tree, (str, bytes, int, float, bool, type(None))) else str(tree)
    if depth > 64:
        raise Refused("it is nested too deeply")
    if id(tree) in done and done[id(tree)] is None:
        raise Refused("it contains itself")
    if id(tree) not in done:
        done[id(tree)] = None
        if isinstance(tree, dict):
            done[id(tree)] = {_key(k): _arrays(v, done, depth + 1) for k, v in tree.items()}
        else:
            done[id(tree)] = [_arrays(v, done, depth + 1) for v in tree]
    return done[id(tree)]


def _key(key: Any) -> Any:
    return key if isinstance(key, (str, int)) else str(key)
