r"""Numbers a preset needs from the critic: its slope on random couples, and the distance it measures.

.. math::
   k_{\mathrm{eff}} = \max_{i} \frac{|D(G(z_i)) - D(G(z_i'))|}{\lVert z_i - z_i'\rVert}, \qquad
   \hat W_1 = \frac{1}{n}\sum_i D(x_i) - \frac{1}{n}\sum_i D(G(z_i))
"""

from __future__ import annotations

import math

import jax
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Pair

from ..langevin.chain_settings import Space
from .scores import check_samples, generate_set, scores_of

__all__ = ["effective_lipschitz", "ttc_step_size"]


def effective_lipschitz(
    pair: Pair, key: Array, couples: int = 100, space: Space = "latent", labels: ArrayLike | None = None
) -> float:
    """:math:`k_{eff}` of D(G(z)) (``latent``) or of D (``pixel``) over random couples of the generator's samples.

    A lower bound of the Lipschitz constant, as DOT takes it (arXiv 1910.06832, 100 couples).

    Args:
      labels: ``(couples,)`` for conditional pairs; both members of a couple share a label.

    Raises:
      InputError: fewer than 1 couple, or a critic without slope.
    """
    if isinstance(couples, bool) or not isinstance(couples, int) or couples < 1:
        raise InputError("couples", f"is {couples!r}", "give at least 1")
    c = _labels(pair, labels, couples)
    z, x = generate_set(pair, key, 2 * couples, None if c is None else np.concatenate([c, c]))
    score = scores_of(pair, x, None if c is None else np.concatenate([c, c])).astype(np.float64)
    u = (z if space == "latent" else x).reshape(2 * couples, -1).astype(np.float64)
    apart = np.linalg.norm(u[:couples] - u[couples:], axis=1)
    slope = np.abs(score[:couples] - score[couples:]) / np.maximum(apart, 1e-12)
    value = float(slope.max())
    if not (math.isfinite(value) and value > 0):
        raise InputError("critic", "has no slope between random samples", "recover it: python -m dcd adapt PAIR DATA")
    return value


def ttc_step_size(
    pair: Pair, real_x: ArrayLike, key: Array, theta: float = 1.0, labels: ArrayLike | None = None
) -> float:
    r"""The step rule of Trust the Critics, :math:`\eta = \theta \hat W_1`.

    For a critic of slope one (``wasserstein``) :math:`\hat W_1` is the mean distance that samples
    have to go, so one step of that length lands on the data where all of it goes one way.

    Args:
      real_x: ``(n, *sample)``; as many samples are drawn from the generator.
      theta: above 0; 1 as released.

    Raises:
      InputError: the critic scores real samples no higher than generated ones.
    """
    if not theta > 0 or not math.isfinite(theta):
        raise InputError("theta", f"is {theta!r}", "give a finite number above 0")
    real = check_samples("real_x", pair, real_x)
    c = _labels(pair, labels, len(real))
    fake = generate_set(pair, key, len(real), c)[1]
    gap = float(
        np.mean(scores_of(pair, real, c), dtype=np.float64) - np.mean(scores_of(pair, fake, c), dtype=np.float64)
    )
    if not gap > 0:
        raise InputError(
            "critic", f"scores real samples {gap:.3g} above generated ones", "recover it: python -m dcd adapt PAIR DATA"
        )
    return theta * gap


def _labels(pair: Pair, labels: ArrayLike | None, n: int) -> np.ndarray | None:
    if pair.classes is None:
        return None
    if labels is None:
        return np.asarray(jax.numpy.arange(n) % pair.classes)
    return np.asarray(labels)
