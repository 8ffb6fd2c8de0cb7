r"""Blocks: several lists of layers on one input, and what joins their outputs.

``residual`` is :math:`s\,(f(x) + g(x))` with the skip list g empty for the identity; ``add``, ``multiply``
and ``concatenate`` join any number of branches. The channels of an image are its last axis here, so that
``concatenate`` is PyTorch's ``torch.cat(..., dim=1)``.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .layers import Branches, Layer, Layers, Params, Shape, chain_shapes, run_layers

__all__ = ["Add", "Block", "Concatenate", "Multiply", "Residual"]


@dataclasses.dataclass(frozen=True)
class Block(Layer):
    """A layer made of lists of layers, all of which see the same input."""

    def _ends(self, shape: Shape) -> list[Shape]:
        return [chain_shapes(part, shape, name)[-1] for name, part in self.inner().items()]

    def out_shape(self, shape: Shape) -> Shape:
        """Shape of the joined outputs; branches are broadcast against each other."""
        ends = self._ends(shape)
        try:
            return tuple(np.broadcast_shapes(*ends))
        except ValueError:
            raise ValueError(f"joins shapes {' and '.join(map(str, ends))}: make them equal") from None

    def param_shapes(self, shape: Shape) -> Params:
        """Those of the layers inside."""
        return self._gather(shape, lambda layer, at, key: layer.param_shapes(at), jax.random.key(0))

    def init(self, key: Array, shape: Shape) -> Params:
        """Those of the layers inside."""
        return self._gather(shape, lambda layer, at, key: layer.init(key, at), key)

    def _gather(self, shape: Shape, make: Any, key: Array) -> Params:
        made: Params = {}
        for number, (name, part) in enumerate(self.inner().items()):
            keys = jax.random.split(jax.random.fold_in(key, number), max(1, len(part)))
            shapes = chain_shapes(part, shape, name)
            rows = {str(i): make(layer, at, keys[i]) for i, (layer, at) in enumerate(zip(part, shapes, strict=False))}
            made[name] = {i: p for i, p in rows.items() if p}
        return {name: p for name, p in made.items() if p}

    def converted(self) -> Layer:
        """The block of the converted layers."""
        changes = {f.name: _converted(getattr(self, f.name)) for f in dataclasses.fields(self)}
        return dataclasses.replace(self, **{**changes, "name": None, "share": None})

    def apply(self, p: Params, x: Array, labels: Array | None) -> Array:
        """Join the outputs of the lists."""
        return self.join([run_layers(part, p.get(name, {}), x, labels) for name, part in self.inner().items()])

    def join(self, parts: Sequence[Array]) -> Array:
        """One array from the outputs."""
        raise NotImplementedError

    def __call__(self, p: Params, x: Array) -> Array:
        """The block on a batch without labels."""
        return self.apply(p, x, None)


def _converted(value: Any) -> Any:
    if isinstance(value, Layer):
        return value.converted()
    return tuple(_converted(v) for v in value) if isinstance(value, tuple) else value


@dataclasses.dataclass(frozen=True)
class Residual(Block, kind="residual"):
    """``scale * (main(x) + skip(x))``; an empty ``skip`` is the identity."""

    main: Layers
    skip: Layers = ()
    scale: float = 1.0

    def inner(self) -> Mapping[str, Layers]:
        """``main`` and ``skip``."""
        return {"main": self.main, "skip": self.skip}

    def join(self, parts: Sequence[Array]) -> Array:
        """The sum, scaled."""
        y = parts[0] + parts[1]
        return y if self.scale == 1 else self.scale * y


@dataclasses.dataclass(frozen=True)
class _Branching(Block):
    branches: Branches

    def inner(self) -> Mapping[str, Layers]:
        return {f"branches[{i}]": part for i, part in enumerate(self.branches)}

    def _ends(self, shape: Shape) -> list[Shape]:
        if len(self.branches) < 2:
            raise ValueError(f"has {len(self.branches)} branches: give at least two lists of layers")
        return super()._ends(shape)


@dataclasses.dataclass(frozen=True)
class Add(_Branching, kind="add"):
    """The sum of the branches."""

    def join(self, parts: Sequence[Array]) -> Array:
        """The sum."""
        return functools.reduce(jnp.add, _aligned(parts))


@dataclasses.dataclass(frozen=True)
class Multiply(_Branching, kind="multiply"):
    """The product of the branches, number by number."""

    def join(self, parts: Sequence[Array]) -> Array:
        """The product."""
        return functools.reduce(jnp.multiply, _aligned(parts))


@dataclasses.dataclass(frozen=True)
class Concatenate(_Branching, kind="concatenate"):
    """The branches one after the other along the channels; a flat branch may join images of one pixel."""

    def out_shape(self, shape: Shape) -> Shape:
        """The channels add up."""
        ends = self._ends(shape)
        rank = max(map(len, ends))
        full = [(1,) * (rank - len(end)) + end for end in ends]
        if rank < 1 or len({end[:-1] for end in full}) > 1:
            raise ValueError(f"joins shapes {' and '.join(map(str, ends))}: only their channels may differ")
        return (*full[0][:-1], sum(end[-1] for end in full))

    def join(self, parts: Sequence[Array]) -> Array:
        """The concatenation."""
        return jnp.concatenate(_aligned(parts), axis=-1)


def _aligned(parts: Sequence[Array]) -> list[Array]:
    """All parts with the same number of axes; new axes of length one come after the batch."""
    rank = max(part.ndim for part in parts)
    return [part.reshape(part.shape[0], *(1,) * (rank - part.ndim), *part.shape[1:]) for part in parts]
