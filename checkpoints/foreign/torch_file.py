"""PyTorch checkpoint files without PyTorch and without running anything in them.

Three forms: the zip archive (:mod:`~checkpoints.foreign.torch_zip`), the format before version 1.6
(:mod:`~checkpoints.foreign.torch_legacy`), and a bare pickle with tensors in it, as StyleGAN's
programs write them. What a name in a pickle may stand for is a fixed list
(:func:`~checkpoints.foreign.torch_tensors.allowed_names`); all other objects are kept as inert
stand-ins. A file can make nothing else happen.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any

from pairs.io.files import open_regular

from .contents import Contents, contents_of
from .limits import Budget, Refused, refusal
from .pickle_data import read_pickle
from .torch_legacy import LEGACY_START, read_torch_legacy, storage_from_bytes
from .torch_tensors import allowed_names
from .torch_zip import read_torch_zip

__all__ = ["read_torch"]

_SAVE_AGAIN = "in PyTorch: torch.save(model.state_dict(), 'weights.pth')"


def read_torch(path: str | os.PathLike[str]) -> Contents:
    """What a file written by ``torch.save`` or ``pickle.dump`` holds, by dotted name.

    Args:
      path: ``.pth``, ``.pt``, ``.ckpt``, ``.bin``, ``.pkl``: the name does not matter.

    Returns:
      The contents; arrays are read-only and may be non-contiguous, devices and dtypes are strings.

    Raises:
      InputError: not a PyTorch file, damaged or truncated, TorchScript, a name that a weight file
        has no use for, or sizes that contradict each other.
    """
    path = Path(path)
    budget = Budget()
    try:
        with open_regular(path) as file:
            tree, left_out = _read(file, budget)
        return contents_of(tree, budget, left_out)
    except OSError as error:
        raise refusal(path, f"cannot be read ({error.strerror or error})", "check the path") from None
    except MemoryError:
        raise refusal(path, "does not fit into memory", "use a machine with more memory") from None
    except Refused as error:
        raise refusal(path, f"is refused: {error}", _remedy(str(error))) from None


def _read(file: IO[bytes], budget: Budget) -> tuple[Any, int]:
    head = file.read(16)
    file.seek(0)
    if head[:4] == b"PK\x03\x04":
        return read_torch_zip(file, budget)
    if head[2:14] == LEGACY_START:
        return read_torch_legacy(file, budget)
    if head[:1] != b"\x80" or head[1:2] not in b"\x02\x03\x04\x05":
        raise Refused(_other_format(head))
    allowed = {**allowed_names(), "torch.storage._load_from_bytes": storage_from_bytes(budget)}
    found = read_pickle(file, allowed, budget=budget, inert=True)
    if file.read(1):
        raise Refused("the pickle is malformed (something follows it)")
    return found


def _remedy(problem: str) -> str:
    if "TorchScript" in problem:
        return f"save its numbers alone, {_SAVE_AGAIN}"
    if any(word in problem for word in ("truncated", "malformed", "damaged")):
        return "download or copy it again"
    if "run a program" in problem:
        return "do not use this file"
    return f"save tensors alone, {_SAVE_AGAIN}"


def _other_format(head: bytes) -> str:
    if head[:4] == b"\x89HDF":
        return "it is an HDF5 file under another name"
    if head.isascii() and head.decode().replace("\n", " ").replace("\r", " ").replace("\t", " ").isprintable():
        return f"it is text, beginning {ascii(head[:12].decode())} (a download page or a pointer file?)"
    return "it is not a PyTorch file"
