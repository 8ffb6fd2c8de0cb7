r"""Inception score (arXiv 1606.03498) from class logits of any classifier.

.. math:: \mathrm{IS} = \exp \frac1n \sum_i \mathrm{KL}\big(p(y | x_i) \,\|\, \tfrac1n \textstyle\sum_j p(y | x_j)\big)

per split, then mean and standard deviation over splits. Between 1 and the number of
classes. It sees neither the real data nor diversity within a class.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pairs import InputError

__all__ = ["inception_score"]


def inception_score(logits: ArrayLike, splits: int = 10, seed: int | None = 2020) -> tuple[float, float]:
    """Mean and standard deviation over ``splits``; rows are shuffled first unless ``seed`` is None.

    >>> inception_score(100 * np.eye(4), splits=1)[0]  # four sure answers, all different
    4.0
    """
    rows = np.asarray(logits, np.float64)
    if rows.ndim != 2 or not 1 <= splits <= len(rows):
        raise InputError(
            "logits", f"have shape {rows.shape} for {splits} splits", "give (n, classes), n at least splits"
        )
    if seed is not None:
        rows = rows[np.random.RandomState(seed).permutation(len(rows))]  # the legacy stream is the published protocol
    rows = rows - rows.max(axis=1, keepdims=True)
    log_p = rows - np.log(np.exp(rows).sum(axis=1, keepdims=True))
    n, scores = len(rows), []
    for i in range(splits):
        part = log_p[i * n // splits : (i + 1) * n // splits]
        p = np.exp(part)
        log_q = np.log(np.maximum(p.mean(axis=0), np.finfo(np.float64).tiny))
        scores.append(np.exp((p * (part - log_q)).sum(axis=1).mean()))
    return float(np.mean(scores)), float(np.std(scores))
