"""One part of the study of devices: a pair, a space, a precision and a batch, with all contestants in one process."""

from __future__ import annotations

import dataclasses
import gc
import importlib
import importlib.util
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from pairs import InputError

from .device_cases import Case
from .device_chain import PRECISIONS, ChainJob
from .device_turns import LEAST_TURNS, ratios, share, spread, steps_that_fit, take_turns, words

__all__ = ["WAYS", "Part", "free", "measure", "plan"]

ALIKE = {"float32": 1e-3, "tf32": 5e-2, "bfloat16": 0.3}
"""Median relative distance of the gradients of JAX and PyTorch above which the nets are not the same."""
WAYS = ("eager", "autocast", "compiled", "CUDA graphs")
_LONGEST_MEASUREMENT = 8.0


@dataclasses.dataclass(frozen=True)
class Part:
    """What is measured together.

    Attributes:
      case: The pair.
      space: ``latent`` or ``pixel``.
      precision: One of ``PRECISIONS``.
      batch: Chains.
      peers: Ways to run PyTorch.
      exact: Whether the bare gradient is compiled too.
    """

    case: Case
    space: str
    precision: str
    batch: int
    peers: tuple[str, ...]
    exact: bool

    @property
    def name(self) -> str:
        """The part's name in the report."""
        return f"{self.case.name}, {self.space}, {self.precision}, batch {self.batch}"


def plan(cases: list[Case], ways: tuple[str, ...] = WAYS) -> list[Part]:
    """All parts, the most telling ones first: what a bound on the time cuts off is the end.

    Args:
      cases: Pairs.
      ways: Ways to run PyTorch that are wanted.
    """

    def first(space: str) -> list[Part]:
        cast = lambda precision: tuple(w for w in ways if w != "autocast" or precision == "bfloat16")
        return [Part(c, space, p, c.batches[0], cast(p), True) for p in PRECISIONS for c in cases]

    def others(space: str) -> list[Part]:
        plain = tuple(w for w in ways if w == "eager")
        return [Part(c, space, p, b, plain, False) for p in PRECISIONS for c in cases for b in c.batches[1:]]

    return [part for space in ("latent", "pixel") for part in (*first(space), *others(space))]


def measure(
    part: Part, seconds: float, deadline: float, peak: float | None, threads: int
) -> tuple[dict[str, Any], ChainJob, list[tuple[str, str]]]:
    """Measure a part.

    Args:
      part: What.
      seconds: Of all that follows JAX's compilation, as far as PyTorch's can be foreseen.
      deadline: ``time.perf_counter()`` after which nothing begins.
      peak: Operations per second of the matrix product in this precision.
      threads: Of PyTorch on the CPU.

    Returns:
      The figures, the chains, and contestants that were not measured with the reason.

    Raises:
      InputError: There is no time for five turns.
    """
    began = time.perf_counter()
    job = ChainJob(part.case.pair, part.space, part.precision, part.batch, part.exact)
    job.run(1)
    jobs: dict[str, Callable[[int], None]] = {"chain": job.run}
    compiled = {"chain": "the loop"}
    generators: dict[str, Callable[[], None]] = {"chain": job.generate} if part.space == "latent" else {}
    prepared = {"chain": time.perf_counter() - began}
    began = time.perf_counter()
    lost: list[tuple[str, str]] = []
    gap: float | None = None
    peer: Any = None
    try:
        if part.peers:
            peer, gap = _peer(part, job, threads)
            generators |= {"eager": peer.generate()} if part.space == "latent" else {}
    except Exception as error:  # a peer that cannot run is a finding
        lost += [(kind, words(error)) for kind in part.peers]
    for kind in part.peers:
        if peer is None:
            break
        start = time.perf_counter()
        if start > min(began + 0.75 * seconds, deadline):
            lost.append((kind, "the time of the part was over"))
            continue
        try:
            run, compiled[kind] = peer.job(kind)
            run(1)
            jobs[kind] = run
        except Exception as error:  # as above
            lost.append((kind, words(error)))
        prepared[kind] = time.perf_counter() - start
    rest = 0.05 if jax.default_backend() == "cpu" else 0.0
    left = _seconds_left(began, seconds, deadline)
    lost += _drop_slow(jobs, left, rest)
    found = _timed(part, job, jobs, generators, rest, left)
    found |= _rates(part, job, found, peak)
    found |= {"prepared_s": prepared, "compiled": {k: compiled[k] for k in jobs}, "gradient_gap": gap}
    return {"part": part.name, **found}, job, lost


def _seconds_left(began: float, seconds: float, deadline: float) -> float:
    now = time.perf_counter()
    # a long compilation must not cost the figures that it was made for
    return min(max(began + seconds - now, 0.25 * seconds), deadline - now, _LONGEST_MEASUREMENT)


