r"""Maps from a score to a log density ratio, fitted on scores of real and of generated samples.

Both classes weigh one half whatever their counts, so the fitted logit is :math:`\log p/q` and not
shifted by the prior odds of the set.

* logistic: :math:`a s + b` by Newton's method, with Platt's targets :math:`(n_+ + 1)/(n_+ + 2)` and
  :math:`1/(n_- + 2)`, which keep the slope finite where the classes separate;
* isotonic: the best non-decreasing map, by pool adjacent violators, joined by straight lines;
* head: a small network on the score and the features (:mod:`pairs.heads.trained_score`), started at the logistic fit.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array, lax

from pairs.heads.trained_score import head_logit

__all__ = ["fit_logistic", "fit_isotonic", "fit_head"]


def fit_logistic(real: np.ndarray, fake: np.ndarray) -> tuple[float, float]:
    """``(a, b)`` so that ``a * score + b`` is the balanced logit. Constant scores give (0, 0).

    >>> fit_logistic(np.array([1.0, 2.0, 0.5]), np.array([0.0, 1.5, -1.0]))[0] > 0
    True
    """
    s = np.concatenate([real, fake]).astype(np.float64)
    mean, spread = s.mean(), s.std()
    if spread <= 1e-12 * max(1.0, abs(mean)):
        return 0.0, 0.0
    n, m = len(real), len(fake)
    target = np.concatenate([np.full(n, (n + 1) / (n + 2)), np.full(m, 1 / (m + 2))])
    weight = np.concatenate([np.full(n, 0.5 / n), np.full(m, 0.5 / m)])
    x = np.stack([(s - mean) / spread, np.ones_like(s)], axis=1)

    def loss(theta: np.ndarray) -> float:
        logit = x @ theta
        return float(np.sum(weight * (np.logaddexp(0.0, logit) - target * logit)))

    theta = np.zeros(2)
    for _ in range(100):
        p = np.exp(-np.logaddexp(0.0, -(x @ theta)))
        gradient = x.T @ (weight * (p - target))
        hessian = (x * (weight * p * (1 - p))[:, None]).T @ x + 1e-12 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        scale = 1.0
        while loss(theta - scale * step) > loss(theta) and scale > 1e-8:
            scale /= 2
        theta = theta - scale * step
        if np.abs(scale * step).max() < 1e-10:
            break
    return float(theta[0] / spread), float(theta[1] - theta[0] * mean / spread)


def fit_isotonic(real: np.ndarray, fake: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Knots ``(score, logit)`` of a non-decreasing piecewise-linear map, both ascending, at least one.

    A block's knot is its mean score. Probabilities are kept within 1/(n + 2) of 0 and 1: no set of n
    samples can tell a ratio beyond that. Outside the knots the map is constant.
    """
    n, m = len(real), len(fake)
    s = np.concatenate([real, fake]).astype(np.float64)
    y = np.concatenate([np.ones(n), np.zeros(m)])
    w = np.concatenate([np.full(n, 0.5 / n), np.full(m, 0.5 / m)])
    values, place = np.unique(s, return_inverse=True)
    mass = np.bincount(place, w)
    mean = np.bincount(place, w * y) / mass
    blocks: list[list[float]] = []  # mean of y, mass, mean score
    for label, weight, score in zip(mean, mass, values, strict=True):
        blocks.append([label, weight, score])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            (y1, w1, s1), (y0, w0, s0) = blocks.pop(), blocks.pop()
            total = w0 + w1
            blocks.append([(w0 * y0 + w1 * y1) / total, total, (w0 * s0 + w1 * s1) / total])
    levels, _, knots = np.array(blocks).T
    edge = 1.0 / (n + m + 2)
    levels = np.clip(levels, edge, 1 - edge)
    return knots, np.log(levels) - np.log1p(-levels)


def fit_head(
    key: Array, real: np.ndarray, fake: np.ndarray, width: int = 16, steps: int = 300, decay: float = 1e-3
) -> dict[str, Array]:
    """Head for inputs ``(n, columns)`` (:func:`pairs.score_head.head_inputs`), full-batch AdamW.

    A quarter of either class is held out, and the parameters with its lowest loss are kept. The
    search starts at the logistic fit, which is therefore the worst that can come out there.
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
