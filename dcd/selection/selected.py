"""What a selection method returns, and how the results of its batches become one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["Selection", "in_batches"]


class Selection(NamedTuple):
    """Selected samples; arrays are numpy and lead with n.

    Attributes:
      samples: ``(n, *sample)``, after the final chain if there was one.
      latents: Latent of each sample; where a chain in pixel space refined it, the latent it began with.
      labels: Classes of a conditional pair, else None.
      log_ratio: Log density ratio at selection, before a final chain.
      start_log_ratio: The log density ratio of candidate 0, which the output would have been without selection.
      candidate: Number of the candidate that was taken, -1 where the sample is no candidate as drawn (Ex2).
      tried: Number of candidates that each output needed.
      exhausted: True where no candidate was accepted and the last one stands in (rejection: attempts ran out; MH-GAN:
        the chain never left its start; a flow's candidates: none had a finite weight).
      acceptance: Mean acceptance probability over all candidates that were decided on.
      settings: Constants that were estimated or given, for reports.
    """

    samples: np.ndarray
    latents: np.ndarray
    labels: np.ndarray | None
    log_ratio: np.ndarray
    start_log_ratio: np.ndarray
    candidate: np.ndarray
    tried: np.ndarray
    exhausted: np.ndarray
    acceptance: float
    settings: dict[str, float]


def in_batches(run: Callable[[np.ndarray, int], tuple[ArrayLike, ...]], n: int, batch: int) -> Iterator[np.ndarray]:
    """Do all outputs of a run in batches of one shape.

    Args:
      run: From the row numbers of a batch, the last repeated where the batch is not full, and the number of rows that
        count to arrays that lead with the batch.
      n: Number of outputs.
      batch: Rows of a batch.

    Returns:
      The arrays of all batches joined, ``(n, ...)`` each.

    Example:
      >>> [a.tolist() for a in in_batches(lambda rows, keep: (rows, 2 * rows), 3, 2)]
      [[0, 1, 2], [0, 2, 4]]
    """
    pieces = []
    for low in range(0, n, batch):
        keep = min(batch, n - low)
        made = run(np.minimum(np.arange(low, low + batch), n - 1), keep)
        pieces.append([np.asarray(v)[:keep] for v in made])
    return (np.concatenate(v) for v in zip(*pieces, strict=True))
