"""Samples that a critic is trained on: checked real ones, the held-out part of them, and generated ones."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Net, Pair, Prior
from pairs.batches import BATCH
from pairs.checks import check_labels, check_samples

__all__ = ["check_training_data", "draw_samples", "draw_set", "hold_out"]

Labelled = tuple[np.ndarray, np.ndarray | None]


def check_training_data(pair: Pair, data_x: ArrayLike, labels: ArrayLike | None) -> Labelled:
    """Check real samples and their labels against the pair.

    Args:
      pair: Pair whose critic is trained.
      data_x: At least 4 real samples, floats ``(n, *sample)`` in the pair's sample range. Whole numbers are refused,
        because they are most often bytes that were not scaled.
      labels: Classes ``(n,)`` of a conditional pair, else None.

    Returns:
      The samples as float32 and the labels as int32 (None for an unconditional pair).

    Raises:
      InputError: The samples or the labels do not fit the pair.
    """
    x = np.asarray(data_x)
    if x.dtype.kind in "iub":
        raise InputError("data", f"are {x.dtype}", f"give floats in the pair's range {pair.sample_range}")
    x = check_samples("data", pair, x, 4)
    return x, check_labels(pair, labels, len(x))


def hold_out(
    x: np.ndarray, labels: np.ndarray | None, key: Array, fraction: float, most: int
) -> tuple[Labelled, Labelled]:
    """Split samples at random into a training part and a held-out part.

    Args:
      x: Samples ``(n, *sample)``.
      labels: Their classes ``(n,)``, or None.
      key: Key of the permutation.
      fraction: Held-out fraction of n; at least one sample is held out.
      most: Largest number of held-out samples.

    Returns:
      ``(samples, labels)`` of the training part and of the held-out part.
    """
    order = np.asarray(jax.random.permutation(key, len(x)))
    held = min(most, max(1, round(fraction * len(x))))

    def part(rows: np.ndarray) -> Labelled:
        return x[rows], None if labels is None else labels[rows]

    return part(order[held:]), part(order[:held])


def draw_samples(
    generator: Net, prior: Prior, key: Array, n: int, classes: int | None
) -> tuple[Array, tuple[Array, ...]]:
    """Draw samples of the generator, inside a compiled function.

    Args:
      generator: Generator.
      prior: Its prior.
      key: Key of the latents and labels.
      n: Number of samples.
      classes: Number of classes of a conditional generator, else None.

    Returns:
      The samples ``(n, *sample)``, and a tuple that holds the random labels ``(n,)`` of a conditional generator and
      is empty for any other.
    """
    latent_key, label_key = jax.random.split(key)
    labels = () if classes is None else (jax.random.randint(label_key, (n,), 0, classes),)
    return generator(prior.sample(latent_key, n, *labels), *labels), labels


_draw_batch = functools.partial(jax.jit, static_argnames=("n", "classes"))(draw_samples)


def draw_set(generator: Net, prior: Prior, key: Array, n: int, classes: int | None) -> tuple[Array, tuple[Array, ...]]:
    """Draw any number of samples as :func:`draw_samples` does, with one program per batch size.

    Args:
      generator: Generator.
      prior: Its prior.
      key: Key; batch i is drawn with ``fold_in(key, i)``.
      n: Number of samples.
      classes: Number of classes of a conditional generator, else None.

    Returns:
      Samples and labels, as :func:`draw_samples` returns them.
    """
    size = min(n, BATCH)
    pieces = [_draw_batch(generator, prior, jax.random.fold_in(key, i), size, classes) for i in range(-(-n // size))]
    return jax.tree.map(lambda *parts: jnp.concatenate(parts)[:n], *pieces)
