"""What a run of chains leaves: samples before and after, and the record of every step."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .kernel import Info
from .settings import Langevin

__all__ = ["Result", "join"]


class Result(NamedTuple):
    """Refined samples with everything needed to judge the run. Arrays are numpy, leading axis n."""

    before: np.ndarray
    """``G(z)``, ``(n, *sample)``."""
    after: np.ndarray
    """Samples after the last step."""
    latents: np.ndarray
    """The latents the chains started from."""
    positions: np.ndarray
    """Last positions: latents in latent space, samples in pixel space."""
    trace: Info
    """The record of every step, each field ``(steps, n)``."""
    start_score: np.ndarray
    """Critic's score of ``before``."""
    stopped: np.ndarray
    """Chains that met NaN or infinity."""
    snapshots: dict[int, np.ndarray]
    """Samples after the steps asked for."""
    config: Langevin


def join(pieces: list[dict[str, Any]], snapshots: tuple[int, ...], config: Langevin) -> Result:
    """One record of the batches of a run, in order; ``snapshots`` as asked for."""

    def cat(name: str) -> np.ndarray:
        return np.concatenate([p[name] for p in pieces])

    trace = Info(*(np.concatenate([p["trace"][i] for p in pieces], axis=1) for i in range(len(Info._fields))))
    shots = {s: np.concatenate([p["snapshots"][s] for p in pieces]) for s in snapshots}
    return Result(
        cat("before"),
        cat("after"),
        cat("latents"),
        cat("positions"),
        trace,
        cat("start_score"),
        cat("stopped"),
        shots,
        config,
    )
