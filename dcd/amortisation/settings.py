"""Settings of amortisation, and what an amortisation reports."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from pairs import InputError
from pairs.checks import check_count, check_number
from pairs.flows.couplings import MOST_BINS, MOST_LAYERS, MOST_WIDTH

__all__ = ["Amortise", "AmortiseReport"]

SMALL = 8
"""Latents of at most so many coordinates get splines by default."""


@dataclasses.dataclass(frozen=True)
class Amortise:
    r"""How :func:`dcd.amortise` trains a flow for a frozen pair.

    Attributes:
      steps: Number of updates.
      batch: Latents of an update, for each of the two divergences.
      learning_rate: Adam's at the start; it falls to 0 as a cosine.
      layers: Coupling layers.
      width: Hidden units of each layer's net.
      bins: Bins of the layers' splines, 0 for none; None for 16 where latents have at most 8 coordinates, else 0.
      chain_weight: Weight :math:`\lambda` in [0, 1] of the divergence to samples of the chain. At 0 the flow learns
        from the target alone, at 1 from the chain's samples alone. None trains both flows and keeps the one whose
        samples are nearer to further samples of the chain.
      pool: Samples of the chain to learn from.
      transport: Weight :math:`\omega` of the cost of transport, so that the flow of a short chain moves latents no
        further than the chain does. At 0 the flow learns the law that an endless chain would sample.
      warm: Share of the updates over which the critic's scale rises from 0 to its value. A flow that meets the whole
        critic at once may drop modes.
      ema: Decay of the averaged parameters, which are the ones that are kept.

    Raises:
      InputError: A value is out of range; the error names the field.

    Example:
      >>> Amortise(steps=100).trials(True)
      (0.0, 1.0)
    """

    steps: int = 3000
    batch: int = 256
    learning_rate: float = 1e-3
    layers: int = 6
    width: int = 64
    bins: int | None = None
    chain_weight: float | None = None
    pool: int = 4000
    transport: float = 0.0
    warm: float = 0.2
    ema: float = 0.995

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        for name, most in (("steps", 10**9), ("batch", 2**16), ("layers", MOST_LAYERS), ("width", MOST_WIDTH)):
            check_count(name, getattr(self, name), 1, most)
        if self.bins is not None:
            check_count("bins", self.bins, 0, MOST_BINS)
            if self.bins == 1:
                raise InputError("bins", "is 1", "give 0 for none, or at least 2")
        check_count("pool", self.pool, 64)
        check_number("learning_rate", self.learning_rate, above=0.0, at_most=1.0)
        if self.chain_weight is not None:
            check_number("chain_weight", self.chain_weight, at_least=0.0, at_most=1.0)
        check_number("transport", self.transport, at_least=0.0, at_most=1e6)
        check_number("warm", self.warm, at_least=0.0, below=1.0)
        check_number("ema", self.ema, at_least=0.0, below=1.0)

    def bins_for(self, size: int) -> int:
        """The field ``bins``, or its default for latents of ``size`` coordinates."""
        return self.bins if self.bins is not None else 16 if size <= SMALL else 0

    def trials(self, lawful: bool) -> tuple[float, ...]:
        """The weights to try; without a density that the chain samples, only its samples can be learned."""
        if self.chain_weight is not None:
            return (self.chain_weight,)
        return (0.0, 1.0) if lawful else (1.0,)

    def replace(self, **changes: Any) -> Amortise:
        """A copy with some settings changed, validated again."""
        return dataclasses.replace(self, **changes)


class AmortiseReport(NamedTuple):
    r"""What an amortisation did.

    Attributes:
      settings: Settings in JSON form.
      chain: Settings of the chain whose target was learned, in JSON form.
      nearness: 1 minus the energy distance of the flow's samples to the chain's over that of the generator's: 1 where
        flow and chain have one law, 0 where the flow is as far as the generator, below 0 where it is further. None
        where the chain makes no steps, or does not differ measurably from the generator.
      energy_distance: Energy distance of the flow's samples to further samples of the chain, by which the flow was
        chosen. It and the next two are None where the chain makes no steps.
      energy_distance_before: That of the generator's samples.
      energy_distance_error: Standard error of the latter if chain and generator had one law. Nearness is measured where
        the latter is above 5 of these.
      effective_share: :math:`(\sum w)^2 / (n \sum w^2)` of n fresh samples with importance weights
        :math:`w = \pi / q`, between 1/n and 1: how many samples of the target one of the flow is worth as a proposal.
        None where the chain has no density that it samples.
      score_before: Mean score of the generator's samples.
      score_after: Mean score of the flow's samples.
      score_of_chain: Mean score of the chain's samples; None where no chain was run.
      evaluations: Gradient evaluations through both nets: of the chain, and of every flow that was trained.
      seconds: Duration.
      tried: Nearness by weight of the chain's samples, of every flow that was trained.
      history: ``step`` and the losses there: ``to_target`` is :math:`KL(q \Vert \pi)` and ``from_chain``
        :math:`KL(\text{chain} \Vert q)`, both up to a constant; ``transport`` is the cost of transport.
    """

    settings: dict[str, Any]
    chain: dict[str, Any]
    nearness: float | None
    energy_distance: float | None
    energy_distance_before: float | None
    energy_distance_error: float | None
    effective_share: float | None
    score_before: float
    score_after: float
    score_of_chain: float | None
    evaluations: int
    seconds: float
    tried: dict[str, float | None]
    history: dict[str, list[float]]

    def to_dict(self) -> dict[str, Any]:
        """Return the report in JSON form."""
        return self._asdict()
