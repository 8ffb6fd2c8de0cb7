"""The folder of a run's finished steps: claimed before anything is computed, removed where the run ends.

``run.json`` says whose folder it is, and is held by one process at a time (:mod:`pairs.io.claim`);
:mod:`pairs.io.work` says what lies beside it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .claim import RUN_FILE, ClaimWords, claimed, run_text
from .paths import as_path
from .work import INPUTS, Work

__all__ = ["work_folder"]


@contextlib.contextmanager
def work_folder(
    root: str | os.PathLike[str], run: dict[str, Any], *, keep: bool = False, field: str = "work"
) -> Iterator[Work]:
    """Claim a folder for a run before anything is computed; where the run ends, the folder is removed.

    Args:
      root: A new or empty folder, or that of the same run.
      run: Everything that decides what the steps give, as JSON. Of two runs that differ, the first such name is said.
      keep: Whether the folder stays where the run ends.
      field: The argument that refusals name.

    Yields:
      The folder's steps. After an error or a signal those that are finished stay; a folder without any is removed.

    Raises:
      InputError: The folder cannot be written, is another run's, holds other files, or another process is at work
        there.

    Example:
      >>> import tempfile
      >>> with work_folder(tempfile.mkdtemp() + "/work", {"seed": 0}) as work:
      ...     first = work.step("drawn", lambda: [1, 2])
      ...     again = work.step("drawn", lambda: [3, 4])
      >>> first, again, work.root.exists()
      ([1, 2], [1, 2], False)
    """
    path = as_path(field, root).absolute()
    again = f"give the same to go on, choose another folder, or delete {path} to begin anew"
    new = [p for p in (path, *path.parents) if not p.exists()]
    with claimed(path, run, 0, 1, ClaimWords(field, again, "wait for it, or choose another folder")):
        done = False
        try:
            yield Work(path, run_text(run), field=field)
            done = True
        finally:
            made = [file for file in path.glob("*.npz") if not file.name.endswith(f"{INPUTS}.npz")]
            if (done and not keep) or not made:
                _remove(path, new)


def _remove(path: Path, new: list[Path]) -> None:
    """Remove a folder's steps, then ``run.json``, then those of the new folders that are empty."""
    for file in (*path.glob("*.npz"), *path.glob(".*.part"), path / RUN_FILE):
        file.unlink(missing_ok=True)
    for folder in new or [path]:
        with contextlib.suppress(OSError):  # somebody else's files are there
            folder.rmdir()
