r"""What a foreign file may cost, and how its words are shown.

Reading builds objects. Each is charged before it is built, at about its size in memory, to a
budget of

.. math:: B = 64\,\text{MiB}

beside the numbers of the tensors, which are as large as the file says and the file has. A file that
exceeds the budget is refused; its own size does not matter.
"""

from __future__ import annotations

from typing import Any

from pairs import InputError
from pairs.io.paths import as_path

__all__ = ["NAME_LIMIT", "Budget", "Refused", "check_regular", "refusal", "shown"]

NAME_LIMIT = 1024
"""Longest name of a tensor that is taken."""

_ORBAX = ("_CHECKPOINT_METADATA", "_METADATA", "manifest.ocdbt")
_BYTES = 2**26
_STEPS = 1_000_000


class Refused(ValueError):
    """The file wants something that is not on the list, costs too much, or is malformed."""


class Budget:
    """Bytes and steps that are left for one file."""

    def __init__(self, size: int = _BYTES, steps: int = _STEPS):
        self.size, self.steps = size, steps

    def spend(self, size: int) -> None:
        """Charge ``size`` bytes and one step.

        Raises:
          Refused: nothing is left.
        """
        self.size -= size
        self.steps -= 1
        if self.size < 0 or self.steps < 0:
            raise Refused("it holds too much beside its tensors")


def shown(name: Any, limit: int = 80) -> str:
    r"""A name from a file as printable ASCII, cut to ``limit`` characters.

    Example:
      >>> shown("w\x1b[2J")
      'w\\x1b[2J'
    """
    text = name if isinstance(name, str) else str(name) if isinstance(name, int) else type(name).__name__
    cut = ascii(text[: limit + 1])[1:-1]
    return cut if len(text) <= limit and len(cut) <= 2 * limit else cut[: limit - 3] + "..."


def check_regular(path: Any, what: str) -> None:
    """Check that ``path`` is a regular file.

    Args:
      path: a :class:`pathlib.Path`.
      what: the kinds of file that are wanted, for the remedy.

    Raises:
      InputError: nothing there, a directory, a pipe or a device.
    """
    path, remedy = as_path("file", path), f"give {what}"
    if path.is_file():
        return
    state = "is no regular file" if path.exists() else "does not exist"
    if path.is_dir():
        state = "is a directory"
        if (path / "saved_model.pb").is_file():
            state, remedy = (
                "is a SavedModel of TensorFlow",
                "save it as .keras or .h5, or export it to ONNX",
            )
        elif any((path / name).exists() for name in _ORBAX):
            state, remedy = "is an Orbax checkpoint", "give --factory FILE.py:function, which makes its modules"
    raise InputError("file", f"'{path}' {state}", remedy)


def refusal(path: Any, problem: str, remedy: str) -> InputError:
    """The project's error for a file: ``'path' problem; remedy``, with everything from the file escaped before."""
    return InputError("file", f"'{path}' {problem}", remedy)
