"""Layer lists of a sequential generator and critic from their bare tensors."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pairs import InputError

from .draft_modules import Part, between
from .draft_sizes import Kernel, Step, solve_sizes
from .draft_statistics import ACTIVATIONS, Spec, advance, distance, settle

__all__ = ["DraftedNet", "best_chain", "draft_critic", "draft_generator"]

_NEAR = 0.3
_SLOT: Spec = {"layer": "?"}
_NOTHING: tuple[tuple[Spec, ...], ...] = ((),)
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


def best_chain(make: Callable[[int], DraftedNet]) -> DraftedNet:
    """The net of the most usual chain of sizes, or of the next ones where its statistics are far off.

    Args:
      make: Drafts the net with the chain of a number.
    """
    best = made = make(0)
    for number in range(1, made.chains):
        if not best.off or np.mean(best.off) < _NEAR:
            break
        made = make(number)
        if np.mean(made.off) < 0.75 * np.mean(best.off):
            best = made
    if best.chain:
        best.inferred.append(f"sizes by statistics: off by {np.mean(best.off):.2f} in the mean")
    return best


def _filled(layers: Sequence[Spec], fill: Sequence[Spec]) -> list[Spec]:
    return [inner for spec in layers for inner in (fill if spec is _SLOT else (spec,))]


def _said(fill: Sequence[Spec]) -> str:
    return " ".join(str(v) for spec in fill for v in spec.values()) or "no activation"


def _resampling(step: Step) -> list[Spec]:
    if step.resample == 1:
        return []
    return [{"layer": "upsample"}] if step.resample == 2 else [{"layer": "avg_pool", "kernel": 2}]


def _sizes(net: DraftedNet, kernels: Sequence[Kernel], start: int, end: int, style: bool | None) -> list[Step]:
    solved = solve_sizes(kernels, start, end, style)
    net.chains = len(solved)
    if not solved:
        problem = f"has no usual strides that lead from {start} to {end} pixels"
        raise InputError(net.section, problem, "check --sample, or write the manifest by hand")
    cost, steps = solved[min(net.chain, len(solved) - 1)]
    other = min((c for i, (c, _) in enumerate(solved) if i != net.chain), default=float("inf"))
    each = ", ".join(f"stride {s.stride} padding {s.padding}" for s in steps)
    (net.inferred if other - cost > 0.5 else net.guessed).append(f"sizes from {start} to {end}: {each}")
    styles = {s.padded for s in steps if s.padded is not None}
    net.padded = styles.pop() if len(styles) == 1 else None
    if any(s.resample != 1 for s in steps):
        net.guessed.append("resampling has no tensors: nearest upsampling, average pooling")
    return list(steps)


def _forms(parts: Sequence[Part], channels: int) -> list[bool] | None:
    """Which convolutions of a generator are transposed: channels must fit each other and end at ``channels``."""
    convs = [(i, p) for i, p in enumerate(parts) if p.sort == "conv"]
    ways: list[tuple[int | None, list[bool]]] = [(None, [])]
    for i, part in convs:
        after = next((p.shape[0] for p in parts[i + 1 : i + 2] if p.sort in ("batch_norm", "norm")), None)
        following = []
        for inputs, forms in ways:
            usual = part.shape[2] % 2 == 0  # an odd kernel that fits both ways is the convolution
            for transposed in (usual, not usual):
                taken, made = (0, 1) if transposed else (1, 0)
                fits = inputs in (None, part.shape[taken]) and after in (None, part.shape[made])
                if fits:
                    following.append((part.shape[made], [*forms, transposed]))
        ways = following[:64]
    return next((forms for last, forms in ways if last == channels), None)


def draft_generator(parts: Sequence[Part], net: DraftedNet, sample: tuple[int, int, int]) -> None:
    """Fill ``net`` with the layers from the latents to ``sample``, ``(H, W, C)``."""
    height, width, channels = sample
    convs = [p for p in parts if p.sort == "conv"]
    if convs and height != width:
        raise InputError("sample", f"is {height}x{width}", "convolutional nets are drafted for square samples alone")
    forms = iter(_forms(parts, channels) or [])
    images, steps, shape = False, iter(()), None
    if convs:
        transposed = _forms(parts, channels)
        if transposed is None:
            raise InputError("generator", f"has no order of channels that ends at {channels}", "check --sample")
        first = convs[0].shape[0 if transposed[0] else 1]
        before = next((p for p in reversed(parts[: parts.index(convs[0])]) if p.sort == "dense"), None)
        side = 1 if before is None else math.isqrt(before.shape[0] // first)
        if before is not None and first * side**2 != before.shape[0]:
            raise InputError("generator", f"has {before.shape[0]} numbers before {first} channels", "write it by hand")
        kernels = [Kernel(p.shape[2], t, not t and p.shape[2] > 1) for p, t in zip(convs, transposed, strict=True)]
        steps = iter(_sizes(net, kernels, side, height, None))
        shape = [first, side, side]
    previous: Part | None = None
    for i, part in enumerate(parts):
        if previous is not None:
            net.slot(previous, part)
        flat_norm = part.sort == "batch_norm" and shape is not None and part.shape[0] == math.prod(shape)
        rest = any(p.sort == "dense" for p in parts[i:])
        if shape is not None and not images and not rest and not flat_norm and part.sort != "prelu":
            net.waiting.append({"layer": "unflatten", "shape": shape})
            images = True
        is_conv = part.sort == "conv"
        net.add(part, next(steps) if is_conv else None, next(forms) if is_conv else False, images)
        previous = part
    if not convs and parts[-1].shape[0] != math.prod(sample):
        raise InputError(
            "generator", f"ends in {parts[-1].shape[0]} numbers, a sample has {math.prod(sample)}", "check --sample"
        )


def draft_critic(parts: Sequence[Part], net: DraftedNet, sample: tuple[int, int, int], style: bool | None) -> None:
    """Fill ``net`` with the layers from ``sample``, ``(H, W, C)``, to a score; ``style`` is the generator's padding."""
    height, width, channels = sample
    convs = [p for p in parts if p.sort == "conv"]
    dense = next((p for p in parts if p.sort == "dense"), None)
    steps, pooled = iter(()), False
    last = [p for p in parts if p.sort in ("conv", "dense")][-1]
    if last.shape[0] != 1:
        raise InputError(
            "critic", f"ends in {last.shape[0]} numbers", "write the manifest by hand, with ignore for other heads"
        )
    if convs:
        if height != width or convs[0].shape[1] != channels:
            problem = f"takes {convs[0].shape[1]} channels, a sample is {height}x{width}x{channels}"
            raise InputError("critic", problem, "check --sample (square for convolutional nets)")
        ends = 1 if dense is None else math.isqrt(dense.shape[1] // convs[-1].shape[0])
        pooled = dense is not None and ends == 1
        kernels = [Kernel(p.shape[2], False, p.shape[2] > 1 and p.shape[2] % 2 == 1) for p in convs]
        if pooled and not solve_sizes(kernels, height, 1, style):
            ends = height // 2 ** sum(k.size > 1 for k in kernels) or 1
            net.guessed.append("a mean over the pixels before the dense layer")
        else:
            pooled = False
        steps = iter(_sizes(net, kernels, height, ends, style))
    images, previous = bool(convs), None
    if not convs:
        net.waiting.append({"layer": "flatten"})
    for part in parts:
        if previous is not None:
            net.slot(previous, part)
        if part.sort == "dense" and images:
            net.waiting.append({"layer": "global_mean_pool" if pooled else "flatten"})
            images = False
        net.add(part, next(steps) if part.sort == "conv" else None, False, images)
        previous = part
