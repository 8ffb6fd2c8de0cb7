r"""Ex2MCMC: a global move among fresh latents, then local Langevin moves (arXiv 2111.02702).

For :math:`\pi(z) \propto p_0(z)\,e^{d(G(z))}` a step is :mod:`dcd.select.isir` with proposals from the
prior (weights :math:`\pi/p_0 = e^d`), followed by ``local_steps`` MALA steps

.. math:: z' = z + \eta \nabla\log\pi(z) + \sqrt{2\eta}\,\xi, \quad \text{accepted as in } \texttt{dcd.kernel}.

Both leave :math:`\pi` invariant, and so does their sequence, provided that the target and its gradient are
evaluated anew after the global move. The released code keeps the gradient of the sample it left, which
widens the law it samples.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import Pair

from ..chain import advance, start
from ..config import Langevin
from .candidates import MOST_CANDIDATES, Selection, Source, candidate_ids, check_count, check_number, uniforms
from .isir import isir_pick

__all__ = ["ex2"]


def ex2(
    pair: Pair,
    n: int,
    key: Array,
    *,
    particles: int = 8,
    steps: int = 10,
    local_steps: int = 3,
    step_size: float = 0.01,
    then: Langevin | None = None,
    labels: ArrayLike | None = None,
    first_index: int = 0,
    batch: int = 256,
) -> Selection:
    r"""``n`` samples after ``steps`` rounds of one global and ``local_steps`` local moves.

    Cost per sample and round: (particles - 1)(F_G + F_D) + (local_steps + 1)(F_G + F_D + B_D + B_G).
    Both moves use the critic's logit, also where an isotonic map was fitted on top: two targets
    would leave neither invariant. ``acceptance`` is that of the local moves.

    Args:
      step_size: :math:`\eta` of the local moves; :func:`dcd.adapt_step_size` finds one.
      then: chain that refines the result.

    Raises:
      InputError: uncalibrated critic or settings out of range.
    """
    source = Source(pair, key, n, "Ex2MCMC", labels=labels, first_index=first_index, batch=batch, smooth=True)
    check_count("particles", particles, 2)
    check_count("steps", steps, 1, (MOST_CANDIDATES - 1) // (particles - 1))
    check_count("local_steps", local_steps, 0)
    check_number("step_size", step_size, 0.0)
    mala = Langevin(
        "latent", steps * local_steps, step_size, prior_weight=1.0, metropolis=True, project=False, preset="ex2"
    )  # fmt: skip
    local_key = jax.random.fold_in(key, 0xE2)
    parts: list[tuple[np.ndarray, ...]] = []
    accepted, jumps = [], 0.0
    for low in range(0, n, batch):
        rows, keep = np.minimum(np.arange(low, low + batch), n - 1), min(batch, n - low)
        c = None if source.labels is None else jnp.asarray(source.labels[rows])
        index = source.index[rows]
        began = source.draw(rows, 0)
        z, d = began.latents, began.log_ratio
        for step in range(steps):
            fresh = [source.draw(rows, 1 + step * (particles - 1) + j) for j in range(particles - 1)]
            u = uniforms(key, candidate_ids(index, step))
            chosen = isir_pick(np.stack([d, *(f.log_ratio for f in fresh)]), u)
            z = jnp.stack([z, *(f.latents for f in fresh)])[jnp.asarray(chosen), jnp.arange(batch)]
            jumps += float(np.mean(chosen[:keep] > 0)) * keep
            # a new state: value and gradient of the target belong to where the jump went
            state = start(pair, mala, z, index, c)
            state, info = advance(pair, mala, local_key, state, step * local_steps, (step + 1) * local_steps, labels=c)
            accepted.append(np.asarray(info.acceptance)[:, :keep].ravel())
            z, d = state.position, np.asarray(state.at.score)
        x = source.judge(z, index, c, key, None)
        parts.append(tuple(np.asarray(v)[:keep] for v in (x.samples, z, d, began.log_ratio)))
    samples, latents, ratio, start_ratio = (np.concatenate(v) for v in zip(*parts, strict=True))
    local = np.concatenate(accepted)
    settings = {"particles": particles, "steps": steps, "local_steps": local_steps, "step_size": step_size,
                "global_moves": jumps / (n * steps)}  # fmt: skip
    return Selection(
        source.finish(samples, latents, then), latents, source.labels, ratio, start_ratio, np.full(n, -1, np.int32),
        np.full(n, 1 + steps * (particles - 1), np.int32), np.zeros(n, bool),
        float(local.mean()) if local.size else 1.0, settings,
    )  # fmt: skip
