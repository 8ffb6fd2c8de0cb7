"""Types of arguments: each turns what was typed into a value, or refuses it with the bounds in the same line.

A type is an object with its bounds as attributes, so that help pages, refusals and tests read one source.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
from pathlib import Path
from typing import NoReturn

from pairs import InputError
from pairs.io.paths import as_path

from .job_part import part_of_job

__all__ = ["Count", "CountOrPath", "FilePath", "Interval", "Number", "Part", "PathText", "Text"]


def _refuse(text: str, remedy: str) -> NoReturn:
    shown = text if len(text) <= 40 else f"{text[:40]}..."
    plain = shown and shown == shown.strip() and " " not in shown
    raise argparse.ArgumentTypeError(f"is {shown if plain else repr(shown)}; {remedy}")


def _path(text: str) -> Path:
    try:
        return as_path("path", text)
    except InputError as error:
        raise argparse.ArgumentTypeError(f"{error.problem}; {error.remedy}") from None


@dataclasses.dataclass(frozen=True)
class Count:
    """A whole number from ``low`` to ``high``.

    Example:
      >>> Count(1, 9)("7")
      7
    """

    low: int
    high: int

    def __call__(self, text: str) -> int:
        """The number, within its bounds."""
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or not self.low <= value <= self.high:
            _refuse(text, f"give a whole number from {self.low:,} to {self.high:,}")
        return value


@dataclasses.dataclass(frozen=True)
class Number:
    """A finite number from ``low`` to ``high``.

    Example:
      >>> Number(0, 1)("0.5")
      0.5
    """

    low: float
    high: float

    def __call__(self, text: str) -> float:
        """The number, within its bounds."""
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not self.low <= value <= self.high:
            _refuse(text, f"give a number from {self.low:g} to {self.high:g}")
        return value


@dataclasses.dataclass(frozen=True)
class Text:
    """One line of ``low`` to ``high`` printable characters."""

    low: int = 1
    high: int = 200

    def __call__(self, text: str) -> str:
        """The text as it is."""
        if not self.low <= len(text) <= self.high or not text.isprintable():
            _refuse(text, f"give {self.low} to {self.high} printable characters")
        return text


@dataclasses.dataclass(frozen=True)
class FilePath:
    """A path that a file system could take; ``~`` is expanded."""

    def __call__(self, text: str) -> Path:
        """The path."""
        return _path(text)


@dataclasses.dataclass(frozen=True)
class PathText:
    """A path, or a name that stands for one; ``~`` is expanded."""

    def __call__(self, text: str) -> str:
        """The text, unchanged where it holds no ``~`` to expand."""
        path = _path(text)
        return os.fspath(path) if text.startswith("~") else text


@dataclasses.dataclass(frozen=True)
class CountOrPath:
    """A whole number within bounds where the text is a number, else the path of a file."""

    low: int
    high: int

    def __call__(self, text: str) -> int | Path:
        """The number or the path."""
        if text.lstrip("+-").isdigit():
            return Count(self.low, self.high)(text)
        return _path(text)


@dataclasses.dataclass(frozen=True)
class Interval:
    """Two whole numbers ``A:B`` with 0 <= A < B <= ``high``."""

    high: int

    def __call__(self, text: str) -> tuple[int, int]:
        """The numbers."""
        first, _, end = text.partition(":")
        try:
            a, b = int(first), int(end)
        except ValueError:
            a, b = -1, -1
        if not 0 <= a < b <= self.high:
            _refuse(text, f"give A:B, whole numbers with 0 <= A < B <= {self.high:,}")
        return a, b


@dataclasses.dataclass(frozen=True)
class Part:
    """One part of several, ``I/N`` with 1 <= I <= N <= ``high``; ``auto`` for that of the job that this process is.

    Example:
      >>> Part(9)("2/4")
      (2, 4)
    """

    high: int

    def __call__(self, text: str) -> tuple[int, int]:
        """Number of the part, and how many there are."""
        if text == "auto":
            try:
                found = part_of_job()
            except InputError as error:
                raise argparse.ArgumentTypeError(f"{error.problem}; {error.remedy}") from None
            if found is None:
                _refuse(text, "give I/N: no scheduler (SLURM, MPI, TPU) has said which part this process is")
            return found
        first, _, end = text.partition("/")
        try:
            mine, parts = int(first), int(end)
        except ValueError:
            mine, parts = 0, 0
        if not 1 <= mine <= parts <= self.high:
            _refuse(text, f"give I/N, whole numbers with 1 <= I <= N <= {self.high:,}, or auto")
        return mine, parts
