"""Which files of a folder are for training, validation or testing, as file and folder names say."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import InputError

__all__ = ["SPLITS", "choose_split", "split_of"]


SPLITS = {"train": "train", "training": "train", "t10k": "test", "test": "test", "testing": "test"}


SPLITS |= {"val": "validation", "valid": "validation", "validation": "validation"}


def split_of(file: Path, root: Path) -> str | None:
    """The split that the folders between ``root`` and a file name, or else the first word of the file's name."""
    *folders, name = file.relative_to(root).parts
    for part in (*folders, re.split(r"[^a-z]", re.sub(r"t10k", "test", name.lower()), maxsplit=1)[0]):
        if part.lower() in SPLITS:
            return SPLITS[part.lower()]
    return None


def choose_split(files: list[Path], root: Path, split: str | None) -> tuple[list[Path], str | None]:
    """Files of one split, and its name; all files and None where no name says a split.

    Raises:
      InputError: The split is missing among the files, or must be given.
    """
    found = {f: split_of(f, root) for f in files}
    names = sorted({s for s in found.values() if s})
    if not names:
        return files, None
    if split is None:
        if len(names) > 1 or None in found.values():
            raise InputError("split", f"is not given and {root} holds {', '.join(names)}", "choose one")
        return files, names[0]
    if split not in names:
        raise InputError("split", f"'{split}' is not in {root}, which holds {', '.join(names)}", "choose one of those")
    return [f for f in files if found[f] == split], split
