r"""Numbers a preset needs from the critic: its slope on random couples, and the distance it measures.

.. math::
   k_{\mathrm{eff}} = \max_{i} \frac{|D(G(z_i)) - D(G(z_i'))|}{\lVert z_i - z_i'\rVert}, \qquad
   \hat W_1 = \frac{1}{n}\sum_i D(x_i) - \frac{1}{n}\sum_i D(G(z_i))
"""

from __future__ import annotations

import math

import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Pair
from pairs.checks import check_count, check_labels, check_number, check_samples

from ..langevin.chain_settings import Space
from .scores import generate_set, scores_of

__all__ = ["effective_lipschitz", "ttc_step_size"]


def effective_lipschitz(
    pair: Pair, key: Array, couples: int = 100, space: Space = "latent", labels: ArrayLike | None = None
) -> float:
    r"""Estimate the slope of the critic over random couples of the generator's samples.

    The estimate :math:`k_{eff}` is a lower bound of the Lipschitz constant, as DOT takes it (arXiv 1910.06832, 100
    couples).

    Args:
      pair: Pair to measure.
      key: Key of the samples.
      couples: Number of couples, at least 1.
      space: ``latent`` for the slope of D(G(z)) in z, ``pixel`` for that of D(x) in x.
      labels: Classes ``(couples,)`` for a conditional pair, all classes in turn by default; both members of a couple
        share a label.

    Returns:
      The largest slope found, above 0.

    Raises:
      InputError: There is no couple, the labels do not fit the pair, or the critic has no slope.
    """
    check_count("couples", couples)
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
    r"""Compute the step size of Trust the Critics, :math:`\eta = \theta \hat W_1` (arXiv 2111.15099).

    For a critic of slope one (``wasserstein``), :math:`\hat W_1` estimates the mean distance that samples have to go,
    so one step of that length reaches the data where all samples go the same way.

    Args:
      pair: Pair to measure.
      real_x: At least 2 real samples ``(n, *sample)``; as many samples are drawn from the generator.
      key: Key of the generator's samples.
      theta: Factor, above 0; 1 as released.
      labels: Classes ``(n,)`` of ``real_x`` for a conditional pair, all classes in turn by default.

    Returns:
      The step size, above 0.

    Raises:
      InputError: The samples do not fit the pair, or the critic scores real samples no higher than generated ones.
    """
    check_number("theta", theta, above=0.0)
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
    """Checked labels, all classes in turn by default."""
    if labels is None and pair.classes is not None:
        return np.arange(n) % pair.classes
    return check_labels(pair, labels, n)
