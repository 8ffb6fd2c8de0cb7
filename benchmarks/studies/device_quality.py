"""What a lower precision does to the samples of chains that have the same latents and the same noise."""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np

from pairs import Pair
from pairs.batches import score

from .device_chain import OTHER_KEY, ChainJob

__all__ = ["difference", "quality", "sampled"]


def difference(ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    """Mean absolute difference of samples, and its standard error over the samples.

    Example:
      >>> difference(np.zeros((4, 2)), np.ones((4, 2)))
      {'mean': 1.0, 'standard_error': 0.0}
    """
    return _mean(np.abs(ours.astype(np.float64) - theirs).reshape(len(ours), -1).mean(axis=1))


def _mean(rows: np.ndarray) -> dict[str, float]:
    return {"mean": float(rows.mean()), "standard_error": float(rows.std(ddof=1) / math.sqrt(len(rows)))}


def quality(pair: Pair, samples: dict[str, np.ndarray], labels: Any) -> dict[str, Any]:
    """What low precision does to the samples of chains with the same latents and noise.

    Args:
      pair: In float32; its critic scores all samples with full precision.
      samples: By precision, and ``other noise`` for float32 with another noise: the distance that noise alone makes.
      labels: Of a conditional pair.
    """
    with jax.default_matmul_precision("highest"):
        scores = {k: np.asarray(score(pair, x, labels), np.float64) for k, x in samples.items()}
    base = scores["float32"]
    return {
        "chains": len(base),
        "score": {k: _mean(s) for k, s in scores.items()},
        "score_minus_float32": {k: _mean(s - base) for k, s in scores.items() if k != "float32"},
        "sample_minus_float32": {k: difference(samples["float32"], x) for k, x in samples.items() if k != "float32"},
    }


def sampled(job: ChainJob, precision: str) -> dict[str, np.ndarray]:
    """Samples of the whole chain of a job, and for float32 those with another noise."""
    found = {precision: job.refined()}
    return found if precision != "float32" else {**found, "other noise": job.refined(OTHER_KEY)}
