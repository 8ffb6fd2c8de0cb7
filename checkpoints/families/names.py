"""The names and shapes of a state dict, as they are once normalised weights have been folded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from pairs import InputError
from pairs.sequential.layers import Shape

from ..folding import plain_shapes
from ..foreign.modules import Module
from ..module_names import split_modules

__all__ = ["Names"]


class Names:
    """Shapes of tensors by name; a tensor that is asked for and not there is an error of one line.

    Attributes:
      raw: The names in the file, before folding.
    """

    def __init__(self, tensors: Mapping[str, np.ndarray], what: str = "state dict", module: Module | None = None):
        self.raw = frozenset(tensors)
        self._module = module
        self._what = what
        self._shapes: dict[str, Shape] = {}
        for prefix, group in split_modules(tensors).items():
            self._shapes |= {f"{prefix}.{n}" if prefix else n: tuple(s) for n, s in plain_shapes(group).items()}

    def __contains__(self, name: str) -> bool:
        return name in self._shapes

    def __getitem__(self, name: str) -> Shape:
        """The shape of one tensor.

        Raises:
          InputError: It is not there.
        """
        if name not in self._shapes:
            raise InputError("file", f"lacks '{name}' of the {self._what}", "give the whole state dict of the net")
        return self._shapes[name]

    def setting(self, path: str, name: str) -> Any:
        """A plain attribute of a module inside the net, ``None`` where the file holds tensors alone."""
        found = self._module
        for part in path.split("."):
            found = None if found is None else found.children.get(part)
        return None if found is None else found.settings.get(name)

    def rank(self, name: str) -> int | None:
        """Number of axes of a tensor, ``None`` where it is not there."""
        return len(self._shapes[name]) if name in self._shapes else None

    def numbers(self, pattern: str) -> tuple[int, ...]:
        """The numbers at the one group of a pattern that names begin with, sorted, each once."""
        found = (re.match(pattern, name) for name in self._shapes)
        return tuple(sorted({int(match[1]) for match in found if match}))

    def below(self, prefix: str) -> bool:
        """Whether there is a tensor below a prefix."""
        return any(name.startswith(f"{prefix}.") for name in self._shapes)
