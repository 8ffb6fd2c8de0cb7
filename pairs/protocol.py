"""What a generator/critic pair is. Everything else in the toolkit takes a :class:`Pair` first."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, Literal, get_args

import jax
from jax import Array

from .errors import InputError, printable
from .priors import Prior
from .record import Record
from .registry import Architecture

__all__ = ["CriticKind", "Net", "NoCritic", "Pair"]

CriticKind = Literal["wasserstein", "logit", "energy", "least_squares"]
"""What a score means. Higher is more real for all of them.

``wasserstein``: potential of the optimal transport problem, free offset, slope about one.
``logit``: log of a density ratio, :math:`\\log p/q` up to calibration (before any sigmoid).
``energy``: minus an energy, :math:`\\log p` up to a constant.
``least_squares``: trained towards 1 on real and 0 on fake samples (LSGAN, arXiv:1611.04076). The best such critic is
:math:`D = p/(p+q)`, so that :math:`\\log p/q = \\log(D/(1-D))`; calibration finds the ratio of a real one.
"""


@functools.partial(jax.jit, static_argnums=0, inline=True)
def _apply(apply: Callable[..., Array], params: Any, *inputs: Any) -> Array:
    return apply(params, *inputs)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, repr=False)
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
        """The net on a batch, one compiled program for each shape; part of the caller's where that is compiled."""
        return _apply(self.apply, self.params, *inputs)

    @property
    def size(self) -> int:
        """Numbers in all parameters together."""
        return sum(math.prod(getattr(leaf, "shape", ())) for leaf in jax.tree.leaves(self.params))

    def __repr__(self) -> str:
        """Kind and size, without the numbers."""
        kind = self.architecture.name if self.architecture else type(self.apply).__name__
        return f"{kind} net of {self.size:,} parameters"


@dataclasses.dataclass(frozen=True)
class NoCritic:
    """Stands in for the critic of a pair that has none yet: every use of it says how to make one."""

    def __call__(self, params: Any, *inputs: Any) -> Array:
        """Refuse.

        Raises:
          InputError: always.
        """
        raise InputError(
            "critic",
            "is missing: this pair has a generator alone",
            "make one with 'ganrefine adapt PAIR DATA' (dcd.recover in Python)",
        )


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, repr=False)
class Pair:
    """A pretrained generator with the critic it was trained against.

    :func:`pairs.make_pair` also makes a pair without a critic: then ``adapt`` and ``tune`` make one, and everything
    that needs a score before says so. :attr:`has_critic` tells.

    Attributes:
      generator: ``(batch, *latent[, labels]) -> (batch, *sample)``, values in ``sample_range``.
      critic: ``(batch, *sample[, labels]) -> (batch,)``, higher = more real, never a probability.
      prior: law of the latents.
      sample_shape: shape of one sample, ``(H, W, C)`` for images.
      sample_range: ``(low, high)`` of the samples, ``None`` where they are unbounded.
      critic_kind: see :data:`CriticKind`; ``None`` without a critic.
      calibrated: the critic is a density-ratio logit with its own diagnostics
        (``python -m dcd adapt`` makes one). Samplers that need a ratio refuse others.
      classes: number of labels of a conditional pair, ``None`` for an unconditional one.
      encoder: optional ``(batch, *sample) -> (batch, *latent)``.
      features: optional ``(batch, *sample) -> (batch, features)``.
      classifier: optional ``(batch, *sample) -> (batch, classes)``, logits.
      record: provenance and the chain settings the critic was adapted to.
    """

    generator: Net
    critic: Net
    prior: Prior
    sample_shape: tuple[int, ...] = dataclasses.field(metadata=dict(static=True))
    sample_range: tuple[float, float] | None = dataclasses.field(metadata=dict(static=True))
    critic_kind: CriticKind | None = dataclasses.field(metadata=dict(static=True))
    calibrated: bool = dataclasses.field(default=False, metadata=dict(static=True))
    classes: int | None = dataclasses.field(default=None, metadata=dict(static=True))
    encoder: Net | None = None
    features: Net | None = None
    record: Record = dataclasses.field(default_factory=Record, metadata=dict(static=True))
    classifier: Net | None = None

    def __post_init__(self) -> None:
        if self.critic_kind == "probability":
            raise InputError(
                "critic_kind",
                "is 'probability'",
                "drop the final sigmoid and declare 'logit': a probability has no usable gradient far from real data",
            )
        if self.critic_kind is None and isinstance(self.critic, Net) and self.has_critic:
            raise InputError("critic_kind", "is missing", f"use one of {', '.join(get_args(CriticKind))}")
        if self.critic_kind not in (None, *get_args(CriticKind)):
            raise InputError("critic_kind", f"is {self.critic_kind!r}", f"use one of {', '.join(get_args(CriticKind))}")
        if self.calibrated and self.critic_kind != "logit":
            raise InputError("calibrated", f"is set on a '{self.critic_kind}' critic", "only a logit can be calibrated")
        if self.sample_range is not None:
            low, high = self.sample_range
            if not (abs(low) < 1e30 and abs(high) < 1e30 and low < high):
                raise InputError("sample_range", f"is {self.sample_range}", "give (low, high) with low < high, or None")

    def generate(self, z: Any, labels: Any = None) -> Array:
        """``G(z)``, shape ``(batch, *sample)``."""
        return self.generator(z) if labels is None else self.generator(z, labels)

    def score(self, x: Any, labels: Any = None) -> Array:
        """``D(x)``, shape ``(batch,)``, higher = more real."""
        return self.critic(x) if labels is None else self.critic(x, labels)

    @property
    def has_critic(self) -> bool:
        """Whether there is a critic; a pair of a generator alone has none."""
        return not isinstance(getattr(self.critic, "apply", None), NoCritic)

    def __repr__(self) -> str:
        """A few lines: what it is and where it comes from, without its numbers."""
        size = " x ".join(map(str, self.sample_shape))
        span = "unbounded" if self.sample_range is None else f"in [{self.sample_range[0]:g}, {self.sample_range[1]:g}]"
        labels = f", {self.classes} classes" if self.classes else ""
        prior = ", ".join(f"{k} {v}" for k, v in self.prior.record().items() if k != "kind" and v is not None)
        kind = f"{self.critic_kind}{', calibrated' if self.calibrated else ''}"
        lines = [
            f"pair '{self.name}': samples {size}, {span}{labels}",
            f"  prior      {self.prior.kind} ({prior})",
            f"  generator  {self.generator}",
            f"  critic     {f'{self.critic}, {kind}' if self.has_critic else 'none yet'}",
        ]
        extra = {"encoder": self.encoder, "features": self.features, "classifier": self.classifier}
        lines += [f"  {name:10} {net}" for name, net in extra.items() if net is not None]
        known = {k: self.record[k] for k in ("license", "source") if k in self.record}
        return "\n".join([*lines, *(f"  {name:10} {printable(str(value))}" for name, value in known.items())])

    @property
    def name(self) -> str:
        """The name in its record, as a terminal can show it."""
        return printable(str(self.record.get("name", "unnamed")))

    def replace(self, **changes: Any) -> Pair:
        """A copy with some fields replaced."""
        return dataclasses.replace(self, **changes)
