r"""Negative samples: states of the very chain that will sample, cut off from any gradient.

.. math:: x^- = x_K \quad\text{or}\quad x_\tau,\ \tau \sim U\{1..K\}, \qquad x_{k+1} = \text{transition}(x_k)

A round's noise is a function of (key, step, row). Kernel, target and projection are those of :func:`dcd.refine`, and so
is the choice between single steps and one compiled loop.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike

from ..langevin.driver import begin
from ..langevin.kernel import LangevinKernel, LangevinState, make_kernel
from ..langevin.loop import Schedule, loop_pays, make_schedule, noisy_step
from ..langevin.rows import take_rows
from ..langevin.settings import Langevin
from ..langevin.target import Target, to_samples

__all__ = ["Negatives", "fresh_starts", "negatives", "starts", "write_back"]


class Negatives(NamedTuple):
    """One round.

    Attributes:
      samples: The negatives, ``(batch, *sample)``.
      ends: Last positions, latents or samples, where a persistent chain goes on.
      stopped: Whether a chain met NaN or infinity.
    """

    samples: Array
    ends: Array
    stopped: Array


@jax.jit
def _advance(
    carry: tuple[LangevinState, Array],
    kernel: LangevinKernel,
    target: Target,
    key: Array,
    stop: Array,
    steps: Schedule,
) -> tuple[LangevinState, Array]:
    """One step, or all of them if ``steps`` holds vectors; the second item is each chain's state at its own stop."""

    def one(carry: tuple[LangevinState, Array], now: Schedule) -> tuple[tuple[LangevinState, Array], None]:
        state, kept = carry
        state, _ = noisy_step(kernel, target, key, state, now)
        return (state, take_rows(stop == jnp.asarray(now.number) + 1, state.position, kept)), None

    return lax.scan(one, carry, steps)[0] if np.ndim(steps.number) else one(carry, steps)[0]


def negatives(
    target: Target,
    chain: Langevin,
    key: Array,
    position: Array,
    stop: ArrayLike,
    loop: bool | None = None,
) -> Negatives:
    """Run a chain and take each of its negatives at its own stop.

    Args:
      target: Density of the chain.
      chain: Settings of the chain.
      key: Typed key of the round.
      position: Latents or samples to start from, as the chain's space says.
      stop: ``(batch,)`` or a number, the step count after which each negative is taken, 0 to ``chain.steps``.
      loop: Whether the steps run as one compiled loop; by default where that is the faster form.

    Returns:
      The negatives and where the chains end.
    """
    kernel, schedule = make_kernel(chain), make_schedule(chain)
    stops = jnp.broadcast_to(jnp.asarray(stop, jnp.int32), position.shape[:1])
    carry = begin(kernel, target, position, jnp.arange(position.shape[0]), key), position
    loop = loop_pays(kernel, target, key, carry[0]) if loop is None else loop
    for here in [slice(None)] if loop and chain.steps else range(chain.steps):
        carry = _advance(carry, kernel, target, key, stops, schedule.part(here))
    state, kept = carry
    return Negatives(lax.stop_gradient(to_samples(target, kept)), state.position, state.stopped)


@functools.partial(jax.jit, static_argnames=("space", "n", "classes"))
def fresh_starts(
    target: Target, key: Array, space: str, n: int, classes: int | None, labels: Array | None = None
) -> tuple[Array, Array | None]:
    """Draw first positions of chains.

    Args:
      target: Density of the chain, which holds generator, critic and prior.
      key: Key of the latents and labels.
      space: ``latent`` for latents of the prior, ``pixel`` for samples of the generator.
      n: Number of positions.
      classes: Number of classes of a conditional pair, else None.
      labels: Labels ``(n,)``, drawn uniformly if None.

    Returns:
      Positions and labels; the labels of an unconditional pair are None.
    """
    zk, ck = jax.random.split(key)
    if classes is not None and labels is None:
        labels = jax.random.randint(ck, (n,), 0, classes)
    z = target.prior.sample(zk, n, labels)
    if space == "latent":
        return z, labels
    return (target.generator(z) if labels is None else target.generator(z, labels)), labels


@functools.partial(jax.jit, static_argnames=("space", "kind", "batch", "classes"))
def starts(
    target: Target,
    buffer: Array,
    buffer_labels: Array | None,
    key: Array,
    restart: ArrayLike,
    space: str,
    kind: str,
    batch: int,
    classes: int | None,
) -> tuple[Array, Array | None, Array | None]:
    """Choose first positions of chains, some of which may go on from the buffer.

    Args:
      target: Density of the chain, which holds generator, critic and prior.
      buffer: Positions of the persistent chains.
      buffer_labels: Their labels, or None.
      key: Key of the choice.
      restart: Probability that a persistent chain begins anew.
      space: Space of the chain, ``latent`` or ``pixel``.
      kind: ``fresh``, ``persistent`` or ``mixed`` (one half each).
      batch: Number of chains.
      classes: Number of classes of a conditional pair, else None.

    Returns:
      Positions, labels (or None), and the rows of the buffer from which the first chains go on (None if all are
      fresh).
    """
    fresh_key, rows_key, restart_key, label_key = jax.random.split(key, 4)
    if kind == "fresh":
        return *fresh_starts(target, fresh_key, space, batch, classes), None
    count = batch if kind == "persistent" else -(-batch // 2)
    rows = jax.random.permutation(rows_key, buffer.shape[0])[:count]
    labels = None
    if buffer_labels is not None and classes is not None:
        labels = jnp.concatenate([buffer_labels[rows], jax.random.randint(label_key, (batch - count,), 0, classes)])
    position, labels = fresh_starts(target, fresh_key, space, batch, classes, labels)
    again = jax.random.bernoulli(restart_key, restart, (count,)).reshape(-1, *(1,) * (position.ndim - 1))
    return position.at[:count].set(jnp.where(again, position[:count], buffer[rows])), labels, rows


@jax.jit
def write_back(buffer: Array, rows: Array, ends: Array) -> Array:
    """Store where persistent chains ended.

    Args:
      buffer: Positions of the persistent chains.
      rows: Rows of the buffer that the first chains of the batch went on from.
      ends: Last positions of the batch.

    Returns:
      The new buffer.
    """
    return buffer.at[rows].set(ends[: rows.shape[0]])
