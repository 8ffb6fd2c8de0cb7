"""The compiled steps that a program runs, recorded while it runs, so that they can be lowered for other platforms."""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import re
import sys
from collections.abc import Iterator
from typing import Any

import jax

ROOMS = ("pairs", "dcd", "interp", "benchmarks.features")
_JITTED = type(jax.jit(lambda: 0))


def load_rooms() -> None:
    """Import every module of :data:`ROOMS`, so that what they compile can be found."""
    for room in ROOMS:
        for module in pkgutil.walk_packages(importlib.import_module(room).__path__, f"{room}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)


def compiled_functions() -> dict[str, Any]:
    """Compiled functions at the top of modules, by module and name."""
    found = {}
    for name, module in sorted(sys.modules.items()):
        if name.startswith(ROOMS):
            for key, value in vars(module).items():
                if isinstance(value, _JITTED) and value.__module__ == name:
                    found[f"{name}.{key}"] = value
    return found


@contextlib.contextmanager
def recorded(calls: dict[str, tuple[Any, tuple, dict]]) -> Iterator[None]:
    """Within this context the first call of each compiled function goes into ``calls``, with the shapes it had."""
    undo = []

    def recorder(name, function):
        def call(*args, **kwargs):
            if name not in calls:
                calls[name] = (function, *jax.tree.map(_shape, (args, kwargs)))
            return function(*args, **kwargs)

        return call

    for name, function in compiled_functions().items():
        instead = recorder(name, function)
        for module in [m for n, m in sys.modules.items() if n.startswith(ROOMS)]:
            for key, value in list(vars(module).items()):
                if value is function:
                    undo.append((module, key, value))
                    setattr(module, key, instead)
    try:
        yield
    finally:
        for module, key, value in undo:
            setattr(module, key, value)


def _shape(leaf: Any) -> Any:
    """The shape of an array, so that nothing holds on to one that a step gives up."""
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) if isinstance(leaf, jax.Array) else leaf


def targets(function: Any, args: tuple, kwargs: dict, platforms: tuple[str, ...]) -> set[str]:
    """Lower one call for platforms; the names of the library calls in the programs."""
    text = jax.export.export(function, platforms=platforms)(*args, **kwargs).mlir_module()
    return set(re.findall(r"custom_call @([\w.]+)", text))
