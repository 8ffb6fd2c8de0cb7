r"""A diagonal preconditioner from the target's own gradients, frozen before the chain that samples.

.. math:: M_i = c \left(\mathbb{E}\,g_i^2 + \epsilon\,\overline{\mathbb{E} g^2}\right)^{-1/2}, \qquad
   \textstyle\prod_i M_i = 1

the root-mean-square scaling of RMSprop and of preconditioned Langevin dynamics (arXiv 1512.07666), which moves
M with the chain and then needs the divergence of M in the drift to keep its law. Here a pilot
estimates M and the chain keeps it, so the target stays invariant as for any constant M. Cost: as many
gradients as the pilot has steps, for each of its chains.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Pair

from .chain import advance, start
from .settings import Langevin
from .starts import labels_of, latents_of

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
    """``config`` with a diagonal preconditioner estimated by a short pilot without one.

    Args:
      chains, steps: of the pilot, which starts where the chain will start.
      damping: the epsilon above, relative to the mean square gradient; bounds the largest entry.
      labels: ``(chains,)`` for conditional pairs, all in turn by default.

    Raises:
      InputError: settings out of range.
    """
    for name, value in (("chains", chains), ("steps", steps)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(name, f"is {value!r}", "give at least 1")
    if not damping > 0:
        raise InputError("damping", f"is {damping!r}", "give a number above 0")
    pilot = config.replace(steps=steps, anneal=(1.0,), anneal_noise=(1.0,), precondition=())
    key = jax.random.fold_in(key, 0xD1A6)
    index = np.arange(chains)
    c = labels_of(pair, index) if labels is None else jnp.asarray(labels)
    z = latents_of(pair, key, index, c)
    state = start(pair, pilot, z if pilot.space == "latent" else pair.generate(z, c), index, c)
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