def _peer(part: Part, job: ChainJob, threads: int) -> tuple[Any, float | None]:
    """The chain in PyTorch, and how far its gradient lies from JAX's."""
    if importlib.util.find_spec("torch") is None:
        raise InputError("torch", "is not installed", "pip install 'ganrefine[peers]'")
    # an optional extra, absent where types are checked
    peers = importlib.import_module("benchmarks.peers.torch_chain")
    start = np.asarray(job.start)
    made = peers.TorchChain(part.case.pair, part.space, start, job.settings.step_size, part.precision, threads)
    if (made.device.type == "cuda") != (jax.default_backend() in ("gpu", "cuda")):
        problem = f"runs on {made.device.type}, JAX on {jax.default_backend()}"
        raise InputError("torch", problem, "give both the same device")
    if job.gradient is None:
        return made, None
    gap = _gap(job.gradient, made.gradient())
    if not gap < ALIKE[part.precision]:
        raise InputError("torch", f"has gradients that differ by {gap:.1e}", "compare equal nets")
    return made, gap


def _gap(ours: np.ndarray, theirs: np.ndarray) -> float:
    # a unit at its kink may fall to either side by rounding, in a few samples: the median sample decides
    flat = lambda a: a.reshape(len(a), -1).astype(np.float64)
    error = np.linalg.norm(flat(ours) - flat(theirs), axis=1)
    return float(np.median(error / np.maximum(np.linalg.norm(flat(ours), axis=1), 1e-30)))


def _drop_slow(jobs: dict[str, Callable[[int], None]], seconds: float, rest: float) -> list[tuple[str, str]]:
    """Take out the slowest ways to run PyTorch until five turns of one step fit."""
    pilots = {name: _pilot(run) for name, run in jobs.items()}
    lost = []
    for name in sorted(pilots, key=lambda k: -pilots[k]):
        total = sum(pilots[k] + rest for k in jobs)
        if name != "chain" and steps_that_fit(total, 1, seconds, 1) == 0:
            lost.append((name, f"one step takes {pilots[name]:.2f} s, {seconds:.1f} s were left for all contestants"))
            del jobs[name]
    return lost


def _timed(
    part: Part,
    job: ChainJob,
    jobs: dict[str, Callable[[int], None]],
    generators: dict[str, Callable[[], None]],
    rest: float,
    seconds: float,
) -> dict[str, Any]:
    pilots = {name: _pilot(run) for name, run in jobs.items()}
    most = job.settings.steps
    steps = steps_that_fit(sum(pilots.values()) + rest * len(jobs) / most, 1, seconds, most)
    if steps == 0:
        problem = f"takes {sum(pilots.values()):.2f} s for one step of all contestants"
        raise InputError(
            "part", f"{problem}, {seconds:.1f} s were left for {LEAST_TURNS} turns", "give it more seconds"
        )
    until = time.perf_counter() + seconds
    times = take_turns({k: (lambda run=run: run(steps)) for k, run in jobs.items()}, until, rest=rest)
    per_step = {k: [t / steps for t in row] for k, row in times.items()}
    found = {
        "chain": job.settings.to_dict(),
        "batch": part.batch,
        "steps_of_a_job": steps,
        "ms_per_step": {k: spread(row, 1e3) for k, row in per_step.items()},
        "ratio": ratios(per_step, "chain"),
    }
    for run in generators.values():
        run()
    passes = take_turns(generators, time.perf_counter() + seconds / 2, rest=rest)
    found["ms_per_generator_pass"] = {k: spread(row, 1e3) for k, row in passes.items()}
    return found


def _pilot(run: Callable[[int], None]) -> float:
    began = time.perf_counter()
    run(2)
    return (time.perf_counter() - began) / 2


def _rates(part: Part, job: ChainJob, found: dict[str, Any], peak: float | None) -> dict[str, Any]:
    passes = {k: row["median"] / 1e3 for k, row in found["ms_per_generator_pass"].items()}
    step = {k: row["median"] / 1e3 for k, row in found["ms_per_step"].items()}
    ending = lambda k: passes.get("chain" if k == "chain" else "eager", 0.0)
    steps = job.settings.steps
    return {
        "refined_per_s": {k: part.batch / (steps * t + ending(k)) for k, t in step.items()},
        "generated_per_s": {k: part.batch / t for k, t in passes.items()},
        "flops_per_gradient": job.flops,
        **share(job.flops["as written"], step["chain"], peak),
    }


def free() -> None:
    """Drop what PyTorch's compiler and allocator keep of one part: it is of no use to the next."""
    gc.collect()
    if importlib.util.find_spec("torch") is not None:
        torch = importlib.import_module("torch")
        torch.compiler.reset()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
