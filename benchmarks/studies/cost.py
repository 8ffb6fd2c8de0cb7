r"""What a refined sample costs, for each preset and pair; what a billion would take, and what breaks first.

``python -m benchmarks.studies.cost PAIR[=DIR] ... --out benchmarks/results/cost.json``, DIR the folder of a manifest's
weight files.

For every pair and every form of the step that a preset needs, the step is compiled as :func:`dcd.refine` runs it and
XLA is asked for its operations and for the bytes that it reads and writes; it is then timed here, the least of a few
calls. Operations as written are those of :mod:`pairs.operations`, which do not depend on the machine.
:mod:`benchmarks.studies.cost_at_scale` extrapolates from these figures alone, so that ``--again FILE`` does that part
anew without measuring.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import dcd
from dcd.langevin.chain import start_at_prior
from dcd.langevin.kernel import make_kernel
from dcd.langevin.loop import Schedule, noisy_step
from dcd.langevin.target import make_target
from pairs import InputError, Pair, Sphere
from pairs.arguments import differentiable
from pairs.io.command import guard, seed_number
from pairs.io.reports import hardware, versions, write_json

from ..inputs import load
from ..leaderboard.chains import chain_passes
from ..leaderboard.passes import prices
from .cost_at_scale import at_scale

__all__ = ["costs_of", "main"]

PROTOCOL = {
    "as written": "two operations for every product of two numbers in matrix products and convolutions of the traced "
    "nets, zeros between inputs of transposed convolutions left out; elementwise work is not counted",
    "compiled": "XLA's cost analysis of the compiled step of a batch, over its samples: elementwise work and noise "
    "with it, bytes that each instruction reads and writes, caches not considered",
    "gradient evaluations": "through both nets (latent presets) or of the critic (pixel presets), the one at the start "
    "of the chain included",
    "seconds": "least of the timed calls of the compiled step on this machine, times the evaluations of a sample, and "
    "the generator's pass",
}
LEAST_TIMES, LONGEST = 3, 4.0
"""Timed calls of a step at least, and seconds after which no more are made."""


def _compiled(pair: Pair, chain: dcd.Langevin, batch: int) -> tuple[dict[str, float], float]:
    """XLA's figures of one step per sample, and the seconds that it takes per sample."""
    key, one = jax.random.key(0), chain.replace(steps=1)
    state, labels = start_at_prior(pair, one, key, batch)
    now = Schedule(np.int32(0), np.float32(one.step_sizes()[0]), np.float32(one.noise_scales()[0]))
    given = make_kernel(one), make_target(pair, one, labels), key, state, now
    found = jax.jit(noisy_step).lower(*given).compile()
    known: Any = found.cost_analysis() or {}
    least, began = float("inf"), time.perf_counter()
    runs = 0
    while runs < LEAST_TIMES or (runs < 20 and time.perf_counter() - began < LONGEST):
        at = time.perf_counter()
        jax.block_until_ready(found(*given))
        least, runs = min(least, time.perf_counter() - at), runs + 1
    figures = {"operations": known.get("flops", 0.0), "bytes": known.get("bytes accessed", 0.0)}
    return {k: float(v) / batch for k, v in figures.items()}, least / batch


def _generator_seconds(pair: Pair, batch: int) -> float:
    labels = None if pair.classes is None else jnp.arange(batch) % pair.classes
    z = pair.prior.sample(jax.random.key(0), batch)
    generate = jax.jit(lambda p, z, c: p.generate(z, c))
    jax.block_until_ready(generate(pair, z, labels))
    times = []
    for _ in range(LEAST_TIMES):
        at = time.perf_counter()
        jax.block_until_ready(generate(pair, z, labels))
        times.append(time.perf_counter() - at)
    return min(times) / batch


def costs_of(pair: Pair, batch: int) -> dict[str, Any]:
    """Costs of all presets on a pair.

    Args:
      pair: Generator and critic.
      batch: Samples of a compiled call.

    Returns:
      Operations of the nets, and for each preset the figures of a step and of a refined sample, in JSON form.
    """
    pair = differentiable(pair)
    unit, presets, known = prices(pair), {}, {}
    forward = _generator_seconds(pair, batch)
    for name, make in dcd.PRESETS.items():
        chain = make()
        if chain.metropolis and isinstance(pair.prior, Sphere):
            presets[name] = {"refused": "a straight proposal never comes back to the sphere"}
            continue
        form = jax.tree.structure((make_kernel(chain), make_target(pair, chain)))
        if form not in known:  # presets that differ in numbers alone are one compiled program
            known[form] = _compiled(pair, chain, batch)
        compiled, seconds = known[form]
        passes = chain_passes(chain)
        made = passes.gradients + passes.critic_gradients
        presets[name] = {
            "space": chain.space,
            "steps": chain.steps,
            "evaluations": made,
            "operations": unit.cost(passes) * unit.operations,
            "compiled_step": compiled,
            # the start is an evaluation too, about as dear as a step
            "compiled": {k: v * (chain.steps + 1) for k, v in compiled.items()},
            "seconds": seconds * (chain.steps + 1) + forward,
            "step_seconds": seconds,
        }
    return {
        "generator": pair.generator.size,
        "critic": pair.critic.size,
        "sample": list(pair.sample_shape),
        "latent": list(pair.prior.shape),
        "operations": {
            "gradient": unit.operations,
            **{k: getattr(unit, k) * unit.operations for k in ("critic_gradient", "generator", "critic")},
        },
        "generator_seconds": forward,
        "presets": presets,
    }


def _measured(args: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for given in args.pairs:
        name, _, folder = given.partition("=")
        pair = load(name, Path(folder) if folder else None)
        began = time.perf_counter()
        found[Path(name).stem] = costs_of(pair, args.batch)
        print(f"{Path(name).stem}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    about = {"seed": args.seed, "batch": args.batch, "protocol": PROTOCOL}
    return about | {"pairs": found, "versions": versions(), "hardware": hardware()}


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies.cost", description="Cost of refined samples.")
    parser.add_argument("pairs", nargs="*", metavar="PAIR[=DIR]")
    parser.add_argument("--batch", type=int, default=16, help="samples of a compiled call (default 16)")
    parser.add_argument("--seed", type=seed_number, default=0, help="of nothing but the latents that are timed")
    parser.add_argument("--again", type=Path, help="report whose measured part is kept")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    args = parser.parse_args(argv)
    if bool(args.pairs) == bool(args.again):
        raise InputError("PAIR", "and --again are given both or neither", "give pairs to measure, or a report to keep")
    report = json.loads(args.again.read_text()) if args.again else _measured(args)
    report["at_scale"] = at_scale(report)
    write_json(args.out, report)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Command line entry."""
    return guard(_run, argv)


if __name__ == "__main__":
    sys.exit(main())
