"""Checks of what a user gives: numbers, counts, names, samples, labels. A refusal names the field and a remedy."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .arguments import refuse_traced
from .errors import InputError
from .protocol import Pair

__all__ = ["check_choice", "check_count", "check_labels", "check_number", "check_samples", "image_range", "is_image"]


def check_number(
    field: str,
    value: Any,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
) -> None:
    """Refuse what is not a finite number within the bounds.

    Raises:
      InputError: not a number (a bool is none), NaN, infinite, or out of bounds.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InputError(field, f"is {value!r}", "give a finite number")
    bounds = (
        ("above", above, lambda v: v > above),
        ("of at least", at_least, lambda v: v >= at_least),
        ("below", below, lambda v: v < below),
        ("of at most", at_most, lambda v: v <= at_most),
    )
    asked = [(words, bound, holds) for words, bound, holds in bounds if bound is not None]
    if not all(holds(value) for _, _, holds in asked):
        wanted = " and ".join(f"{words} {bound:g}" for words, bound, _ in asked)
        raise InputError(field, f"is {value!r}", f"give a number {wanted}")


def check_count(field: str, value: Any, least: int = 1, most: int | None = None) -> None:
    """Refuse what is not a whole number of at least ``least`` (and at most ``most``).

    Raises:
      InputError: not an int (a bool is none), or out of bounds.
    """
    fits = isinstance(value, int) and not isinstance(value, bool)
    if not fits or value < least or (most is not None and value > most):
        wanted = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise InputError(field, f"is {value!r}", f"give a whole number {wanted}")


def check_choice(field: str, value: Any, allowed: Iterable[str]) -> None:
    """Refuse a name that is not among ``allowed``.

    Raises:
      InputError: another name.
    """
    names = tuple(allowed)
    if value not in names:
        raise InputError(field, f"is {value!r}", f"use one of {', '.join(names)}")


def check_labels(pair: Pair, labels: ArrayLike | None, n: int, field: str = "labels") -> np.ndarray | None:
    """Labels as int32 ``(n,)``; None for an unconditional pair.

    Raises:
      InputError: missing for a conditional pair, given for an unconditional one, another shape, not whole numbers, or
        outside the classes.
    """
    if pair.classes is None:
        if labels is not None:
            raise InputError(field, "are given for an unconditional pair", "leave them out")
        return None
    wanted = f"give {n} whole number{'s' if n > 1 else ''} from 0 to {pair.classes - 1}"
    if labels is None:
        raise InputError(field, f"are missing for a pair with {pair.classes} classes", wanted)
    values = np.asarray(labels)
    if values.shape != (n,) or values.dtype.kind not in "iu":
        raise InputError(field, f"are {values.dtype.name} of shape {values.shape}", wanted)
    if n and (values.min() < 0 or values.max() >= pair.classes):
        raise InputError(field, f"go from {values.min()} to {values.max()}" if n > 1 else f"is {values[0]}", wanted)
    return values.astype(np.int32)


def check_samples(field: str, pair: Pair, x: ArrayLike, least: int = 2) -> np.ndarray:
    """Samples as float32 ``(n, *sample)``, n at least ``least``, in the pair's range up to a thousandth of its width.

    Raises:
      InputError: another shape than the pair's, too few, not finite, or outside the sample range.
    """
    refuse_traced(**{field: x})
    values = np.asarray(x)
    shape = ", ".join(map(str, pair.sample_shape))
    if values.ndim < 1 or values.shape[1:] != pair.sample_shape or len(values) < least:
        raise InputError(field, f"have shape {values.shape}", f"give (n, {shape}) with n at least {least}")
    if values.dtype.kind not in "fiu" or not np.all(np.isfinite(values)):
        raise InputError(field, f"are {values.dtype} or hold NaN or infinity", "give finite numbers")
    if pair.sample_range is not None:
        low, high = pair.sample_range
        slack = 1e-3 * (high - low)
        if values.min() < low - slack or values.max() > high + slack:
            problem = f"lie in [{values.min():.4g}, {values.max():.4g}], the pair's samples in [{low:g}, {high:g}]"
            raise InputError(field, problem, "scale them to the pair's range")
    return values.astype(np.float32)


def is_image(pair: Pair) -> bool:
    """Whether samples are images of a declared range, ``(H, W, 1)`` or ``(H, W, 3)``, and so have a form in bytes."""
    return len(pair.sample_shape) == 3 and pair.sample_shape[-1] in (1, 3) and pair.sample_range is not None


def image_range(pair: Pair) -> tuple[float, float]:
    """The sample range of a pair of images.

    Raises:
      InputError: its samples are not images, or have no range and so no form in bytes.
    """
    if len(pair.sample_shape) != 3 or pair.sample_shape[-1] not in (1, 3):
        remedy = "this command judges images, (H, W, 1) or (H, W, 3); call the functions of dcd for other samples"
        raise InputError("pair", f"has samples of shape {pair.sample_shape}", remedy)
    if pair.sample_range is None:
        raise InputError("pair", "has samples without a range", "declare sample_range, images need one to become bytes")
    return pair.sample_range
