"""Run chains: pairs in, refined samples and their record out.

A batch of chains advances by chunks in a host loop; what a chunk is, :mod:`dcd.langevin.loop` says.
Noise is a function of (key, step, global sample index), so chunk size, batch size, resuming
and the number of devices leave it unchanged; with several devices the batch is split over them.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from jax.typing import ArrayLike

from pairs import InputError, Pair, Sphere

from .kernel import Info, State, init
from .loop import ROOM, Law, Schedule, loop_pays, run_loop, run_steps
from .result import Result, join
from .settings import Langevin, Structure
from .starts import check_inputs, latents_of
from .target import Parts, Weights, make_target, parts_of, to_samples, weights_of

__all__ = ["start", "advance", "refine"]

DEFAULT_BATCH = 64

Progress = Callable[[int, int], None]


def _noise_key(key: Array) -> Array:
    return jax.random.fold_in(key, 1)


def start(
    pair: Pair, config: Langevin, position: ArrayLike, index: ArrayLike, labels: ArrayLike | None = None
) -> State:
    """Chains at step 0, at ``position`` (latents or samples, as ``config.space`` says).

    Raises:
      InputError: a Metropolis correction on a sphere, which no straight proposal ever meets again.
    """
    if config.metropolis and config.space == "latent" and isinstance(pair.prior, Sphere):
        raise InputError("metropolis", "would reject every move on a sphere", "leave it out: steps are projected back")
    return _start(
        parts_of(pair),
        jnp.asarray(position),
        jnp.asarray(index),
        weights_of(config),
        None if labels is None else jnp.asarray(labels),
        config.structure(),
        pair.sample_range,
    )


@functools.partial(jax.jit, static_argnames=("structure", "sample_range"))
def _start(
    parts: Parts,
    position: Array,
    index: Array,
    weights: Weights,
    labels: Array | None,
    structure: Structure,
    sample_range: tuple[float, float] | None,
) -> State:
    return init(make_target(parts, structure, weights, sample_range, labels), position, index)


def advance(
    pair: Pair,
    config: Langevin,
    key: Array,
    state: State,
    first: int = 0,
    last: int | None = None,
    *,
    labels: ArrayLike | None = None,
    chunk: int | None = None,
    loop: bool | None = None,
    on_step: Callable[[int], None] | None = None,
) -> tuple[State, Info]:
    """Steps ``first .. last - 1`` of a run of ``config.steps``.

    Advancing in one go or in pieces gives the same states, bit for bit.

    Args:
      state: as :func:`start` or an earlier call left it; ``first`` is the number of steps behind it.
      chunk: steps between two calls of ``on_step``.
      loop: run a chunk as one compiled loop; by default where that is the faster form.

    Returns:
      The state after step ``last - 1`` and the record, fields ``(last - first, batch)``.
    """
    last = config.steps if last is None else last
    if not 0 <= first <= last <= config.steps:
        raise InputError("last", f"asks for steps {first} to {last} of {config.steps}", "stay within the chain")
    size = _chunk_size(chunk, last - first)
    schedule = Schedule(
        np.arange(config.steps, dtype=np.int32),
        np.asarray(config.step_sizes(), np.float32),
        np.asarray(config.noise_scales(), np.float32),
    )
    parts, structure = parts_of(pair), config.structure()
    law = Law(
        _noise_key(key),
        weights_of(config),
        max(config.temperature, 1e-30),
        config.clip,
        None if labels is None else jnp.asarray(labels),
        _root(config, state),
    )
    # the first call must not consume the caller's state
    state = jax.tree.map(jnp.copy, state)
    loop = loop_pays(parts, state, law, structure, pair.sample_range) if loop is None else loop
    run = run_loop if loop else run_steps
    infos: list[Info] = []
    for low in range(first, last, size):
        high = min(low + size, last)
        now = jax.tree.map(lambda v, here=slice(low, high): v[here], schedule)
        state, rows = run(parts, state, now, law, structure, pair.sample_range)
        infos.append(rows)
        if on_step is not None:
            jax.block_until_ready(state.position)
            on_step(high)
    if not infos:
        empty = np.zeros((0, state.ids.shape[0]), np.float32)
        return state, Info(*(empty.astype(bool) if name == "stopped" else empty for name in Info._fields))
    return state, jax.tree.map(lambda *rows: np.concatenate(rows), *infos)


def _root(config: Langevin, state: State) -> np.ndarray | None:
    size = state.position[0].size
    if config.precondition and len(config.precondition) != size:
        raise InputError(
            "precondition", f"holds {len(config.precondition)} numbers", f"give {size}, one per coordinate"
        )
    return config.root()


def _chunk_size(chunk: int | None, steps: int) -> int:
    if chunk is not None and chunk < 1:
        raise InputError("chunk", f"is {chunk}", "give at least 1, or None")
    return max(1, min(chunk or ROOM, steps))


def refine(
    pair: Pair,
    config: Langevin,
    key: Array,
    n: int,
    *,
    batch: int = DEFAULT_BATCH,
    chunk: int | None = None,
    labels: ArrayLike | None = None,
    latents: ArrayLike | None = None,
    first_index: int = 0,
    snapshots: tuple[int, ...] = (),
    on_progress: Progress | None = None,
) -> Result:
    """Draw ``n`` samples from the generator and refine them.

    Args:
      key: typed key; the same key gives the same samples for any ``batch``, ``chunk`` or device count
        (noise bit for bit; results to rounding where the batch shape changes).
      latents: ``(n, *latent)`` to start from instead of draws from the prior.
      labels: ``(n,)`` classes of a conditional pair; all in turn by default.
      first_index: global number of the first sample; runs over disjoint ranges join up.
      snapshots: step counts after which to keep the samples too.
      on_progress: called with (sample steps done, all of them).

    Returns:
      :class:`Result`; with ``config.steps == 0`` ``after`` equals ``before``.

    Raises:
      InputError: n, batch, labels or latents that do not fit.
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise InputError("n", f"is {n!r}", "give at least 1")
    if batch < 1:
        raise InputError("batch", f"is {batch}", "give at least 1")
    bad = [s for s in snapshots if not 0 <= s <= config.steps]
    if bad:
        raise InputError("snapshots", f"holds {bad[0]}", f"give step counts from 0 to {config.steps}")
    z_given, labels = check_inputs(pair, n, latents, labels, first_index)
    _warn_if_longer(pair, config)
    size = pair.prior.size if config.space == "latent" else math.prod(pair.sample_shape)
    if config.hold and config.hold[1] > size:
        raise InputError("hold", f"is {config.hold}", f"the chain's states have coordinates 0 to {size - 1}")
    place, batch = _placement(batch)
    stops = sorted({*snapshots, config.steps} - {0})
    pieces: list[dict[str, Any]] = []
    done, total = 0, n * config.steps

    for low in range(0, n, batch):
        rows = np.arange(low, low + batch)
        rows_in = np.minimum(rows, n - 1)  # the last batch is padded: one shape, one compilation
        index = jnp.asarray(rows + first_index)
        c = None if labels is None else place(jnp.asarray(labels)[rows_in])
        z = place(latents_of(pair, key, index, c) if z_given is None else z_given[rows_in])
        x0 = _generate(pair.generator, z, c)
        state = start(pair, config, z if config.space == "latent" else x0, place(index), c)
        keep = min(batch, n - low)
        piece: dict[str, Any] = {"before": np.asarray(x0)[:keep], "latents": np.asarray(z)[:keep]}
        piece["start_score"] = np.asarray(state.at.score)[:keep]
        shots = {0: piece["before"]} if 0 in snapshots else {}
        infos, at = [], 0
        for stop in stops:
            note = None if on_progress is None else (lambda s, d=done, k=keep: on_progress(d + s * k, total))
            state, info = advance(pair, config, key, state, at, stop, labels=c, chunk=chunk, on_step=note)
            infos.append(info)
            at = stop
            if stop in snapshots:
                shots[stop] = np.asarray(_finish(parts_of(pair), state.position, c, config.structure()))[:keep]
        # no step taken means nothing changed: the generator's samples, to the bit
        after = x0 if config.steps == 0 else _finish(parts_of(pair), state.position, c, config.structure())
        piece["after"] = np.asarray(after)[:keep]
        piece["positions"] = np.asarray(state.position)[:keep]
        piece["stopped"] = np.asarray(state.stopped)[:keep]
        empty = np.zeros((0, batch), np.float32)
        piece["trace"] = [
            np.concatenate([np.asarray(getattr(i, f)) for i in infos] or [empty])[:, :keep] for f in Info._fields
        ]
        piece["snapshots"] = shots
        pieces.append(piece)
        done += keep * config.steps
    return join(pieces, snapshots, config)


