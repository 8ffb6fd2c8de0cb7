r"""The critic of a draft: layers by convention, or by how well they tell samples from data; what a score means.

A critic was trained by a loss, and does better by it than by chance. With D on data and G on samples,

.. math:: \tfrac12 E (D - 1)^2 + \tfrac12 E G^2 < \tfrac14, \qquad
   \tfrac12 E \log(1 + e^{-D}) + \tfrac12 E \log(1 + e^{G}) < \log 2

are those of least squares and of cross entropy. A Wasserstein critic is free to add any number to its scores, which
meets neither as a rule.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from pairs.ranking import auc

from .candidates import candidates
from .evidence import Answer, rank
from .generators import MadeGenerator
from .layers import DraftedNet
from .modules import Part
from .nets import best_chain, draft_critic, other_chains
from .trial import Spec, Tensors, advance

__all__ = ["MadeCritic", "make_critic"]

_BETTER = 0.6
_FLIPPED = 0.35
_CHANCE = {"least_squares": 0.25, "logit": float(np.log(2))}


@dataclasses.dataclass(frozen=True)
class MadeCritic:
    """A drafted critic.

    Attributes:
      net: What was drafted from tensors, sizes and statistics.
      specs: Its layers.
      kind: What a score means, as far as data tell; ``None`` without data.
      reversed: Its scores are low on data.
      answers: What the data decided.
      said: What its scores are, one sentence each.
    """

    net: DraftedNet
    specs: tuple[Spec, ...]
    kind: str | None = None
    reversed: bool = False
    answers: tuple[Answer, ...] = ()
    said: tuple[str, ...] = ()


def make_critic(
    parts: Sequence[Part], tensors: Tensors, maker: MadeGenerator, sample: tuple[int, ...], data: np.ndarray | None
) -> MadeCritic:
    """Draft a critic.

    Args:
      parts: Its modules.
      tensors: Those of its file.
      maker: The generator, whose samples it scores.
      sample: Shape of a sample, channels last.
      data: Real samples in PyTorch's order.

    Raises:
      InputError: A net that cannot be drafted.
    """
    real = None if data is None else _in_span(data, maker)
    shown = maker.samples if real is None else np.concatenate([maker.samples[: len(real)], real[: len(maker.samples)]])

    def made(number: int) -> DraftedNet:
        net = DraftedNet("critic", tensors, {"samples": shown}, usual=1, chain=number)
        draft_critic(parts, net, sample, maker.net.padded)
        net.finish([{"layer": "squeeze"}])
        return net

    net = best_chain(made)
    if real is None:
        return MadeCritic(net, tuple(net.specs()))
    found = candidates([net, *other_chains(net, made)], sample[-1])
    real = real[: len(maker.samples)]

    def scores(choice: Mapping[str, int]) -> tuple[np.ndarray, np.ndarray]:
        specs = found.specs(choice)
        return advance(specs, tensors, real), advance(specs, tensors, maker.samples)

    def cost(choice: Mapping[str, int]) -> float:
        on_data, on_samples = scores(choice)
        if not (np.all(np.isfinite(on_data)) and np.all(np.isfinite(on_samples))):
            return float("inf")
        told = auc(on_data, on_samples)
        return 1 - max(told, 1 - told)

    choice, answers = rank(found.questions, cost, _BETTER, "AUC", lambda cost: 1 - cost)
    on_data, on_samples = scores(choice)
    kind, turned, said = _meaning(on_data, on_samples)
    specs = tuple(found.specs(choice))
    return MadeCritic(found.nets[choice.get("sizes", 0)], specs, kind, turned, tuple(answers), said)


def _in_span(data: np.ndarray, maker: MadeGenerator) -> np.ndarray:
    if data.dtype != np.uint8:
        return data
    low, high = maker.span or (0.0, 1.0)
    return (low + data.astype(np.float32) * np.float32((high - low) / 255)).astype(np.float32)


def _meaning(on_data: np.ndarray, on_samples: np.ndarray) -> tuple[str, bool, tuple[str, ...]]:
    told = auc(on_data, on_samples)
    turned = told < _FLIPPED
    high, low = (on_samples, on_data) if turned else (on_data, on_samples)
    high, low = high.astype(np.float64), low.astype(np.float64)
    losses = {
        "least_squares": float(np.mean((high - 1) ** 2) + np.mean(low**2)) / 2,
        "logit": float(np.mean(np.logaddexp(0, -high)) + np.mean(np.logaddexp(0, low))) / 2,
    }
    kind = next((k for k, loss in losses.items() if loss < _CHANCE[k]), "wasserstein")
    shown = ", ".join(f"{k} {losses[k]:.3g} (chance {_CHANCE[k]:.3g})" for k in losses)
    words = f"scores {np.mean(on_data):.3g} on data, {np.mean(on_samples):.3g} on samples, data over samples {told:.1%}"
    return kind, turned, (words, f"critic_kind {kind} by its loss: {shown}")
