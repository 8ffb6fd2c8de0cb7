"""Nets that are the user's own code, rebuilt by a function that the user names anew for every run.

A stored pair holds their numbers, the words by which the function was named, and the digest of its file. Loading runs
no code that a stored pair names: inside :func:`factory_given` it takes what the caller has brought, and refuses where
that is nothing, or where the file is not the one that the pair was made with.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen

from .errors import InputError
from .protocol import Net
from .record import Record
from .registry import Architecture, register
from .wrapping import wrap

__all__ = ["Factory", "factory_given", "factory_net"]

_NETS = ("generator", "critic")
_REMEDY = "give --factory FILE.py:FUNCTION, the function that it was imported with (in Python, load_pair with like=)"


@dataclasses.dataclass
class Factory:
    """A function of the user's that returns the modules of a pair, called when it is first needed.

    Attributes:
      words: How the user named it, ``nets.py:make``.
      sha256: Digest of its file.
      make: The call; it returns ``(generator, critic)`` or the generator alone.
      used: Whether it was needed.
    """

    words: str
    sha256: str
    make: Callable[[], Any]
    used: bool = False

    @functools.cached_property
    def modules(self) -> tuple[Any, ...]:
        """What the function returns.

        Raises:
          InputError: It fails, or returns another number of modules.
        """
        self.used = True
        made = self.make()
        nets = tuple(made) if isinstance(made, (tuple, list)) else (made,)
        if not 1 <= len(nets) <= 2:
            raise InputError("factory", f"returns {len(nets)} modules", "return (generator, critic), or the generator")
        return nets


_GIVEN: ContextVar[Factory | None] = ContextVar("factory", default=None)


@contextlib.contextmanager
def factory_given(factory: Factory | None) -> Iterator[None]:
    """Within this context stored pairs may take their nets from a factory.

    Args:
      factory: The user's; None takes an outer one away.
    """
    token = _GIVEN.set(factory)
    try:
        yield
    finally:
        _GIVEN.reset(token)


def factory_net(net: Net, factory: Factory, part: str) -> Net:
    """A net with the word of where its code comes from, so that a stored pair can be rebuilt with the factory.

    Args:
      net: Made from a module of the factory.
      factory: The factory.
      part: ``generator`` or ``critic``.

    Example:
      >>> import pairs
      >>> twice = pairs.wrap(lambda p, x: p * x, jnp.asarray(2.0))
      >>> factory = Factory("nets.py:make", "0" * 64, lambda: twice)
      >>> factory_net(twice, factory, "generator").architecture.name
      'factory'
    """
    shapes = _shapes(net.params) if isinstance(factory.modules[_NETS.index(part)], linen.Module) else None
    config = Record(function=factory.words, sha256=factory.sha256, part=part, shapes=shapes)
    return Net(net.params, net.apply, Architecture("factory", config))


@register("factory")
def _build(config: Record) -> tuple[Callable[..., Any], Any]:
    factory, part, words = _GIVEN.get(), config.get("part"), ascii(config.get("function"))
    if part not in _NETS:
        raise InputError("factory", "is of no part of a pair", "import the checkpoint again")
    if factory is None:
        raise InputError("factory", f"is missing: the {part} is code of the user's own, once named {words}", _REMEDY)
    if factory.sha256 != config.get("sha256"):
        problem = f"'{factory.words}' is in a file that is not, byte for byte, that of {words} at the import"
        raise InputError("factory", problem, "give the file as it was, or import the checkpoint again")
    number = _NETS.index(part)
    if len(factory.modules) <= number:
        raise InputError("factory", f"'{factory.words}' returns no {part}", "return (generator, critic)")
    module = factory.modules[number]
    if isinstance(module, linen.Module):
        made = wrap(module, _template(config.get("shapes")))
        return made.apply, made.params
    made = wrap(module)
    sized = lambda leaf: jax.ShapeDtypeStruct(jnp.shape(leaf), jnp.result_type(leaf))
    return made.apply, jax.tree.map(sized, made.params)


def _shapes(params: Any) -> Any:
    """The variables of a Linen module, which alone does not say them: dtype and shape in place of each array."""
    if isinstance(params, Mapping):
        return {str(name): _shapes(part) for name, part in params.items()}
    return [jnp.result_type(params).name, *np.shape(params)]


def _template(shapes: Any) -> Any:
    if isinstance(shapes, dict):
        return {name: _template(part) for name, part in shapes.items()}
    try:
        return jax.ShapeDtypeStruct(tuple(map(int, shapes[1:])), jnp.dtype(shapes[0]))
    except (TypeError, ValueError, IndexError, OverflowError):
        raise InputError("factory", "has stored shapes that are none", "import the checkpoint again") from None
