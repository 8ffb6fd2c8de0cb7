"""The compiled steps of a chain: one call per step, or one loop per chunk.

A compiled loop saves the host's work between steps, about 0.3 ms each, which is all there is to a
small net. But XLA:CPU runs the library's convolutions and their gradients several times slower
inside a loop than outside. So the traced step is asked: on CPU a step that holds a convolution is
called from the host, every other goes into a loop; on accelerators all do.

The loop has room for a fixed number of steps and takes how many to do as an argument. Whatever the
pieces of a run, the same compiled body does all its steps: that makes them equal to a run in
one go, bit for bit.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike

from .kernel import Info, State, transition
from .noise import draw_noise
from .settings import Structure
from .target import Parts, Weights, make_projection, make_target

__all__ = ["Schedule", "Law", "step", "run_steps", "run_loop", "loop_pays"]

ROOM = 16
"""Steps of one call of the compiled loop at most."""


Range = tuple[float, float] | None


class Schedule(NamedTuple):
    """What differs from step to step: numbers, or vectors of as many as a loop has room for."""

    number: Any
    step_size: Any
    noise_scale: Any


class Law(NamedTuple):
    """What stays the same from step to step, as arguments of the compiled step."""

    key: Array
    weights: Weights
    temperature: ArrayLike
    clip: ArrayLike
    labels: Array | None
    root: ArrayLike | None = None


def step(
    parts: Parts, law: Law, structure: Structure, sample_range: Range, state: State, now: Schedule
) -> tuple[State, Info]:
    """One transition with the noise of its number."""
    noise, uniform = draw_noise(law.key, now.number, state.ids, state.position.shape[1:])
    return transition(
        state,
        noise,
        uniform,
        make_target(parts, structure, law.weights, sample_range, law.labels),
        structure,
        now.step_size,
        now.noise_scale,
        law.temperature,
        law.clip,
        make_projection(parts, structure, sample_range),
        None if law.root is None else jnp.asarray(law.root),
    )


def run_steps(
    parts: Parts, state: State, steps: Schedule, law: Law, structure: Structure, sample_range: Range
) -> tuple[State, Info]:
    """All of ``steps``, one call each; ``state`` is consumed, the record, ``(steps, batch)``, is on the host."""
    rows = []
    for now in zip(*steps, strict=True):
        state, row = _step(parts, state, Schedule(*now), law, structure, sample_range)
        rows.append(row)
    return state, jax.tree.map(lambda *r: np.stack([np.asarray(v) for v in r]), *rows)


def run_loop(
    parts: Parts, state: State, steps: Schedule, law: Law, structure: Structure, sample_range: Range
) -> tuple[State, Info]:
    """As :func:`run_steps`, by compiled loops of up to ``ROOM`` steps."""
    total, records = len(steps.number), []
    for low in range(0, total, ROOM):
        count = min(ROOM, total - low)
        padded = jax.tree.map(lambda v, here=slice(low, low + count): np.resize(v[here], ROOM), steps)
        state, record = _loop(parts, state, padded, np.int32(count), law, structure, sample_range)
        records.append(record)
    return state, jax.tree.map(lambda *r: np.concatenate([np.asarray(v) for v in r])[:total], *records)


@functools.partial(jax.jit, static_argnames=("structure", "sample_range"), donate_argnames=("state",))
def _step(
    parts: Parts, state: State, now: Schedule, law: Law, structure: Structure, sample_range: Range
) -> tuple[State, Info]:
    return step(parts, law, structure, sample_range, state, now)


@functools.partial(jax.jit, static_argnames=("structure", "sample_range"), donate_argnames=("state",))
def _loop(
    parts: Parts, state: State, steps: Schedule, count: ArrayLike, law: Law, structure: Structure, sample_range: Range
) -> tuple[State, Info]:
    one = functools.partial(step, parts, law, structure, sample_range)

    def body(i: Array, carry: tuple[State, Info]) -> tuple[State, Info]:
        state, record = carry
        state, info = one(state, jax.tree.map(lambda v: v[i], steps))
        return state, jax.tree.map(lambda rows, row: lax.dynamic_update_index_in_dim(rows, row, i, 0), record, info)

    row = jax.eval_shape(one, state, jax.tree.map(lambda v: v[0], steps))[1]
    record = jax.tree.map(lambda s: jnp.zeros((ROOM, *s.shape), s.dtype), row)
    return lax.fori_loop(0, count, body, (state, record))


def loop_pays(parts: Parts, state: State, law: Law, structure: Structure, sample_range: Range) -> bool:
    """Whether a chunk goes into one compiled loop on the default backend."""
    if jax.default_backend() != "cpu":
        return True
    leaves, shape = jax.tree.flatten((parts, state, law))
    return not _has_convolution(shape, tuple(_abstract(v) for v in leaves), structure, sample_range)


def _abstract(leaf: Any) -> jax.ShapeDtypeStruct:
    value = leaf if hasattr(leaf, "dtype") else np.asarray(leaf, np.float32)
    return jax.ShapeDtypeStruct(value.shape, value.dtype)


@functools.lru_cache(maxsize=64)
def _has_convolution(shape: Any, leaves: tuple[Any, ...], structure: Structure, sample_range: Any) -> bool:
    parts, state, law = jax.tree.unflatten(shape, leaves)
    now = Schedule(np.int32(0), np.float32(0), np.float32(0))
    jaxpr = jax.make_jaxpr(lambda p, w, s: step(p, w, structure, sample_range, s, now))(parts, law, state).jaxpr
    return any(eqn.primitive.name == "conv_general_dilated" for eqn in _equations(jaxpr))


def _equations(jaxpr: Any) -> Iterator[Any]:
    for eqn in jaxpr.eqns:
        yield eqn
        for inner in jax.tree.leaves(tuple(eqn.params.values()), is_leaf=_is_jaxpr):
            if _is_jaxpr(inner):
                yield from _equations(getattr(inner, "jaxpr", inner))


def _is_jaxpr(value: Any) -> bool:
    return hasattr(value, "eqns") or hasattr(value, "jaxpr")
