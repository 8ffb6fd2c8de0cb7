r"""Stored input and output of a net in its own framework, which an imported pair must reproduce.

A golden file is an NPZ with ``z`` and ``x`` = G(z), and where there is a critic ``score`` = D(x) before any sigmoid;
``labels`` (or ``label``) for a conditional pair. Images are in PyTorch's order ``(n, C, H, W)``. In PyTorch::

    z = torch.randn(16, 100); x = G.eval()(z); score = D.eval()(x).flatten()
    numpy.savez("golden.npz", z=z, x=x.detach(), score=score.detach())

The deviation of an output is its largest difference over the largest stored number, :math:`\max|a-b| / \max|b|`.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from pairs import InputError, Pair
from pairs.batches import apply_net

from .dtypes import is_float
from .foreign.limits import shown
from .foreign.tensors import read_tensors

__all__ = ["TOLERANCE", "Deviations", "check_golden", "measure_golden"]

TOLERANCE = 5e-5
"""Largest deviation that passes. Rounding in float32 gives 1e-6 to 2e-5 on real nets, a wrong setting more."""

_NAMES = ("z", "x", "score", "labels")


@dataclasses.dataclass(frozen=True)
class Deviations:
    """What was compared.

    Attributes:
      rows: Number of stored rows.
      samples: Deviation of the generator's samples.
      scores: Deviation of the critic's scores; ``None`` where none are stored, or the pair has no critic.
    """

    rows: int
    samples: float
    scores: float | None

    @property
    def worst(self) -> float:
        """The larger of both."""
        return max(self.samples, self.scores or 0.0)


def check_golden(pair: Pair, path: str | os.PathLike[str], tolerance: float = TOLERANCE) -> Deviations:
    """Compare a pair with a golden file and refuse it where it does not reproduce the file.

    Args:
      pair: The pair.
      path: The golden file.
      tolerance: Largest deviation that passes.

    Returns:
      The deviations.

    Raises:
      InputError: A file that does not fit the pair, or a deviation above the tolerance.
    """
    found = measure_golden(pair, path)
    for net, value in (("generator", found.samples), ("critic", found.scores)):
        if value is not None and not value <= tolerance:
            raise InputError(
                "check",
                f"'{path}' is not reproduced: the {net} is off by {value:.2g} of the largest number in it "
                f"(allowed {tolerance:g})",
                f"correct the layers of the {net} (names of layers of equal shape, eps, slopes, align_corners), or "
                "store the numbers again in evaluation mode and float32, with scores before any sigmoid",
            )
    return found


def measure_golden(pair: Pair, path: str | os.PathLike[str]) -> Deviations:
    """The deviations of a pair from a golden file; nothing is refused for being large.

    Raises:
      InputError: A file that does not fit the pair.
    """
    try:
        stored = read_tensors(path)
    except InputError as error:
        raise InputError("check", error.problem, error.remedy) from None
    _check_names(stored, path)
    z, x, score = (stored.get(name) for name in ("z", "x", "score"))
    if z is None or x is None or not z.ndim or not x.ndim or len(z) != len(x) or not len(z):
        held = ", ".join(f"{shown(n)} {'x'.join(map(str, a.shape)) or '(one number)'}" for n, a in stored.items())
        raise InputError("check", f"'{path}' holds {held or 'nothing'}", "give an NPZ with z and x of n rows")
    for name, values in (("z", z), ("x", x), ("score", score)):
        if values is not None:
            _check_numbers(values, name, path)
    labels = _labels(pair, stored, len(z), path)
    z = _rows(z, pair.prior.shape, "z", path)
    x = _rows(x, pair.sample_shape, "x", path)
    with jax.default_matmul_precision("highest"):  # accelerators round the inputs of products by default
        samples = _deviation(np.asarray(apply_net(pair.generator, z, *labels)), x)
        if score is None or not pair.has_critic:
            return Deviations(len(z), samples, None)
        scores = _deviation(np.asarray(apply_net(pair.critic, x, *labels)), score.reshape(-1))
    return Deviations(len(z), samples, scores)


def _check_names(stored: Mapping[str, np.ndarray], path: Any) -> None:
    """Refuse arrays whose names are almost those that are compared: they would be passed over."""
    for name in stored:
        lost = [n for n in _NAMES if n not in stored and name not in _NAMES and _like(name, n)]
        if lost and not (lost == ["labels"] and "label" in stored):
            raise InputError("check", f"'{path}' has an array '{shown(name)}'", f"store it as '{lost[0]}'")
    if "label" in stored and "labels" in stored and not np.array_equal(stored["label"], stored["labels"]):
        raise InputError("check", f"'{path}' has label and labels, which differ", "keep one of them")


def _like(name: str, wanted: str) -> bool:
    return name.lower() in (wanted, f"{wanted}s") or (wanted == "score" and name.lower() in ("logit", "logits"))


def _check_numbers(values: np.ndarray, name: str, path: Any) -> None:
    if not is_float(values.dtype) and not (name == "z" and values.dtype.kind in "iu"):
        problem = f"'{path}' has {name} of type {values.dtype}"
        raise InputError("check", problem, "store the numbers that went into the net and came out, as float32")
    with np.errstate(over="ignore"):
        finite = np.isfinite(values.astype(np.float32)).all()
    if not finite:
        raise InputError("check", f"'{path}' has {name} with NaN or infinity", "store finite numbers")


def _labels(pair: Pair, stored: dict[str, np.ndarray], n: int, path: Any) -> tuple[jax.Array, ...]:
    if pair.classes is None:
        return ()
    values = stored.get("labels", stored.get("label"))
    remedy = f"store {n} whole numbers from 0 to {pair.classes - 1} as 'labels'"
    if values is None:
        raise InputError("check", f"'{path}' has no labels", remedy)
    if values.dtype.kind not in "iuf":
        raise InputError("check", f"'{path}' has labels of type {values.dtype}", remedy)
    if values.ndim == 2 and values.shape == (n, pair.classes) and pair.classes > 1:
        if not np.array_equal(values, np.eye(pair.classes)[values.argmax(1)]):
            raise InputError("check", f"'{path}' has rows of labels that are no one-hot vectors", remedy)
        values = values.argmax(1)
    values = values.reshape(n) if values.shape == (n, 1) else values
    if values.shape != (n,):
        raise InputError("check", f"'{path}' has labels of shape {values.shape}", remedy)
    if not np.isin(values, np.arange(pair.classes)).all():
        raise InputError("check", f"'{path}' has labels from {values.min():g} to {values.max():g}", remedy)
    return (jax.numpy.asarray(values, jax.numpy.int32),)


def _rows(values: np.ndarray, shape: tuple[int, ...], name: str, path: Any) -> np.ndarray:
    """Rows in PyTorch's order as rows of the pair's shape, channels last."""
    first = (shape[-1], *shape[:-1]) if len(shape) > 1 else shape
    if values.size != len(values) * math.prod(shape):
        problem = f"'{path}' has {name} of shape {values.shape}, the pair's have shape {shape}"
        raise InputError("check", problem, "store what this generator takes and returns")
    long = lambda sizes: [n for n in sizes if n != 1]
    if len(long(values.shape[1:])) > 1 and len(long(first)) > 1 and long(values.shape[1:]) != long(first):
        order = ", ".join(map(str, first))
        problem = f"'{path}' has {name} of shape {values.shape}, in PyTorch's order it is (n, {order})"
        raise InputError("check", problem, "store it with the channels before rows and columns")
    return np.moveaxis(values.astype(np.float32).reshape(len(values), *first), 1, -1)


def _deviation(ours: np.ndarray, theirs: np.ndarray) -> float:
    if ours.shape != theirs.shape:
        raise InputError(
            "check", f"has outputs of shape {theirs.shape}, the pair's have shape {ours.shape}", "store them anew"
        )
    scale = float(np.abs(theirs).max()) or 1.0
    return float(np.abs(ours.astype(np.float64) - theirs).max() / scale)
