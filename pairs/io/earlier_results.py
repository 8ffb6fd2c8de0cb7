"""What an earlier run left in the folder that a command is about to write to."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["say_replaced"]


def say_replaced(folder: Path, *names: str) -> None:
    """Say on standard error which results of an earlier run will be replaced, while there is time to stop.

    Args:
      folder: Where the command writes.
      names: Names of the files and folders that it writes.

    Example:
      >>> say_replaced(Path("/nowhere"), "report.json")
    """
    there = [name for name in names if (folder / name).exists()]
    if there:
        verb = "are" if len(there) > 1 else "is"
        listed = " and ".join(filter(None, [", ".join(there[:-1]), there[-1]]))
        print(f"{listed} of an earlier run in {folder} {verb} replaced; --out DIR keeps them", file=sys.stderr)
