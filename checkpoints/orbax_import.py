"""An Orbax checkpoint of somebody's Flax nets, and the modules that its arrays belong to, to a pair.

The modules come from the user's own code, called by the user (``ganrefine import DIR --factory FILE.py:function``);
nothing named in the checkpoint is run. Arrays are found by their names: those of an NNX module below the one part of
the checkpoint that has all of them in the right shapes, those of a Linen module in the part that is its variables.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen

from pairs import CriticKind, InputError, Net, Pair, Prior, Record, make_pair, wrap
from pairs.io.paths import as_path
from pairs.user_nets import Factory, factory_net

from .dtypes import is_float
from .foreign.limits import shown
from .golden import check_golden
from .importing import Imported
from .orbax_directory import read_tree

__all__ = ["import_orbax"]


def import_orbax(
    path: str | os.PathLike[str],
    modules: Any,
    *,
    prior: Prior,
    sample_range: tuple[float, float] | None,
    critic_kind: CriticKind | None = None,
    classes: int | None = None,
    keys: tuple[str | None, str | None] = (None, None),
    check: str | os.PathLike[str] | None = None,
    name: str | None = None,
) -> Imported:
    """The pair of modules filled with the arrays of a checkpoint.

    Args:
      path: Directory that Orbax wrote.
      modules: ``(generator, critic)``, or the generator alone: NNX modules, Linen modules, or nets of
        :func:`pairs.wrap`; or a factory that makes them.
      prior: Law of the latents.
      sample_range: Of the samples, ``None`` where they are unbounded.
      critic_kind: What a score means; ``None`` without a critic.
      classes: Number of labels of a conditional pair.
      keys: Dotted names of the parts of the checkpoint that belong to generator and critic, where they are not clear.
      check: Golden file that the pair must reproduce.
      name: Of the pair; by default that of the directory.

    Returns:
      The pair. Its nets are the user's code, so that a stored one is loaded with ``load_pair(DIR, like=pair)``, or,
      where a factory made them, within :func:`pairs.user_nets.factory_given`.

    Raises:
      InputError: No checkpoint, arrays that do not fit the modules, or a pair that fails :func:`pairs.check_pair`.
    """
    factory = modules if isinstance(modules, Factory) else None
    modules = modules if factory is None else factory.modules
    nets = tuple(modules) if isinstance(modules, (tuple, list)) else (modules,)
    if not 1 <= len(nets) <= 2:
        raise InputError("factory", f"returns {len(nets)} modules", "return (generator, critic), or the generator")
    source = Path(os.path.abspath(as_path("file", path)))
    try:
        tree = read_tree(source)
    except Exception as error:  # Orbax raises many kinds; the user needs one line
        line = shown((str(error).strip() or type(error).__name__).splitlines()[0])
        raise InputError("file", f"'{source}' is no Orbax checkpoint ({line})", "give its directory") from None
    parts = ("generator", "critic")
    filled = [_filled(m, tree, key, f) for m, key, f in zip(nets, keys, parts, strict=False)]
    if factory is not None:
        filled = [(factory_net(n, factory, p), key) for (n, key), p in zip(filled, parts, strict=False)]
    if len(filled) == 2 and critic_kind is None:
        remedy = "give --critic-kind wasserstein, logit, energy or least_squares, as it was trained"
        raise InputError("critic_kind", "is not said by a checkpoint", remedy)
    critic = filled[1][0] if len(filled) == 2 else None
    pair: Pair = make_pair(
        filled[0][0],
        critic,
        prior,
        sample_range=sample_range,
        critic_kind=critic_kind if critic is not None else None,
        classes=classes,
        record=Record(name=name or source.name, imported={"generator": {"file": source.name, "format": "Orbax"}}),
    )
    deviations = None if check is None else check_golden(pair, check)
    notes = [f"{n}: the arrays below {words} were taken" for n, (_, words) in zip(parts, filled, strict=False)]
    return Imported(pair, {}, tuple(notes), (), deviations)


def _filled(model: Any, tree: Any, key: str | None, field: str) -> tuple[Net, str]:
    """The net with the checkpoint's arrays, and words about the part they came from."""
    if isinstance(model, linen.Module):
        found = [k for k, part in _parts(tree, "") if isinstance(part, Mapping) and "params" in part]
        taken = _one(found if key is None else [k for k in found if k == key], field, "variables with 'params'")
        variables = dict(_parts(tree, ""))[taken]
        for name, array in _parts(variables["params"], "params"):
            if not isinstance(array, Mapping):
                _check_float(array, name, field)
        return wrap(model, variables), f"'{shown(taken) or '(all)'}'"
    net = wrap(model)
    leaves, structure = jax.tree_util.tree_flatten_with_path(net.params)
    names = [".".join(str(getattr(step, "key", getattr(step, "idx", step))) for step in path) for path, _ in leaves]
    arrays = {_plain(n): a for n, a in _parts(tree, "") if not isinstance(a, Mapping)}
    full = lambda k: [f"{k}.{n}" if k else n for n in names]
    fits = lambda k: all(
        n in arrays and np.shape(arrays[n]) == np.shape(leaf) for n, (_, leaf) in zip(full(k), leaves, strict=True)
    )
    found = [k for k, part in _parts(tree, "") if isinstance(part, Mapping) and key in (None, k) and fits(k)]
    taken = _one(found, field, f"{', '.join(names[:4])} and so on in the right shapes")
    for n, (_, leaf) in zip(full(taken), leaves, strict=True):
        if is_float(leaf.dtype):
            _check_float(arrays[n], n, field)
    filled = [jnp.asarray(arrays[n], leaf.dtype) for n, (_, leaf) in zip(full(taken), leaves, strict=True)]
    idle = [n for n in arrays if n not in full(taken) and (not taken or n.startswith(f"{taken}."))]
    more = f" and {len(idle) - 6} more" if len(idle) > 6 else ""
    beside = f" (not used: {', '.join(shown(n) for n in idle[:6])}{more})" if idle else ""
    return Net(
        jax.tree.unflatten(structure, filled), net.apply, net.architecture
    ), f"'{shown(taken) or '(all)'}'{beside}"


def _check_float(array: Any, name: str, field: str) -> None:
    dtype = np.asarray(array).dtype
    if not is_float(dtype):
        raise InputError(field, f"has '{shown(name)}' as {dtype} in the checkpoint", "save its weights as floats")


def _parts(tree: Any, name: str) -> list[tuple[str, Any]]:
    """Every part of a tree with its dotted name, outer ones first."""
    if not isinstance(tree, Mapping):
        return [(name, tree)]
    return [(name, tree), *(p for k, v in tree.items() for p in _parts(v, f"{name}.{k}" if name else str(k)))]


def _plain(name: str) -> str:
    """Older versions of Flax store an NNX variable as a dictionary with its value."""
    return name.removesuffix(".value").removesuffix(".raw_value")


def _one(found: list[str], field: str, wanted: str) -> str:
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError(field, f"finds no part of the checkpoint with {wanted}", f"check factory and --{field}-key")
    listed = ", ".join(shown(k) or "(all)" for k in found[:8])
    raise InputError(field, f"could be any of {listed}", f"give --{field}-key, one of these")
