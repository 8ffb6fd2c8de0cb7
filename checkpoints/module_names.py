"""Tensors of a state dict by the module that they belong to, without the prefixes of wrappers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

__all__ = ["modules_of", "split_modules", "unwrap"]

_WRAPPERS = ("module.", "_orig_mod.")
Tensors = Mapping[str, np.ndarray]
Modules = dict[str, dict[str, np.ndarray]]


def modules_of(tensors: Tensors) -> Modules:
    """Tensors by module and name, without the prefixes of wrappers."""
    return split_modules(unwrap(tensors))


def unwrap(tensors: Tensors) -> Tensors:
    """Averaging puts a counter beside the net; it, ``DataParallel`` and ``compile`` put a word before every name."""
    tensors = {n: a for n, a in tensors.items() if n != "n_averaged"}
    for wrapper in _WRAPPERS * 2:
        if tensors and all(n.startswith(wrapper) for n in tensors):
            tensors = {n.removeprefix(wrapper): a for n, a in tensors.items()}
    return tensors


def split_modules(tensors: Tensors) -> Modules:
    """Tensors by module and name; the parts of a parametrised weight belong to its module."""
    modules: Modules = {}
    for name, array in tensors.items():
        head, found, tail = name.partition("parametrizations.")
        prefix, leaf = head.removesuffix("."), found + tail
        if not found:
            prefix, _, leaf = name.rpartition(".")
        modules.setdefault(prefix, {})[leaf] = array
    return modules
