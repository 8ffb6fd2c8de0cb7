"""What a generator/critic pair is. Everything else in the toolkit takes a :class:`Pair` first."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, Literal, get_args

import jax
from jax import Array

from .errors import InputError
from .priors import Prior
from .record import Record
from .registry import Architecture

__all__ = ["Net", "Pair", "CriticKind"]

CriticKind = Literal["wasserstein", "logit", "energy"]
"""What a score means. Higher is more real for all three.

``wasserstein``: potential of the optimal transport problem, free offset, slope about one.
``logit``: log of a density ratio, :math:`\\log p/q` up to calibration (before any sigmoid).
``energy``: minus an energy, :math:`\\log p` up to a constant.
"""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Net:
    """A network as a pytree: parameters are leaves, ``apply(params, *inputs)`` is static.

    ``apply`` must be hashable by structure, so that wrapping one architecture twice
    does not trace twice (:mod:`pairs.wrapping` sees to it). ``architecture`` is present
    where a checkpoint can rebuild the net without user code.
    """

    params: Any
    apply: Callable[..., Array] = dataclasses.field(metadata=dict(static=True))
    architecture: Architecture | None = dataclasses.field(default=None, metadata=dict(static=True))

    def __call__(self, *inputs: Any) -> Array:
        return self.apply(self.params, *inputs)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Pair:
    """A pretrained generator with the critic it was trained against.

    Attributes:
      generator: ``(batch, *latent[, labels]) -> (batch, *sample)``, values in ``sample_range``.
      critic: ``(batch, *sample[, labels]) -> (batch,)``, higher = more real, never a probability.
      prior: law of the latents.
      sample_shape: shape of one sample, ``(H, W, C)`` for images.
      sample_range: ``(low, high)`` of the samples, ``None`` where they are unbounded.
      critic_kind: see :data:`CriticKind`.
      calibrated: the critic is a density-ratio logit with its own diagnostics
        (``python -m dcd adapt`` makes one). Samplers that need a ratio refuse others.
      classes: number of labels of a conditional pair, ``None`` for an unconditional one.
      encoder: optional ``(batch, *sample) -> (batch, *latent)``.
      features: optional ``(batch, *sample) -> (batch, features)``.
      record: provenance and the chain settings the critic was adapted to.
    """

    generator: Net
    critic: Net
    prior: Prior
    sample_shape: tuple[int, ...] = dataclasses.field(metadata=dict(static=True))
    sample_range: tuple[float, float] | None = dataclasses.field(metadata=dict(static=True))
    critic_kind: CriticKind = dataclasses.field(metadata=dict(static=True))
    calibrated: bool = dataclasses.field(default=False, metadata=dict(static=True))
    classes: int | None = dataclasses.field(default=None, metadata=dict(static=True))
    encoder: Net | None = None
    features: Net | None = None
    record: Record = dataclasses.field(default_factory=Record, metadata=dict(static=True))

    def __post_init__(self) -> None:
        if self.critic_kind == "probability":
            raise InputError(
                "critic_kind",
                "is 'probability'",
                "drop the final sigmoid and declare 'logit': a probability has no usable gradient far from real data",
            )
        if self.critic_kind not in get_args(CriticKind):
            raise InputError("critic_kind", f"is {self.critic_kind!r}", f"use one of {', '.join(get_args(CriticKind))}")
        if self.calibrated and self.critic_kind != "logit":
            raise InputError("calibrated", f"is set on a '{self.critic_kind}' critic", "only a logit can be calibrated")
        if self.sample_range is not None:
            low, high = self.sample_range
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise InputError("sample_range", f"is {self.sample_range}", "give (low, high) with low < high, or None")

    def generate(self, z: Any, labels: Any = None) -> Array:
        """``G(z)``, shape ``(batch, *sample)``."""
        return self.generator(z) if labels is None else self.generator(z, labels)

    def score(self, x: Any, labels: Any = None) -> Array:
        """``D(x)``, shape ``(batch,)``, higher = more real."""
        return self.critic(x) if labels is None else self.critic(x, labels)

    @property
    def name(self) -> str:
        return str(self.record.get("name", "unnamed"))

    def replace(self, **changes: Any) -> Pair:
        """A copy with some fields replaced."""
        return dataclasses.replace(self, **changes)
