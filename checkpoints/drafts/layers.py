"""A layer list under construction: modules are added in order, activations are settled when a BatchNorm comes."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from .modules import Part, between
from .sizes import Step
from .statistics import ACTIVATIONS, BETTER, distance, settle
from .trial import Spec, Tensors, advance, narrowed

__all__ = ["NEAR", "DraftedNet", "Exceeded", "Place", "said"]

NEAR = 0.3
"""Statistics that are off by less in the mean are met."""

_NOTHING: Sequence[Sequence[Spec]] = ([],)
_PLACE: Spec = {"layer": "?"}
_WIDTH = 32  # channels whose statistics are compared
_EPS = (1e-5, 0.8)  # PyTorch's own, and that of much copied nets whose momentum stands in the place of eps
_MODES = ("nearest", "bilinear")
_NORMS = {True: {"layer": "instance_norm", "affine": True}, False: {"layer": "layer_norm"}}


class Exceeded(Exception):
    """The distances of a net's statistics sum up to its limit."""


@dataclasses.dataclass(frozen=True)
class Place:
    """A place for an activation.

    Attributes:
      taken: Number of the activation that was taken.
      near: Numbers of those that nothing excludes.
    """

    taken: int
    near: tuple[int, ...]


@dataclasses.dataclass
class DraftedNet:
    """A layer list under construction: what is settled, and what waits for the next BatchNorm.

    Attributes:
      section: ``generator`` or ``critic``.
      tensors: Those of the file.
      inputs: A batch of inputs for each candidate of the prior, at the end of the settled layers.
      usual: Number of the activation that convention takes.
      entries: The settled layers, and the places of activations between them.
      inferred: What followed from sizes or statistics, one sentence each.
      guessed: What convention filled in, one sentence each.
      chain: Number of the chain of sizes to take, the most usual first.
      limit: Sum of the distances of BatchNorms at which the net is given up.
      chains: How many there are.
      near: How many of them are nearly as usual as the first.
      sizes: The chain in words.
      padded: Whether the layers pad.
      off: Distances of the statistics of each BatchNorm.
      eps: That of the BatchNorms, once a later one has shown it.
      mode: That of the upsampling, once a BatchNorm has shown it.
    """

    section: str
    tensors: Tensors
    inputs: dict[str, np.ndarray]
    usual: int
    entries: list[Spec | Place] = dataclasses.field(default_factory=list)
    inferred: list[str] = dataclasses.field(default_factory=list)
    guessed: list[str] = dataclasses.field(default_factory=list)
    chain: int = 0
    limit: float = float("inf")
    chains: int = 0
    near: int = 0
    sizes: str = ""
    padded: bool | None = None
    off: list[float] = dataclasses.field(default_factory=list)
    eps: float | None = None
    mode: str | None = None
    waiting: list[Spec] = dataclasses.field(default_factory=list)
    seen: Counter[int] = dataclasses.field(default_factory=Counter)

    def specs(self, activation: int | None = None, kinds: Mapping[str, Spec] | None = None) -> list[Spec]:
        """The settled layers in the manifest's terms.

        Args:
          activation: Number of the activation in the places that do not exclude it; by default what was taken.
          kinds: Layers to take in place of those of a kind, which keep their names.
        """
        found: list[Spec] = []
        for entry in self.entries:
            if isinstance(entry, Place):
                found += ACTIVATIONS[activation if activation in entry.near else entry.taken]
            elif kinds and entry["layer"] in kinds:
                found.append({**kinds[entry["layer"]], **{n: v for n, v in entry.items() if n == "name"}})
            else:
                found.append(entry)
        return _with(found, self.eps, self.mode)

    def batch_norm(self, part: Part) -> None:
        """Settle what waits by the statistics of a BatchNorm, and add it."""
        mean, var = (self.tensors[f"{part.name}.{n}"].astype(np.float64) for n in ("running_mean", "running_var"))
        held, moved = _PLACE in self.waiting, any(spec["layer"] == "batch_norm" for spec in self.waiting)
        options, usual = (ACTIVATIONS, self.usual) if held else (_NOTHING, 0)
        first = self.waiting.index(_PLACE) if held else 0
        made = self.waiting[-1]
        tensors = {**self.tensors, **narrowed(made, self.tensors, _WIDTH)} if "out" in made else self.tensors
        mean, var = (mean[:_WIDTH], var[:_WIDTH]) if "out" in made else (mean, var)
        ranked = []
        grown = self.mode is None and any(spec["layer"] == "upsample" for spec in self.waiting)
        ways = itertools.product(
            _EPS if moved and self.eps is None else (self.eps,), _MODES if grown else (self.mode,), self.inputs
        )
        for eps, mode, prior in ways:
            x = self.inputs[prior]
            start = advance(_with(self.waiting[:first], eps, mode), self.tensors, x)
            rest = _with(self.waiting[first:], eps, mode)

            def reach(fill: Sequence[Spec], x: np.ndarray = start, rest: Sequence[Spec] = rest) -> float:
                return distance(advance(_filled(rest, fill), tensors, x), mean, var)

            ranked.append((prior, (eps, mode), settle(options, usual, reach)))
        unusual = lambda way: (way[0] == _EPS[1] and self.eps is None) + (way[1] == _MODES[1] and self.mode is None)
        prior, (eps, mode), found = min(ranked, key=lambda r: r[2].off / BETTER ** unusual(r[1]))
        if len(self.inputs) > 1:
            rest = min(f.off for p, _, f in ranked if p != prior)
            line = f"prior {prior}: statistics of '{part.name}' off by {found.off:.2f}, next best {rest:.2f}"
            self.inferred.append(line)
        if moved and self.eps is None:
            self.eps = eps
            if eps != _EPS[0]:
                least = min(f.off for _, way, f in ranked if way[0] != eps)
                self.inferred.append(f"eps {eps} by the statistics of '{part.name}': {found.off:.2f}, else {least:.2f}")
        if grown:
            self.mode = mode
            least = min(f.off for _, way, f in ranked if way[1] != mode)
            line = f"upsampling {mode} by the statistics of '{part.name}': {found.off:.2f}, else {least:.2f}"
            (self.inferred if found.off < BETTER * least else self.guessed).append(line)
        if held:
            line = f"{said(found.taken)} before '{part.name}': statistics off by {found.off:.2f}"
            clear = len(found.near) == 1
            others = f"next best {found.other:.2f}" if clear else f"others from {found.other:.2f}, too near to decide"
            (self.inferred if clear else self.guessed).append(f"{line}, {others}")
            self.seen[found.taken] += 1
        self.off.append(found.off)
        if sum(self.off) >= self.limit:
            raise Exceeded
        self._commit(Place(found.taken, found.near), {prior: self.inputs[prior]})
        self.waiting.append({"layer": "batch_norm", "name": part.name, **({} if part.affine else {"affine": False})})

    def finish(self, end: Sequence[Spec]) -> None:
        """Fill the places that no BatchNorm follows with the activation met most often, and end the list."""
        taken = next((i for i, _ in self.seen.most_common() if ACTIVATIONS[i]), self.usual)
        if _PLACE in self.waiting:
            why = "as elsewhere in the net" if self.seen else "by convention"
            self.guessed.append(f"{said(taken)} in {self.waiting.count(_PLACE)} places, {why}")
        self.waiting += end
        self._commit(Place(taken, self._near(taken)), dict(list(self.inputs.items())[:1]))

    def _near(self, taken: int) -> tuple[int, ...]:
        """What places before no BatchNorm may be: all, or what statistics elsewhere in the net do not exclude."""
        if not self.seen:
            return tuple(range(len(ACTIVATIONS)))
        others = [set(e.near) for e in self.entries if isinstance(e, Place) and e.taken == taken]
        return tuple(sorted(set.intersection(*others))) if others and self.reliable else (taken,)

    @property
    def reliable(self) -> bool:
        """Whether its layers give the stored statistics."""
        return bool(self.off) and float(np.mean(self.off)) < NEAR

    def _commit(self, place: Place, inputs: dict[str, np.ndarray]) -> None:
        layers = _with(_filled(self.waiting, ACTIVATIONS[place.taken]), self.eps, self.mode)
        self.inputs = {prior: advance(layers, self.tensors, x) for prior, x in inputs.items()}
        self.entries += [place if spec is _PLACE else spec for spec in self.waiting]
        self.waiting = []

    def slot(self, first: Part, second: Part) -> None:
        """A place for an activation between two modules, unless they are next to each other."""
        room = between(first.name, second.name)
        if room is None:
            room = 0 if second.sort in ("batch_norm", "norm", "prelu") and first.sort in ("dense", "conv") else 1
        if room and second.sort != "prelu" and first.sort != "prelu":
            self.waiting.append(_PLACE)

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
            spec = _NORMS[images]
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


def said(activation: int) -> str:
    """An activation in words.

    Example:
      >>> said(1), said(3)
      ('leaky_relu 0.2', 'no activation')
    """
    return " ".join(str(v) for spec in ACTIVATIONS[activation] for v in spec.values()) or "no activation"


def _filled(layers: Sequence[Spec], fill: Sequence[Spec]) -> list[Spec]:
    return [inner for spec in layers for inner in (fill if spec is _PLACE else (spec,))]


def _with(layers: Sequence[Spec], eps: float | None, mode: str | None) -> list[Spec]:
    """Layers with eps and the mode of upsampling where they are not the usual ones."""
    more: dict[str, Spec] = {}
    if eps not in (None, _EPS[0]):
        more["batch_norm"] = {"eps": eps}
    if mode not in (None, _MODES[0]):
        more["upsample"] = {"mode": mode}
    return (
        [{**spec, **more[spec["layer"]]} if spec["layer"] in more else spec for spec in layers]
        if more
        else list(layers)
    )


def _resampling(step: Step) -> list[Spec]:
    if step.resample == 1:
        return []
    return [{"layer": "upsample"}] if step.resample == 2 else [{"layer": "avg_pool", "kernel": 2}]
