"""Shapes and the order of axes: what a graph declares against what a pair has.

A pair's samples are channels last. Where the declared shape fits one order alone, the order is
read off; otherwise it is asked for.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from pairs import InputError
from pairs.graph import Face, Layout

__all__ = ["critic_layout", "filled", "sample_face"]

_FEW = 4  # a shorter axis is taken for the channels


def filled(declared: tuple[int | None, ...], known: tuple[int, ...]) -> tuple[int, ...]:
    """Declared lengths, with the known ones where the graph leaves them free."""
    if None not in declared and declared:
        return tuple(int(n) for n in declared if n is not None)
    if len(declared) != len(known):
        return known
    return tuple(k if n is None else n for n, k in zip(declared, known, strict=True))


def sample_face(face: Face, result: tuple[int, ...], sample_shape: Sequence[int] | None, layout: Layout | None) -> Face:
    """The face of a generator with the sample shape and the order of the axes decided.

    Raises:
      InputError: the shape of the output does not say the order, or does not fit the sample shape.
    """
    if sample_shape is not None:
        sample = tuple(sample_shape)
        if math.prod(sample) != math.prod(result):
            problem = f"is {list(sample)}, the generator returns {list(result)}"
            raise InputError("sample_shape", problem, "give a shape with as many elements, channels last")
        return dataclasses.replace(face, sample=sample, layout=_layout(result, sample, layout))
    if len(result) < 2:
        return dataclasses.replace(face, sample=result or (1,), layout=layout or "channels_first")
    if layout is None:
        first, last = result[0] <= _FEW, result[-1] <= _FEW
        if first == last or len(result) < 3:
            problem = f"of the generator's output {list(result)} is not clear"
            raise InputError("layout", problem, "give layout='channels_first' or 'channels_last'")
        layout = "channels_first" if first else "channels_last"
    sample = (*result[1:], result[0]) if layout == "channels_first" else result
    return dataclasses.replace(face, sample=sample, layout=layout)


def _layout(inner: tuple[int, ...], sample: tuple[int, ...], layout: Layout | None) -> Layout:
    """The order that turns ``inner`` into ``sample``."""
    turned = (sample[-1], *sample[:-1])
    if layout is not None or len(sample) < 2 or sample[-1] == 1:
        return layout or ("channels_last" if inner == sample else "channels_first")
    first, last = turned == inner, sample == inner
    if first == last:
        problem = f"of {list(inner)} for samples {list(sample)} is not clear"
        raise InputError("layout", problem, "give layout='channels_first' or 'channels_last'")
    return "channels_first" if first else "channels_last"


def critic_layout(
    declared: tuple[int | None, ...], sample: tuple[int, ...], layout: Layout | None
) -> tuple[Layout, tuple[int, ...]]:
    """The order of the axes and the shape of what the critic takes; a fully declared shape decides before ``layout``.

    Raises:
      InputError: the critic takes other samples, or the order is not clear.
    """
    turned = (sample[-1], *sample[:-1])
    free = None in declared or not declared
    inner = filled(declared, turned if free and layout != "channels_last" and len(sample) > 1 else sample)
    if math.prod(inner) != math.prod(sample):
        problem = f"takes samples of shape {list(inner)}, the generator returns {list(sample)} (channels last)"
        raise InputError("critic", problem, "use a critic of the same data")
    if not free and len(sample) > 1 and (inner == turned) != (inner == sample):
        return ("channels_first" if inner == turned else "channels_last"), inner
    return _layout(inner, sample, layout), inner
