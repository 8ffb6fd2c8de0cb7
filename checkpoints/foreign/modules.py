"""Whole modules (``torch.save(model)``): the tree of layers with their settings, read as plain data.

A pickled module holds the names of its classes, every layer's settings, parameters, buffers and
children. It does not hold ``forward``: in which order a class of the user's own calls its children
is not in the file (see :func:`~checkpoints.foreign.module_layers.layers_of_module`).
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from pairs import InputError

from .inert import Inert, is_module
from .limits import Budget, Refused, shown
from .torch_tensors import Tensor

__all__ = ["Module", "check_unaltered", "module_of"]

_DEPTH = 64
_PLAIN = (bool, int, float, str, type(None))
_NORMALISATIONS = ("torch.nn.utils.spectral_norm.SpectralNorm", "torch.nn.utils.weight_norm.WeightNorm")


@dataclasses.dataclass(frozen=True, eq=False)
class Module:
    """One module.

    Attributes:
      kind: name of its class, ``torch.nn.modules.conv.Conv2d``.
      settings: its plain attributes: numbers, strings, short tuples of them.
      tensors: its own parameters and buffers by name.
      children: modules inside it, in the order in which they were registered.
      altered: what changes its results besides its class (a hook, another ``forward``); ``None`` where nothing does.
    """

    kind: str
    settings: dict[str, Any]
    tensors: dict[str, np.ndarray]
    children: dict[str, Module]
    altered: str | None = None

    @property
    def name(self) -> str:
        """The class without its package, ``Conv2d``."""
        return self.kind.rpartition(".")[2]

    def state_dict(self, prefix: str = "") -> dict[str, np.ndarray]:
        """The tensors of the module and of all modules inside it, named as PyTorch's ``state_dict`` does."""
        found = {f"{prefix}{name}": array for name, array in self.tensors.items()}
        for name, child in self.children.items():
            found |= child.state_dict(f"{prefix}{name}.")
        return found


def module_of(item: Inert, budget: Budget, prefix: int = 0, depth: int = 0) -> Module:
    """The module behind an inert object.

    Args:
      item: an object for which :func:`~checkpoints.foreign.inert.is_module` holds.
      budget: what each module and the names of its tensors are charged to.
      prefix: length of the dotted name in front of the module's own names.
      depth: how many modules are around it.

    Raises:
      Refused: nested too deeply or in itself, or with a child that is no module.
    """
    if depth > _DEPTH:
        raise Refused(f"its modules are nested more than {_DEPTH} deep, or contain themselves")
    budget.spend(1000 + 2 * prefix)
    state = item.state
    passing = state.get("_non_persistent_buffers_set")
    passing = [n for n in passing if type(n) is str] if isinstance(passing, list) else []
    tensors: dict[str, np.ndarray] = {}
    for group in ("_parameters", "_buffers"):
        for name, value in state[group].items():
            budget.spend(300 + 2 * prefix)
            if isinstance(value, Tensor) and name not in passing:
                tensors[_word(name)] = value.numpy()
            elif value is not None and not isinstance(value, (Tensor, Inert)):
                raise Refused(f"a module of class {shown(item.kind)} has a parameter that is no tensor")
    children: dict[str, Module] = {}
    for name, child in state["_modules"].items():
        if child is None:
            continue
        if not is_module(child):
            raise Refused(f"a module of class {shown(item.kind)} has a child that is no module")
        word = _word(name)
        children[word] = module_of(child, budget, prefix + len(word) + 1, depth + 1)
    settings = {
        n: v for n, v in state.items() if type(n) is str and n[:1] != "_" and n != "training" and _plain(v, budget)
    }
    return Module(item.kind, settings, tensors, children, _altered(item.kind, state))


def check_unaltered(module: Module, path: str) -> None:
    """Refuse a module whose results are not those of its class.

    Args:
      module: The module; those inside it are not looked at.
      path: Its dotted name, empty for the outermost.

    Raises:
      InputError: It has hooks, a ``forward`` of its own, or a normalisation along an unusual axis.
    """
    if module.altered is not None:
        where = f"'{shown(path)}', a {shown(module.name)}," if path else f"is a {shown(module.name)} that"
        raise InputError("module", f"{where} has {module.altered}, which no layer says", "export the model to ONNX")


def _altered(kind: str, state: dict[Any, Any]) -> str | None:
    """What a user attached to a module that changes its results; PyTorch's own normalisations are known by tensors."""
    if "forward" in state or "__call__" in state:
        return "a forward of its own"
    if state.get("_forward_hooks"):
        return "a forward hook"
    hooks = state.get("_forward_pre_hooks")
    for hook in hooks.values() if isinstance(hooks, dict) else [hooks] if hooks else []:
        known = isinstance(hook, Inert) and hook.kind in _NORMALISATIONS and isinstance(hook.state, dict)
        if not known or hook.state.get("name") != "weight":
            return "a hook before its forward"
        usual = 1 if "ConvTranspose" in kind else 0
        if hook.kind == _NORMALISATIONS[0] and hook.state.get("dim", usual) != usual:
            return f"a spectral norm along axis {shown(hook.state['dim'])}"
    return None


def _word(name: Any) -> str:
    if type(name) is not str or not name or len(name) > 256:
        raise Refused("a module has a child or a tensor without a proper name")
    return name


def _plain(value: Any, budget: Budget) -> bool:
    if isinstance(value, (tuple, list)):
        return len(value) <= 16 and all(isinstance(v, _PLAIN) for v in value)
    return isinstance(value, _PLAIN) and not (isinstance(value, str) and len(value) > 256)
