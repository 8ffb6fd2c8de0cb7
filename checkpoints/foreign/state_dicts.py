"""Which of the state dicts in a file is meant, and its tensors under the names that the model gave them.

Trainers save several nets, their averages and their optimizers in one file, and wrappers put a word
before every name. Here the wrappers' words are taken off, optimizers are no candidates, and among the
state dicts that fit the layers an average of the weights (``g_ema``, ``netG_ema``) goes before the
weights themselves. What was chosen is said; where more than one remains, all are named.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from pairs import InputError

from ..dtypes import is_float
from .limits import shown

__all__ = ["TensorChoice", "below", "candidates", "choose", "drop", "is_average", "keys_that_fit", "unwrapped"]

_WRAPPERS = {
    "module.": "nn.DataParallel or an averaged model",
    "_orig_mod.": "torch.compile",
    "_forward_module.": "Lightning Fabric",
}
_COUNTERS = ("n_averaged", "num_updates", "decay", "initted", "step")
_AVERAGES = frozenset(("ema", "avg", "average", "averaged", "swa"))
_MOST_PREFIXES = 64
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

Tensors = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class TensorChoice:
    """The state dict that was taken.

    Attributes:
      key: dotted path of the part in the file; ``None`` for the file itself.
      tensors: by name, without the key and without wrappers' prefixes.
      said: sentences that tell the user what was chosen.
    """

    key: str | None
    tensors: dict[str, np.ndarray]
    said: tuple[str, ...] = ()


def below(tensors: Tensors, key: str) -> dict[str, np.ndarray]:
    """The tensors whose names begin with ``key`` and a dot, named without both.

    Args:
      tensors: by dotted name.
      key: dotted path; empty for all tensors.
    """
    if not key:
        return dict(tensors)
    return {n.removeprefix(f"{key}."): a for n, a in tensors.items() if n.startswith(f"{key}.")}


def unwrapped(tensors: Tensors) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Tensors without the prefixes and counters of wrappers, and a sentence for each that was taken off.

    Args:
      tensors: by dotted name.

    Example:
      >>> names, said = unwrapped({"n_averaged": np.zeros(()), "module.0.weight": np.ones(2)})
      >>> list(names)
      ['0.weight']
    """
    found, said = dict(tensors), []
    for _ in range(4):
        rest = {n: a for n, a in found.items() if n not in _COUNTERS or a.ndim}
        prefix = next((p for p in _WRAPPERS if rest and all(n.startswith(p) for n in rest)), None)
        if prefix is None:
            break
        counters = [n for n in found if n not in rest]
        found = {n.removeprefix(prefix): a for n, a in rest.items()}
        beside = f" and '{', '.join(counters)}'" if counters else ""
        said.append(f"the names' prefix '{prefix}'{beside} of {_WRAPPERS[prefix]} was taken off")
    return found, tuple(said)


def drop(tensors: Tensors, patterns: Iterable[str]) -> tuple[dict[str, np.ndarray], list[str]]:
    """Tensors without those whose name matches a pattern, and the names left out.

    Args:
      tensors: by dotted name.
      patterns: names, or shell patterns such as ``"aux.*"``.

    Raises:
      InputError: a pattern that matches nothing.
    """
    patterns = list(patterns)
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(n, pattern) for n in tensors):
            problem = f"'{shown(pattern)}' matches no tensor"
            raise InputError("ignore", problem, f"the file has {_listed(tensors)}")
    gone = [n for n in tensors if any(fnmatch.fnmatchcase(n, p) for p in patterns)]
    return {n: a for n, a in tensors.items() if n not in set(gone)}, gone


def candidates(tensors: Tensors, parts: Iterable[str]) -> dict[str, dict[str, np.ndarray]]:
    """State dicts of a file by their key; ``""`` is the file itself.

    Args:
      tensors: all tensors of the file by dotted name.
      parts: dotted names of the state dicts, as the reader found them.
    """
    found: dict[str, dict[str, np.ndarray]] = {}
    for part in parts:
        inside = below(tensors, part)
        if inside and not any(part.startswith(f"{outer}.") for outer in found if outer):
            found[part] = inside
    return found or {"": dict(tensors)}


