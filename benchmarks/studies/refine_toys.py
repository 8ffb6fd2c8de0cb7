"""Refinement where the truth is known: 25 Gaussians from a generator that lacks five, and a Swiss roll.

``python -m benchmarks.studies.refine_toys --out benchmarks/results/refine_toys.json --picture docs/toys.png``

The generator of the first task is trained without one column of the grid. A new critic is trained by
contrastive divergence on all 25 modes against an annealed chain in sample space, the chain is run, its last
five stages with less and less noise, and the pool it leaves is winnowed by a critic recovered for it. Beside it every
preset at an equal budget of gradients per sample with a critic recovered in the usual way, at three step
sizes each, and selection without a chain. High quality: within 4 standard deviations of the nearest
centre. Shares of modes are relative to uniform. The roll is measured by distance to its noise-free
curve, relative to fresh real points.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

import dcd
from dcd.critics.architectures import default_layers, fresh_critic
from pairs import Pair
from pairs.io.command import guard, seed_number
from pairs.io.files import write_bytes
from pairs.io.reports import hardware, versions, write_json

from .toy_gans import gaussians, make, swiss_roll, train

__all__ = ["twenty", "modes", "roll_distance", "main"]

SPACING, SIGMA = 0.7, 0.035
ANNEAL = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.005, 0.005)
CHAIN = dcd.Langevin("pixel", 100, 0.05, anneal=ANNEAL, clip=30.0, project=False, preset="annealed")
COLD = CHAIN.replace(anneal_noise=(1.0,) * 5 + (0.7, 0.5, 0.3, 0.1, 0.0))
BUDGET = 100
"""Gradients per sample of every contestant."""


def twenty(rng: np.random.Generator, n: int) -> np.ndarray:
    """The grid of :func:`gaussians` without its second column."""
    column = rng.integers(0, 4, n)
    centre = np.stack([np.where(column >= 1, column + 1, column), rng.integers(0, 5, n)], 1) - 2
    return (SPACING * centre + SIGMA * rng.standard_normal((n, 2))).astype(np.float32)


def modes(x: np.ndarray) -> dict[str, Any]:
    """How samples spread over the 25 modes.

    Returns:
      The share of high-quality samples (within 4 sigma of a centre), the number of modes with any of them, the least
      and the largest share of a mode over uniform, and the deviation of high-quality samples from their centres over
      the true one.
    """
    grid = np.stack(np.meshgrid(*2 * [np.arange(-2, 3)], indexing="ij"), -1).reshape(-1, 2) * SPACING
    distance = np.linalg.norm(x[:, None] - grid[None], axis=-1)
    good = distance.min(1) < 4 * SIGMA
    spread = np.sqrt((distance.min(1)[good] ** 2).sum() / max(2 * good.sum(), 1)) / SIGMA
    share = 25 * np.bincount(distance.argmin(1)[good], minlength=25) / max(good.sum(), 1)
    return {
        "high_quality": float(good.mean()),
        "modes": int((share > 0).sum()),
        "least_share": float(share.min()),
        "largest_share": float(share.max()),
        "spread": float(spread),
    }


def roll_distance(x: np.ndarray) -> dict[str, Any]:
    """Mean distance to the spiral, and total variation of the arc's tenths from real data's."""
    t = np.linspace(1.5 * np.pi, 4.5 * np.pi, 4000)
    curve = np.stack([t * np.cos(t), t * np.sin(t)], 1) / 7.5
    parts = [np.linalg.norm(x[i : i + 500, None] - curve[None], axis=-1) for i in range(0, len(x), 500)]
    near, where = np.concatenate([p.min(1) for p in parts]), np.concatenate([p.argmin(1) for p in parts])
    tenths = np.bincount(where * 10 // len(t), minlength=10) / len(x)
    return {"mean_distance": float(near.mean()), "total_variation": float(np.abs(tenths - 0.1).sum() / 2)}


def contestants() -> dict[str, list[dcd.Langevin]]:
    """Every preset at ``BUDGET`` gradients and a fifth, one and five times its published step size."""
    found = {}
    for name in dcd.PRESETS:
        base = dcd.preset(name).replace(steps=BUDGET, anneal=(1.0,))
        found[name] = [base.replace(step_size=f * base.step_size) for f in (0.2, 1.0, 5.0)]
    return found


def task(
    pair: Pair, data: Callable[..., np.ndarray], measure: Callable[[np.ndarray], dict[str, Any]], args: Any
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Refine by contrastive divergence and winnow; then the presets with a recovered critic."""
    real = data(np.random.default_rng(args.seed + 1), 50_000)
    keys = jax.random.split(jax.random.key(args.seed), 6)
    began = time.perf_counter()
    settings = dcd.Contrast(
        rounds=args.rounds, critic_updates=2, batch=args.batch, learning_rate=1.5e-3, energy=1e-3, ema=0.999
    )
    # modes of width 0.035 want a critic that bends faster than the default
    layers = [{"layer": "scale", "factor": 4.0}, *default_layers(pair.sample_shape)]
    start = pair.replace(critic=fresh_critic(keys[0], pair.sample_shape, layers), critic_kind="energy")
    tuned, _ = dcd.contrast(start, real[:30_000], keys[0], settings, CHAIN)
    pool = dcd.refine(tuned, COLD, keys[1], 4 * args.n, batch=4000)
    again = dcd.Recover(r1=0.01, steps=4000, batch=256, learning_rate=1e-3, patience=100)
    kept = dcd.winnow(pool.after, real[30_000:], keys[2], 0.25, again)
    best = pool.after[kept.rows][: args.n]
    fresh = data(np.random.default_rng(args.seed + 2), args.n)
    report: dict[str, Any] = {
        "generator": measure(pool.before[: args.n]),
        "real": measure(fresh),
        "contrast": measure(pool.after[: args.n]),
        "contrast_and_winnow": measure(best) | {"n": len(best)},
        "seconds": time.perf_counter() - began,
    }
    print(report, file=sys.stderr, flush=True)
    recovered, _ = dcd.recover(pair, real[:30_000], keys[3], dcd.Recover(r1=0.01, steps=3000, batch=256))
    recovered, _ = dcd.calibrate(recovered, real[30_000:], keys[4])
    presets: dict[str, Any] = {}
    for name, chains in contestants().items():
        presets[name] = [
            {"step_size": c.step_size} | measure(dcd.refine(recovered, c, keys[5], args.n, batch=args.n).after)
            for c in chains
        ]
        print(name, presets[name], file=sys.stderr, flush=True)
    report["presets"] = presets
    report["selection"] = {
        "obrs 1/10": measure(np.asarray(dcd.obrs(recovered, args.n, keys[5], budget=0.1).samples)),
        f"i-sir, {BUDGET} candidates": measure(
            np.asarray(dcd.isir(recovered, args.n, keys[5], steps=BUDGET // 10, particles=10).samples)
        ),
    }
    return report, {"generator": pool.before[:3000], "refined": best[:3000], "real": fresh[:3000]}


def _picture(tasks: dict[str, dict[str, np.ndarray]]) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3 * len(tasks)), layout="constrained")
    axes = figure.subplots(len(tasks), 3, squeeze=False)
    for row, (name, sets) in zip(axes, tasks.items(), strict=True):
        for axis, (label, x) in zip(row, sets.items(), strict=True):
            axis.scatter(x[:, 0], x[:, 1], s=1, alpha=0.4)
            axis.set(title=f"{name}: {label}", xticks=[], yticks=[], xlim=(-2.1, 2.1), ylim=(-2.1, 2.1), aspect="equal")
    out = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(out, format="png", dpi=80)
    return out.getvalue()


