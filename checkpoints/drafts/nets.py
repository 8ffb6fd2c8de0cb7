"""Layer lists of a sequential generator and critic from their bare tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from pairs import InputError

from .layers import DraftedNet, Exceeded
from .modules import Part
from .sizes import Kernel, Step, solve_sizes
from .statistics import BETTER

__all__ = ["Make", "best_chain", "draft_critic", "draft_generator", "other_chains"]

_RIVAL = 1.0  # chains that cost so much more than the cheapest are candidates where data decide
_FEW = 8


class Make(Protocol):
    """Drafts a net with the chain of a number, on every so many rows, while its distances sum up to less than limit."""

    def __call__(self, number: int, every: int = 1, limit: float = float("inf")) -> DraftedNet:
        """The net; raises :class:`Exceeded` where it is given up."""
        ...


def best_chain(make: Make) -> DraftedNet:
    """The net of the most usual chain of sizes, unless another one meets the statistics of BatchNorm better.

    Chains that are nearly as usual are always tried, rarer ones where none of those meets the statistics. A chain is
    drafted on all rows only if it is better than the best one on a few of them.

    Args:
      make: Drafts the net with a chain.
    """
    best = first = make(0)
    few: list[float] = []
    for number in range(1, first.chains):
        if not best.off or (best.reliable and number >= first.near):
            break
        few = few or make(best.chain, _FEW).off
        try:
            roughly = make(number, _FEW, sum(few)).off
            made = make(number, limit=BETTER * sum(best.off))  # both have as many distances
        except Exceeded:
            continue
        if np.mean(made.off) < BETTER * np.mean(best.off):
            best, few = made, roughly
    if best.chain:
        best.inferred.append(f"sizes by statistics: off by {np.mean(best.off):.2f} in the mean")
    return best


def other_chains(net: DraftedNet, make: Make) -> list[DraftedNet]:
    """The net with the other chains of sizes that are nearly as usual; none where statistics have decided.

    Args:
      net: The net of the chain that was taken.
      make: Drafts the net with a chain.
    """
    return [] if net.off else [make(n) for n in range(net.near) if n != net.chain]


def _sizes(net: DraftedNet, kernels: Sequence[Kernel], start: int, end: int, style: bool | None) -> list[Step]:
    solved = solve_sizes(kernels, start, end, style)
    net.chains = len(solved)
    if not solved:
        problem = f"has no usual strides that lead from {start} to {end} pixels"
        raise InputError(net.section, problem, "check --sample, or write the manifest by hand")
    cost, steps = solved[min(net.chain, len(solved) - 1)]
    other = min((c for i, (c, _) in enumerate(solved) if i != net.chain), default=float("inf"))
    resampled = " ".join(str(i + 1) for i, s in enumerate(steps) if s.resample != 1)
    each = ", ".join(f"stride {s.stride} padding {s.padding}" for s in steps)
    (net.inferred if other - cost > 0.5 else net.guessed).append(f"sizes from {start} to {end}: {each}")
    net.sizes = f"{each}{'' if all(s.resample == 1 for s in steps) else ', resampled ' + resampled}"
    net.near = sum(c - solved[0][0] <= _RIVAL for c, _ in solved)
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


def draft_generator(parts: Sequence[Part], net: DraftedNet, sample: tuple[int, ...]) -> None:
    """Fill ``net`` with the layers from the latents to ``sample``, channels last."""
    *sides, channels = sample
    convs = [p for p in parts if p.sort == "conv"]
    if convs:
        _check_sides(convs, sample)
    forms = iter(_forms(parts, channels) or [])
    images, steps, shape = False, iter(()), None
    if convs:
        transposed = _forms(parts, channels)
        if transposed is None:
            raise InputError("generator", f"has no order of channels that ends at {channels}", "check --sample")
        first = convs[0].shape[0 if transposed[0] else 1]
        before = next((p for p in reversed(parts[: parts.index(convs[0])]) if p.sort == "dense"), None)
        side = 1 if before is None else _side(before.shape[0], first, len(sides))
        if before is not None and first * side ** len(sides) != before.shape[0]:
            raise InputError("generator", f"has {before.shape[0]} numbers before {first} channels", "write it by hand")
        free = len(sides) == 2  # sequences are not resampled
        kernels = [
            Kernel(p.shape[2], t, free and not t and p.shape[2] > 1) for p, t in zip(convs, transposed, strict=True)
        ]
        steps = iter(_sizes(net, kernels, side, sides[0], None))
        shape = [first, *[side] * len(sides)]
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


def draft_critic(parts: Sequence[Part], net: DraftedNet, sample: tuple[int, ...], style: bool | None) -> None:
    """Fill ``net`` with the layers from ``sample``, channels last, to a score; ``style`` is the generator's padding."""
    *sides, channels = sample
    convs = [p for p in parts if p.sort == "conv"]
    dense = next((p for p in parts if p.sort == "dense"), None)
    steps, pooled = iter(()), False
    last = [p for p in parts if p.sort in ("conv", "dense")][-1]
    if last.shape[0] != 1:
        raise InputError(
            "critic", f"ends in {last.shape[0]} numbers", "write the manifest by hand, with ignore for other heads"
        )
    if convs:
        _check_sides(convs, sample)
        if convs[0].shape[1] != channels:
            problem = f"takes {convs[0].shape[1]} channels, a sample is {'x'.join(map(str, sample))}"
            raise InputError("critic", problem, "check --sample")
        ends = 1 if dense is None else _side(dense.shape[1], convs[-1].shape[0], len(sides))
        if dense is not None and convs[-1].shape[0] * ends ** len(sides) != dense.shape[1]:
            problem = f"takes {dense.shape[1]} numbers after {convs[-1].shape[0]} channels"
            raise InputError("critic", problem, "write the manifest by hand")
        pooled = dense is not None and ends == 1
        free = len(sides) == 2
        kernels = [Kernel(p.shape[2], False, free and p.shape[2] > 1 and p.shape[2] % 2 == 1) for p in convs]
        if pooled and not solve_sizes(kernels, sides[0], 1, style):
            ends = sides[0] // 2 ** sum(k.size > 1 for k in kernels) or 1
            net.guessed.append("a mean over the pixels before the dense layer")
        else:
            pooled = False
        steps = iter(_sizes(net, kernels, sides[0], ends, style))
    images, previous = bool(convs), None
    if not convs and len(sample) > 1:
        net.waiting.append({"layer": "flatten"})
    for part in parts:
        if previous is not None:
            net.slot(previous, part)
        if part.sort == "dense" and images:
            net.waiting.append({"layer": "global_mean_pool" if pooled else "flatten"})
            images = False
        net.add(part, next(steps) if part.sort == "conv" else None, False, images)
        previous = part


def _check_sides(convs: Sequence[Part], sample: tuple[int, ...]) -> None:
    *sides, _ = sample
    shown = "x".join(map(str, sample))
    if len(sides) != len(convs[0].shape) - 2:
        axes = "LxC" if len(convs[0].shape) == 3 else "HxWxC"
        example = "28x28x1" if axes == "HxWxC" else "28x1"
        raise InputError("sample", f"is {shown}, the convolutions are for {axes}", f"give --sample {example}, say")
    if len(set(sides)) > 1:
        remedy = "the channels come last, such as 28x28x1; nets for sides that differ need a manifest by hand"
        raise InputError("sample", f"is {shown}, with sides that differ", remedy)


def _side(numbers: int, channels: int, rank: int) -> int:
    return max(1, round((numbers // channels) ** (1 / rank)))
