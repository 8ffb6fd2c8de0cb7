"""Side by side with stochman 0.3.0: energies and CPU seconds on one decoder, the same 64 pairs, 50 points.

``python -m benchmarks.peers.stochman_decoder --out results.json [--stochman DIR]``

The decoder is ``sigmoid(W2 tanh(W1 z + b1))``, 2 -> 128 -> 784, random weights (torch seed 0), ends
``1.5 N(0, I)`` (seed 1).
Energy is that of 50 equispaced points of the returned curve for both. Time is CPU time of the process,
one thread each, after a warm-up call that compiles (stated apart).
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"

import jax
import jax.numpy as jnp
import numpy as np

import interp
import pairs
from pairs.io.reports import hardware, versions, write_json

__all__ = ["main", "decoder_pair", "random_decoder"]

POINTS = 50


def random_decoder() -> tuple[dict[str, np.ndarray], Any]:
    """Weights as numpy and the torch decoder they came from."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    w1, b1 = torch.randn(128, 2) * 1.5, torch.randn(128) * 0.5
    w2, b2 = torch.randn(784, 128) / 128**0.5 * 2, torch.zeros(784)
    decode = lambda z: torch.sigmoid(torch.tanh(z @ w1.T + b1) @ w2.T + b2)
    return {k: v.numpy() for k, v in {"w1": w1.T, "b1": b1, "w2": w2.T, "b2": b2}.items()}, decode


def _decode(p: Any, z: Any) -> Any:
    return jax.nn.sigmoid(jnp.tanh(z @ p["w1"] + p["b1"]) @ p["w2"] + p["b2"])


def decoder_pair(weights: dict[str, np.ndarray]) -> pairs.Pair:
    """The decoder with a critic that plays no part (mode ``none``)."""
    generator = pairs.wrap(_decode, jax.tree.map(jnp.asarray, weights))
    critic = pairs.wrap(lambda p, x: jnp.sum(x, axis=-1))
    return pairs.make_pair(generator, critic, pairs.Normal((2,)), sample_range=None, critic_kind="energy", check=False)


def _ends(batch: int) -> tuple[Any, Any]:
    import torch

    torch.manual_seed(1)
    return torch.randn(batch, 2) * 1.5, torch.randn(batch, 2) * 1.5


def _energy(weights: dict[str, np.ndarray], path: np.ndarray) -> np.ndarray:
    """Chord energy in float64 numpy: the judge of both."""
    w = {k: v.astype(np.float64) for k, v in weights.items()}
    x = 1 / (1 + np.exp(-(np.tanh(path @ w["w1"] + w["b1"]) @ w["w2"] + w["b2"])))
    return np.sum(np.diff(x, axis=1) ** 2, axis=(1, 2)) * (path.shape[1] - 1)


def run_stochman(
    decode: Any, weights: dict[str, np.ndarray], batch: int, nodes: int, iterations: int
) -> dict[str, Any]:
    """One run of its energy minimiser with Adam, as its users call it."""
    import torch

    curves, geodesics, manifolds = (
        importlib.import_module(f"stochman.{part}") for part in ("curves", "geodesic", "manifold")
    )

    class Decoder(manifolds.EmbeddedManifold):
        def embed(self, points: Any, jacobian: bool = False) -> Any:
            return decode(points)

    begin, end = _ends(batch)
    curve = curves.CubicSpline(begin, end, num_nodes=nodes)
    cpu, wall = time.process_time(), time.perf_counter()
    success = geodesics.geodesic_minimizing_energy(curve, Decoder(), max_iter=iterations, eval_grid=POINTS)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    with torch.no_grad():
        path = curve(torch.linspace(0, 1, POINTS))
    path = path[None] if path.dim() == 2 else path
    mean_energy = float(_energy(weights, path.numpy()).mean())
    found = {"nodes": nodes, "iterations": iterations, "success": bool(success)}
    return {**found, "cpu_seconds": cpu, "wall_seconds": wall, "mean_energy": mean_energy}


