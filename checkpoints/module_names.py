"""Tensors of a state dict by the module that they belong to, without the prefixes of wrappers."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence

import numpy as np

from pairs import InputError

__all__ = ["WRAPPERS", "modules_of", "refuse_parts", "split_modules", "unwrap", "without"]

WRAPPERS = ("module.", "_orig_mod.", "module._orig_mod.")
"""What wrappers put before every name."""

PARTS = {
    *("weight", "bias", "kernel", "gamma", "beta", "running_mean", "running_var", "in_proj_weight", "in_proj_bias"),
    *("weight_g", "weight_v", "weight_orig", "weight_u", "weight_bar", "weight_mask", "bias_orig", "bias_mask"),
    *("sn_u", "sn_sigma", "u0", "sv0"),
}
"""Names of tensors that evaluation computes with; of a module that is used, none of them may be left out."""

Tensors = Mapping[str, np.ndarray]
Modules = dict[str, dict[str, np.ndarray]]


def modules_of(tensors: Tensors) -> Modules:
    """Tensors by module and name, without the prefixes of wrappers."""
    return split_modules(unwrap(tensors))


def unwrap(tensors: Tensors) -> Tensors:
    """Averaging puts a counter beside the net; it, ``DataParallel`` and ``compile`` put a word before every name."""
    tensors = {n: a for n, a in tensors.items() if n != "n_averaged"}
    for wrapper in WRAPPERS[:2] * 2:
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


def without(tensors: Tensors, patterns: Sequence[str], field: str) -> tuple[Tensors, tuple[str, ...]]:
    """Tensors that no pattern of ``ignore`` fits, and the names of the others.

    Args:
      tensors: By name, without the prefixes of wrappers.
      patterns: Names, prefixes or shell patterns, with the prefixes of wrappers or without.
      field: The layer list that they belong to.

    Raises:
      InputError: A pattern that fits no tensor.
    """
    gone: set[str] = set()
    for pattern in patterns:
        said = (pattern, *(pattern.removeprefix(word) for word in WRAPPERS))
        fits = {n for n in tensors for p in said if n == p or fnmatch.fnmatchcase(n, p) or n.startswith(f"{p}.")}
        if not fits:
            where = f"{field.rpartition('.')[0]}.ignore".lstrip(".")
            raise InputError(where, f"'{pattern}' fits no tensor of the file", "correct it, or leave it out")
        gone |= fits
    return {n: a for n, a in tensors.items() if n not in gone}, tuple(n for n in tensors if n in gone)


def refuse_parts(ignored: Sequence[str], used: set[str], field: str) -> None:
    """Refuse to ignore a part of a module whose other tensors a layer takes, such as the bias of a norm.

    Args:
      ignored: Names of the tensors that ``ignore`` left out.
      used: Modules that layers took, with all that is below them.
      field: The layer list that they belong to.

    Raises:
      InputError: There is such a tensor; the error names the first.
    """
    for name in ignored:
        ((module, own),) = split_modules({name: np.zeros(())}).items()
        leaf = next(iter(own))
        taken = [m for m in used if module == m or (m and module.startswith(f"{m}."))]
        if taken and (leaf in PARTS or leaf.startswith("parametrizations.")):
            where = f"{field.rpartition('.')[0]}.ignore".lstrip(".")
            problem = f"leaves out '{name}', while a layer takes the rest of '{taken[0]}'"
            raise InputError(where, problem, "take it off the list, and set the layer so that it takes it")
