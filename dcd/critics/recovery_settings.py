"""Settings of critic recovery, and what a recovery reports."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args

from pairs import CriticKind, InputError
from pairs.sequential.spec import parse_layers

from .held_out import CriticFit

__all__ = ["Recover", "RecoverReport", "check_number", "check_count"]

RecoverLoss = Literal["bce", "hinge", "wgan-gp", "kale"]
_DEFAULTS: dict[str, dict[str, float]] = {
    "bce": {"r1": 0.5},
    "hinge": {"spectral_norm": 1.0},
    "wgan-gp": {"gradient_penalty": 10.0, "penalty_target": 1.0},
    "kale": {"gradient_penalty": 1.0},
}
_PENALTIES = ("r1", "r2", "gradient_penalty", "penalty_target", "spectral_norm")


@dataclasses.dataclass(frozen=True)
class Recover:
    r"""How to train a critic for a frozen generator. ``None`` among the penalties means the loss's own default.

    Attributes:
      loss: ``bce`` and ``kale`` end in a log density ratio (critic kind ``logit``), ``hinge`` and ``wgan-gp``
        in a transport potential (``wasserstein``).
      r1: :math:`\gamma` of :math:`\frac\gamma2\mathbb{E}\lVert\nabla D\rVert^2` at real samples, on every step;
        0.5 for ``bce``. A weakly penalised critic of a bad generator separates perfectly and carries no signal.
      r2: the same at generated samples.
      gradient_penalty: :math:`\lambda` of :math:`(\lVert\nabla D\rVert - t)^2` on segments between the two
        sides; 10 for ``wgan-gp``, 1 for ``kale``.
      penalty_target: t; 1 for ``wgan-gp``, else 0.
      spectral_norm: bound on every kernel's largest singular value; 1 for ``hinge``.
      steps: updates at most.
      batch: real and generated samples per update, each.
      learning_rate: of Adam(0, 0.9).
      ema: decay of the average of the weights, which is the critic returned (shorter memory at first).
      instance_noise: standard deviation of Gaussian noise on both sides.
      noise_decay: let that noise fall linearly to nothing.
      shift: augmentation on both sides, each image moved by up to so many pixels (the edge repeats).
      floor: the new critic sees ``max(x, floor)``: hides what the generator cannot get right at the dark end (a
        background that is never quite black separates the two sides at once and teaches nothing else).
      pool: the new critic sees images averaged over squares of that side, which hides fine texture.
      architecture: ``auto`` by sample shape, ``critic`` to go on with the pair's own, or a tuple of layers.
      holdout: fraction of the data kept for the stopping rule, at most 2,000 samples.
      evaluate_every: updates between two looks at the held-out loss.
      patience: looks without gain of ``tolerance`` after which to stop; the best average is returned.
      tolerance: a smaller fall of the held-out loss is no gain.

    Raises:
      InputError: a value out of range, with the field's name.

    >>> Recover().resolved().r1, Recover(loss="kale").critic_kind
    (0.5, 'logit')
    """

    loss: RecoverLoss = "bce"
    r1: float | None = None
    r2: float | None = None
    gradient_penalty: float | None = None
    penalty_target: float | None = None
    spectral_norm: float | None = None
    steps: int = 3000
    batch: int = 64
    learning_rate: float = 2e-4
    ema: float = 0.999
    instance_noise: float = 0.0
    noise_decay: bool = False
    shift: int = 0
    floor: float | None = None
    pool: int = 1
    architecture: str | tuple[Mapping[str, Any], ...] = "auto"
    holdout: float = 0.1
    evaluate_every: int = 100
    patience: int = 10
    tolerance: float = 1e-3

    def __post_init__(self) -> None:
        if self.loss not in get_args(RecoverLoss):
            raise InputError("loss", f"is {self.loss!r}", f"use one of {', '.join(get_args(RecoverLoss))}")
        for name in _PENALTIES:
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name))
        for name in ("steps", "batch", "evaluate_every", "patience"):
            check_count(name, getattr(self, name), 1)
        check_count("shift", self.shift, 0)
        check_count("pool", self.pool, 1)
        if self.floor is not None:
            check_number("floor", abs(self.floor))
        if self.architecture != "auto" and (self.floor is not None or self.pool != 1):
            raise InputError(
                "floor", "or pool is set for a given architecture", "put such layers into it, or use 'auto'"
            )
        for name in ("instance_noise", "tolerance"):
            check_number(name, getattr(self, name))
        check_number("learning_rate", self.learning_rate, above=True)
        check_number("ema", self.ema, below=1.0)
        check_number("holdout", self.holdout, above=True, below=0.9)
        if isinstance(self.architecture, str):
            if self.architecture not in ("auto", "critic"):
                raise InputError(
                    "architecture", f"is '{self.architecture}'", "use 'auto', 'critic' or a tuple of layers"
                )
        else:
            object.__setattr__(self, "architecture", tuple(self.architecture))
            parse_layers(self.architecture, "architecture")

    @property
    def critic_kind(self) -> CriticKind:
        """What the score of the result means."""
        return "logit" if self.loss in ("bce", "kale") else "wasserstein"

    def resolved(self) -> Recover:
        """A copy with the loss's defaults written out."""
        defaults = {name: _DEFAULTS[self.loss].get(name, 0.0) for name in _PENALTIES}
        return dataclasses.replace(self, **{k: v for k, v in defaults.items() if getattr(self, k) is None})

    def replace(self, **changes: Any) -> Recover:
        """A copy with some settings changed, validated again."""
        unknown = sorted(set(changes) - {f.name for f in dataclasses.fields(self)})
        if unknown:
            raise InputError(unknown[0], "is not a setting of recovery", "see the attributes of dcd.Recover")
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        layers = self.architecture
        plain = layers if isinstance(layers, str) else [dict(layer) for layer in layers]
        return {**{f.name: getattr(self, f.name) for f in dataclasses.fields(self)}, "architecture": plain}


class RecoverReport(NamedTuple):
    """What a recovery did."""

    settings: dict[str, Any]
    steps: int
    """Updates made."""
    best_step: int
    """Update whose averaged critic is returned: the one of least held-out loss."""
    stopped_early: bool
    held_out: CriticFit
    log_normaliser: float
    """What was subtracted so that the mean of exp(score) under the generator is 1 (``kale``)."""
    train_size: int
    holdout_size: int
    seconds: float
    history: dict[str, list[float]]
    """``step`` and ``loss`` of training; ``held_out_step``, ``held_out_loss`` and ``held_out_auc`` of the looks."""

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {**self._asdict(), "held_out": self.held_out._asdict()}


def check_number(field: str, value: Any, *, above: bool = False, below: float = math.inf) -> None:
    """A finite number of at least 0 (``above``: more than 0) and less than ``below``."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InputError(field, f"is {value!r}", "give a finite number")
    if value < 0 or (above and value == 0) or value >= below:
        limit = "" if below == math.inf else f" and below {below:g}"
        raise InputError(field, f"is {value!r}", f"give a number {'above' if above else 'of at least'} 0{limit}")


def check_count(field: str, value: Any, least: int) -> None:
    """A whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(field, f"is {value!r}", f"give a whole number of at least {least}")
