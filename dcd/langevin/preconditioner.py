r"""A diagonal preconditioner from the target's own gradients, frozen before the chain that samples.

.. math:: M_i = c \left(\mathbb{E}\,g_i^2 + \epsilon\,\overline{\mathbb{E} g^2}\right)^{-1/2}, \qquad
   \textstyle\prod_i M_i = 1

This is the root-mean-square scaling of RMSprop and of preconditioned Langevin dynamics (arXiv 1512.07666). There M
moves with the chain, and the drift needs the divergence of M for the chain to keep its law. Here a pilot estimates M
and the chain keeps it, so that the target stays invariant as for any constant M. The cost is as many gradients as the
pilot has steps, for each of its chains.
"""

from __future__ import annotations

import jax
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Pair
from pairs.arguments import checked_key
from pairs.checks import check_count, check_number

from .chain import advance, start_at_prior
from .settings import Langevin

__all__ = ["precondition"]


def precondition(
    pair: Pair,
    config: Langevin,
    key: Array,
    *,
    chains: int = 64,
    steps: int = 20,
    damping: float = 1e-2,
    labels: ArrayLike | None = None,
) -> Langevin:
    """Settings with a diagonal preconditioner that a short pilot without one estimates.

    Args:
      pair: Generator, critic and prior.
      config: Settings of the chain to be preconditioned.
      key: Typed key; the same key gives the same diagonal.
      chains: Chains of the pilot, which starts where the chain will start.
      steps: Steps of the pilot.
      damping: The epsilon above, relative to the mean square gradient; it bounds the largest entry.
      labels: ``(chains,)`` classes of a conditional pair, all in turn by default.

    Returns:
      ``config`` with its field ``precondition`` set.

    Raises:
      InputError: Settings out of range, or a pilot without finite gradients.

    References:
      Li et al., Preconditioned Stochastic Gradient Langevin Dynamics for Deep Neural Networks, arXiv 1512.07666.
    """
    key = checked_key(key, pair=pair, labels=labels)
    check_count("chains", chains, 1)
    check_count("steps", steps, 1)
    check_number("damping", damping, above=0.0)
    pilot = config.replace(steps=steps, anneal=(1.0,), anneal_noise=(1.0,), precondition=())
    key = jax.random.fold_in(key, 0xD1A6)
    state, c = start_at_prior(pair, pilot, key, chains, labels)
    squares = []
    for k in range(steps):
        gradient = np.asarray(state.at.gradient, np.float64).reshape(chains, -1)
        squares.append(np.mean(gradient[~np.asarray(state.stopped)] ** 2, axis=0))
        state, _ = advance(pair, pilot, key, state, k, k + 1, labels=c)
    mean = np.mean(squares, axis=0)
    if not np.all(np.isfinite(mean)) or not mean.max() > 0:
        raise InputError("config", "gives a pilot without finite gradients", "check the pair, or lower the step size")
    root = np.log(mean + damping * mean.mean()) / 2
    return config.replace(precondition=tuple(float(v) for v in np.exp(root.mean() - root)))
