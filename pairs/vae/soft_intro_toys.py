"""Soft-IntroVAE on the toy sets: the published weights, at half the published width and batch.

Batch, rate and warm-up are kept: at 5e-4, batch 128 and 1,000 steps of warm-up training can end in a single mode.
"""

from __future__ import annotations

from .nets import VaeConfig
from .soft_intro_settings import SoftIntro
from .toys import toy

__all__ = ["for_toy"]

_TOY_WEIGHTS = {  # beta_rec, beta_kl, beta_neg; then beta_rec, beta_kl of the plain VAE
    "8-gaussians": (0.2, 0.3, 0.9, 0.8, 0.05),
    "2-spirals": (0.2, 0.5, 1.0, 1.0, 0.05),
    "checkerboard": (0.2, 0.1, 0.2, 0.8, 0.1),
    "rings": (0.2, 0.2, 1.0, 0.8, 0.05),
}


def for_toy(name: str, plain: bool = False, steps: int = 12_000, hidden: tuple[int, ...] = (128,) * 4) -> SoftIntro:
    """Settings for a toy set; ``plain`` gives the VAE control, with weights of its own.

    >>> for_toy("rings").beta_neg
    1.0
    """
    toy(name)
    rec, kl, neg, plain_rec, plain_kl = _TOY_WEIGHTS[name]
    model = VaeConfig((2,), 2, hidden, "relu", None, "uniform")
    return SoftIntro(
        model,
        name,
        plain_rec if plain else rec,
        plain_kl if plain else kl,
        neg,
        0.5,
        warmup=2000,
        scaled_warmup=False,
        batch=256,
        learning_rate=2e-4,
        decay_at=(steps * 3 // 5, steps * 17 // 20),
        plain=plain,
    )
