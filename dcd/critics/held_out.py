r"""Real and generated samples a critic is judged on, and the judgement.

With scores :math:`d_i` of m real and :math:`\tilde d_j` of n other samples,

.. math:: \mathrm{AUC} = \frac{1}{mn}\sum_{ij} \mathbf 1[d_i > \tilde d_j] + \tfrac12\,\mathbf 1[d_i = \tilde d_j].
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Net, Pair, Prior
from pairs.ranking import auc

from .losses import Loss, log_mean_exp, score_loss, slope_norm, slopes

__all__ = ["CriticFit", "check_data", "critic_fit", "draw_samples", "generated", "in_batches", "score_of"]

BATCH = 256


class CriticFit(NamedTuple):
    """How a critic does on samples it was not trained on; negatives are generated (or refined) samples."""

    loss: float
    auc: float
    accuracy: float
    """Fraction on the right side of the loss's own threshold (the mean of the two mean scores for ``wgan``)."""
    mean_real: float
    mean_negative: float
    gradient_real: float
    """Mean norm of the score's gradient at real samples."""
    gradient_negative: float


def check_data(
    pair: Pair, data_x: ArrayLike, labels: ArrayLike | None, least: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Real samples as float32 and their labels, checked against the pair.

    Raises:
      InputError: wrong shape or type, NaN, values outside the sample range, fewer than ``least``,
        labels that do not fit.
    """
    x = np.asarray(data_x)
    if x.ndim < 2 or x.shape[1:] != pair.sample_shape:
        raise InputError("data", f"have shape {x.shape}", f"give (n, {', '.join(map(str, pair.sample_shape))})")
    if not np.issubdtype(x.dtype, np.floating):
        raise InputError("data", f"are {x.dtype}", f"give floats in the pair's range {pair.sample_range}")
    if x.shape[0] < least:
        raise InputError("data", f"hold {x.shape[0]} samples", f"give at least {least}")
    if not np.all(np.isfinite(x)):
        raise InputError("data", "hold NaN or infinity", "leave those samples out")
    if pair.sample_range is not None:
        low, high = pair.sample_range
        slack = 1e-3 * (high - low)
        if x.min() < low - slack or x.max() > high + slack:
            raise InputError("data", f"lie in [{x.min():.4g}, {x.max():.4g}]", f"scale them to [{low:g}, {high:g}]")
    if (labels is None) != (pair.classes is None):
        problem = "are missing for a conditional pair" if labels is None else "are given for an unconditional pair"
        raise InputError("labels", problem, "give them exactly where the pair has classes")
    c = None if labels is None else np.asarray(labels)
    if c is not None and (c.shape != x.shape[:1] or c.min() < 0 or c.max() >= (pair.classes or 0)):
        raise InputError("labels", f"have shape {c.shape}", f"give {len(x)} whole numbers below {pair.classes}")
    return x.astype(np.float32), c


def draw_samples(
    generator: Net, prior: Prior, key: Array, n: int, classes: int | None
) -> tuple[Array, tuple[Array, ...]]:
    """``n`` samples of the generator and, of a conditional one, their random labels (else an empty tuple)."""
    zk, ck = jax.random.split(key)
    labels = () if classes is None else (jax.random.randint(ck, (n,), 0, classes),)
    return generator(prior.sample(zk, n, *labels), *labels), labels


_draw = jax.jit(draw_samples, static_argnames=("n", "classes"))


def generated(generator: Net, prior: Prior, key: Array, n: int, classes: int | None) -> tuple[Array, tuple[Array, ...]]:
    """:func:`draw_samples` for any ``n``, compiled for one batch size."""
    size = min(n, BATCH)
    pieces = [_draw(generator, prior, jax.random.fold_in(key, i), size, classes) for i in range(-(-n // size))]
    return jax.tree.map(lambda *p: jnp.concatenate(p)[:n], *pieces)


@jax.jit
def score_of(critic: Net, x: Array, labels: tuple[Array, ...]) -> Array:
    """Scores of one batch."""
    return critic(x, *labels)


@jax.jit
def _slopes_of(critic: Net, x: Array, labels: tuple[Array, ...]) -> tuple[Array, Array]:
    score, square = slopes(lambda v: critic(v, *labels), x)
    return score, slope_norm(square)


def in_batches(f: Callable[..., Any], critic: Net, x: Array, labels: tuple[Array, ...] = ()) -> Any:
    """``f(critic, x, labels)`` over batches of one size; what the last one shares with that before it is dropped."""
    n, size = x.shape[0], min(BATCH, x.shape[0])
    pieces = []
    for low in range(0, n, size):
        at = min(low, n - size)
        piece = f(critic, x[at : at + size], tuple(c[at : at + size] for c in labels))
        pieces.append(jax.tree.map(functools.partial(_tail, low - at), piece))
    return jax.tree.map(lambda *p: jnp.concatenate(p), *pieces)


def _tail(skip: int, row: Array) -> Array:
    return row[skip:]


def critic_fit(
    critic: Net,
    loss: Loss,
    real: Array,
    negative: Array,
    labels: tuple[tuple[Array, ...], tuple[Array, ...]] = ((), ()),
) -> CriticFit:
    """How ``critic`` tells ``real`` from ``negative``, with its slopes."""
    d_real, g_real = in_batches(_slopes_of, critic, real, labels[0])
    d_other, g_other = in_batches(_slopes_of, critic, negative, labels[1])
    normaliser = log_mean_exp(d_other)
    middle = {"wgan": 0.5 * (jnp.mean(d_real) + jnp.mean(d_other)), "kale": normaliser}.get(loss, 0.0)
    right = 0.5 * (jnp.mean(d_real > middle) + jnp.mean(d_other < middle))
    value = score_loss(loss, d_real, d_other, normaliser)
    means = (jnp.mean(v) for v in (d_real, d_other, g_real, g_other))
    return CriticFit(float(value), auc(d_real, d_other), float(right), *map(float, means))
