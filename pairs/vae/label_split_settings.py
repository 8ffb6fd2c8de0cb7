"""Settings and parameters of the family of :mod:`pairs.vae.label_split`, whose docstring has the equations."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, NamedTuple, get_args

import optax
from jax import Array

from ..errors import InputError
from .nets import Mlp, VaeConfig
from .train import adam, check_positive

__all__ = ["LabelSplit", "Nets", "Observed", "PAPER"]


Observed = Literal["sample", "mean", "both"]


@dataclasses.dataclass(frozen=True)
class LabelSplit:
    r"""Settings; the symbols are those of the module.

    Attributes:
      model: Sizes of the autoencoder; its ``latent`` is the width of :math:`z_u`.
      classes: Number of labels.
      label_width: Width of :math:`z_s`.
      margin: a.
      likelihood: :math:`\lambda`, weight of the label code's density.
      rec_weight: :math:`w_r`.
      kl_weight: :math:`w_k`, weight of the style's KL.
      adversary_weight: Weight of the term that confuses the adversary.
      adversary_on: What the adversary sees: ``sample``, ``mean`` or ``both``.
      independence: h, weight of the dependence of the style's mean on the label.
      consistency: r, weight of the label in swaps.
      shift: Pixels by which images for :math:`L_{GM}` are moved at most, each way.
      gm_steps: Turns of the label encoder per round.
      adversary_steps: Turns of the adversary per round.
      batch: Images per turn.
      learning_rate: Adam's.

    Raises:
      InputError: a value out of range, with the field's name.
    """

    model: VaeConfig = VaeConfig(latent=32, sample_range=(-1.0, 1.0))
    classes: int = 10
    label_width: int = 16
    margin: float = 0.0
    likelihood: float = 1.0
    rec_weight: float = 10.0
    kl_weight: float = 0.1
    adversary_weight: float = 1.0
    adversary_on: Observed = "sample"
    independence: float = 0.0
    consistency: float = 0.3
    shift: int = 2
    gm_steps: int = 3
    adversary_steps: int = 3
    batch: int = 96
    learning_rate: float = 5e-4

    def __post_init__(self) -> None:
        check_positive(self, "label_width", "rec_weight", "gm_steps", "adversary_steps", "batch", "learning_rate")
        check_positive(self, "margin", "likelihood", "kl_weight", "adversary_weight", "shift", zero=True)
        check_positive(self, "independence", "consistency", zero=True)
        if not isinstance(self.shift, int):
            raise InputError("shift", f"is {self.shift!r}", "give whole pixels, 0 for none")
        if self.classes < 2:
            raise InputError("classes", f"is {self.classes}", "give at least 2")
        if self.adversary_on not in get_args(Observed):
            raise InputError("adversary_on", f"is {self.adversary_on!r}", f"use one of {', '.join(get_args(Observed))}")

    @property
    def label_encoder(self) -> Mlp:
        """The encoder of the label code."""
        return Mlp(self.model.sample_shape, (self.label_width,), self.model.hidden, self.model.activation)

    @property
    def decoder(self) -> Mlp:
        """The decoder of both codes."""
        return dataclasses.replace(self.model.decoder, inputs=(self.label_width + self.model.latent,))

    @property
    def optimizer(self) -> optax.GradientTransformation:
        """Adam as every part uses it."""
        return adam(self.learning_rate, b1=0.0, b2=0.9)

    @property
    def adversary(self) -> Mlp:
        """The classifier that tries to read the label off the style."""
        return Mlp((self.model.latent,), (self.classes,), (256,), "relu")


PAPER: dict[str, Any] = {"likelihood": 0.1, "consistency": 0.0, "shift": 0}


class Nets(NamedTuple):
    """Parameters: label encoder, style encoder, decoder, adversary, class means and raw precisions v."""

    label: Any
    style: Any
    decoder: Any
    adversary: Any
    means: Array
    raw: Array
