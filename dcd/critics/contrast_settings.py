"""Settings of contrastive divergence fine-tuning, and what it reports."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, NamedTuple, get_args

from pairs import InputError

from .held_out import CriticFit
from .recovery_settings import check_count, check_number

__all__ = ["Contrast", "ContrastReport"]

ContrastLoss = Literal["wgan", "hinge"]
Starts = Literal["fresh", "persistent", "mixed"]
Stop = Literal["last", "random"]


@dataclasses.dataclass(frozen=True)
class Contrast:
    r"""How to fine-tune a critic against the chain it will drive.

    Attributes:
      loss: ``wgan`` is the contrastive divergence gradient itself; ``hinge`` as in the released image code.
      energy: :math:`\alpha` of :math:`\alpha(\mathbb{E}D(x^-)^2 + \mathbb{E}D(x)^2)`, against drift of the offset.
      starts: chains begin at the generator's samples (``fresh``), where earlier ones ended
        (``persistent``), or half and half (``mixed``).
      stop: a negative is the chain's ``last`` state, or its state after a uniformly ``random`` number of
        steps from 1, which makes the critic a guide along the whole way.
      rounds: batches of negatives.
      critic_updates: updates per batch of negatives, each with new real samples.
      batch: chains, and real samples per update.
      learning_rate: of Adam(0, 0.9).
      decay: let it fall linearly to nothing.
      ema: decay of the average of the weights, which is the critic returned (shorter memory at first).
      r1: :math:`\gamma` of :math:`\frac\gamma2\mathbb{E}\lVert\nabla D\rVert^2` at real samples.
      gradient_penalty: :math:`\lambda` of :math:`(\lVert\nabla D\rVert - t)^2` on segments between real and negative.
      penalty_target: t.
      spectral_norm: every kernel's largest singular value stays within so many times what it is at the start;
        0 for no bound.
      buffer: number of persistent chains.
      restart: chance that a persistent chain begins anew when drawn.
      holdout: fraction of the data kept for the report, at most 1,000 samples.

    Raises:
      InputError: a value out of range, with the field's name.
    """

    loss: ContrastLoss = "wgan"
    energy: float = 0.0
    starts: Starts = "fresh"
    stop: Stop = "last"
    rounds: int = 300
    critic_updates: int = 5
    batch: int = 64
    learning_rate: float = 1e-4
    decay: bool = True
    ema: float = 0.99
    r1: float = 0.0
    gradient_penalty: float = 0.0
    penalty_target: float = 1.0
    spectral_norm: float = 0.0
    buffer: int = 1024
    restart: float = 0.05
    holdout: float = 0.1

    def __post_init__(self) -> None:
        for name, allowed in (("loss", ContrastLoss), ("starts", Starts), ("stop", Stop)):
            if getattr(self, name) not in get_args(allowed):
                raise InputError(name, f"is {getattr(self, name)!r}", f"use one of {', '.join(get_args(allowed))}")
        for name in ("rounds", "critic_updates", "batch", "buffer"):
            check_count(name, getattr(self, name), 1)
        for name in ("energy", "r1", "gradient_penalty", "penalty_target", "spectral_norm"):
            check_number(name, getattr(self, name))
        check_number("learning_rate", self.learning_rate, above=True)
        check_number("ema", self.ema, below=1.0)
        check_number("holdout", self.holdout, above=True, below=0.9)
        check_number("restart", self.restart)
        if self.restart > 1:
            raise InputError("restart", f"is {self.restart!r}", "give a chance from 0 to 1")
        if self.starts != "fresh" and self.buffer < self.batch:
            raise InputError("buffer", f"is {self.buffer}, smaller than the batch of {self.batch}", "give a larger one")

    def replace(self, **changes: Any) -> Contrast:
        """A copy with some settings changed, validated again."""
        unknown = sorted(set(changes) - {f.name for f in dataclasses.fields(self)})
        if unknown:
            raise InputError(unknown[0], "is not a setting of fine-tuning", "see the attributes of dcd.Contrast")
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return dataclasses.asdict(self)


class ContrastReport(NamedTuple):
    """What fine-tuning did."""

    settings: dict[str, Any]
    chain: dict[str, Any]
    """The chain whose states were the negatives."""
    rounds: int
    updates: int
    stopped: int
    """Chains that met NaN or infinity; their last finite state was the negative."""
    before: CriticFit
    """The critic as it came, held-out data against samples refined with it."""
    after: CriticFit
    """The fine-tuned critic, against samples refined with it."""
    train_size: int
    holdout_size: int
    seconds: float
    history: dict[str, list[float]]
    """``step`` and, for the last update of that round, ``loss``, ``mean_real``, ``mean_negative``."""

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {**self._asdict(), "before": self.before._asdict(), "after": self.after._asdict()}
