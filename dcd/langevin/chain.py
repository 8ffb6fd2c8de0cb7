"""Langevin chains of a pair: start them, advance them, or draw samples and refine them in one call."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Pair, Sphere
from pairs.arguments import checked_key, differentiable
from pairs.arrays import as_floats
from pairs.batches import generate

from .driver import DEFAULT_BATCH, Progress, begin, proceed, run_chains
from .kernel import LangevinKernel, LangevinState, make_kernel
from .loop import make_schedule
from .result import Result
from .settings import Langevin
from .starts import labels_for, latents_of
from .target import make_target
from .transition import LangevinInfo

__all__ = ["advance", "refine", "start", "start_at_prior"]


def start(
    pair: Pair, config: Langevin, position: ArrayLike, index: ArrayLike, labels: ArrayLike | None = None
) -> LangevinState:
    """Chains at step 0.

    Args:
      pair: Generator, critic and prior.
      config: Settings of the chain.
      position: ``(batch, ...)`` latents or samples, as ``config.space`` says.
      index: ``(batch,)`` global numbers of the samples.
      labels: ``(batch,)`` classes of a conditional pair.

    Returns:
      The state that :func:`advance` takes.

    Raises:
      InputError: Settings that do not fit the pair.
    """
    position = as_floats("position", position)
    kernel, target = _kernel_for(pair, config), make_target(pair, config, labels)
    # the states of this kernel hold no random numbers, so that any key does
    return begin(kernel, target, jnp.asarray(position), jnp.asarray(index), jax.random.key(0))


def advance(
    pair: Pair,
    config: Langevin,
    key: Array,
    state: LangevinState,
    first: int = 0,
    last: int | None = None,
    *,
    labels: ArrayLike | None = None,
    chunk: int | None = None,
    loop: bool | None = None,
    on_step: Callable[[int], None] | None = None,
) -> tuple[LangevinState, LangevinInfo]:
    """Steps ``first .. last - 1`` of a run of ``config.steps``.

    Advancing in one go or in pieces gives the same states, bit for bit.

    Args:
      pair: Generator, critic and prior.
      config: Settings of the chain.
      key: Typed key of the run.
      state: As :func:`start` or an earlier call left it.
      first: Number of steps behind ``state``.
      last: Number of steps behind the state returned; all of the chain by default.
      labels: ``(batch,)`` classes of a conditional pair.
      chunk: Steps between two calls of ``on_step``.
      loop: Whether a chunk runs as one compiled loop; by default where that is the faster form.
      on_step: Called after every chunk with the number of steps done.

    Returns:
      The state after step ``last - 1`` and the record, fields ``(last - first, batch)``.

    Raises:
      InputError: Steps outside the chain, or settings that do not fit the pair.
    """
    last = config.steps if last is None else last
    if not 0 <= first <= last <= config.steps:
        raise InputError("last", f"asks for steps {first} to {last} of {config.steps}", "stay within the chain")
    kernel, target = _kernel_for(pair, config), make_target(pair, config, labels)
    steps = make_schedule(config).part(slice(first, last))
    return proceed(kernel, target, key, state, steps, chunk=chunk, loop=loop, on_step=on_step)


def start_at_prior(
    pair: Pair, config: Langevin, key: Array, n: int, labels: ArrayLike | None = None
) -> tuple[LangevinState, Array | None]:
    """Chains 0 to ``n - 1`` where :func:`refine` starts them, and their labels.

    Raises:
      InputError: Labels or settings that do not fit the pair.
    """
    index = jnp.arange(n)
    c = labels_for(pair, n, labels)
    z = latents_of(pair, key, index, c)
    return start(pair, config, z if config.space == "latent" else generate(pair, z, c), index, c), c


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
      pair: Generator, critic and prior.
      config: Settings of the chain.
      key: Typed key. The same key gives the same samples for any ``batch``, ``chunk`` or number of devices: noise bit
        for bit, results to rounding where the shape of a batch changes.
      n: Number of samples.
      batch: Chains that run side by side.
      chunk: Steps between two calls of ``on_progress``.
      labels: ``(n,)`` classes of a conditional pair; all in turn by default.
      latents: ``(n, *latent)`` to start from instead of draws from the prior.
      first_index: Global number of the first sample; runs over disjoint ranges join up.
      snapshots: Step counts after which the samples are kept too.
      on_progress: Called with the sample steps done and with all of them.

    Returns:
      Samples before and after with the record; with ``config.steps == 0`` ``after`` equals ``before``.

    Raises:
      InputError: n, batch, labels, latents or settings that do not fit.

    Example:
      >>> import pairs
      >>> net = pairs.wrap(lambda p, x: x * p, jnp.ones(2)), pairs.wrap(lambda p, x: x @ p, jnp.ones(2))
      >>> pair = pairs.make_pair(*net, pairs.Normal((2,)), sample_range=None, critic_kind="energy")
      >>> refine(pair, Langevin(steps=2), jax.random.key(0), 5).after.shape
      (5, 2)
    """
    key = checked_key(key, pair=pair, latents=latents, labels=labels)
    pair = differentiable(pair)
    kernel = _kernel_for(pair, config)
    tuned = (pair.record.get("chain") or {}).get("steps")
    if tuned is not None and config.steps > tuned:
        # a critic that was fine-tuned against a chain guides that many steps and may mislead beyond them
        problem = f"steps: is {config.steps}, but the critic was tuned for {tuned}"
        warnings.warn(f"{problem}; use at most {tuned}, or fine-tune it again for the longer chain", stacklevel=2)
    return run_chains(
        pair,
        config,
        kernel,
        key,
        n,
        batch=batch,
        chunk=chunk,
        labels=labels,
        latents=latents,
        first_index=first_index,
        snapshots=snapshots,
        on_progress=on_progress,
    )


def _kernel_for(pair: Pair, config: Langevin) -> LangevinKernel:
    """The kernel of ``config``, whose settings fit the pair."""
    kernel = make_kernel(config)
    size = pair.prior.size if config.space == "latent" else math.prod(pair.sample_shape)
    if config.hold and config.hold[1] > size:
        raise InputError("hold", f"is {config.hold}", f"the chain's states have coordinates 0 to {size - 1}")
    if config.precondition and len(config.precondition) != size:
        remedy = f"give {size}, one per coordinate"
        raise InputError("precondition", f"holds {len(config.precondition)} numbers", remedy)
    if config.metropolis and config.space == "latent" and isinstance(pair.prior, Sphere):
        # a straight proposal never comes back to the sphere
        raise InputError("metropolis", "would reject every move on a sphere", "leave it out: steps are projected back")
    return kernel