def choose(
    tensors: Tensors,
    parts: Iterable[str],
    key: str | int | None = None,
    fits: Callable[[Tensors], bool] | None = None,
    path: Any = "the file",
) -> TensorChoice:
    """The state dict that is meant.

    Args:
      tensors: all tensors of the file by dotted name.
      parts: dotted names of the state dicts in it.
      key: the dotted path of the one to take, or its number in a list; ``None`` to find it.
      fits: whether tensors belong to the layers that are wanted.
      path: the file, for messages.

    Returns:
      The choice. Without ``key`` and with several state dicts, the only one that fits; of two that
      fit, the average of the weights. Where none fits, and the file has only one, that one: the
      conversion then names what does not match.

    Raises:
      InputError: no such key, or several state dicts and none or more than one of them fits; every
        candidate is named with the ``key = ...`` to write.
    """
    if key is not None:
        inside = below(tensors, str(key))
        if not inside:
            found = [p for p in candidates(tensors, parts) if p] or sorted({n.split(".")[0] for n in tensors})
            found = [p for p in _prefixes(tensors) if p.endswith(f".{key}")] or found
            raise InputError("key", f"'{shown(key)}' is not in '{path}'", f"it has {_keys(found)}")
        return _finished(str(key), inside, (), fits)
    found = candidates(tensors, parts)
    if len(found) == 1:
        (only, inside), said = next(iter(found.items())), ()
        if only:
            said = (f"'{shown(only)}' was taken, the only state dict in the file",)
        return _finished(only or None, inside, said, fits)
    if fits is None:
        raise InputError("key", f"is not given, and '{path}' holds several state dicts", f"write {_keys(found)}")
    fitting = [k for k, inside in found.items() if fits(unwrapped(inside)[0]) or fits(inside)]
    averages = [k for k in fitting if is_average(k)]
    if len(fitting) == 1:
        said = f"'{shown(fitting[0])}' was taken, the only one of {len(found)} state dicts that fits the layers"
    elif len(averages) == 1:
        others = ", ".join(f"'{shown(k)}'" for k in fitting if k != averages[0])
        said = f"'{shown(averages[0])}' was taken, the average of the weights; {others} would fit too"
    elif fitting:
        raise InputError(
            "key", f"is not given, and {len(fitting)} state dicts of '{path}' fit", f"write {_keys(fitting)}"
        )
    else:
        raise InputError(
            "key",
            f"is not given, and none of the state dicts of '{path}' fits the layers",
            f"correct them, or write {_keys(found)}",
        )
    taken = averages[0] if len(fitting) > 1 else fitting[0]
    return _finished(taken or None, found[taken], (said,), fits)


def keys_that_fit(tensors: Tensors, fits: Callable[[Tensors], bool]) -> str | None:
    """The keys to write where the tensors below some prefixes fit the layers; ``None`` where none do.

    Args:
      tensors: all tensors of the file by dotted name.
      fits: as for :func:`choose`.
    """
    keys: list[str] = []
    for prefix in _prefixes(tensors):
        if not any(prefix.startswith(f"{key}.") for key in keys) and fits(below(tensors, prefix)):
            keys.append(prefix)
    return _keys(keys) if keys else None


def _prefixes(tensors: Tensors) -> list[str]:
    """The first dotted prefixes of the names, outer ones before inner ones."""
    found: dict[str, None] = {}
    for depth in range(1, 4):
        for name in tensors:
            if name.count(".") >= depth and len(found) < _MOST_PREFIXES:
                found[".".join(name.split(".")[:depth])] = None
    return list(found)


def _finished(
    key: str | None, inside: Tensors, said: tuple[str, ...], fits: Callable[[Tensors], bool] | None
) -> TensorChoice:
    bare, more = unwrapped(inside)
    if more and fits is not None and not fits(bare) and fits(inside):
        bare, more = dict(inside), ()  # the layers are named with the prefix
    other = {a.dtype for a in bare.values() if is_float(a.dtype) and a.dtype.name != "float32"}
    if other:
        how = "rounded" if any(dtype.itemsize > 4 for dtype in other) else "exactly"
        more += (f"its numbers are {', '.join(sorted(d.name for d in other))} and become float32, {how}",)
    return TensorChoice(key, bare, said + more)


def is_average(key: str) -> bool:
    """Whether a key names an average of weights (``g_ema``, ``netG_ema``, ``avgG``)."""
    return not _AVERAGES.isdisjoint(word.lower() for word in _WORDS.findall(key))


def _keys(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return " or ".join(f'key = "{shown(n)}"' for n in names[:12]) + more or "no tensors"


def _listed(names: Iterable[str]) -> str:
    names = [shown(n) for n in names]
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "") or "no tensors"
