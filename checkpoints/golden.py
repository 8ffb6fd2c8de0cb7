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
from typing import Any

import jax
import numpy as np

from pairs import InputError, Pair
from pairs.batches import apply_net

from .foreign.tensors import read_tensors

__all__ = ["TOLERANCE", "Deviations", "check_golden", "measure_golden"]

TOLERANCE = 5e-5
"""Largest deviation that passes. Rounding in float32 gives 1e-6 to 2e-5 on real nets, a wrong setting more."""


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
                "store the numbers again in evaluation mode, with scores before any sigmoid",
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
    z, x, score = (stored.get(name) for name in ("z", "x", "score"))
    if z is None or x is None or len(z) != len(x) or not len(z):
        raise InputError(
            "check", f"'{path}' holds {', '.join(stored) or 'nothing'}", "give an NPZ with z and x of n rows"
        )
    labels = _labels(pair, stored, len(z), path)
    z = _rows(z, pair.prior.shape, "z", path)
    x = _rows(x, pair.sample_shape, "x", path)
    with jax.default_matmul_precision("highest"):  # accelerators round the inputs of products by default
        samples = _deviation(np.asarray(apply_net(pair.generator, z, *labels)), x)
        if score is None or not pair.has_critic:
            return Deviations(len(z), samples, None)
        scores = _deviation(np.asarray(apply_net(pair.critic, x, *labels)), score.reshape(-1))
    return Deviations(len(z), samples, scores)


def _labels(pair: Pair, stored: dict[str, np.ndarray], n: int, path: Any) -> tuple[jax.Array, ...]:
    if pair.classes is None:
        return ()
    values = stored.get("labels", stored.get("label"))
    if values is None:
        raise InputError("check", f"'{path}' has no labels", f"store n labels from 0 to {pair.classes - 1} as 'labels'")
    if values.ndim == 2 and values.shape == (n, pair.classes):
        values = values.argmax(1)
    if values.shape != (n,) or values.min() < 0 or values.max() >= pair.classes:
        remedy = f"store {n} whole numbers from 0 to {pair.classes - 1}"
        raise InputError("check", f"'{path}' has labels of shape {values.shape}", remedy)
    return (jax.numpy.asarray(values, jax.numpy.int32),)


def _rows(values: np.ndarray, shape: tuple[int, ...], name: str, path: Any) -> np.ndarray:
    """Rows in PyTorch's order as rows of the pair's shape, channels last."""
    if values.size != len(values) * math.prod(shape):
        problem = f"'{path}' has {name} of shape {values.shape}, the pair's have shape {shape}"
        raise InputError("check", problem, "store what this generator takes and returns")
    first = (shape[-1], *shape[:-1]) if len(shape) > 1 else shape
    return np.moveaxis(values.astype(np.float32).reshape(len(values), *first), 1, -1)


def _deviation(ours: np.ndarray, theirs: np.ndarray) -> float:
    if ours.shape != theirs.shape:
        raise InputError(
            "check", f"has outputs of shape {theirs.shape}, the pair's have shape {ours.shape}", "store them anew"
        )
    scale = float(np.abs(theirs).max()) or 1.0
    return float(np.abs(ours.astype(np.float64) - theirs).max() / scale)
