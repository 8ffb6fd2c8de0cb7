"""The compiled steps of a chain: one call per step, or one loop per chunk.

A compiled loop saves the host's work between steps, about 0.3 ms each, which is most of the cost of a small net. But
XLA:CPU runs the library's convolutions and their gradients several times slower inside a loop than outside. So the
step is traced first: on CPU a step with a convolution is called from the host, and every other goes into a loop; on
accelerators all do.

The loop has room for a fixed number of steps and takes the number of steps to do as an argument. However a run is cut
into pieces, the same compiled body does all of its steps, which makes it equal to a run in one go, bit for bit.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike

from pairs.operations import equations

from .chain_settings import ChainSettings
from .noise import draw_noise
from .target import Target
from .transition import Kernel, LangevinInfo, Moment, State

__all__ = ["ROOM", "Schedule", "loop_pays", "make_schedule", "noisy_step", "run_calls", "run_loop"]

ROOM = 16
"""Steps of one call of the compiled loop at most."""


class Schedule(NamedTuple):
    """What a run knows of its steps in advance: numbers for one step, vectors for several.

    Attributes:
      number: Number of the step, which names its noise.
      step_size: Size of the step.
      noise_scale: Standard deviation of the noise.
    """

    number: Any
    step_size: Any
    noise_scale: Any

    def part(self, where: int | slice | Array) -> Schedule:
        """The steps at ``where``."""
        return Schedule(*(v[where] for v in self))


def make_schedule(settings: ChainSettings) -> Schedule:
    """All steps of a chain, on the host."""
    return Schedule(
        np.arange(settings.steps, dtype=np.int32),
        np.asarray(settings.step_sizes(), np.float32),
        np.asarray(settings.noise_scales(), np.float32),
    )


def noisy_step(
    kernel: Kernel[State], target: Target, key: Array, state: State, now: Schedule
) -> tuple[State, LangevinInfo]:
    """One transition with the noise of its number."""
    noise, uniform = draw_noise(key, now.number, state.ids, state.position.shape[1:])
    return kernel.step(target, state, Moment(noise, uniform, now.step_size, now.noise_scale))


def run_calls(
    kernel: Kernel[State], target: Target, key: Array, state: State, steps: Schedule
) -> tuple[State, LangevinInfo]:
    """All of ``steps``, one call each; ``state`` is consumed and the record, ``(steps, batch)``, is on the host."""
    rows = []
    for i in range(len(steps.number)):
        state, row = _call(kernel, target, key, state, steps.part(i))
        rows.append(row)
    return state, jax.tree.map(lambda *r: np.stack([np.asarray(v) for v in r]), *rows)


def run_loop(
    kernel: Kernel[State], target: Target, key: Array, state: State, steps: Schedule
) -> tuple[State, LangevinInfo]:
    """As :func:`run_calls`, by compiled loops of up to ``ROOM`` steps."""
    total, records = len(steps.number), []
    for low in range(0, total, ROOM):
        count = min(ROOM, total - low)
        padded = Schedule(*(np.resize(v[low : low + count], ROOM) for v in steps))
        state, record = _loop(kernel, target, key, state, padded, np.int32(count))
        records.append(record)
    return state, jax.tree.map(lambda *r: np.concatenate([np.asarray(v) for v in r])[:total], *records)


@functools.partial(jax.jit, donate_argnames=("state",))
def _call(kernel: Kernel[State], target: Target, key: Array, state: State, now: Schedule) -> tuple[State, LangevinInfo]:
    return noisy_step(kernel, target, key, state, now)


@functools.partial(jax.jit, donate_argnames=("state",))
def _loop(
    kernel: Kernel[State], target: Target, key: Array, state: State, steps: Schedule, count: ArrayLike
) -> tuple[State, LangevinInfo]:
    one = functools.partial(noisy_step, kernel, target, key)

    def body(i: Array, carry: tuple[State, LangevinInfo]) -> tuple[State, LangevinInfo]:
        state, record = carry
        state, info = one(state, steps.part(i))
        return state, jax.tree.map(lambda rows, row: lax.dynamic_update_index_in_dim(rows, row, i, 0), record, info)

    row = jax.eval_shape(one, state, steps.part(0))[1]
    record = jax.tree.map(lambda s: jnp.zeros((ROOM, *s.shape), s.dtype), row)
    return lax.fori_loop(0, count, body, (state, record))


def loop_pays(kernel: Kernel[State], target: Target, key: Array, state: State) -> bool:
    """Whether a chunk goes into one compiled loop on the default backend."""
    if jax.default_backend() != "cpu":
        return True
    leaves, shape = jax.tree.flatten((kernel, target, key, state))
    return not _has_convolution(shape, tuple(_abstract(v) for v in leaves))


def _abstract(leaf: Any) -> jax.ShapeDtypeStruct:
    value = leaf if hasattr(leaf, "dtype") else np.asarray(leaf, np.float32)
    return jax.ShapeDtypeStruct(value.shape, value.dtype)


@functools.lru_cache(maxsize=64)
def _has_convolution(shape: Any, leaves: tuple[Any, ...]) -> bool:
    now = Schedule(np.int32(0), np.float32(0), np.float32(0))
    arguments = jax.tree.unflatten(shape, leaves)
    jaxpr = jax.make_jaxpr(lambda k, t, key, s: noisy_step(k, t, key, s, now))(*arguments).jaxpr
    return any(equation.primitive.name == "conv_general_dilated" for equation, _ in equations(jaxpr))
