"""Settings that every training of a critic shares, with one meaning of an unset penalty."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pairs import InputError
from pairs.checks import check_choice, check_count, check_number

__all__ = ["PENALTIES", "CriticTraining"]

PENALTIES = ("r1", "gradient_penalty", "spectral_norm")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CriticTraining:
    r"""Settings of the updates of a critic; :class:`dcd.Recover` and :class:`dcd.Contrast` add their own.

    A penalty is a number of at least 0, and 0 turns it off. ``None`` stands for the default of the loss, which
    :meth:`resolved` writes out.

    Attributes:
      loss: Name of the loss; the subclass lists the names.
      batch: Real samples, and as many negatives, per update; at least 1.
      learning_rate: Step size of Adam(0, 0.9); above 0.
      ema: Decay of the average of the weights, in [0, 1). The average is the critic that is returned; its memory is
        shorter during the first updates.
      r1: :math:`\gamma` of :math:`\frac\gamma2\mathbb{E}\lVert\nabla D\rVert^2` at real samples (arXiv 1801.04406).
      gradient_penalty: :math:`\lambda` of :math:`\lambda\,\mathbb{E}(\lVert\nabla D\rVert - t)^2` on segments between
        real samples and negatives (arXiv 1704.00028), with t from :attr:`penalty_target`.
      spectral_norm: Bound on the largest singular value of every kernel (arXiv 1802.05957).
      holdout: Fraction of the data that is kept for the held-out figures, above 0 and below 0.9.

    Raises:
      InputError: A value is out of range; the error names the field.
    """

    loss: str
    batch: int = 64
    learning_rate: float = 2e-4
    ema: float = 0.999
    r1: float | None = None
    gradient_penalty: float | None = None
    spectral_norm: float | None = None
    holdout: float = 0.1

    losses: ClassVar[tuple[str, ...]] = ()
    defaults: ClassVar[Mapping[str, Mapping[str, float]]] = {}

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        check_choice("loss", self.loss, self.losses)
        for name in PENALTIES:
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), at_least=0.0)
        check_count("batch", self.batch)
        check_number("learning_rate", self.learning_rate, above=0.0)
        check_number("ema", self.ema, at_least=0.0, below=1.0)
        check_number("holdout", self.holdout, above=0.0, below=0.9)

    @property
    def penalty_target(self) -> float:
        """Slope t that ``gradient_penalty`` asks for."""
        return 1.0

    def resolved(self) -> Self:
        """Return a copy in which the default of the loss replaces every penalty that is ``None``."""
        found = {name: self.defaults.get(self.loss, {}).get(name, 0.0) for name in PENALTIES}
        return dataclasses.replace(self, **{k: v for k, v in found.items() if getattr(self, k) is None})

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some settings changed, checked again.

        Args:
          **changes: New values by field.

        Raises:
          InputError: A field does not exist, or its value is out of range.
        """
        unknown = sorted(set(changes) - {f.name for f in dataclasses.fields(self)})
        if unknown:
            name = type(self).__name__
            raise InputError(unknown[0], f"is not a setting of {name}", f"see the attributes of dcd.{name}")
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings in JSON form."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
