"""PyTorch's older format (before version 1.6): five pickles in a row, then the numbers.

The pickles are magic number, protocol version, system information, the object, and the list of
storage keys; each storage follows as a 64-bit count and raw numbers.
"""

from __future__ import annotations

import io
import struct
from typing import IO, Any

from .limits import Budget, Refused, shown
from .pickle_data import read_pickle
from .torch_tensors import Storage, allowed_names, persistent_storages

__all__ = ["LEGACY_START", "read_torch_legacy", "storage_from_bytes"]

_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_START = b"\x8a\x0a" + _MAGIC.to_bytes(10, "little")
"""What the file has from its third byte on."""


def read_torch_legacy(file: IO[bytes], budget: Budget, whole: memoryview | None = None) -> tuple[Any, int]:
    """The object in an open file, with filled storages, and the number of dictionary entries left out.

    Args:
      file: an open binary file, at its beginning.
      budget: what the objects are charged to.
      whole: the bytes of the file where they are in memory already; storages are views of them then.

    Raises:
      Refused: damaged, truncated, or with sizes that contradict each other.
    """
    size = file.seek(0, 2)
    file.seek(0)
    if _plain(file) != _MAGIC or _plain(file) != 1001:
        raise Refused("its version is unknown")
    system = _plain(file)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise Refused("its numbers are big-endian")
    storages: dict[str, Storage] = {}
    made = persistent_storages(storages, legacy=True)
    tree, left_out = read_pickle(file, allowed_names(), made, budget, inert=True)
    keys, _ = read_pickle(file, {}, budget=budget)
    if not isinstance(keys, list) or any(type(k) is not str for k in keys) or sorted(keys) != sorted(storages):
        raise Refused("its list of storages differs from those in use")
    for key in keys:
        storage, head = storages[key], file.read(8)
        if len(head) < 8:
            raise Refused("it is truncated")
        (count,) = struct.unpack("<q", head)
        if count != storage.count:
            raise Refused(f"storage '{shown(key)}' has {count} elements, not the {storage.count} declared")
        start = file.tell()
        if storage.nbytes > size - start:
            raise Refused("it is truncated")
        if whole is None:
            storage.data = file.read(storage.nbytes)
        else:
            storage.data = whole[start : start + storage.nbytes]
            file.seek(storage.nbytes, 1)
    if file.read(1):
        raise Refused("something follows its last storage")
    return tree, left_out


def storage_from_bytes(budget: Budget) -> Any:
    """A function for ``torch.storage._load_from_bytes``: the storage in a legacy file inside a pickle.

    Args:
      budget: what the objects are charged to.
    """

    def load(data: Any) -> Storage:
        if type(data) is not bytes or data[2:14] != LEGACY_START:
            raise Refused("a storage inside the pickle has an unknown form")
        storage, _ = read_torch_legacy(io.BytesIO(data), budget, memoryview(data))
        if not isinstance(storage, Storage):
            raise Refused("a storage inside the pickle is no storage")
        return storage

    return load


def _plain(file: IO[bytes]) -> Any:
    return read_pickle(file, {}, budget=Budget(2**20, 2**12))[0]
