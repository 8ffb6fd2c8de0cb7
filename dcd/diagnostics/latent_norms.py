r"""Norms of latents against the prior's law: whether a chain stayed where the generator was trained.

For :math:`N(0, \sigma^2 I)` in d dimensions the norm has the law of :math:`\sigma\chi_d`, so that

.. math:: P\left(\tfrac d2, \tfrac{\lVert z\rVert^2}{2\sigma^2}\right)

(the regularised incomplete gamma function) is uniform on [0, 1] as long as the chain keeps to the prior.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax.scipy.special import gammainc
from jax.typing import ArrayLike

from pairs import Normal, Pair
from pairs.arrays import on_device

from ..langevin.result import Result
from .json_numbers import finite

__all__ = ["latent_norm", "norm_percentiles"]

DRAWS = 4096


def norm_percentiles(pair: Pair, latents: ArrayLike) -> np.ndarray:
    """Percentile (0 to 1) of each latent's norm under the prior.

    Args:
      pair: Its prior counts.
      latents: ``(n, *latent)``.

    Returns:
      ``(n,)``: exact for a normal prior, otherwise among 4,096 draws.
    """
    z = np.asarray(latents, np.float64)
    norm = np.linalg.norm(z.reshape(len(z), -1), axis=1)
    if isinstance(pair.prior, Normal):
        return np.asarray(gammainc(pair.prior.size / 2, on_device((norm / pair.prior.scale) ** 2 / 2)))
    draws = np.asarray(jax.jit(lambda k: pair.prior.sample(k, DRAWS))(jax.random.key(0)))
    known = np.sort(np.linalg.norm(draws.reshape(DRAWS, -1).astype(np.float64), axis=1))
    return (np.searchsorted(known, norm, "left") + np.searchsorted(known, norm, "right")) / (2 * DRAWS)


def latent_norm(result: Result, pair: Pair) -> dict[str, Any] | None:
    """Percentiles of the latents' norms before and after, in the form that JSON holds; None in pixel space."""
    if result.config.space != "latent":
        return None
    before, after = norm_percentiles(pair, result.latents), norm_percentiles(pair, result.positions)
    grid = np.sort(after)
    steps = np.arange(1, len(grid) + 1) / len(grid)
    gap = float(np.maximum(steps - grid, grid - steps + 1 / len(grid)).max())
    return {
        "median_before": finite(np.median(before)),
        "median_after": finite(np.median(after)),
        "extreme_after": float(np.mean((after > 0.999) | (after < 0.001))),
        "distance_from_prior": gap,
    }
