r"""Kernel, stride, dilation and pads of convolutions and pooling, as ONNX's settings give them.

A window of :math:`k` taps with dilation :math:`d` reaches over :math:`d (k - 1) + 1` elements, so
that an axis of :math:`n` elements with pads :math:`p, q` has

.. math:: n' = \lfloor (n + p + q - d (k - 1) - 1) / s \rfloor + 1

positions. ``auto_pad = "SAME_UPPER"`` chooses pads with :math:`n' = \lceil n / s \rceil` and puts
the odd one at the end, ``"SAME_LOWER"`` at the beginning.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from .operators import Node

__all__ = ["Window", "same_pads", "window"]

Pads = tuple[tuple[int, int], ...]


@dataclasses.dataclass(frozen=True)
class Window:
    """Settings of a sliding window, one entry per spatial axis.

    Attributes:
      kernel: taps.
      strides: steps between positions.
      dilations: steps between taps.
      pads: begin and end pad.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: Pads

    def lengths(self, lengths: Sequence[int]) -> tuple[int, ...]:
        """Number of positions along each axis."""
        settings = zip(lengths, self.kernel, self.strides, self.dilations, self.pads, strict=True)
        return tuple((n + sum(p) - d * (k - 1) - 1) // s + 1 for n, k, s, d, p in settings)


def same_pads(total: Sequence[int], auto: str) -> Pads:
    """Begin and end pads of a given sum.

    >>> same_pads([3], "SAME_UPPER"), same_pads([3], "SAME_LOWER")
    (((1, 2),), ((2, 1),))
    """
    halves = [(t // 2, t - t // 2) for t in total]
    return tuple(halves) if auto == "SAME_UPPER" else tuple((high, low) for low, high in halves)


def window(node: Node, kernel: Sequence[int], lengths: Sequence[int]) -> Window:
    """The window of a node.

    Args:
      node: with the settings ``strides``, ``dilations``, ``pads``, ``auto_pad`` where they differ from the defaults.
      kernel: taps per spatial axis.
      lengths: of the spatial axes of the input.

    Raises:
      InputError: the settings do not fit the number of axes.
    """
    spatial = len(kernel)
    strides = tuple(node.get("strides") or (1,) * spatial)
    dilations = tuple(node.get("dilations") or (1,) * spatial)
    pads = tuple(node.get("pads") or (0,) * 2 * spatial)
    auto = node.get("auto_pad", "NOTSET")
    if not len(strides) == len(dilations) == len(lengths) == spatial or len(pads) != 2 * spatial or spatial < 1:
        raise node.refuse(f"has settings for another number of axes than {list(lengths)}", "export the net again")
    if min(*strides, *dilations, *kernel) < 1:
        raise node.refuse("has a kernel, stride or dilation below 1", "export the net again")
    if auto.startswith("SAME"):
        settings = zip(lengths, kernel, strides, dilations, strict=True)
        total = [max(0, (-(-n // s) - 1) * s + d * (k - 1) + 1 - n) for n, k, s, d in settings]
        return Window(tuple(kernel), strides, dilations, same_pads(total, auto))
    if auto not in ("NOTSET", "VALID"):
        raise node.refuse(f"has auto_pad = {auto!r}", "use NOTSET, VALID, SAME_UPPER or SAME_LOWER")
    ends = tuple(zip(pads[:spatial], pads[spatial:], strict=True)) if auto == "NOTSET" else ((0, 0),) * spatial
    return Window(tuple(kernel), strides, dilations, ends)
