"""What a family is: how its nets are told from others, and how they are built."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pairs import CriticKind, Net
from pairs.sequential.layers import Layers, Shape
from pairs.sequential.parsing import parse_layers

from ..conversion import Row
from .names import Names

__all__ = ["Family", "NativeNet", "NetPlan", "plan"]

Tensors = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class NativeNet:
    """How a net that no layer list expresses is built.

    Attributes:
      settings: What the shapes say, equal for equal nets.
      build: The net and the rows of its table, from the tensors and the settings.
    """

    settings: Any
    build: Callable[[Tensors, Any], tuple[Net, tuple[Row, ...]]] = dataclasses.field(compare=False)


@dataclasses.dataclass(frozen=True)
class NetPlan:
    """A net of a family, as its shapes tell it.

    Attributes:
      words: What it is, for the message: ``"32 x 32 x 3, 128 latents, 256 channels"``.
      input_shape: Shape of one input, channels last: of a latent, or of a sample.
      output_shape: Shape of one output, channels last.
      layers: Its layers, where a layer list expresses it; every layer with tensors has their name.
      native: How it is built, where no layer list does.
      classes: Number of labels.
      ignore: Tensors that only training needs.
      notes: What was decided, one sentence each.
    """

    words: str
    input_shape: Shape
    output_shape: Shape
    layers: Layers = ()
    native: NativeNet | None = None
    classes: int | None = None
    ignore: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Family:
    """A published family.

    Attributes:
      name: What ``--family`` takes.
      title: What messages call it.
      files: What its files are called and hold.
      source: Where it was published.
      critic_kind: What a score of its critic means.
      generator: The plan of a generator, or ``None`` for the names of another net.
      critic: The plan of a critic for that generator, or ``None``.
      sample_range: Of the samples.
    """

    name: str
    title: str
    files: str
    source: str
    critic_kind: CriticKind
    generator: Callable[[Names], NetPlan | None]
    critic: Callable[[Names, NetPlan], NetPlan | None]
    sample_range: tuple[float, float] = (-1.0, 1.0)


def plan(
    words: str, input_shape: Shape, output_shape: Shape, layers: Sequence[Mapping[str, Any]], **more: Any
) -> NetPlan:
    """A plan from a layer list in its JSON form."""
    return NetPlan(words, input_shape, output_shape, parse_layers(layers), **more)
