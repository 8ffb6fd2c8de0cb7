"""What a geodesic costs: evaluations to 1 % of the optimum, share of time in the generator, closed-form problems.

``python -m benchmarks.interpolate_solvers --out benchmarks/results/interpolate_solvers.json [--georce DIR]``

* 64 pairs of a random 2-128-784 decoder and of a random 64-256-256-784 one: calls of energy and gradient until a pair's
  energy is within 1 % of the best found by 600 calls, one level, straight start.
* A transposed-convolution generator of 64x64 images: solve time against the bare jitted value and
  gradient of the same chord energy, the same number of calls.
* Sphere, half-plane, Poincare disk as matrix metrics: GEORCE with the sound line search, both rules, and
  (``--georce``, a folder with the authors' package ``georce``) the published code, the same ends and segments.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

import interp
import pairs
from interp.curve import Chart, Curve
from interp.energy import observe, path_energy
from interp.objective import CurveObjective
from interp.solve.lbfgs import LbfgsConfig, minimise
from pairs.gan.wgan_gp import Generator, WganGpConfig

from .report import hardware, versions, write_json

__all__ = ["main", "evaluations_to_one_percent", "generator_share", "closed_forms"]


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
    return pairs.make_pair(pairs.wrap(_mlp, layers), pairs.wrap(_sum), pairs.Normal((sizes[0],)), sample_range=None,
                           critic_kind="energy", check=False)  # fmt: skip


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


def generator_share(batch: int = 4, segments: int = 16, calls: int = 20) -> dict[str, Any]:
    """Time of the bare value and gradient over the time of a solver step, 64x64 images."""
    config = WganGpConfig(size=64, channels=3, width=32)
    generator = pairs.wrap(Generator(config, rngs=nnx.Rngs(0)))
    pair = pairs.make_pair(generator, pairs.wrap(_sum), pairs.Normal((64,)), sample_range=(-1, 1),
                           critic_kind="energy", check=False)  # fmt: skip
    metric = interp.Metric(pair, mode="none")
    z0, z1 = (pair.prior.sample(jax.random.key(k), batch) for k in (1, 2))
    modes = 12
    chart = Chart("sphere")
    curve = Curve(z0, z1, jnp.ones(batch, jnp.int32), jnp.zeros((batch, modes, 64)), pair.prior, chart)
    objective = CurveObjective(segments, modes, chart)
    rows = objective.rows(metric, curve, None)
    size = jnp.linalg.norm(z1 - z0, axis=1)
    x = jnp.zeros((batch, modes * 64))
    nodes = objective.points(metric, rows, x)
    settings = LbfgsConfig(evaluations=calls, tolerance=0.0, gradient_tolerance=0.0, check_every=calls)

    def bare(metric: interp.Metric, z: jax.Array) -> jax.Array:
        return jnp.sum(path_energy(metric, observe(metric, z)))

    floor = jax.jit(jax.grad(bare, argnums=1))
    jax.block_until_ready(floor(metric, nodes))
    minimise(objective, metric, rows, x, size, settings)
    floors, solves = [], []
    for _ in range(5):
        began = time.process_time()
        for _ in range(calls):
            jax.block_until_ready(floor(metric, nodes))
        floors.append(time.process_time() - began)
        began = time.process_time()
        jax.block_until_ready(minimise(objective, metric, rows, x, size, settings).x)
        solves.append(time.process_time() - began)
    return {"images": [64, 64, 3], "batch": batch, "segments": segments, "calls": calls,
            "cpu_seconds_bare": float(np.median(floors)), "cpu_seconds_solve": float(np.median(solves)),
            "share_of_generator": float(np.median(floors) / np.median(solves))}  # fmt: skip


def _sphere(p: Any, z: jax.Array) -> jax.Array:
    return 4 / (1 + jnp.sum(z**2, -1))[..., None, None] ** 2 * jnp.eye(2)


def _half_plane(p: Any, z: jax.Array) -> jax.Array:
    return jnp.eye(2) / z[..., 1, None, None] ** 2


def _disk(p: Any, z: jax.Array) -> jax.Array:
    return 4 / (1 - jnp.sum(z**2, -1))[..., None, None] ** 2 * jnp.eye(2)


PROBLEMS = {
    "sphere": (_sphere, (1.0, 0.0), (0.5 * np.cos(2), 0.5 * np.sin(2)), 1.910192),
    "half-plane": (_half_plane, (-1.0, 1.0), (1.0, 1.0), 1.762747174),
    "disk": (_disk, (0.6, 0.2), (-0.3, 0.7), 2.932373129),
}


def closed_forms(peer: str | None) -> list[dict[str, Any]]:
    """Length error, iterations, calls and milliseconds of every problem, rule and number of segments."""
    rows = []
    with jax.enable_x64(True):
        for name, (matrix, a, b, exact) in PROBLEMS.items():
            net = pairs.wrap(matrix)
            for segments in (10, 50, 100):
                for rule in ("left", "trapezoid"):
                    config = interp.GeorceConfig(segments, tolerance=1e-12, rule=rule)
                    ends = np.array([a]), np.array([b])
                    found = jax.block_until_ready(interp.georce(net, *ends, config))
                    times = []
                    for _ in range(20):
                        began = time.perf_counter()
                        jax.block_until_ready(interp.georce(net, *ends, config))
                        times.append(time.perf_counter() - began)
                    rows.append({"problem": name, "segments": segments, "rule": rule, "software": "interp",
                                 "length_error": float(jnp.sqrt(found.energy[0])) - exact,
                                 "iterations": int(found.iterations[0]), "energy_calls": int(found.evaluations[0]),
                                 "milliseconds": 1e3 * float(np.median(times)),
                                 "converged": bool(found.converged[0])})  # fmt: skip
                if peer:
                    rows.append(_published(peer, name, matrix, a, b, exact, segments))
    return rows


def _published(folder: str, name: str, matrix: Any, a: Any, b: Any, exact: float, segments: int) -> dict[str, Any]:
    """The authors' solver on the same problem."""
    if folder not in sys.path:
        sys.path.insert(0, folder)
    from georce import GEORCE_R  # pyright: ignore[reportMissingImports]

    metric = lambda z: matrix(None, z)
    solve = jax.jit(GEORCE_R(metric, init_fun=None, T=segments, tol=1e-8, max_iter=1000))
    ends = jnp.array(a), jnp.array(b)
    out = jax.block_until_ready(solve(*ends))
    times = []
    for _ in range(20):
        began = time.perf_counter()
        jax.block_until_ready(solve(*ends))
        times.append(time.perf_counter() - began)
    z = out[0] if isinstance(out, (tuple, list)) else out
    energy = interp_energy(matrix, z)
    return {"problem": name, "segments": segments, "rule": "left", "software": "georce (published)",
            "length_error": float(np.sqrt(energy)) - exact, "milliseconds": 1e3 * float(np.median(times)),
            "iterations": int(out[-1]) if isinstance(out, (tuple, list)) else None}  # fmt: skip


def interp_energy(matrix: Any, z: jax.Array) -> float:
    """Left-end energy of nodes."""
    u = z[1:] - z[:-1]
    return float(u.shape[0] * jnp.einsum("ti,tij,tj->", u, matrix(None, z[:-1]), u))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="benchmarks/results/interpolate_solvers.json")
    parser.add_argument("--georce", help="folder with the published package")
    args = parser.parse_args()
    report: dict[str, Any] = {}
    parts = {
        "decoder_2d": lambda: evaluations_to_one_percent([2, 128, 784], 49, 48, 1.5, 2.0),
        "decoder_64d": lambda: evaluations_to_one_percent([64, 256, 256, 784], 31, 30, 1.0, 2.0),
        "closed_forms": lambda: closed_forms(args.georce),
        "generator_share": generator_share,
    }
    for name, part in parts.items():
        report[name] = part()
        print(name, report[name], flush=True)
        write_json(args.out, report | {"versions": versions(), "hardware": hardware()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
