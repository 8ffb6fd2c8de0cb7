"""What one row of the study of imports compares: how files are imported, and with what their nets are compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pairs import Net

__all__ = ["Job", "Nets", "Wanted"]


class Nets(NamedTuple):
    """What an import gave."""

    generator: Net
    critic: Net | None


class Wanted(NamedTuple):
    """Inputs and outputs to compare with, channels last; ``None`` where there is nothing to compare."""

    z: np.ndarray
    x: np.ndarray
    score: np.ndarray | None
    gradient: np.ndarray | None
    labels: tuple[np.ndarray, ...]


@dataclasses.dataclass(frozen=True)
class Job:
    """One row.

    Attributes:
      name: Of the pair.
      family: Of published nets, else "".
      format: Of the files.
      against: What samples and scores are compared with.
      files: The weight files.
      load: The import.
      wanted: What to compare with, for the nets of the import.
    """

    name: str
    family: str
    format: str
    against: str
    files: tuple[Path, ...]
    load: Callable[[], Nets]
    wanted: Callable[[Nets], Wanted]