def _warn_if_longer(pair: Pair, config: Langevin) -> None:
    """A critic fine-tuned against a chain guides that many steps and may mislead beyond them."""
    tuned = (pair.record.get("chain") or {}).get("steps")
    if tuned is not None and config.steps > tuned:
        problem = f"steps: is {config.steps}, but the critic was tuned for {tuned}"
        warnings.warn(f"{problem}; use at most {tuned}, or fine-tune it again for the longer chain", stacklevel=3)


@jax.jit
def _generate(generator: Any, z: Array, labels: Array | None) -> Array:
    return generator(z) if labels is None else generator(z, labels)


@functools.partial(jax.jit, static_argnames="structure")
def _finish(parts: Parts, position: Array, labels: Array | None, structure: Structure) -> Array:
    return to_samples(parts, structure, position, labels)


def _placement(batch: int) -> tuple[Callable[[Any], Array], int]:
    """Where batches live: as they are on one device, split over the data axis of a mesh on several."""
    count = jax.device_count()
    if count == 1:
        return jnp.asarray, batch
    mesh = jax.make_mesh((count,), ("data",), axis_types=(AxisType.Auto,))
    sharding = NamedSharding(mesh, PartitionSpec("data"))
    return (lambda v: jax.device_put(jnp.asarray(v), sharding)), -(-batch // count) * count
