r"""What a run will take, told before it starts: memory, gradient evaluations; what cannot fit is refused.

A refinement of n samples of s numbers, from latents of d numbers, with T steps of b chains, holds about

.. math:: n\,(16 \cdot 4 s + 8 \cdot 4 d + 3 \cdot 25\,T + F) + b\,a

bytes beside the program: copies of the samples before and after (as floats, bytes and rows that are judged), latents
and positions, the record of every step, rows of a feature net (F), and what the nets keep of one chain for the gradient
(a, the sum of all intermediate values).
"""

from __future__ import annotations

import dataclasses
import math
import os
import shutil
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from dcd.diagnostics.operations import gradient_operations
from dcd.langevin.chain_settings import ChainSettings
from pairs import InputError, Pair
from pairs.checks import is_image
from pairs.fitting import Job
from pairs.operations import equations

from .time_estimates import rough_time, seconds_of

__all__ = [
    "Estimate",
    "activation_bytes",
    "check_interpolation",
    "check_path",
    "check_refinement",
    "check_streaming",
    "check_training",
    "memory_limit",
    "refinement_bytes",
]

_PROGRAM = 600 * 2**20
_COPIES, _LATENTS, _RECORD, _FEATURES = 16, 8, 3 * 25, 8192
_CGROUP = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What a run will take.

    Attributes:
      memory: Bytes at the peak, those of the program included.
      evaluations: Gradient evaluations.
      disk: Bytes of the files, where they are many.
      operations: Arithmetic operations of one gradient evaluation.
    """

    memory: int
    evaluations: int
    disk: int = 0
    operations: float = 0.0

    @property
    def line(self) -> str:
        """The estimate for the screen; the speed of the device is measured here."""
        disk = f"{_shown(self.disk)} of disk, " if self.disk else ""
        work = self.evaluations * self.operations
        lasts = f", roughly {rough_time(seconds_of(work))}" if work else ""
        return f"about {_shown(self.memory)} of memory, {disk}{self.evaluations:,} gradient evaluations{lasts}"


def _shown(size: float) -> str:
    return f"{size / 2**30:,.1f} GiB" if size >= 2**30 else f"{size / 2**20:,.0f} MiB"


def memory_limit() -> int:
    """Bytes that a process can have at most on this machine: physical memory, or the container's share of it."""
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in _CGROUP:
        try:
            sizes.append(int(Path(file).read_text()))
        except (OSError, ValueError):  # no such group, or one without a limit ("max")
            continue
    return min(sizes)


def activation_bytes(pair: Pair, space: str = "latent") -> int:
    """Bytes of all intermediate values of one sample on its way through the nets; they are traced, not run.

    Args:
      pair: Generator and critic.
      space: ``latent`` for both nets, ``pixel`` for the critic alone.
    """
    dtype = jnp.zeros(()).dtype
    label = None if pair.classes is None else jax.ShapeDtypeStruct((1,), jnp.int32)
    critic = pair.score if pair.has_critic else lambda x, c: x
    if space == "pixel":
        given = jax.ShapeDtypeStruct((1, *pair.sample_shape), dtype)
        traced = jax.make_jaxpr(lambda x, c: critic(x, c))(given, label)
    else:
        given = jax.ShapeDtypeStruct((1, *pair.prior.shape), dtype)
        traced = jax.make_jaxpr(lambda z, c: critic(pair.generate(z, c), c))(given, label)
    return sum(times * _size(equation) for equation, times in equations(traced.jaxpr))


def _size(equation: Any) -> int:
    """Bytes of what an equation gives."""
    given = [v.aval for v in equation.outvars if hasattr(v.aval, "dtype")]
    return sum(math.prod(value.shape) * value.dtype.itemsize for value in given)


def refinement_bytes(pair: Pair, settings: ChainSettings, n: int, batch: int) -> int:
    """Bytes of a refinement by the formula above, those of the program included."""
    state = pair.prior.size if settings.space == "latent" else math.prod(pair.sample_shape)
    sample = _COPIES * 4 * math.prod(pair.sample_shape) + _LATENTS * 4 * max(pair.prior.size, state)
    sample += _RECORD * settings.steps + _FEATURES
    return _PROGRAM + n * sample + min(batch, n) * activation_bytes(pair, settings.space)