def _run(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.studies.refine_toys", description="Refinement on known laws."
    )
    parser.add_argument("--n", type=int, default=10_000, help="samples to measure (default 10,000)")
    parser.add_argument(
        "--rounds",
        type=int,
        default=1500,
        help="rounds of contrast (default 1,500)",
    )
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--steps", type=int, default=6000, help="updates of each GAN (default 6,000)")
    parser.add_argument("--seed", type=seed_number, default=0)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--picture", type=Path, help="PNG file to write")
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore")  # presets run longer than the fine-tuned chain on purpose
    report: dict[str, Any] = {"n": args.n, "seed": args.seed, "gradients_per_sample": BUDGET, "chain": COLD.to_dict()}
    report["contrast"] = {"rounds": args.rounds, "batch": args.batch}
    pictures = {}
    for name, held, data, measure in (
        ("25 gaussians", twenty, gaussians, modes),
        ("swiss roll", swiss_roll, swiss_roll, roll_distance),
    ):
        pair = make(*train(held, args.steps, args.seed), held.__name__)
        report[name], pictures[name] = task(pair, data, measure, args)
        write_json(args.out, report | {"versions": versions(), "hardware": hardware()})
    if args.picture:
        write_bytes(args.picture, _picture(pictures))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Command line entry."""
    return guard(_run, argv)


if __name__ == "__main__":
    sys.exit(main())
