"""How the study of drafts writes down a pair of nets, and short forms of layers."""

from __future__ import annotations

import dataclasses
from typing import Any

__all__ = ["Published", "conv", "dense", "leaky", "up", "view"]

Specs = tuple[dict[str, Any], ...]


@dataclasses.dataclass(frozen=True)
class Published:
    """One pair of nets.

    Attributes:
      source: Whose list it is.
      sample: Shape of a sample, channels last.
      prior: ``normal`` or ``uniform``, and the number of latents.
      range: Of the samples, empty where they are unbounded.
      kind: What the critic is trained for.
      data: ``mnist``, ``fashion`` (tinted where there are three channels), ``waves`` or ``ring``.
      generator: Its layers.
      critic: Its layers, without a last sigmoid.
      named: Modules are attributes (``fc1``, ``conv1``) and not members of a ``Sequential``.
      steps: Updates of the generator.
      rate: Learning rate.
    """

    source: str
    sample: tuple[int, ...]
    prior: tuple[str, int]
    range: tuple[float, ...]
    kind: str
    data: str
    generator: Specs
    critic: Specs
    named: bool = False
    steps: int = 200
    rate: float = 1e-3


def dense(out: int) -> dict[str, Any]:
    return {"layer": "dense", "out": out}


def conv(out: int, kernel: int, stride: int = 1, padding: int = 0, **more: Any) -> dict[str, Any]:
    return {"layer": "conv", "out": out, "kernel": kernel, "stride": stride, "padding": padding, **more}


def up(out: int, kernel: int, stride: int = 1, padding: int = 0, **more: Any) -> dict[str, Any]:
    return {"layer": "conv_transpose", "out": out, "kernel": kernel, "stride": stride, "padding": padding, **more}


def view(*shape: int) -> dict[str, Any]:
    return {"layer": "unflatten", "shape": list(shape)}


def leaky(slope: float) -> dict[str, Any]:
    return {"layer": "leaky_relu", "slope": slope}