def run_ours(weights: dict[str, np.ndarray], batch: int, config: interp.GeodesicConfig, rounds: int) -> dict[str, Any]:
    """Compile, then the median of ``rounds`` runs."""
    pair = decoder_pair(weights)
    begin, end = (jnp.asarray(e.numpy()) for e in _ends(batch))
    began = time.perf_counter()
    found = jax.block_until_ready(interp.geodesic(pair, begin, end, config=config)._replace(calibration=None))
    compile_wall = time.perf_counter() - began
    cpu, wall = [], []
    for _ in range(rounds):
        c, w = time.process_time(), time.perf_counter()
        found = jax.block_until_ready(interp.geodesic(pair, begin, end, config=config)._replace(calibration=None))
        cpu.append(time.process_time() - c)
        wall.append(time.perf_counter() - w)
    energy = _energy(weights, np.asarray(found.path, np.float64))
    straight = _energy(weights, np.asarray(interp.lerp(begin, end, np.linspace(0, 1, POINTS)), np.float64))
    return {
        "solver": config.solver,
        "segments": config.segments,
        "modes": config.mode_count,
        "restarts": config.restarts,
        "evaluations_cap": config.evaluations,
        "compile_and_first_run_wall_seconds": compile_wall,
        "cpu_seconds": float(np.median(cpu)),
        "wall_seconds": float(np.median(wall)),
        "rounds": rounds,
        "mean_energy": float(energy.mean()),
        "mean_energy_linear": float(straight.mean()),
        "largest_energy_over_linear": float((energy / straight).max()),
        "mean_evaluations": float(np.mean(found.evaluations)),
        "mean_images": float(np.mean(found.images)),
        "converged": int(np.sum(found.flags.converged)),
        "fell_back": int(np.sum(found.flags.fell_back)),
    }


def main() -> int:
    """Run both solvers and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="benchmarks/results/interpolate_stochman.json")
    parser.add_argument("--stochman", help="folder with the stochman package, if it is not installed")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--skip-peer", action="store_true")
    args = parser.parse_args()
    if args.stochman:
        sys.path.insert(0, args.stochman)
    weights, decode = random_decoder()
    report: dict[str, Any] = {"protocol": f"decoder 2-128-784, {POINTS} points, float32, one thread, CPU time"}
    make = interp.GeodesicConfig
    coarse = make(
        points=POINTS, mode="none", keep="free", segments=16, modes=12, evaluations=24, restarts=0, tolerance=3e-4
    )
    full = make(points=POINTS, mode="none", keep="free", segments=49, modes=24, evaluations=60, restarts=4)
    newton = make(
        points=POINTS,
        mode="none",
        keep="free",
        segments=24,
        modes=16,
        evaluations=10,
        restarts=0,
        solver="gauss-newton",
        tolerance=1e-4,
    )
    for batch in (1, 64):
        ours = {}
        for name, config in (("fast", coarse), ("thorough", full), ("gauss-newton", newton)):
            ours[name] = run_ours(weights, batch, config, args.rounds)
            print(
                batch, name, {k: ours[name][k] for k in ("cpu_seconds", "mean_energy", "mean_evaluations")}, flush=True
            )
        report[f"batch_{batch}"] = {"ours": ours}
        if not args.skip_peer:
            peer = {f"spline_{n}": run_stochman(decode, weights, batch, n, 150) for n in (5, 20)}
            print(batch, peer, flush=True)
            report[f"batch_{batch}"]["stochman"] = peer
    if not args.skip_peer:
        a, b = report["batch_64"]["stochman"]["spline_20"], report["batch_64"]["ours"]
        report["targets"] = {
            name: {
                "mean_energy_at_most_209": b[name]["mean_energy"] <= 209,
                "times_faster_in_cpu_seconds": a["cpu_seconds"] / b[name]["cpu_seconds"],
                "batch_1_times_faster": report["batch_1"]["stochman"]["spline_20"]["cpu_seconds"]
                / report["batch_1"]["ours"][name]["cpu_seconds"],
            }
            for name in b
        }
    report |= {"versions": versions(), "hardware": hardware()}
    write_json(args.out, report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
