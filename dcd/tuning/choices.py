"""What tuning chooses among, and how a choice is run: a critic, an optional selection, a chain with a step count."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import Array

from pairs import InputError, Pair

from ..langevin.chain import refine
from ..langevin.result import Result
from ..langevin.settings import Langevin
from ..langevin.starts import labels_of, latents_of
from ..selection import obrs

__all__ = ["Choice", "run_choice", "default_choices"]


@dataclasses.dataclass(frozen=True)
class Choice:
    """One way to refine.

    Attributes:
      critic: name of the critic variant, a key of the pairs that tuning was given.
      chain: its ``steps`` are the most it may take; tuning finds the best number on the way.
      budget: OBRS acceptance before the chain, 1 for no selection (needs a calibrated critic).
    """

    critic: str
    chain: Langevin
    budget: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.budget <= 1:
            raise InputError("budget", f"is {self.budget}", "give an acceptance in (0, 1]")

    @property
    def label(self) -> str:
        """One line for tables."""
        c = self.chain
        chain = f"{c.space} {c.preset}, eta {c.step_size:g}, scale {c.critic_scale:g}, T {c.temperature:.3g}"
        select = "" if self.budget == 1 else f"OBRS {self.budget:g}"
        return ", ".join(p for p in (f"{self.critic} critic", select, chain if c.steps else "") if p)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"critic": self.critic, "budget": self.budget, "chain": self.chain.to_dict()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Choice:
        """Inverse of :meth:`to_dict`."""
        return cls(values["critic"], Langevin.from_dict(values["chain"]), float(values["budget"]))


def run_choice(
    pair: Pair,
    choice: Choice,
    key: Array,
    n: int,
    *,
    batch: int = 64,
    first_index: int = 0,
    snapshots: tuple[int, ...] = (),
    on_progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Refine ``n`` samples of ``pair`` (the one with the choice's critic).

    With selection the chains start from the selected latents, and ``before`` is still what the
    generator alone gives for this key.
    """
    if choice.budget == 1:
        return refine(
            pair,
            choice.chain,
            key,
            n,
            batch=batch,
            first_index=first_index,
            snapshots=snapshots,
            on_progress=on_progress,
        )
    chosen = obrs(pair, n, key, budget=choice.budget, first_index=first_index)
    result = refine(
        pair,
        choice.chain,
        key,
        n,
        latents=chosen.latents,
        labels=chosen.labels,
        batch=batch,
        first_index=first_index,
        snapshots=snapshots,
        on_progress=on_progress,
    )
    index = np.arange(first_index, first_index + n)
    labels = labels_of(pair, index)
    before = [
        np.asarray(_generate(pair, latents_of(pair, key, index[i : i + 256], _rows(labels, i)), _rows(labels, i)))
        for i in range(0, n, 256)
    ]
    return result._replace(before=np.concatenate(before))


_generate = jax.jit(lambda pair, z, labels: pair.generate(z, labels))


def _rows(labels: Array | None, i: int) -> Array | None:
    return None if labels is None else labels[i : i + 256]


# step sizes by critic scale: the steeper the critic, the smaller the step it bears
_TRAINED = {1.0: (0.005, 0.02, 0.06), 3.0: (0.001, 0.005, 0.02, 0.06), 8.0: (0.001, 0.005, 0.02)}
_RAW = {0.3: (0.005, 0.02), 1.0: (0.001, 0.005, 0.02), 3.0: (0.001,)}


def default_choices(pairs: dict[str, Pair], steps: int = 100) -> list[Choice]:
    """What is worth trying on an unknown pair, for each critic variant.

    Latent chains with the prior over step sizes and critic scales (a penalised critic is too flat, so scales
    above 1; a raw one may be too steep, so small steps), a cold one, pixel ascent with little noise, and, where
    the critic is calibrated, selection alone. The variant named ``features`` (:func:`dcd.recover_on_features`)
    has its own.
    """
    choices: list[Choice] = []
    for name, pair in pairs.items():
        latent = Langevin("latent", steps, 0.02, prior_weight=1.0, preset="ddls")
        trained = "raw" not in name
        if name == "features":
            choices += _on_features(name, latent)
            continue
        for scale, sizes in (_TRAINED if trained else _RAW).items():
            choices += [Choice(name, latent.replace(step_size=e, critic_scale=scale)) for e in sizes]
        if trained:
            choices.append(Choice(name, latent.replace(step_size=0.06, critic_scale=3.0, temperature=0.3)))
        pixel = Langevin("pixel", max(1, steps // 2), 0.5, temperature=2e-5, preset="dcd-pixel")
        for eta in (0.05, 0.5) if trained else (0.02,):
            choices.append(Choice(name, pixel.replace(step_size=eta, temperature=2e-5 / eta)))
        if pair.calibrated:
            choices += _selections(name)
    return choices


def _on_features(name: str, latent: Langevin) -> list[Choice]:
    """Such a critic is steep in the samples and blind to much: small steps, some cold, none in pixel space."""
    settings = itertools.product((0.003, 0.01), (1.0, 3.0), (1.0, 0.3))
    return _selections(name) + [
        Choice(name, latent.replace(step_size=eta, critic_scale=scale, temperature=t)) for eta, scale, t in settings
    ]


def _selections(name: str) -> list[Choice]:
    still = Langevin("latent", 0, 0.02, preset="none")
    return [Choice(name, still, budget) for budget in (0.5, 0.25, 0.1)]
