"""Settings of contrastive divergence fine-tuning, and what it reports."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Literal, NamedTuple, get_args

from pairs import InputError
from pairs.checks import check_choice, check_count, check_number

from .held_out import CriticFit
from .training_settings import CriticTraining

__all__ = ["ON_FEATURES", "Contrast", "ContrastReport"]

ON_FEATURES = 0.05
"""A weight of ``r1`` for the head of a critic on features: without a penalty it is soon too steep for the chain."""

ContrastLoss = Literal["wgan", "hinge"]
ChainStarts = Literal["fresh", "persistent", "mixed"]
ChainStop = Literal["last", "random"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contrast(CriticTraining):
    r"""How :func:`dcd.contrast` fine-tunes a critic against the chain that the critic will drive.

    The attributes of :class:`~dcd.critics.training_settings.CriticTraining` are settings of this class too; no
    penalty is on by default. The learning rate falls linearly over the run.

    Attributes:
      loss: ``wgan`` is the contrastive divergence gradient itself; ``hinge`` is the form of the code released with
        arXiv 2004.01704 for images.
      learning_rate: Step size of Adam(0, ``adam_decay``) at the first update; above 0.
      adam_decay: Decay of Adam's average of squared gradients, in (0, 1).
      final_rate: What is left of the learning rate at the end of the run, as a fraction in [0, 1].
      ema: Decay of the average of the weights, in [0, 1).
      spectral_norm: Bound on the largest singular value of every kernel, relative to its value at the start.
      energy: :math:`\alpha` of :math:`\alpha(\mathbb{E}D(x^-)^2 + \mathbb{E}D(x)^2)`, which holds the offset of the
        score in place.
      starts: Chains begin at the generator's samples (``fresh``), where earlier chains ended (``persistent``), or
        half and half (``mixed``).
      stop: A negative is the ``last`` state of a chain, or its state after a uniformly ``random`` number of steps
        from 1 on, which makes the critic a guide along the whole way.
      rounds: Batches of negatives.
      critic_updates: Updates per batch of negatives, each with new real samples.
      buffer: Number of persistent chains; at least ``batch`` unless every chain is fresh.
      restart: Probability that a persistent chain begins anew when it is drawn, in [0, 1].
      holdout: Fraction of the data kept for the report; at most 1,000 samples are kept.

    Raises:
      InputError: A value is out of range; the error names the field.

    Example:
      >>> Contrast(rounds=10).replace(starts="persistent").buffer
      1024
    """

    loss: ContrastLoss = "wgan"
    learning_rate: float = 1e-4
    adam_decay: float = 0.9
    final_rate: float = 0.0
    ema: float = 0.99
    energy: float = 0.0
    starts: ChainStarts = "fresh"
    stop: ChainStop = "last"
    rounds: int = 300
    critic_updates: int = 5
    buffer: int = 1024
    restart: float = 0.05

    losses: ClassVar[tuple[str, ...]] = get_args(ContrastLoss)

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        check_choice("starts", self.starts, get_args(ChainStarts))
        check_choice("stop", self.stop, get_args(ChainStop))
        for name in ("rounds", "critic_updates", "buffer"):
            check_count(name, getattr(self, name))
        check_number("adam_decay", self.adam_decay, above=0.0, below=1.0)
        check_number("final_rate", self.final_rate, at_least=0.0, at_most=1.0)
        check_number("energy", self.energy, at_least=0.0)
        check_number("restart", self.restart, at_least=0.0, at_most=1.0)
        if self.starts != "fresh" and self.buffer < self.batch:
            raise InputError("buffer", f"is {self.buffer}, smaller than the batch of {self.batch}", "give a larger one")


class ContrastReport(NamedTuple):
    """What fine-tuning did.

    Attributes:
      settings: Settings in JSON form.
      chain: Settings of the chain whose states were the negatives.
      rounds: Batches of negatives.
      updates: Updates of the critic.
      stopped: Chains that met NaN or infinity; the negative of such a chain is its last finite state.
      before: Figures of the critic as it came, on held-out data against samples refined with it.
      after: Figures of the fine-tuned critic against samples refined with it.
      train_size: Real samples used for training.
      holdout_size: Real samples held out.
      seconds: Duration.
      history: ``step`` (rounds done) and, for the last update of that round, ``loss``, ``mean_real`` and
        ``mean_negative``.
    """

    settings: dict[str, Any]
    chain: dict[str, Any]
    rounds: int
    updates: int
    stopped: int
    before: CriticFit
    after: CriticFit
    train_size: int
    holdout_size: int
    seconds: float
    history: dict[str, list[float]]

    def to_dict(self) -> dict[str, Any]:
        """Return the report in JSON form."""
        return {**self._asdict(), "before": self.before._asdict(), "after": self.after._asdict()}
