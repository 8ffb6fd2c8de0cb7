"""Stand-ins for objects of classes that a file names: they hold what was stored and can do nothing.

Python's unpickler would import the class, make an object of it and let it restore itself. Here the
name of the class is kept as text, the arguments and the state as plain data. Names that start
programs when a file is loaded the usual way are refused outright, so that the user learns what the
file is; nothing depends on that list, since no name is ever called.
"""

from __future__ import annotations

from typing import Any

from .limits import Refused, shown
from .pickle_objects import Buildable

__all__ = ["Inert", "check_harmless", "inert_objects", "is_module"]

_PLAIN_BUILTINS = frozenset(
    "set frozenset complex bytearray bytes list dict tuple int float str bool object slice range".split()
)
_PROGRAMS = frozenset(
    "os posix nt subprocess sys importlib runpy socket shutil ctypes pty webbrowser code commands pdb timeit "
    "multiprocessing asyncio cProfile bdb pip idlelib marshal types operator torch.utils.cpp_extension torch.hub "
    "requests urllib".split()
)
_ANYWHERE = frozenset("os posix nt subprocess sys ctypes builtins __builtin__ importlib runpy".split())
_HARMLESS = frozenset(("functools.partial", "types.SimpleNamespace", "torch.utils.data"))


class Inert(Buildable):
    """An object of the class called ``kind``: arguments, state and contents as they were stored, uninterpreted."""

    __slots__ = ("kind", "arguments", "state", "items")

    def __init__(self, kind: str, arguments: tuple[Any, ...] = ()):
        self.kind, self.arguments = kind, arguments
        self.state: Any = None
        self.items: Any = None

    def build(self, state: Any) -> None:
        """Keep the state."""
        self.state = state

    def mapping(self) -> dict[Any, Any]:
        """The entries of an object that was a dictionary."""
        self.items = {} if self.items is None else self.items
        return self.items

    def sequence(self) -> list[Any]:
        """The items of an object that was a list or a set."""
        self.items = [] if self.items is None else self.items
        return self.items

    def __repr__(self) -> str:
        return f"object of {shown(self.kind)}, not read"


def check_harmless(name: str) -> None:
    """Refuse names whose only use in a weight file is to run a program.

    Args:
      name: module and attribute, dotted.

    Raises:
      Refused: the name is one of those.
    """
    module, _, attribute = name.rpartition(".")
    plain = module in ("builtins", "__builtin__") and attribute in _PLAIN_BUILTINS
    hidden = not plain and any(part in _ANYWHERE for part in module.split("."))
    starts = any(name == p or name.startswith(p + ".") for p in _PROGRAMS) and name not in _HARMLESS
    if hidden or starts:
        raise Refused(
            f"it names {shown(name)}, which a weight file has no use for: loading it elsewhere may run a program"
        )


def is_module(item: Any) -> bool:
    """Whether an object was a ``torch.nn.Module``: its state has parameters, buffers and children."""
    wanted = ("_parameters", "_buffers", "_modules")
    return (
        isinstance(item, Inert)
        and isinstance(item.state, dict)
        and all(isinstance(item.state.get(k), dict) for k in wanted)
    )


def _reconstructed(kind: Any, *_: Any) -> Inert:
    return Inert(kind.kind if isinstance(kind, Inert) else "object")


def _member(owner: Any, name: Any) -> Inert:
    # Python 3.11 writes a member of an enumeration as getattr(Class, "name"); anything else is refused
    if not isinstance(owner, Inert) or type(name) is not str:
        raise Refused("it names builtins.getattr, which a weight file has no use for")
    return Inert(f"{owner.kind}.{name}"[:1024])


def _persistent(meta: Any) -> Inert:
    """StyleGAN's programs store a module's class as source text, which is left alone, beside its name and state."""
    if not isinstance(meta, dict) or type(meta.get("class_name")) is not str:
        raise Refused("a persistent object has no class")
    made = Inert(meta["class_name"][:256])
    made.state = meta.get("state")
    return made


def inert_objects() -> dict[str, Any]:
    """Functions by the names through which pickles make objects of a class."""
    table: dict[str, Any] = {f"{module}._reconstructor": _reconstructed for module in ("copyreg", "copy_reg")}
    table["torch_utils.persistence._reconstruct_persistent_obj"] = _persistent
    return table | {f"{module}.getattr": _member for module in ("builtins", "__builtin__")}
