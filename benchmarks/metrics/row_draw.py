"""Which rows serve where not all can: a draw without replacement that the seed alone decides."""

from __future__ import annotations

import numpy as np

__all__ = ["drawn_rows"]

_SHUFFLED = 2**22


def drawn_rows(n: int, count: int, seed: int) -> np.ndarray:
    """Numbers of ``count`` of n rows, all of them where there are no more, in the order of the draw.

    Up to n = 2^22 a shorter draw is the beginning of a longer one; above, memory stays that of the rows drawn.

    Args:
      n: Rows to draw from.
      count: Rows wanted.
      seed: Seed of the draw.

    Example:
      >>> drawn_rows(5, 9, 0).tolist(), len(set(drawn_rows(5, 3, 0).tolist()))
      ([0, 1, 2, 3, 4], 3)
    """
    if count >= n:
        return np.arange(n)
    rng = np.random.default_rng(seed)
    return rng.permutation(n)[:count] if n <= _SHUFFLED else rng.choice(n, count, replace=False)
