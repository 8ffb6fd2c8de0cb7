"""A layer list under construction: modules are added in order, activations are settled when a BatchNorm comes."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .draft_modules import Part, between
from .draft_sizes import Step
from .draft_statistics import ACTIVATIONS, Spec, advance, distance, settle

__all__ = ["DraftedNet"]

_NOTHING: Sequence[Sequence[Spec]] = ([],)
_SLOT: Spec = {"layer": "?"}
_NORMS = {3: {"layer": "instance_norm", "affine": True}, 1: {"layer": "layer_norm"}}


@dataclasses.dataclass
class DraftedNet:
    """A layer list under construction: what is settled, and what waits for the next BatchNorm.

    Attributes:
      section: ``generator`` or ``critic``.
      tensors: Those of the file.
      inputs: A batch of inputs for each candidate of the prior, at the end of the settled layers.
      usual: Number of the activation that convention takes.
      specs: The settled layers.
      inferred: What followed from sizes or statistics, one sentence each.
      guessed: What convention filled in, one sentence each.
      chain: Number of the chain of sizes to take, the most usual first.
      chains: How many there are.
      padded: Whether the layers pad.
      off: Distances of the statistics of each BatchNorm.
    """

    section: str
    tensors: Mapping[str, np.ndarray]
    inputs: dict[str, Any]
    usual: int
    specs: list[Spec] = dataclasses.field(default_factory=list)
    inferred: list[str] = dataclasses.field(default_factory=list)
    guessed: list[str] = dataclasses.field(default_factory=list)
    chain: int = 0
    chains: int = 0
    padded: bool | None = None
    off: list[float] = dataclasses.field(default_factory=list)
    waiting: list[Spec] = dataclasses.field(default_factory=list)
    seen: Counter[int] = dataclasses.field(default_factory=Counter)

    def batch_norm(self, part: Part) -> None:
        """Settle what waits by the statistics of a BatchNorm, and add it."""
        mean, var = (self.tensors[f"{part.name}.{n}"].astype(np.float64) for n in ("running_mean", "running_var"))
        options = ACTIVATIONS if _SLOT in self.waiting else _NOTHING
        usual = self.usual if _SLOT in self.waiting else 0
        ranked = []
        for prior, x in self.inputs.items():
            reach = lambda fill, x=x: distance(advance(_filled(self.waiting, fill), self.tensors, x), mean, var)
            ranked.append((prior, *settle(options, usual, reach)))
        prior, taken, off, other = min(ranked, key=lambda r: r[2])
        if len(ranked) > 1:
            rest = min(r[2] for r in ranked if r[0] != prior)
            self.inferred.append(f"prior {prior}: statistics of '{part.name}' off by {off:.2f}, next best {rest:.2f}")
        if _SLOT in self.waiting:
            said = f"{_said(options[taken])} before '{part.name}': statistics off by {off:.2f}, next best {other:.2f}"
            (self.inferred if off < 0.75 * other else self.guessed).append(said)
            self.seen[taken] += 1
        self.off.append(off)
        self._commit(options[taken], {prior: self.inputs[prior]})
        spec: Spec = {"layer": "batch_norm", "name": part.name, **({} if part.affine else {"affine": False})}
        self.waiting.append(spec)

    def finish(self, end: Sequence[Spec]) -> None:
        """Fill the places that no BatchNorm follows with the activation met most often, and end the list."""
        taken = next((i for i, _ in self.seen.most_common() if ACTIVATIONS[i]), self.usual)
        if _SLOT in self.waiting:
            why = "as elsewhere in the net" if self.seen else "by convention"
            self.guessed.append(f"{_said(ACTIVATIONS[taken])} in {self.waiting.count(_SLOT)} places, {why}")
        self.waiting += end
        self._commit(ACTIVATIONS[taken], dict(list(self.inputs.items())[:1]))

    def _commit(self, fill: Sequence[Spec], inputs: dict[str, Any]) -> None:
        layers = _filled(self.waiting, fill)
        self.inputs = {prior: advance(layers, self.tensors, x) for prior, x in inputs.items()}
        self.specs += layers
        self.waiting = []

    def slot(self, first: Part, second: Part) -> None:
        """A place for an activation between two modules, unless they are next to each other."""
        room = between(first.name, second.name)
        if room is None:
            room = 0 if second.sort in ("batch_norm", "norm", "prelu") and first.sort in ("dense", "conv") else 1
        if room and second.sort != "prelu" and first.sort != "prelu":
            self.waiting.append(_SLOT)

    def add(self, part: Part, step: Step | None, transposed: bool, images: bool) -> None:
        """The layer of one module."""
        named: Spec = {"name": part.name}
        plain: Spec = {} if part.bias else {"bias": False}
        if part.sort == "dense":
            self.waiting.append({"layer": "dense", "out": part.shape[0], **plain, **named})
        elif part.sort == "batch_norm":
            self.batch_norm(part)
        elif part.sort == "prelu":
            self.waiting.append({"layer": "prelu", **({"per_channel": True} if part.shape[0] > 1 else {}), **named})
        elif part.sort == "norm":
            spec = _NORMS[3 if images else 1]
            self.waiting.append({**spec, **named})
            self.guessed.append(f"'{part.name}' has a scale and a bias alone: {spec['layer']}")
        elif step is not None:
            self.waiting += _resampling(step)
            optional = {
                "stride": (step.stride, 1),
                "padding": (step.padding, 0),
                "output_padding": (step.output_padding, 0),
            }
            settings = {n: v for n, (v, default) in optional.items() if v != default}
            out = part.shape[1] if transposed else part.shape[0]
            kind = "conv_transpose" if transposed else "conv"
            self.waiting.append({"layer": kind, "out": out, "kernel": part.shape[2], **settings, **plain, **named})


def _filled(layers: Sequence[Spec], fill: Sequence[Spec]) -> list[Spec]:
    return [inner for spec in layers for inner in (fill if spec is _SLOT else (spec,))]


def _said(fill: Sequence[Spec]) -> str:
    return " ".join(str(v) for spec in fill for v in spec.values()) or "no activation"


def _resampling(step: Step) -> list[Spec]:
    if step.resample == 1:
        return []
    return [{"layer": "upsample"}] if step.resample == 2 else [{"layer": "avg_pool", "kernel": 2}]
