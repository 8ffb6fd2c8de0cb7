"""Settings of :mod:`pairs.vae.soft_intro`, whose docstring has the equations."""

from __future__ import annotations

import dataclasses

from ..errors import InputError
from .nets import VaeConfig
from .toys import toy
from .train import check_positive

__all__ = ["SoftIntro"]


@dataclasses.dataclass(frozen=True)
class SoftIntro:
    """Settings; the symbols are those of the module.

    Attributes:
      model: Sizes of the autoencoder.
      toy: Name of a set in the plane, drawn afresh for every batch; None for images.
      beta_rec: Weight of the reconstruction.
      beta_kl: Weight of the KL of data.
      beta_neg: Weight of the KL of samples in the encoder's loss.
      scale: s; None is one over the coordinates of a sample.
      gamma: Weight of the reconstruction of samples; 1e-8 in the released code, which no weight can feel. The bootstrap
        variant takes 1.
      warmup: Updates of the plain VAE at the beginning.
      scaled_warmup: Whether the loss of the warm-up is multiplied by s, as every other step is.
      batch: Samples per update.
      learning_rate: Adam's.
      decay_at: Steps at which the rate is divided by ten.
      bootstrap: Updates between two copies of the target decoder; 0 for none.
      plain: Whether the plain VAE of the same sizes is trained throughout, as a control.

    Raises:
      InputError: a value out of range, with the field's name.
    """

    model: VaeConfig = VaeConfig()
    toy: str | None = None
    beta_rec: float = 1.0
    beta_kl: float = 1.0
    beta_neg: float = 128.0
    scale: float | None = None
    gamma: float = 0.0
    warmup: int = 500
    scaled_warmup: bool = True
    batch: int = 64
    learning_rate: float = 3e-4
    decay_at: tuple[int, ...] = ()
    bootstrap: int = 0
    plain: bool = False

    def __post_init__(self) -> None:
        check_positive(self, "beta_rec", "beta_kl", "beta_neg", "batch", "learning_rate")
        check_positive(self, "gamma", "warmup", "bootstrap", zero=True)
        if self.toy is not None:
            toy(self.toy)
            if self.model.sample_shape != (2,):
                raise InputError("sample_shape", f"is {self.model.sample_shape}", "toy sets take (2,)")
        elif self.model.sample_range is None:
            raise InputError("sample_range", "is missing", "images need a range, for example (0.0, 1.0)")

    @property
    def s(self) -> float:
        """The factor s of every loss."""
        return 1.0 / self.model.size if self.scale is None else self.scale
