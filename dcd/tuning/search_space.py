"""Choices that are worth a trial on an unknown pair, for each variant of its critic."""

from __future__ import annotations

import itertools

from pairs import Pair

from ..langevin.settings import Langevin
from .choices import Choice

__all__ = ["default_choices"]

# step sizes by critic scale: the steeper the critic, the smaller the step it bears
STEP_SIZES_TRAINED = {1.0: (0.005, 0.02, 0.06), 3.0: (0.001, 0.005, 0.02, 0.06), 8.0: (0.001, 0.005, 0.02)}
STEP_SIZES_RAW = {0.3: (0.005, 0.02), 1.0: (0.001, 0.005, 0.02), 3.0: (0.001,)}


def default_choices(pairs: dict[str, Pair], steps: int = 100) -> list[Choice]:
    """List what is worth a trial on an unknown pair.

    Each variant gets latent chains with the prior over step sizes and critic scales. A penalised critic is too flat, so
    its scales go above 1; a raw critic may be too steep, so its step sizes are small. A cold latent chain, pixel ascent
    with little noise and, for a calibrated critic, selection alone are added. The variants named ``features``
    (:func:`dcd.recover_on_features`) and ``labels`` (:func:`dcd.with_labels`) have a list of their own.

    Args:
      pairs: The same generator with each critic variant, by name.
      steps: Largest number of steps of a chain.

    Returns:
      The choices.
    """
    choices: list[Choice] = []
    for name, pair in pairs.items():
        latent = Langevin("latent", steps, 0.02, prior_weight=1.0, preset="ddls")
        trained = "raw" not in name
        if name in ("features", "labels"):
            choices += (_selections(name) if pair.calibrated else []) + _small_steps(name, latent)
            continue
        for scale, sizes in (STEP_SIZES_TRAINED if trained else STEP_SIZES_RAW).items():
            choices += [Choice(name, latent.replace(step_size=e, critic_scale=scale)) for e in sizes]
        if trained:
            choices.append(Choice(name, latent.replace(step_size=0.06, critic_scale=3.0, temperature=0.3)))
        pixel = Langevin("pixel", max(1, steps // 2), 0.5, temperature=2e-5, preset="dcd-pixel")
        for eta in (0.05, 0.5) if trained else (0.02,):
            choices.append(Choice(name, pixel.replace(step_size=eta, temperature=2e-5 / eta)))
        if pair.calibrated:
            choices += _selections(name)
    return choices


def _small_steps(name: str, latent: Langevin) -> list[Choice]:
    """Chains for a critic on features, which is steep in the samples: small steps, some cold, none in pixel space."""
    settings = itertools.product((0.003, 0.01), (1.0, 3.0), (1.0, 0.3))
    return [
        Choice(name, latent.replace(step_size=eta, critic_scale=scale, temperature=t)) for eta, scale, t in settings
    ]


def _selections(name: str) -> list[Choice]:
    still = Langevin("latent", 0, 0.02, preset="none")
    return [Choice(name, still, budget) for budget in (0.5, 0.25, 0.1)]
