r"""Negative samples: states of the very chain that will sample, cut off from any gradient.

.. math:: x^- = x_K \quad\text{or}\quad x_\tau,\ \tau \sim U\{1..K\}, \qquad x_{k+1} = \text{transition}(x_k)

The noise of a round is a function of (key, step, row). The kernel, its target and its projection are those of
:func:`dcd.refine`, and so is the choice between single steps and one compiled loop.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike

from ..langevin.kernel import State, init
from ..langevin.loop import Law, Range, Schedule, loop_pays, step
from ..langevin.settings import Langevin, Structure
from ..langevin.target import Parts, Weights, make_target, to_samples, weights_of

__all__ = ["Negatives", "fresh_starts", "negatives", "starts", "write_back"]


class Negatives(NamedTuple):
    """Chains of one round.

    Attributes:
      samples: Negatives ``(batch, *sample)``; no gradient enters them.
      ends: Last positions, latents or samples, from which a persistent chain goes on.
      stopped: Whether each chain met NaN or infinity, ``(batch,)``.
    """

    samples: Array
    ends: Array
    stopped: Array


@functools.partial(jax.jit, static_argnames=("structure", "sample_range"))
def _begin(
    parts: Parts, position: Array, weights: Weights, labels: Array | None, structure: Structure, sample_range: Range
) -> tuple[State, Array]:
    state = init(make_target(parts, structure, weights, sample_range, labels), position)
    return state, position


@functools.partial(jax.jit, static_argnames=("structure", "sample_range"))
def _advance(
    carry: tuple[State, Array],
    parts: Parts,
    stop: Array,
    steps: Schedule,
    law: Law,
    structure: Structure,
    sample_range: Range,
) -> tuple[State, Array]:
    """One step, or all of them if ``steps`` holds vectors; the second item is each chain's state at its own stop."""

    def one(carry: tuple[State, Array], now: Schedule) -> tuple[tuple[State, Array], None]:
        state, kept = carry
        state, _ = step(parts, law, structure, sample_range, state, now)
        here = (stop == jnp.asarray(now.number) + 1).reshape(-1, *(1,) * (kept.ndim - 1))
        return (state, jnp.where(here, state.position, kept)), None

    return lax.scan(one, carry, steps)[0] if np.ndim(steps.number) else one(carry, steps)[0]


@functools.partial(jax.jit, static_argnames="structure")
def _samples(parts: Parts, position: Array, labels: Array | None, structure: Structure) -> Array:
    return lax.stop_gradient(to_samples(parts, structure, position, labels))


def negatives(
    parts: Parts,
    chain: Langevin,
    key: Array,
    position: Array,
    stop: ArrayLike,
    sample_range: Range,
    labels: Array | None = None,
    loop: bool | None = None,
) -> Negatives:
    """Run a chain from given positions.

    Args:
      parts: Generator, critic and prior; arguments of the compiled step.
      chain: Settings of the chain.
      key: Key of the noise.
      position: First positions, latents or samples as the chain's space says.
      stop: Step count after which each negative is taken, 0 to ``chain.steps``; a number or ``(batch,)``.
      sample_range: Bounds of the samples, or None.
      labels: Labels ``(batch,)`` of a conditional pair, else None.
      loop: Whether the steps run as one compiled loop; by default the faster form is chosen.

    Returns:
      The chains' states.
    """
    structure, weights = chain.structure(), weights_of(chain)
    stops = jnp.broadcast_to(jnp.asarray(stop, jnp.int32), position.shape[:1])
    schedule = Schedule(
        np.arange(chain.steps, dtype=np.int32),
        np.asarray(chain.step_sizes(), np.float32),
        np.asarray(chain.noise_scales(), np.float32),
    )
    law = Law(key, weights, max(chain.temperature, 1e-30), chain.clip, labels, chain.root())
    carry = _begin(parts, position, weights, labels, structure, sample_range)
    loop = loop_pays(parts, carry[0], law, structure, sample_range) if loop is None else loop
    for here in [slice(None)] if loop and chain.steps else range(chain.steps):
        now = Schedule(*(v[here] for v in schedule))
        carry = _advance(carry, parts, stops, now, law, structure, sample_range)
    state, kept = carry
    return Negatives(_samples(parts, kept, labels, structure), state.position, state.stopped)


@functools.partial(jax.jit, static_argnames=("space", "n", "classes"))
def fresh_starts(
    parts: Parts, key: Array, space: str, n: int, classes: int | None, labels: Array | None = None
) -> tuple[Array, Array | None]:
    """Draw first positions of chains.

    Args:
      parts: Generator, critic and prior.
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
    z = parts.prior.sample(zk, n, labels)
    if space == "latent":
        return z, labels
    return (parts.generator(z) if labels is None else parts.generator(z, labels)), labels


@functools.partial(jax.jit, static_argnames=("space", "kind", "batch", "classes"))
def starts(
    parts: Parts,
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
      parts: Generator, critic and prior.
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
        return *fresh_starts(parts, fresh_key, space, batch, classes), None
    count = batch if kind == "persistent" else -(-batch // 2)
    rows = jax.random.permutation(rows_key, buffer.shape[0])[:count]
    labels = None
    if buffer_labels is not None and classes is not None:
        labels = jnp.concatenate([buffer_labels[rows], jax.random.randint(label_key, (batch - count,), 0, classes)])
    position, labels = fresh_starts(parts, fresh_key, space, batch, classes, labels)
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
