"""From a Flax module or a plain function to a :class:`Net`, always in inference mode.

BatchNorm uses its running statistics, Dropout is off, random state is left out. What still mixes the samples of a
batch is found and refused by :mod:`pairs.pair_checks`.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, cast

from flax import linen, nnx
from flax.errors import FlaxError
from jax import Array

from .errors import InputError
from .protocol import Net
from .registry import Architecture

__all__ = ["wrap"]

_OFF = ("train", "training", "is_training", "is_train")
_ON = ("deterministic", "use_running_average", "inference", "eval_mode")


@dataclasses.dataclass(frozen=True)
class NnxApply:
    """Calls an NNX module given its state; equal for equal structure.

    Random streams play no part in inference: kept aside, so that parameters are numbers only.
    """

    graphdef: Any
    randomness: Any = dataclasses.field(compare=False)

    def __call__(self, state: Any, *inputs: Any) -> Array:
        return nnx.merge(self.graphdef, self.randomness, state)(*inputs)


@dataclasses.dataclass(frozen=True)
class LinenApply:
    """Calls a Linen module with fixed keyword arguments; Linen modules compare by content."""

    module: linen.Module
    kwargs: tuple[tuple[str, bool], ...] = ()

    def __call__(self, variables: Any, *inputs: Any) -> Array:
        try:
            run = cast(Callable[..., Array], self.module.apply)
            return run(variables, *inputs, **dict(self.kwargs))
        except FlaxError as error:
            first = str(error).split("(https", 1)[0]
            raise InputError(
                "module",
                f"does not run in inference mode: {first}",
                "give BatchNorm use_running_average=True (or a 'train' argument that sets it)",
            ) from None


@dataclasses.dataclass(frozen=True)
class Parameterless:
    """Calls a function of the inputs alone, ``f(x)``."""

    function: Callable[..., Array]

    def __call__(self, params: Any, *inputs: Any) -> Array:
        """The function of the first input; labels are not read."""
        return self.function(inputs[0])


@dataclasses.dataclass(frozen=True)
class Squeezed:
    """Drops a trailing axis of length one: critics that return ``(batch, 1)``."""

    inner: Callable[..., Array]

    def __call__(self, params: Any, *inputs: Any) -> Array:
        y = self.inner(params, *inputs)
        return y[..., 0] if y.ndim == 2 and y.shape[-1] == 1 else y


def wrap(model: Any, params: Any = None, *, squeeze: bool = False, architecture: Architecture | None = None) -> Net:
    """Make a :class:`Net`.

    Args:
      model: an NNX module (``params`` stays empty), a Linen module (``params`` are its
        variables), or a function ``f(params, *inputs)``, or ``f(input)`` without ``params``. Define functions once, at
        module level: every new lambda is a new architecture and a new trace.
      params: pytree of arrays.
      squeeze: drop a trailing axis of length one (critics that return ``(batch, 1)``).
      architecture: how a checkpoint rebuilds the net without your code.

    Raises:
      InputError: neither module nor function, missing variables, a module stuck in training mode.

    >>> import jax.numpy as jnp
    >>> net = wrap(lambda p, x: p * x, jnp.asarray(2.0))
    >>> float(net(jnp.asarray(3.0)))
    6.0
    """
    apply: Callable[..., Array]
    if isinstance(model, Net):
        apply, params, architecture = model.apply, model.params, architecture or model.architecture
    elif isinstance(model, nnx.Module):
        view = nnx.view(model, use_running_average=True, deterministic=True, raise_if_not_found=False)
        graphdef, randomness, state = nnx.split(view, nnx.RngState, ...)
        apply, params = NnxApply(graphdef, randomness), nnx.as_pure(state)
    elif isinstance(model, linen.Module):
        if params is None:
            raise InputError("params", "are missing for a Linen module", "give its variables, {'params': ...}")
        apply = LinenApply(model, _inference_arguments(model))
    elif any(base.__module__.startswith("torch.") for base in type(model).__mro__):
        remedy = "save its state_dict, describe its layers in a pair.toml, and give that to 'ganrefine import'"
        raise InputError("model", f"is a PyTorch module ({type(model).__name__})", remedy)
    elif callable(model):
        function = cast(Callable[..., Array], model)
        apply = Parameterless(function) if params is None and _positions(function) == 1 else function
    else:
        raise InputError("model", f"is a {type(model).__name__}", "give an NNX module, a Linen module or a function")
    return Net(params, Squeezed(apply) if squeeze else apply, architecture)


def _positions(function: Callable[..., Any]) -> int | None:
    """Number of positional arguments that a function takes; ``None`` where it takes any number, or does not say."""
    try:
        given = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_POSITIONAL for p in given):
        return None
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in given)


def _inference_arguments(module: linen.Module) -> tuple[tuple[str, bool], ...]:
    names = inspect.signature(type(module).__call__).parameters
    return tuple((n, False) for n in _OFF if n in names) + tuple((n, True) for n in _ON if n in names)
