"""What a run of chains leaves: samples before and after, and the record of every step."""

from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np

from .chain_settings import ChainSettings
from .transition import LangevinInfo

__all__ = ["Result", "join_results"]


class Result(NamedTuple):
    """Refined samples with everything needed to judge the run; arrays are numpy and lead with n.

    Attributes:
      before: ``G(z)``, ``(n, *sample)``.
      after: Samples after the last step.
      latents: The latents that the chains started from.
      positions: Last positions: latents in latent space, samples in pixel space.
      trace: The record of every step, each field ``(steps, n)``.
      start_score: Critic's score of ``before``.
      stopped: Whether a chain met NaN or infinity.
      snapshots: Samples after the numbers of steps asked for.
      config: Settings of the chain.
      score: Critic's score of ``after``.
    """

    before: np.ndarray
    after: np.ndarray
    latents: np.ndarray
    positions: np.ndarray
    trace: LangevinInfo
    start_score: np.ndarray
    stopped: np.ndarray
    snapshots: dict[int, np.ndarray]
    config: ChainSettings
    score: np.ndarray

    def __repr__(self) -> str:
        """A few lines: how many samples, what was done, the mean score before and after; no arrays."""
        if not isinstance(self.after, np.ndarray):  # a tree of other values, as jax.tree.map makes it
            return tuple.__repr__(self)
        n, *shape = self.after.shape
        size, steps = " x ".join(map(str, shape)), len(self.trace.score)
        scores = f"{float(np.mean(self.start_score)):.4g} to {float(np.mean(self.score)):.4g}"
        return (
            f"Result of {n} samples ({size}), {steps} steps\n"
            f"  mean score  {scores}, stopped {int(np.sum(self.stopped))}\n"
            f"  fields      {', '.join(self._fields)}"
        )


def join_results(pieces: list[Result]) -> Result:
    """One result from those of the batches of a run, in order."""
    joined = {
        name: np.concatenate([getattr(piece, name) for piece in pieces])
        for name in ("before", "after", "latents", "positions", "start_score", "stopped", "score")
    }
    trace = jax.tree.map(lambda *rows: np.concatenate(rows, axis=1), *(piece.trace for piece in pieces))
    shots = {s: np.concatenate([piece.snapshots[s] for piece in pieces]) for s in pieces[0].snapshots}
    return Result(**joined, trace=trace, snapshots=shots, config=pieces[0].config)
