r"""Training against a finite pool of samples instead of a generator: what is costly of a sample is computed once.

A pool stands for the law :math:`\tilde p` that produced it, and a generator that draws its rows at random,

.. math:: \tilde G(u) = x_{\lfloor u N \rfloor}, \qquad u \sim U(0, 1),

has the law of the pool. A critic can learn the rows by heart, so its stopping rule and its calibration look at other
rows of the same law (:func:`split_pool`).
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from pairs import InputError, Net, Prior, Uniform
from pairs.arrays import on_device

__all__ = ["Pool", "check_balanced", "pool_source", "split_pool"]


class Pool(NamedTuple):
    """Samples of one law.

    Attributes:
      x: Samples ``(n, *sample)``, or rows of their features.
      labels: Classes ``(n,)`` of a conditional pair, else None.
    """

    x: np.ndarray
    labels: np.ndarray | None = None

    @property
    def label_inputs(self) -> tuple[np.ndarray, ...]:
        """The labels as a critic takes them: a tuple of one array, empty for an unconditional pair."""
        return () if self.labels is None else (self.labels,)


@dataclasses.dataclass(frozen=True)
class _DrawOfClass:
    """Draws rows of a pool that holds as many rows of each class, class by class."""

    def __call__(self, pool: Array, z: Array, *labels: Array) -> Array:
        groups = pool.shape[0]
        group = labels[0] if labels else jnp.zeros(len(z), jnp.int32)
        row = jnp.clip(jnp.floor(z[:, 0] * pool.shape[1]).astype(jnp.int32), 0, pool.shape[1] - 1)
        return pool.reshape(-1, *pool.shape[2:])[jnp.clip(group, 0, groups - 1) * pool.shape[1] + row]


def pool_source(pool: Pool, classes: int | None = None, name: str = "pool_labels") -> tuple[Net, Prior]:
    """The generator that draws a pool's rows, of the class it is given, and its prior.

    Args:
      pool: At least one row; of a conditional pair as many of each class.
      classes: Number of classes of a conditional pair.
      name: What the labels are called in an error.

    Returns:
      The generator and its prior, one uniform number.

    Raises:
      InputError: A class has more rows than another one.

    Example:
      >>> generator, prior = pool_source(Pool(np.eye(3, dtype=np.float32)))
      >>> generator(jnp.asarray([[0.0], [0.99]])).tolist(), prior.shape
      ([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], (1,))
    """
    x, labels = pool
    check_balanced(labels, classes, name)
    if labels is None or classes is None:
        rows = on_device(np.asarray(x)[None])
    else:
        rows = on_device(np.stack([x[labels == k] for k in range(classes)]))
    return Net(rows, _DrawOfClass()), Uniform((1,), 0.0, 1.0)


def check_balanced(labels: np.ndarray | None, classes: int | None, name: str = "pool_labels") -> None:
    """Refuse labels that are not equally often those of each class.

    Raises:
      InputError: A class has more samples than another one.
    """
    if labels is None or classes is None:
        return
    counts = np.bincount(labels, minlength=classes)
    if counts.min() != counts.max():
        problem = f"hold {counts.min()} to {counts.max()} samples of a class"
        raise InputError(name, problem, "let the chain draw all classes equally often")


def split_pool(pool: Pool, fraction: float, classes: int | None = None) -> tuple[Pool, Pool]:
    """Cut a pool into two, for a conditional pair class by class: what trains, and what measures.

    Args:
      pool: Rows in an order that tells nothing; at least 2, of each class for a conditional pair.
      fraction: Share of the second part, in (0, 1); at least one row, of each class for a conditional pair.
      classes: Number of classes of a conditional pair.

    Returns:
      The two parts, at least one row in each.

    Raises:
      InputError: A class, or the pool of an unconditional pair, has fewer than 2 rows.

    Example:
      >>> train, held = split_pool(Pool(np.arange(10)), 0.2)
      >>> train.x.tolist(), held.x.tolist()
      ([0, 1, 2, 3, 4, 5, 6, 7], [8, 9])
    """
    x, labels = pool
    groups = [np.arange(len(x))]
    if labels is not None:
        groups = [np.flatnonzero(labels == k) for k in range(classes or 0)]
    least = min(len(rows) for rows in groups)
    if least < 2:
        what = "samples" if labels is None else "samples of a class"
        raise InputError("pool", f"has {least} {what}", "draw at least 2, better hundreds")
    cuts = [len(rows) - max(1, round(fraction * len(rows))) for rows in groups]
    kept = np.sort(np.concatenate([rows[:cut] for rows, cut in zip(groups, cuts, strict=True)]))
    held = np.sort(np.concatenate([rows[cut:] for rows, cut in zip(groups, cuts, strict=True)]))
    first, second = (Pool(x[rows], None if labels is None else labels[rows]) for rows in (kept, held))
    return first, second
