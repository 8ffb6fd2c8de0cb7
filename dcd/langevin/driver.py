"""Run chains of any kernel: settings and a pair in, refined samples and their record out.

A batch of chains advances by chunks in a host loop; :mod:`dcd.langevin.loop` says what a chunk is. Noise is a function
of the key, the step and the sample's global number, so that chunk size, batch size, resuming and the number of devices
leave it unchanged. With several devices a batch is split over them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Pair
from pairs.arrays import copied, on_device
from pairs.batches import generate
from pairs.checks import check_count

from .chain_settings import ChainSettings
from .devices import placement
from .loop import ROOM, Schedule, loop_pays, make_schedule, run_calls, run_loop
from .result import Result, join_results
from .starts import check_latents, labels_for, latents_of
from .target import Target, make_target, to_samples
from .transition import Kernel, LangevinInfo, State

__all__ = ["DEFAULT_BATCH", "Progress", "begin", "proceed", "run_chains"]

DEFAULT_BATCH = 64

Progress = Callable[[int, int], None]
"""Called with the sample steps that are done and with all of them."""


@jax.jit
def begin(kernel: Kernel[State], target: Target, position: Array, ids: Array, key: Array) -> State:
    """Chains at step 0, as one compiled call.

    Args:
      kernel: The transition.
      target: Density of the chains.
      position: ``(batch, ...)`` points to start from.
      ids: ``(batch,)`` global numbers of the samples.
      key: Typed key of the run.

    Returns:
      The kernel's state.
    """
    return kernel.init(target, position, ids, key)


def proceed(
    kernel: Kernel[State],
    target: Target,
    key: Array,
    state: State,
    steps: Schedule,
    *,
    chunk: int | None = None,
    loop: bool | None = None,
    on_step: Callable[[int], None] | None = None,
) -> tuple[State, LangevinInfo]:
    """Do ``steps``. The states are the same, bit for bit, however a run is cut into calls and chunks.

    Args:
      kernel: The transition.
      target: Density of the chains.
      key: Typed key of the run.
      state: The chains before these steps; it stays usable.
      steps: Numbers, step sizes and noise of the steps to do.
      chunk: Steps between two calls of ``on_step``.
      loop: Whether a chunk runs as one compiled loop; by default where that is the faster form.
      on_step: Called after every chunk with the number of steps that these chains have behind them.

    Returns:
      The chains after the last step, and the record, fields ``(steps, batch)``.

    Raises:
      InputError: A chunk below 1.
    """
    if chunk is not None:
        check_count("chunk", chunk, 1)
    total = len(steps.number)
    size = max(1, min(chunk or ROOM, total))
    noise_key = jax.random.fold_in(key, 1)
    state = copied(state)  # the first call must not consume the caller's state
    loop = loop_pays(kernel, target, noise_key, state) if loop is None else loop
    run = run_loop if loop else run_calls
    infos: list[LangevinInfo] = []
    for low in range(0, total, size):
        part = steps.part(slice(low, low + size))
        state, rows = run(kernel, target, noise_key, state, part)
        infos.append(rows)
        if on_step is not None:
            jax.block_until_ready(state.position)
            on_step(int(part.number[-1]) + 1)
    return state, _joined(infos, state.ids.shape[0])


def _joined(infos: list[LangevinInfo], batch: int) -> LangevinInfo:
    """One record of several in a row, or the record of no steps."""
    if infos:
        return jax.tree.map(lambda *rows: np.concatenate(rows), *infos)
    empty = np.zeros((0, batch), np.float32)
    return LangevinInfo(*(empty.astype(bool) if name == "stopped" else empty for name in LangevinInfo._fields))


def run_chains(
    pair: Pair,
    settings: ChainSettings,
    kernel: Kernel[Any],
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
    """Draw ``n`` samples from the generator and refine them with ``kernel``.

    Arguments, result and errors are those of :func:`dcd.refine`.
    """
    check_count("n", n, 1)
    check_count("batch", batch, 1)
    for wanted in snapshots:
        if not 0 <= wanted <= settings.steps:
            raise InputError("snapshots", f"holds {wanted}", f"give step counts from 0 to {settings.steps}")
    given = check_latents(pair, n, latents)
    all_labels = labels_for(pair, n, labels, first_index)
    place, batch = placement(batch)
    schedule = make_schedule(settings)
    stops = sorted({*snapshots, settings.steps} - {0})
    total = n * settings.steps

    def run_batch(low: int) -> Result:
        keep, done = min(batch, n - low), low * settings.steps
        rows = np.arange(low, low + batch)
        inside = np.minimum(rows, n - 1)  # the last batch is padded: one shape, one compilation
        ids = on_device(rows + first_index)
        c = None if all_labels is None else place(all_labels[inside])
        z = place(latents_of(pair, key, ids, c) if given is None else given[inside])
        x = generate(pair, z, c)
        target = make_target(pair, settings, c)
        state = begin(kernel, target, z if settings.space == "latent" else x, place(ids), key)
        start_score, shots, infos, at = state.at.score, {0: x}, [], 0
        note = None if on_progress is None else _counter(on_progress, done, keep, total)
        for stop in stops:
            steps = schedule.part(slice(at, stop))
            state, info = proceed(kernel, target, key, state, steps, chunk=chunk, on_step=note)
            infos.append(info)
            shots[stop], at = to_samples(target, state.position), stop
        rows_kept = lambda v: np.asarray(v)[:keep]
        trace = _joined(infos, batch)
        return Result(
            before=rows_kept(x),
            # no step taken means nothing changed: the generator's samples, to the bit
            after=rows_kept(shots[settings.steps]),
            latents=rows_kept(z),
            positions=rows_kept(state.position),
            trace=jax.tree.map(lambda v: v[:, :keep], trace),
            start_score=rows_kept(start_score),
            stopped=rows_kept(state.stopped),
            snapshots={s: rows_kept(shots[s]) for s in snapshots},
            config=settings,
            score=rows_kept(trace.score[-1] if infos else start_score),
        )

    return join_results([run_batch(low) for low in range(0, n, batch)])


def _counter(on_progress: Progress, done: int, keep: int, total: int) -> Callable[[int], None]:
    return lambda step: on_progress(done + step * keep, total)
