"""What a geodesic costs: evaluations to 1 % of the optimum, share of time in the generator.

``python -m benchmarks.studies.interpolate_solvers --out benchmarks/results/interpolate_solvers.json [--only PART ...]``

* 64 pairs of a random 2-128-784 decoder and of a random 64-256-256-784 one: calls of energy and gradient until a pair's
  energy is within 1 % of the best found by 300 calls, one level, straight start.
* DCGAN generators of 64x64 images: time of a solve against that of the generator alone, forward and backward
  with a fixed cotangent, on the same points as often.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import interp
import pairs
from interp.curves.sine_curve import Chart, Curve
from interp.solve.lbfgs import LbfgsConfig, minimise
from interp.solve.objective import CurveObjective
from pairs.io.reports import hardware, versions, write_json
from pairs.sequential.spec import init_sequential

__all__ = ["main", "evaluations_to_one_percent", "generator_share"]


def _mlp(p: Any, z: jax.Array) -> jax.Array:
    for w, b in p[:-1]:
        z = jnp.tanh(z @ w + b)
    return jax.nn.sigmoid(z @ p[-1][0] + p[-1][1])


def _sum(p: Any, x: jax.Array) -> jax.Array:
    return jnp.sum(x.reshape(len(x), -1), axis=1)


def _random_pair(sizes: list[int], gain: float, seed: int = 0) -> pairs.Pair:
    rng = np.random.default_rng(seed)
    layers = []
    for a, b in zip(sizes, sizes[1:], strict=False):
        w = rng.standard_normal((a, b)) * (gain / a**0.5 if a > 2 else 1.5)
        bias = 0.5 * rng.standard_normal(b) * (b < 784)
        layers.append((jnp.asarray(w, jnp.float32), jnp.asarray(bias, jnp.float32)))
    return pairs.make_pair(
        pairs.wrap(_mlp, layers),
        pairs.wrap(_sum),
        pairs.Normal((sizes[0],)),
        sample_range=None,
        critic_kind="energy",
        check=False,
    )


def evaluations_to_one_percent(
    sizes: list[int], segments: int, modes: int, spread: float, gain: float
) -> dict[str, Any]:
    """Calls per pair until within 10, 1 and 0.1 % of the best energy found."""
    pair = _random_pair(sizes, gain)
    metric = interp.Metric(pair, mode="none")
    z0, z1 = (spread * pair.prior.sample(jax.random.key(k), 64) for k in (1, 2))
    curve = Curve(z0, z1, jnp.zeros(64, jnp.int32), jnp.zeros((64, modes, sizes[0])), pair.prior, Chart())
    objective = CurveObjective(segments, modes)
    rows = objective.rows(metric, curve, None)
    size = jnp.linalg.norm(z1 - z0, axis=1)
    start = jnp.zeros((64, modes * sizes[0]))
    settings = LbfgsConfig(evaluations=300, tolerance=0.0, gradient_tolerance=1e-7, history=20)
    solution = minimise(objective, metric, rows, start, size, settings, trace=True)
    assert solution.trace is not None
    best = solution.trace[-1]
    report: dict[str, Any] = {"sizes": sizes, "segments": segments, "modes": modes, "pairs": 64, "cap": 300}
    for share in (0.1, 0.01, 0.001):
        reached = np.argmax(solution.trace <= best * (1 + share), axis=0) + 1
        report[f"evaluations_to_{share:g}"] = {"median": float(np.median(reached)), "max": int(reached.max())}
    report["linear_over_best"] = float(np.median(solution.trace[0] / best))
    return report


def _dcgan(width: int) -> list[dict[str, Any]]:
    """Layers of a DCGAN generator of 64x64 colour images, 100-d latents (arXiv 1511.06434 has ``width`` 64)."""
    layers: list[dict[str, Any]] = [{"layer": "unflatten", "shape": [100, 1, 1]}]
    for i, factor in enumerate((8, 4, 2, 1)):
        up = {"stride": 2, "padding": 1} if i else {}
        layers += [
            {"layer": "conv_transpose", "out": factor * width, "kernel": 4, "bias": False, **up},
            {"layer": "batch_norm"},
            {"layer": "relu"},
        ]
    last = {"layer": "conv_transpose", "out": 3, "kernel": 4, "stride": 2, "padding": 1, "bias": False}
    return [*layers, last, {"layer": "tanh"}]


def generator_share(width: int, batch: int = 2, segments: int = 16, calls: int = 6, rounds: int = 3) -> dict[str, Any]:
    """CPU time of forward and backward passes of the bare generator over that of a solve with as many, 64x64 images."""
    generator = init_sequential(jax.random.key(0), _dcgan(width), (100,))
    pair = pairs.make_pair(
        generator, pairs.wrap(_sum), pairs.Normal((100,)), sample_range=(-1, 1), critic_kind="energy", check=False
    )
    metric = interp.Metric(pair, mode="none")
    z0, z1 = (pair.prior.sample(jax.random.key(k), batch) for k in (1, 2))
    modes, chart = 6, Chart("sphere")
    curve = Curve(z0, z1, jnp.ones(batch, jnp.int32), jnp.zeros((batch, modes, 100)), pair.prior, chart)
    objective = CurveObjective(segments, modes, chart)
    rows = objective.rows(metric, curve, None)
    size = jnp.linalg.norm(z1 - z0, axis=1)
    x = jnp.zeros((batch, modes * 100))
    nodes = objective.points(metric, rows, x).reshape(-1, 100)
    settings = LbfgsConfig(evaluations=calls, tolerance=0.0, gradient_tolerance=0.0, check_every=calls)

    @jax.jit
    def bare(generator: pairs.Net, z: jax.Array, cotangent: jax.Array) -> tuple[jax.Array, jax.Array]:
        images, pull = jax.vjp(generator, z)
        return images, pull(cotangent)[0]

    cotangent = jax.block_until_ready(bare(generator, nodes, jnp.ones((len(nodes), 64, 64, 3))))[0]
    jax.block_until_ready(bare(generator, nodes, cotangent))
    minimise(objective, metric, rows, x, size, settings)
    passes, solves = [], []
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(calls):
            jax.block_until_ready(bare(generator, nodes, cotangent))
        passes.append(time.process_time() - began)
        began = time.process_time()
        jax.block_until_ready(minimise(objective, metric, rows, x, size, settings).x)
        solves.append(time.process_time() - began)
    return {
        "images": [64, 64, 3],
        "width": width,
        "batch": batch,
        "segments": segments,
        "calls": calls,
        "cpu_seconds_bare": float(np.median(passes)),
        "cpu_seconds_solve": float(np.median(solves)),
        "share_of_generator": float(np.median(passes) / np.median(solves)),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="benchmarks/results/interpolate_solvers.json")
    parser.add_argument("--only", nargs="+", help="measure these parts and keep the others of the file")
    args = parser.parse_args()
    out = Path(args.out)
    report: dict[str, Any] = json.loads(out.read_text()) if args.only and out.exists() else {}
    parts = {
        "decoder_2d": lambda: evaluations_to_one_percent([2, 128, 784], 49, 48, 1.5, 2.0),
        "decoder_64d": lambda: evaluations_to_one_percent([64, 256, 256, 784], 31, 30, 1.0, 2.0),
        "generator_share_dcgan_32": lambda: generator_share(32),
        "generator_share_dcgan_64": lambda: generator_share(64),
    }
    for name, part in parts.items():
        if args.only and name not in args.only:
            continue
        report[name] = part()
        print(name, report[name], flush=True)
        write_json(args.out, report | {"versions": versions(), "hardware": hardware()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
