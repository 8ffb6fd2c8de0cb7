"""Architectures by name: how a stored pair finds the code that runs its weights.

A checkpoint holds numbers and, for each net, an :class:`Architecture`: the name
of a builder registered here and the JSON configuration it takes. Loading never
imports or runs code named by a file; an unknown name is an error.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from .errors import InputError
from .record import Record

__all__ = ["Architecture", "register", "build", "known"]

Apply = Callable[..., Any]
Builder = Callable[[Record], tuple[Apply, Any]]
"""``config -> (apply, template)``: the template is the pytree of shapes of the parameters."""

_BUILDERS: dict[str, Builder] = {}


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Name of a registered builder and its configuration."""

    name: str
    config: Record


def register(name: str) -> Callable[[Builder], Builder]:
    """Decorator: make ``name`` loadable from checkpoints."""

    def add(builder: Builder) -> Builder:
        if name in _BUILDERS:
            raise InputError("architecture", f"'{name}' is registered twice", "choose another name")
        _BUILDERS[name] = builder
        return builder

    return add


def known() -> tuple[str, ...]:
    """Registered names, sorted."""
    return tuple(sorted(_BUILDERS))


def build(architecture: Architecture) -> tuple[Apply, Any]:
    """``(apply, template)`` of an architecture; the template holds ``jax.ShapeDtypeStruct`` leaves."""
    if architecture.name not in _BUILDERS:
        raise InputError(
            "architecture",
            f"'{architecture.name}' is not known here",
            f"known are {', '.join(known())}; import the module that registers it, or load with like=",
        )
    return _BUILDERS[architecture.name](architecture.config)
