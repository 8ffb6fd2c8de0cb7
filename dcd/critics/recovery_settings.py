"""Settings of critic recovery, and what a recovery reports."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple, get_args

from pairs import CriticKind, InputError
from pairs.checks import check_count, check_number
from pairs.sequential.spec import parse_layers

from .held_out import CriticFit
from .training_settings import CriticTraining

__all__ = ["Recover", "RecoverLoss", "RecoverReport"]

RecoverLoss = Literal["bce", "hinge", "wgan-gp", "kale"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recover(CriticTraining):
    r"""How :func:`dcd.recover` trains a critic for a frozen generator.

    The attributes of :class:`~dcd.critics.training_settings.CriticTraining` are settings of this class too. Their
    defaults are a batch of 64, a learning rate of 2e-4, an ``ema`` of 0.999, and by loss: ``r1`` 0.5 for ``bce``,
    ``gradient_penalty`` 10 for ``wgan-gp`` and 1 for ``kale``, ``spectral_norm`` 1 for ``hinge``, else 0. A weakly
    penalised critic of a bad generator separates perfectly and carries no signal.

    Attributes:
      loss: ``bce`` and ``kale`` end in a log density ratio (critic kind ``logit``), ``hinge`` and ``wgan-gp`` in a
        transport potential (``wasserstein``).
      steps: Largest number of updates.
      shift: Augmentation on both sides, in pixels: each image is moved by up to so many, and its edge repeats.
      architecture: ``auto`` for a critic that fits the shape of the samples, ``critic`` to continue the pair's own,
        or a tuple of layers. The pair's own keeps the scale of its kernels: ``spectral_norm`` is then relative to
        their largest singular values at the start.
      holdout: Fraction of the data kept for the stopping rule; at most 2,000 samples are kept.
      evaluate_every: Updates between two measurements of the held-out loss.
      patience: Number of measurements without a gain of ``tolerance`` after which training stops. The average with the
        least held-out loss is returned.
      tolerance: A smaller fall of the held-out loss counts as no gain.

    Raises:
      InputError: A value is out of range; the error names the field.

    Example:
      >>> Recover().resolved().r1, Recover(loss="kale").critic_kind
      (0.5, 'logit')
    """

    loss: RecoverLoss = "bce"
    steps: int = 3000
    shift: int = 0
    architecture: str | tuple[Mapping[str, Any], ...] = "auto"
    evaluate_every: int = 100
    patience: int = 10
    tolerance: float = 1e-3

    losses: ClassVar[tuple[str, ...]] = get_args(RecoverLoss)
    defaults: ClassVar[Mapping[str, Mapping[str, float]]] = {
        "bce": {"r1": 0.5},
        "hinge": {"spectral_norm": 1.0},
        "wgan-gp": {"gradient_penalty": 10.0},
        "kale": {"gradient_penalty": 1.0},
    }

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        super().__post_init__()
        for name in ("steps", "evaluate_every", "patience"):
            check_count(name, getattr(self, name))
        check_count("shift", self.shift, 0)
        check_number("tolerance", self.tolerance, at_least=0.0)
        if not isinstance(self.architecture, str):
            object.__setattr__(self, "architecture", tuple(self.architecture))
            parse_layers(self.architecture, "architecture")
        elif self.architecture not in ("auto", "critic"):
            problem = f"is '{self.architecture}'"
            raise InputError("architecture", problem, "use 'auto', 'critic' or a tuple of layers")

    @property
    def critic_kind(self) -> CriticKind:
        """Meaning of the score of the recovered critic."""
        return "logit" if self.loss in ("bce", "kale") else "wasserstein"

    @property
    def penalty_target(self) -> float:
        """Slope t that ``gradient_penalty`` asks for: 1 for ``wgan-gp``, else 0."""
        return 1.0 if self.loss == "wgan-gp" else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the settings in JSON form."""
        layers = self.architecture
        plain = layers if isinstance(layers, str) else [dict(layer) for layer in layers]
        return {**super().to_dict(), "architecture": plain}


class RecoverReport(NamedTuple):
    """What a recovery did.

    Attributes:
      settings: Settings in JSON form, with the loss's defaults written out.
      steps: Updates made.
      best_step: Update whose averaged critic is returned: the one of least held-out loss.
      stopped_early: Whether the held-out loss ended the training before ``settings["steps"]``.
      held_out: Figures of the returned critic on held-out data.
      log_normaliser: Number that was subtracted from the score of a ``kale`` critic, so that the mean of exp(score)
        under the generator is 1; 0 for the other losses.
      train_size: Real samples used for training.
      holdout_size: Real samples held out.
      seconds: Duration.
      history: ``step`` and ``loss`` of training; ``held_out_step``, ``held_out_loss`` and ``held_out_auc`` of the
        measurements.
    """

    settings: dict[str, Any]
    steps: int
    best_step: int
    stopped_early: bool
    held_out: CriticFit
    log_normaliser: float
    train_size: int
    holdout_size: int
    seconds: float
    history: dict[str, list[float]]

    def to_dict(self) -> dict[str, Any]:
        """Return the report in JSON form."""
        return {**self._asdict(), "held_out": self.held_out._asdict()}
