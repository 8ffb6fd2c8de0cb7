"""The parts of a whole PyTorch module that a layer list can be made of, and what the file leaves open about them.

``Sequential`` fixes the order of its layers. A class of the user's own calls its children in ``forward``, which is not
in the file. Where all children are ``Sequential`` (and embeddings of a label), the order in which they were
registered is the only guess needed; where single layers are registered, activations may hide in ``forward`` as well,
and the class is refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from pairs import InputError

from .limits import shown
from .module_layers import Layers, layers_of_module
from .modules import Module, check_unaltered

__all__ = ["Embedding", "Piece", "Pieces", "pieces_of_module"]

_TAKES = ("in_features", "in_channels", "num_features")
_SHAPING = ("Flatten", "Unflatten")
_REMEDY = "write its layers in a manifest, or export the model to ONNX"


@dataclasses.dataclass(frozen=True)
class Piece:
    """Layers whose order is known.

    Attributes:
      name: Prefix in the state dict.
      layers: The layers in the manifest's terms.
      takes: Channels or numbers that the first layer with a fixed input takes; ``None`` where a reshape comes first.
      flat: That layer takes vectors, not images.
    """

    name: str
    layers: Layers
    takes: int | None = None
    flat: bool = False


@dataclasses.dataclass(frozen=True)
class Embedding:
    """A table of one vector per class.

    Attributes:
      name: Prefix in the state dict.
      classes: Number of rows.
      size: Numbers in a row.
    """

    name: str
    classes: int
    size: int


@dataclasses.dataclass(frozen=True)
class Pieces:
    """What a module consists of.

    Attributes:
      parts: In the order in which they were registered.
      embeddings: Embeddings beside them.
      kind: Class of the user's own whose ``forward`` is not in the file; ``None`` for a plain ``Sequential``.
    """

    parts: tuple[Piece, ...]
    embeddings: tuple[Embedding, ...] = ()
    kind: str | None = None


def pieces_of_module(tree: Module) -> Pieces:
    """The parts of a module.

    Args:
      tree: As the reader gives it, ``read_foreign(path).modules[key]``.

    Raises:
      InputError: A class with children other than ``Sequential`` and ``Embedding``, or a layer that the manifest has
        no word for.
    """
    prefix = ""
    check_unaltered(tree, prefix)
    while tree.kind.startswith("torch.nn.parallel.") and list(tree.children) == ["module"]:
        tree, prefix = tree.children["module"], f"{prefix}module."
        check_unaltered(tree, prefix.rstrip("."))
    if _is(tree, "Sequential"):
        return Pieces((_piece(prefix.rstrip("."), tree),))
    parts, embeddings = [], []
    for name, child in tree.children.items():
        check_unaltered(child, f"{prefix}{name}")
        if _is(child, "Embedding"):
            embeddings.append(_embedding(f"{prefix}{name}", child))
        elif _is(child, "Sequential"):
            parts.append(_piece(f"{prefix}{name}", child))
        else:
            problem = f"is a {shown(tree.name)} with '{shown(name)}', a {shown(child.name)}; what its forward does with"
            raise InputError("module", f"{problem} it is not in the file", _REMEDY)
    if not parts:
        raise InputError("module", f"is a {shown(tree.name)} without a Sequential in it", _REMEDY)
    return Pieces(tuple(parts), tuple(embeddings), tree.name)


def _is(module: Module, name: str) -> bool:
    return module.kind.startswith("torch.nn.modules.") and module.name == name


def _piece(name: str, module: Module) -> Piece:
    layers = layers_of_module(module)
    lead = f"{name}." if name else ""
    named = [{**spec, "name": f"{lead}{spec['name']}"} if "name" in spec else spec for spec in layers]
    for leaf in _leaves(module):
        takes = next((leaf.settings[n] for n in _TAKES if type(leaf.settings.get(n)) is int), None)
        if leaf.name in _SHAPING:
            break
        if takes is not None:
            return Piece(name, named, takes, leaf.name in ("Linear", "BatchNorm1d"))
    return Piece(name, named)


def _leaves(module: Module) -> Iterator[Module]:
    if not module.children:
        yield module
    for child in module.children.values():
        yield from _leaves(child)


def _embedding(name: str, module: Module) -> Embedding:
    sizes: list[Any] = [module.settings.get(n) for n in ("num_embeddings", "embedding_dim")]
    if any(type(n) is not int or n < 1 for n in sizes) or module.settings.get("max_norm") is not None:
        raise InputError("module", f"has an embedding '{shown(name)}' without proper settings", _REMEDY)
    return Embedding(name, *sizes)
