r"""A small network from a score and features to a log density ratio.

.. math:: \min_h\; \tfrac12\,\mathbb{E}\,\mathrm{softplus}(-h(u)) + \tfrac12\,\mathbb{E}\,\mathrm{softplus}(h(\tilde u))

for inputs :math:`u` of real and :math:`\tilde u` of generated samples, the score and, where the pair has them, its
features (:mod:`pairs.heads.trained_score`). The minimiser is :math:`\log p/q` as a function of u.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array, lax

from pairs.heads.trained_score import head_logit

from .logistic_map import fit_logistic

__all__ = ["fit_head"]


def fit_head(
    key: Array, real: np.ndarray, fake: np.ndarray, width: int = 16, steps: int = 300, decay: float = 1e-3
) -> dict[str, Array]:
    """Train the head by full-batch AdamW.

    A quarter of either side is held out, and the parameters with the lowest loss there are returned. Training starts
    at the logistic fit, so the result is no worse than that fit on the held-out quarter.

    Args:
      key: Key of the first weights.
      real: Inputs ``(n, columns)`` of real samples, as :func:`pairs.heads.trained_score.head_inputs` makes them.
      fake: Inputs ``(m, columns)`` of generated samples.
      width: Hidden units.
      steps: Steps of AdamW.
      decay: Weight decay.

    Returns:
      Parameters of :func:`pairs.heads.trained_score.head_logit`.
    """
    cut, cut_fake = 3 * len(real) // 4, 3 * len(fake) // 4
    fit = np.concatenate([real[:cut], fake[:cut_fake]]).astype(np.float32)
    a, b = fit_logistic(real[:cut, 0], fake[:cut_fake, 0])
    first, second = jax.random.split(key)
    columns = fit.shape[1]
    head = {
        "center": jnp.asarray(fit.mean(0)),
        "spread": jnp.asarray(fit.std(0) + 1e-6),
        "w1": jax.random.normal(first, (columns, width)) / columns**0.5,
        "b1": jax.random.normal(second, (width,)),
        "w2": jnp.zeros((width,)),
        "scale": jnp.asarray(a, jnp.float32),
        "shift": jnp.asarray(b, jnp.float32),
    }
    rest = (jnp.asarray(real[cut:], jnp.float32), jnp.asarray(fake[cut_fake:], jnp.float32))
    return _train(head, jnp.asarray(fit[:cut]), jnp.asarray(fit[cut:]), *rest, decay, steps)


@functools.partial(jax.jit, static_argnames="steps")
def _train(
    head: dict[str, Array], real: Array, fake: Array, real_out: Array, fake_out: Array, decay: float, steps: int
) -> dict[str, Array]:
    optimizer = optax.adamw(0.01, weight_decay=decay)
    fixed = {k: head[k] for k in ("center", "spread")}

    def loss(free: dict[str, Array], real: Array, fake: Array) -> Array:
        up, down = (head_logit({**fixed, **free}, v) for v in (real, fake))
        return jnp.mean(jax.nn.softplus(-up)) / 2 + jnp.mean(jax.nn.softplus(down)) / 2

    def step(carry: tuple, _: None) -> tuple[tuple, None]:
        free, opt, best, lowest = carry
        held_out = loss(free, real_out, fake_out)
        better = held_out < lowest
        best = jax.tree.map(lambda new, old: jnp.where(better, new, old), free, best)
        updates, opt = optimizer.update(jax.grad(loss)(free, real, fake), opt, free)
        return (optax.apply_updates(free, updates), opt, best, jnp.minimum(held_out, lowest)), None

    free = {k: v for k, v in head.items() if k not in fixed}
    start = (free, optimizer.init(free), free, jnp.asarray(jnp.inf))
    (_, _, best, _), _ = lax.scan(step, start, None, length=steps)
    return {**fixed, **best}
