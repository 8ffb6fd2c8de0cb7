"""How realistic and how smooth paths are, in a net that took no part: what a report of paths says of every method."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import jax
import numpy as np

from pairs import InputError
from pairs.io.pixels import to_uint8

from ..features import FeatureChoice
from ..metrics.frames import NearestReal, confidence, frames, jump

__all__ = ["Judge", "check_took_no_part", "realism"]


class Judge(NamedTuple):
    """A feature net that judges frames, and the real images it compares them with.

    Attributes:
      choice: The net and why that one.
      near: Real rows and their scale.
      span: The pair's sample range.
    """

    choice: FeatureChoice
    near: NearestReal
    span: tuple[float, float]

    def record(self) -> dict[str, Any]:
        """What a report says of the judge."""
        net = self.choice.features
        return {
            "name": net.name,
            "sha256": net.sha256,
            "dim": net.dim,
            "kind": self.choice.kind,
            "why": self.choice.reason,
            "real": len(self.near.real),
            "fresh": self.near.fresh,
            "median": self.near.median,
            "edge": self.near.edge,
        }


def check_took_no_part(judge: FeatureChoice | None, *nets: Any) -> None:
    """Refuse a judge that is a net of the path, or is part of one, under whatever name it was given.

    Args:
      judge: The net that is to judge; None judges nothing.
      nets: Nets that took part, as pytrees; a critic on features holds its feature net. A kernel in common tells.

    Raises:
      InputError: The judge shares a kernel with one of them.
    """
    if judge is None or not (_kernels(judge.features.params) & _kernels(nets)):
        return
    name = judge.features.name
    remedy = f"give --judge another net than {name}; random features take part in no path (--judge random)"
    raise InputError("--judge", f"{name} would judge a path in which it took part", remedy)


def _kernels(params: Any) -> set[str]:
    arrays = [np.asarray(leaf) for leaf in jax.tree.leaves(params) if np.ndim(leaf) > 1]
    return {hashlib.sha256(f"{a.shape}".encode() + np.ascontiguousarray(a).tobytes()).hexdigest() for a in arrays}


def realism(judge: Judge, samples: np.ndarray) -> dict[str, np.ndarray]:
    """Figures ``(paths,)`` of paths of samples ``(paths, frames, *sample)`` in the pair's range.

    The names are those of :class:`benchmarks.metrics.frames.Frames`, with ``pixel_jump`` and, where the net has
    classes, ``confidence`` and ``least_confidence`` of the interior frames.
    """
    net, shape = judge.choice.features, samples.shape[:2]
    x = to_uint8(samples.reshape(-1, *samples.shape[2:]), judge.span)
    rows = net(x).reshape(*shape, -1)
    found = {k: np.asarray(v) for k, v in frames(rows, judge.near)._asdict().items()}
    found["pixel_jump"] = jump(samples)
    if net.card.get("classes"):
        sure = confidence(net.logits(x).reshape(*shape, -1))[:, 1:-1]
        found["confidence"], found["least_confidence"] = sure.mean(axis=1), sure.min(axis=1)
    return found
