"""Foreign tensors into the variables of an NNX module, every one of them and nothing left over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np
from flax import nnx

from pairs import InputError
from pairs.arrays import on_device

from ..conversion import Row
from ..folding import fold
from ..matching import COUNTERS
from ..module_names import split_modules

__all__ = ["Sources", "fill", "folded"]

Sources = Mapping[str, tuple[str, str]]
"""By the path of a variable (``blocks.0.conv1.kernel``): a tensor's name, and how its axes lie.

How is ``conv`` (O, I, kh, kw), ``dense`` (O, I), ``point`` (O, I, 1, 1), ``image`` (C, H, W), ``scalar`` or ``same``.
"""

_TURNED = {
    "conv": lambda a: np.moveaxis(a, (1, 0), (-2, -1)),
    "dense": lambda a: a.T,
    "point": lambda a: a.reshape(a.shape[:2]).T,
    "image": lambda a: np.moveaxis(a, 0, -1),
    "scalar": lambda a: a.reshape(()),
    "same": lambda a: a,
}


def folded(tensors: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Tensors with plain weights, and what was folded, by module."""
    plain: dict[str, np.ndarray] = {}
    said: dict[str, str] = {}
    for module, group in split_modules(tensors).items():
        try:
            made, note = fold({n: a for n, a in group.items() if n not in COUNTERS}, transposed=False)
        except ValueError as error:
            raise InputError("", f"cannot be folded: '{module}.weight' {error}", "use an earlier checkpoint") from None
        plain |= {f"{module}.{n}" if module else n: a for n, a in made.items()}
        said |= {module: note} if note else {}
    return plain, said


def fill(
    abstract: nnx.Module, tensors: Mapping[str, np.ndarray], sources: Sources, ignore: Iterable[str] = ()
) -> tuple[Any, tuple[Row, ...]]:
    """The module with its variables taken from tensors, and its table.

    Args:
      abstract: The module's structure (``nnx.eval_shape``).
      tensors: By name.
      sources: Where each variable comes from.
      ignore: Names of tensors that only training needs.

    Raises:
      InputError: Tensors that are missing, misshapen or left over, all of them in one line.
    """
    plain, said = folded(tensors)
    graphdef, randomness, state = nnx.split(abstract, nnx.RngState, ...)
    faults: list[str] = []
    values: dict[Any, Any] = {}
    rows: list[Row] = []
    for path, leaf in nnx.to_flat_state(state):
        variable = ".".join(map(str, path))
        name, how = sources[variable]
        array = plain.get(name)
        if array is None:
            faults.append(f"'{name}' is missing")
            continue
        turned = _TURNED[how](array) if array.ndim >= (2 if how in ("conv", "dense", "point") else 0) else array
        shape = tuple(leaf.get_value().shape)
        if turned.shape != shape or array.dtype.kind not in "fV":
            faults.append(f"'{name}' is {array.dtype.name} of shape {array.shape}, which does not fit '{variable}'")
            continue
        values[path] = leaf.replace(on_device(np.ascontiguousarray(turned, dtype=np.float32).reshape(shape)))
        module = name.rpartition(".")[0]
        rows.append(Row(variable, how, module, (name.removeprefix(f"{module}."),), said.get(module, "")))
    used = {name for name, _ in sources.values()}
    gone = set(ignore)
    faults += [f"'{name}' is left over" for name in plain if name not in used and name not in gone]
    if faults:
        more = f", and {len(faults) - 12} more" if len(faults) > 12 else ""
        problem = "does not match the file: " + ", ".join(faults[:12]) + more
        raise InputError("", problem, "give the whole state dict of the published net")
    made = nnx.merge(graphdef, jax.tree.map(lambda leaf: leaf, randomness), nnx.from_flat_state(values.items()))
    return made, tuple(rows)
