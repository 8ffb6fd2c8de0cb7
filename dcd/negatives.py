r"""Negative samples: states of the very chain that will sample, cut off from any gradient.

.. math:: x^- = x_K \quad\text{or}\quad x_\tau,\ \tau \sim U\{1..K\}, \qquad x_{k+1} = \text{transition}(x_k)

A round's noise is a function of (key, step, row). The kernel, its target and its projection are those
of :func:`dcd.refine`; on CPU the steps are calls of one compiled step, on accelerators one scan.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike

from .config import Langevin, Structure
from .kernel import State, init, transition
from .noise import draw_noise
from .target import Parts, Weights, make_projection, make_target, to_samples, weights_of

__all__ = ["Negatives", "fresh_starts", "negatives", "starts", "write_back"]

Range = tuple[float, float] | None


class Negatives(NamedTuple):
    """One round."""

    samples: Array
    """``(batch, *sample)``, the negatives."""
    ends: Array
    """Last positions, latents or samples: where a persistent chain goes on."""
    stopped: Array
    """Chains that met NaN or infinity."""


class _Step(NamedTuple):
    number: ArrayLike
    size: ArrayLike
    noise_scale: ArrayLike


@functools.partial(jax.jit, static_argnames=("structure", "sample_range"))
def _begin(
    parts: Parts, position: Array, weights: Weights, labels: Array | None, structure: Structure, sample_range: Range
) -> tuple[State, Array]:
    state = init(make_target(parts, structure, weights, sample_range, labels), position)
    return state, position


@functools.partial(jax.jit, static_argnames=("structure", "sample_range"))
def _advance(
    carry: tuple[State, Array], parts: Parts, key: Array, stop: Array, step: _Step, weights: Weights,
    temperature: ArrayLike, clip: ArrayLike, labels: Array | None, structure: Structure, sample_range: Range,
) -> tuple[State, Array]:  # fmt: skip
    """One step, or all of them if ``step`` holds vectors; the second item is each chain's state at its own stop."""
    target = make_target(parts, structure, weights, sample_range, labels)
    project = make_projection(parts, structure, sample_range)

    def one(carry: tuple[State, Array], now: _Step) -> tuple[tuple[State, Array], None]:
        state, kept = carry
        noise, uniform = draw_noise(key, now.number, state.ids, state.position.shape[1:])
        state, _ = transition(
            state, noise, uniform, target, structure, now.size, now.noise_scale, temperature, clip, project
        )
        here = (stop == jnp.asarray(now.number) + 1).reshape(-1, *(1,) * (kept.ndim - 1))
        return (state, jnp.where(here, state.position, kept)), None

    return lax.scan(one, carry, step)[0] if np.ndim(step.number) else one(carry, step)[0]


@functools.partial(jax.jit, static_argnames="structure")
def _samples(parts: Parts, position: Array, labels: Array | None, structure: Structure) -> Array:
    return lax.stop_gradient(to_samples(parts, structure, position, labels))


def negatives(
    parts: Parts, chain: Langevin, key: Array, position: Array, stop: ArrayLike, sample_range: Range,
    labels: Array | None = None, scan: bool | None = None,
) -> Negatives:  # fmt: skip
    """Run ``chain`` from ``position`` (latents or samples, as its space says).

    Args:
      parts: generator, critic and prior; arguments of the compiled step.
      stop: ``(batch,)`` or a number, the step count after which each negative is taken, 0 to ``chain.steps``.
      scan: run the steps as one compiled loop; by default on accelerators only.
    """
    structure, weights = chain.structure(), weights_of(chain)
    stops = jnp.broadcast_to(jnp.asarray(stop, jnp.int32), position.shape[:1])
    numbers = np.arange(chain.steps, dtype=np.int32)
    sizes, noises = (np.asarray(v, np.float32) for v in (chain.step_sizes(), chain.noise_scales()))
    scan = jax.default_backend() != "cpu" if scan is None else scan
    carry = _begin(parts, position, weights, labels, structure, sample_range)
    for here in [slice(None)] if scan and chain.steps else range(chain.steps):
        step = _Step(numbers[here], sizes[here], noises[here])
        carry = _advance(
            carry, parts, key, stops, step, weights, max(chain.temperature, 1e-30), chain.clip, labels,
            structure, sample_range,
        )  # fmt: skip
    state, kept = carry
    return Negatives(_samples(parts, kept, labels, structure), state.position, state.stopped)


@functools.partial(jax.jit, static_argnames=("space", "n", "classes"))
def fresh_starts(
    parts: Parts, key: Array, space: str, n: int, classes: int | None, labels: Array | None = None
) -> tuple[Array, Array | None]:
    """``n`` starting positions and their labels: latents of the prior, or the generator's samples."""
    zk, ck = jax.random.split(key)
    if classes is not None and labels is None:
        labels = jax.random.randint(ck, (n,), 0, classes)
    z = parts.prior.sample(zk, n, labels)
    if space == "latent":
        return z, labels
    return (parts.generator(z) if labels is None else parts.generator(z, labels)), labels


@functools.partial(jax.jit, static_argnames=("space", "kind", "batch", "classes"))
def starts(
    parts: Parts, buffer: Array, buffer_labels: Array | None, key: Array, restart: ArrayLike, space: str,
    kind: str, batch: int, classes: int | None,
) -> tuple[Array, Array | None, Array | None]:  # fmt: skip
    """Starting positions, labels, and the rows of the buffer that lead them (None if all are fresh)."""
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
    """Ends of the persistent chains, which lead the batch."""
    return buffer.at[rows].set(ends[: rows.shape[0]])