def check_refinement(
    pair: Pair, settings: ChainSettings, n: int, batch: int, *, field: str = "--n", times: int = 1
) -> Estimate:
    """The estimate of a refinement.

    Args:
      pair: The pair.
      settings: Its chain.
      n: Number that ``field`` gives.
      batch: Chains moved together.
      field: Option that a refusal names.
      times: Samples for each of n.

    Raises:
      InputError: It cannot fit in the memory of this machine.
    """
    most = memory_limit()
    samples = n * times
    chains = min(batch, samples) * activation_bytes(pair, settings.space)
    if chains > most - _PROGRAM:
        fits = max(1, int((most - _PROGRAM) // max(1, chains // min(batch, samples))))
        problem = f"is {batch}, which takes about {_shown(chains)} of the {_shown(most)} here"
        raise InputError("--batch", problem, f"give at most {fits}")
    memory = refinement_bytes(pair, settings, samples, batch)
    if memory > most:
        each = (memory - _PROGRAM - chains) / n
        fits = int((most - _PROGRAM - chains) / each)
        problem = (
            f"is {n:,} with {settings.steps:,} steps, which take about {_shown(memory)} of the {_shown(most)} here"
        )
        remedy = "'ganrefine refine --shard 1000' streams any number to disk"
        raise InputError(field, problem, f"give at most {fits:,}, or fewer steps; {remedy}" if fits >= 6 else remedy)
    counted = settings.steps > 0 and pair.has_critic
    operations = gradient_operations(pair, settings.space) if counted else 0.0
    return Estimate(memory, samples * settings.steps, operations=operations)


def check_streaming(
    pair: Pair, settings: ChainSettings, n: int, batch: int, shard: int, folder: Path, features: int, parts: int = 1
) -> Estimate:
    """The estimate of a refinement to disk.

    Args:
      pair: The pair.
      settings: Its chain.
      n: Samples of all parts.
      batch: Chains moved together.
      shard: Samples of a file.
      folder: Where the files go; those that are there count as room.
      features: Numbers that a feature net gives for one image, 0 without one.
      parts: Parts that the run is cut into; others may write elsewhere, or later.

    Raises:
      InputError: A shard cannot fit in memory, or the samples not on the disk.
    """
    estimate = check_refinement(pair, settings, min(n, shard), batch, field="--shard")
    kept = 2 * 4 * features * (min(n, 12_000) + shard) + 50 * 8 * min(features, 512) ** 2
    each = 2 * math.prod(pair.sample_shape) * (1 if is_image(pair) else 4) + 2 * 4 * features + 16
    nearest = folder
    while not nearest.exists():
        nearest = nearest.parent
    here = sum(f.stat().st_size for f in nearest.glob("*.npz")) if nearest == folder else 0
    free, wanted = shutil.disk_usage(nearest).free + here, each * -(-n // parts)
    if wanted > free:
        problem = f"is {n:,}, which take about {_shown(wanted)} of disk; {_shown(free)} are free in {nearest}"
        raise InputError("--n", problem, f"give at most {free * parts // each:,}, or an --out on a larger disk")
    evaluations = n * settings.steps // parts
    return dataclasses.replace(estimate, memory=estimate.memory + kept, evaluations=evaluations, disk=wanted)


def check_path(pair: Pair, segments: int, points: int) -> None:
    """Refuse a path whose curve cannot be differentiated in the memory of this machine.

    Raises:
      InputError: Segments or points are too many.
    """
    most, each = memory_limit() - _PROGRAM, activation_bytes(pair)
    for name, count in (("--segments", segments), ("--points", points)):
        if count * each > most:
            problem = f"is {count:,}, which takes about {_shown(count * each)} of the {_shown(most)} here"
            raise InputError(name, problem, f"give at most {max(2, most // each):,}")


def check_interpolation(pair: Pair, pairs: int, points: int, features: int) -> None:
    """Refuse a benchmark of paths that cannot be judged in the memory of this machine.

    Args:
      pair: The pair.
      pairs: Pairs of ends.
      points: Points of every path.
      features: Numbers that a feature net gives for one image.

    Raises:
      InputError: They are too many.
    """
    most = memory_limit() - _PROGRAM
    each = points * (8 * 4 * pair.prior.size + 6 * math.prod(pair.sample_shape) + 3 * 8 * features)
    if pairs * each > most:
        problem = f"is {pairs:,} with {points:,} points, which take about {_shown(pairs * each)} of {_shown(most)}"
        raise InputError("--pairs", problem, f"give at most {max(2, most // each):,}, or fewer points")


def check_training(job: Job) -> None:
    """Refuse a model whose training state cannot be held twice, as an update needs; it is traced, not made.

    Raises:
      InputError: The state is too large.
    """
    most = memory_limit() - _PROGRAM
    leaves = jax.tree.leaves(jax.eval_shape(job.init, jax.random.key(0)))
    size = 2 * sum(
        math.prod(v.shape) * v.dtype.itemsize for v in leaves if not jnp.issubdtype(v.dtype, jax.dtypes.prng_key)
    )
    if size > most:
        problem = f"has a training state that takes about {_shown(size)} of the {_shown(most)} here"
        raise InputError("model", problem, "give a smaller --latent, --width or --label-width, or smaller images")
