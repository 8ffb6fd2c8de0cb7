"""A file is read by a process of its own first, with limits that the system enforces.

The HDF5 library is not proof against damage: single files among thousands of mutated ones made it hang
or take gigabytes. The trial does exactly what the reader will do, and the reader reads only what the trial has
read: the same bytes with the same library.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from pairs import InputError
from pairs.io.archives import ArchiveError

from .keras_files import gather
from .limits import Refused, shown

__all__ = ["run_trial", "try_out"]

_SECONDS = 3
_GROWTH = 96_000_000
_REFUSED = 3
_CODE = (
    "import sys; sys.path[:0] = [sys.argv[2]]; from checkpoints.foreign import hdf5_trial; "
    "hdf5_trial.run_trial(sys.argv[1])"
)


def try_out(path: Path) -> None:
    """Read ``path`` in a process of its own.

    Args:
      path: a Keras file.

    Raises:
      InputError: the package h5py is absent.
      Refused: the trial hung, ran out of its memory, or ended abnormally.
    """
    if importlib.util.find_spec("h5py") is None:
        raise InputError("file", "is a Keras file, which needs h5py", "pip install 'ganrefine[keras]'")
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-I", "-c", _CODE, os.path.abspath(path), str(root)]
    try:
        ended = subprocess.run(command, capture_output=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        raise Refused("the file is damaged: the HDF5 library hangs on it") from None
    if ended.returncode == _REFUSED:
        raise Refused(ended.stdout.decode("utf-8", "replace").strip())
    if ended.returncode:
        raise Refused("the file is damaged: the HDF5 library hangs on it, or fails")


def run_trial(path: str) -> None:
    """What the process does: bound itself, then read.

    Args:
      path: the file.
    """
    importlib.import_module("h5py")  # before the bounds, which are for the file

    try:
        import resource

        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        most = held + 2 * Path(path).stat().st_size + _GROWTH
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    except (ImportError, OSError, ValueError):
        pass  # a system without these bounds: the time limit of the caller remains
    try:
        gather(Path(path))
    except (Refused, ArchiveError, OSError, MemoryError) as error:
        print(shown(str(error) or "it is too large", 300))
        sys.exit(_REFUSED)
