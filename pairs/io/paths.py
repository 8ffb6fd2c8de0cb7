"""Paths that a user typed: refused in one line where no file system could take them."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import InputError

__all__ = ["as_path"]

PART, WHOLE = 255, 4000
"""Most bytes of one name, and of a whole path, that the common file systems take."""


def as_path(field: str, given: str | os.PathLike[str]) -> Path:
    """The path, with ``~`` expanded; nothing is opened and nothing needs to exist.

    Args:
      field: What a refusal names.
      given: What the user typed.

    Raises:
      InputError: The path is empty, holds a zero byte, is too long in a part or as a whole, or begins with ``~`` and
        the name of nobody on this machine.

    Example:
      >>> as_path("data", "images/train").name
      'train'
    """
    text = os.fspath(given)
    if not text:
        raise InputError(field, "is empty", "give a path")
    if "\0" in text:
        raise InputError(field, "holds a zero byte", "give a path without it")
    try:
        longest = max(len(os.fsencode(part)) for part in text.split(os.sep))
        whole = len(os.fsencode(text))
    except UnicodeEncodeError:
        raise InputError(field, f"{text[:40]!r} has no form in bytes", "give a path of valid Unicode") from None
    if longest > PART or whole > WHOLE:
        size = f"a name of {longest} bytes" if longest > PART else f"{whole} bytes"
        remedy = f"give a path of at most {WHOLE} bytes, {PART} for each name in it"
        raise InputError(field, f"'{text[:40]}...' has {size}", remedy)
    try:
        return Path(text).expanduser()
    except RuntimeError:
        user = text.split(os.sep)[0]
        raise InputError(
            field, f"'{text}' begins with {user}, and there is no such user", "write the folder out"
        ) from None
