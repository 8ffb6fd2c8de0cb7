r"""The critic of a draft: layers by convention, or by how well they tell samples from data; what a score means.

A critic was trained by a loss, and does better by it than by chance. With D on data and G on samples,

.. math:: \tfrac12 E (D - 1)^2 + \tfrac12 E G^2 < \tfrac14, \qquad
   \tfrac12 E \log(1 + e^{-D}) + \tfrac12 E \log(1 + e^{G}) < \log 2

are those of least squares and of cross entropy. A Wasserstein critic is free to add any number to its scores, which
meets neither as a rule.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from pairs.ranking import auc

from .candidates import candidates
from .evidence import Answer, rank
from .generators import MadeGenerator
from .layers import NEAR, DraftedNet
from .modules import Part
from .nets import best_chain, draft_critic, other_chains
from .statistics import BETTER
from .trial import Spec, Tensors, advance

__all__ = ["BY_CRITIC", "MadeCritic", "by_critic", "make_critic"]

BY_CRITIC = "end and range by the critic"
"""Question about the generator that its critic answers."""

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
      told: How well it tells data from samples with conventional layers, whatever its sign.
    """

    net: DraftedNet
    specs: tuple[Spec, ...]
    kind: str | None = None
    reversed: bool = False
    answers: tuple[Answer, ...] = ()
    said: tuple[str, ...] = ()
    told: float = 0.5


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
    real = None if data is None or maker.far else _in_span(data, maker)
    shown = maker.samples if real is None else np.concatenate([maker.samples[: len(real)], real[: len(maker.samples)]])

    def made(number: int, every: int = 1, limit: float = float("inf")) -> DraftedNet:
        net = DraftedNet("critic", tensors, {"samples": shown[::every]}, usual=1, chain=number, limit=limit)
        draft_critic(parts, net, sample, maker.net.padded)
        net.finish([{"layer": "squeeze"}])
        return net

    net = best_chain(made)
    if real is None:
        return MadeCritic(net, tuple(net.specs()))
    found = candidates([net, *other_chains(net, made)], sample[-1])
    questions = [dataclasses.replace(question, better=_BETTER) for question in found.questions]
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

    choice, answers = rank(questions, cost, "AUC", lambda cost: 1 - cost)
    on_data, on_samples = scores(choice)
    kind, turned, said = _meaning(on_data, on_samples)
    specs = tuple(found.specs(choice))
    net = found.nets[choice.get("sizes", 0)]
    return MadeCritic(net, specs, kind, turned, tuple(answers), said, 1 - cost(dict.fromkeys(choice, 0)))


def by_critic(
    maker: MadeGenerator,
    judge: MadeCritic,
    make: Callable[[MadeGenerator], MadeCritic],
    given: bool,
    on_progress: Callable[[str], None] | None = None,
) -> tuple[MadeGenerator, MadeCritic]:
    """The end of the generator that suits its critic, where the samples do not decide.

    A critic was trained on images of one range. On samples of another its BatchNorms see other statistics than they
    stored, and it tells data from samples less well.

    Args:
      maker: The generator with the end whose samples are nearest, or conventional.
      judge: Its critic.
      make: Drafts the critic for a generator.
      given: There are data.
      on_progress: Function that is called with a line before each rival is tried.
    """
    if not maker.rivals or not (given or judge.net.off):
        return maker, judge
    pairs = [(maker, judge)]
    for i, rival in enumerate(maker.rivals, 1):
        if on_progress is not None:
            on_progress(f"trying the critic on end {i + 1} of {len(maker.rivals) + 1}; --end leaves this out")
        pairs.append((rival, make(rival)))
    name = lambda g: f"{g.end} {'unbounded' if g.span is None else list(g.span)}"
    ways: list[tuple[str, float, list[float], bool]] = []
    if judge.net.off:
        off = [float(np.mean(d.net.off)) for _, d in pairs]
        ways.append(("statistics off by", BETTER, off, min(off) < NEAR))
    if given:
        ways.append(("1 - AUC", _BETTER, [1 - d.told for _, d in pairs], True))
    answers, taken = [], pairs[0]
    for measure, better, costs, sound in ways:
        order = sorted(range(len(costs)), key=lambda i, costs=costs: costs[i])
        decided = sound and costs[order[0]] < better * costs[order[1]]
        taken = pairs[order[0]] if decided else pairs[0]
        figures = tuple((name(pairs[i][0]), costs[i]) for i in order)
        answers.append(Answer(BY_CRITIC, measure, figures, name(taken[0]), decided))
        if decided:
            break
    return taken[0], dataclasses.replace(taken[1], answers=(answers[-1], *taken[1].answers))


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
