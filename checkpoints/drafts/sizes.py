r"""Strides and paddings that lead from one size to another, ranked by how usual they are.

A kernel is read off a weight, its stride s and padding p are not. Each layer has a few candidates with a cost, 0 for
what most published nets use (halving or doubling, :math:`p = \lfloor (k-1)/2 \rfloor`); the chain with the smallest sum
that ends at the wanted size is taken. Padding in some layers and none in others costs extra, since authors keep to one
style.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

__all__ = ["Kernel", "Step", "solve_sizes"]

_MIXED = 2.0
_OTHER_STYLE = 1.5
_KEPT = 12


@dataclasses.dataclass(frozen=True)
class Kernel:
    """A layer whose stride is wanted: its kernel, whether it is transposed, whether resampling may go before it."""

    size: int
    transposed: bool
    resampled: bool = False


@dataclasses.dataclass(frozen=True)
class Step:
    """Settings of one layer and the size of its output; ``resample`` is a factor before it (below 1: pooling)."""

    stride: int
    padding: int
    output_padding: int
    resample: float
    out: int
    padded: bool | None
    """Whether the layer keeps to a style with padding; ``None`` where padding would make no sense."""


def solve_sizes(
    kernels: Sequence[Kernel], start: int, end: int, padded: bool | None = None
) -> list[tuple[float, tuple[Step, ...]]]:
    """The cheapest chains from ``start`` to ``end``.

    Args:
      kernels: The layers in order.
      start: Pixels of a side before the first.
      end: Pixels of a side after the last.
      padded: The style of the other net of the pair, where it is known.

    Returns:
      Up to 12 chains with their costs, the cheapest first; none where no chain leads there.
    """
    limit = 4 * max(start, end) + 8
    states: dict[tuple[int, frozenset[bool]], list[tuple[float, tuple[Step, ...]]]] = {
        (start, frozenset()): [(0.0, ())]
    }
    for kernel in kernels:
        following: dict[tuple[int, frozenset[bool]], list[tuple[float, tuple[Step, ...]]]] = {}
        for (size, styles), ways in states.items():
            for cost, step in _steps(kernel, size):
                if 1 <= step.out <= limit:
                    key = (step.out, styles if step.padded is None else styles | {step.padded})
                    following.setdefault(key, []).extend((c + cost, (*s, step)) for c, s in ways)
        states = {key: sorted(ways, key=lambda way: way[0])[:_KEPT] for key, ways in following.items()}
    found = [
        (cost + _style(styles, padded), steps)
        for (size, styles), ways in states.items()
        if size == end
        for cost, steps in ways
    ]
    return sorted(found, key=lambda way: way[0])[:_KEPT]


def _style(styles: frozenset[bool], other: bool | None) -> float:
    mixed = _MIXED if len(styles) > 1 else 0.0
    return mixed + (_OTHER_STYLE if other is not None and (not other) in styles else 0.0)


def _steps(kernel: Kernel, size: int) -> Iterator[tuple[float, Step]]:
    factors = (1.0, 2.0, 0.5) if kernel.resampled else (1.0,)
    for factor in factors:
        if size * factor != int(size * factor):
            continue
        n = int(size * factor)
        extra = 0.0 if factor == 1 else 0.9
        for cost, s, p, o in _settings(kernel.size, kernel.transposed, n):
            k = kernel.size
            out = (n - 1) * s - 2 * p + k + o if kernel.transposed else (n + 2 * p - k) // s + 1
            lost = 0.0 if kernel.transposed or (n + 2 * p - k) % s == 0 else 0.3
            if out >= 1 and (kernel.transposed or n + 2 * p >= k):
                style = None if k == 1 or n == 1 or n == k or (k == 2 and not p) else p > 0
                yield cost + extra + lost, Step(s, p, o, factor, out, style)


def _settings(k: int, transposed: bool, n: int) -> Iterator[tuple[float, int, int, int]]:
    """Cost, stride, padding, output padding."""
    half, odd = (k - 1) // 2, k % 2 == 1
    if transposed and n == 1:
        yield 0.0, 1, 0, 0
        return
    if transposed:
        yield (0.2, 2, half, 1) if odd else (0.0, 2, (k - 2) // 2, 0)
        yield 1.2 if k > 2 else 0.0, k, 0, 0
        if odd:
            yield 0.3, 1, half, 0
            yield 1.2, 2, half, 0
    else:
        yield 0.0 if k > 1 else 1.0, 2, half, 0
        if odd:
            yield 0.2 if k > 1 else 0.0, 1, half, 0
        yield 2.5, k, 0, 0
    if k > 2 or transposed:
        yield 0.8, 2, 0, 0
    if k > 1:
        yield 0.0 if n == k and not transposed else 1.0, 1, 0, 0
    for padding in range(1, k):
        if padding != half:
            yield 2.5, 2, padding, 0
            yield 2.5, 1, padding, 0
