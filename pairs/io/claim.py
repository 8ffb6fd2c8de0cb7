"""A folder belongs to one run, and each range of its pieces to one process at a time.

``run.json`` names the run. It is made before anything is computed, in one move that fails where the file is there
already, so that of two runs which begin together one is refused. A process that computes pieces holds a lock on their
range within ``run.json``; the system lets go of it when the process ends, however it ends. Where the file system knows
no locks, only the first of the two holds.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InputError
from .files import create_whole, sweep_parts

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

__all__ = ["RUN_FILE", "ClaimWords", "claimed", "run_text", "unwritable"]

RUN_FILE = "run.json"
_HELD = (errno.EAGAIN, errno.EACCES)


class ClaimWords(NamedTuple):
    """What a refusal says.

    Attributes:
      field: The argument that names the folder.
      other: Remedy where the folder is not this run's.
      busy: Remedy where another process is at work.
    """

    field: str = "folder"
    other: str = "choose an empty folder"
    busy: str = "wait for it, choose another folder, or give each process a part of its own"


SHARDS = ClaimWords()


@contextlib.contextmanager
def claimed(root: Path, run: dict[str, Any], low: int, high: int, words: ClaimWords = SHARDS) -> Iterator[None]:
    """Make ``root`` the folder of ``run``, or see that it is, and hold its pieces ``low`` to ``high`` - 1.

    Args:
      root: The folder.
      run: Everything that decides the run's files, as JSON; where two runs differ, the first such name is said.
      low: Number of the first piece.
      high: Number after the last piece.
      words: What a refusal says.

    Raises:
      InputError: The folder cannot be written, holds another run or other files, or another process is at work on some
        of these pieces.
    """
    try:
        _settle(root, run, words)
        handle = os.open(root / RUN_FILE, os.O_RDWR)
    except OSError as error:
        raise unwritable(root, error, words.field) from error
    try:
        _hold(root, handle, low, high - low, words)
        sweep_parts(root)
        yield
    finally:
        os.close(handle)


def run_text(run: dict[str, Any]) -> bytes:
    """What ``run.json`` holds."""
    return (json.dumps(run, indent=2, sort_keys=True) + "\n").encode()


def unwritable(root: Path, error: OSError, field: str = "folder") -> InputError:
    """The refusal of a folder that cannot be written."""
    return InputError(field, f"{root} cannot be written ({error.strerror})", "choose a folder with room to write to")


def _settle(root: Path, run: dict[str, Any], words: ClaimWords) -> None:
    root.mkdir(parents=True, exist_ok=True)
    # a killed run may leave files that begin with a dot
    strangers = sorted(p.name for p in root.iterdir() if not p.name.startswith("."))
    # another process may have begun this very run since the folder was listed
    if strangers and not (root / RUN_FILE).exists():
        raise InputError(words.field, f"{root} holds {strangers[0]} and no {RUN_FILE}", words.other)
    if not create_whole(root / RUN_FILE, run_text(run)):
        _compare(root, run, words)


def _compare(root: Path, run: dict[str, Any], words: ClaimWords) -> None:
    try:
        there = json.loads((root / RUN_FILE).read_bytes())
    except ValueError:
        there = None
    if not isinstance(there, dict):
        raise InputError(words.field, f"{root / RUN_FILE} is not readable", words.other)
    here = json.loads(run_text(run))
    for name in sorted({*here, *there}):
        ours, theirs = here.get(name), there.get(name)
        if ours != theirs:
            values = "" if _long(ours) or _long(theirs) else f" ({theirs}, here {ours})"
            raise InputError(words.field, f"{root} holds a run with another {name}{values}", words.other)


def _long(value: Any) -> bool:
    return isinstance(value, (dict, list)) or len(str(value)) > 40


def _hold(root: Path, handle: int, low: int, count: int, words: ClaimWords) -> None:
    """Lock one byte for each piece; bytes beyond the end of a file can be locked too."""
    if fcntl is None:
        return
    try:
        if sys.platform == "linux":  # these locks belong to the open file, so that threads cannot share one by mistake
            wanted = struct.pack("hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, low, count, 0)
            fcntl.fcntl(handle, fcntl.F_OFD_SETLK, wanted)
        else:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, count, low)
    except OSError as error:
        if error.errno in _HELD:
            raise InputError(words.field, f"another process is at work on this run in {root}", words.busy) from None
        # a file system without locks
