r"""Between the samples of a pair and the arrays of a graph.

A pair's samples are channels last, :math:`(b, y, x, c)`; most graphs take and return
:math:`(b, c, y, x)`, or flat samples in one of the two orders. The face of a graph says which: the
order of its axes, the shapes on both sides, and what the labels look like. No transposition is
written where the graph computes channels-last anyway.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
from jax import Array

from ..errors import InputError
from .layout import ChannelsLast, channels_first, channels_last

__all__ = ["Face", "LabelForm", "Layout", "Role", "inward", "labels_inward", "outward", "parse_face", "score_outward"]

Layout = Literal["channels_first", "channels_last"]
Role = Literal["generator", "critic"]
LabelForm = Literal["number", "column", "one_hot"]


@dataclasses.dataclass(frozen=True)
class Face:
    """How a graph meets the protocol.

    Attributes:
      role: ``"generator"`` or ``"critic"``.
      layout: order of the axes of a sample inside the graph.
      main: name of the input that takes latents or samples.
      inner: shape of that input, without the batch.
      sample: shape of a sample of the pair, channels last; for a generator, of what it returns.
      labels: name of the input that takes labels, ``None`` where there is none.
      label_form: what that input takes: class numbers ``(batch,)``, a column ``(batch, 1)`` of them, or
        ``(batch, classes)``.
      classes: number of classes, 0 without labels.
      ignores_labels: labels are accepted and left out: an unconditional critic of a conditional generator.
      one_by_one: the graph was made for a batch of one, and is mapped over the samples.
    """

    role: Role
    layout: Layout
    main: str
    inner: tuple[int, ...]
    sample: tuple[int, ...]
    labels: str | None = None
    label_form: LabelForm = "number"
    classes: int = 0
    ignores_labels: bool = False
    one_by_one: bool = False

    def record(self) -> dict[str, Any]:
        """JSON form, read back by :func:`parse_face`."""
        return dataclasses.asdict(self)


def parse_face(record: Mapping[str, Any]) -> Face:
    """Inverse of :meth:`Face.record`.

    Raises:
      InputError: the record is damaged.
    """
    try:
        values = {**record, "inner": tuple(record["inner"]), "sample": tuple(record["sample"])}
        face = Face(**values)
        for value, kind in ((face.role, Role), (face.layout, Layout), (face.label_form, LabelForm)):
            if value not in get_args(kind):
                raise ValueError(value)
        return face
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("graph.face", f"is damaged ({type(error).__name__})", "import the file again") from None


def inward(face: Face, x: Array) -> Any:
    """Latents or samples as the graph takes them."""
    batch = x.shape[0]
    if face.role == "generator" or face.layout == "channels_last" or x.ndim < 3:
        return x.reshape(batch, *face.inner)
    turned = ChannelsLast(x)
    return turned if turned.shape[1:] == face.inner else channels_first(turned).reshape(batch, *face.inner)


def labels_inward(face: Face, labels: Array) -> Array:
    """Class numbers as the graph takes them."""
    if face.label_form == "number":
        return labels
    if face.label_form == "column":
        return labels[:, None]
    return jax.nn.one_hot(labels, face.classes, dtype=jnp.zeros(()).dtype)


def outward(face: Face, y: Any) -> Array:
    """Samples of the pair from what the graph returns.

    Raises:
      InputError: the graph returns another number of elements than a sample has.
    """
    batch, count = y.shape[0], math.prod(face.sample)
    if math.prod(y.shape) != batch * count:
        problem = f"returns shape {list(y.shape)}, not {batch} samples of shape {list(face.sample)}"
        raise InputError("generator", problem, "export the net with a free batch size, or correct sample_shape")
    if face.layout == "channels_last" or len(face.sample) < 2:
        return channels_first(y).reshape(batch, *face.sample)
    *space, channels = face.sample
    if y.shape[1:] == (channels, *space):
        return channels_last(y)
    return jnp.moveaxis(channels_first(y).reshape(batch, channels, *space), 1, -1)


def score_outward(y: Any, batch: int) -> Array:
    """One score per sample from ``(batch,)``, ``(batch, 1)`` or ``(batch, 1, 1, 1)``.

    Raises:
      InputError: the graph returns several numbers for a sample.
    """
    if not y.shape or y.shape[0] != batch or math.prod(y.shape) != batch:
        problem = f"returns shape {list(y.shape)} for {batch} samples"
        raise InputError("critic", problem, "export a critic with one score per sample and a free batch size")
    return channels_first(y).reshape(batch)
