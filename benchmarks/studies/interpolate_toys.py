"""Interpolation on two small GANs trained here: Swiss roll and 25 Gaussians.

``python -m benchmarks.studies.interpolate_toys --out benchmarks/results/interpolate_toys.json``

Non-saturating GANs with an R1 penalty, 2-D normal latents. For random pairs of latents: share of pairs whose
mean critic along the conformal path is at least that along the line, and share of path points
off the data (distance to the nearest of 20,000 real points above the 99.5 % quantile of held-out
real points' own distances). All paths at constant sample speed; the share of points is also given at equal steps
of the latent, because between separate clusters every continuous path spends most of its sample length off the data:
what a critic that knows the data's own density reaches is given beside, as "ideal critic".
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.spatial import KDTree

import interp
import pairs
from pairs.io.command import seed_number
from pairs.io.files import write_bytes
from pairs.io.reports import hardware, versions, write_json

from .toy_gans import density, gaussians, swiss_roll, trained

__all__ = ["main", "judge"]

POINTS = 64


def _nearest(x: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Distance to the nearest real point."""
    return KDTree(real).query(x.reshape(-1, 2))[0].reshape(x.shape[:-1])


def _equal_steps(z: np.ndarray) -> np.ndarray:
    """POINTS at equal distance along polylines ``(batch, n, 2)`` of latents."""
    along = np.cumsum(np.linalg.norm(np.diff(z, axis=1, prepend=z[:, :1]), axis=2), axis=1)
    at = np.linspace(0, 1, POINTS)
    place = lambda line, s: np.stack([np.interp(at * s[-1], s, line[:, j]) for j in range(2)], axis=1)
    return np.stack([place(line, s) for line, s in zip(z, along, strict=True)])


def judge(
    pair: pairs.Pair, data: Any, count: int, seed: int, settings: interp.GeodesicSettings
) -> tuple[dict[str, Any], Any]:
    """Every method on ``count`` random pairs."""
    rng = np.random.default_rng(seed + 1)
    real, held = data(rng, 20000), data(rng, 4000)
    threshold = float(np.quantile(_nearest(held, real), 0.995))
    z0, z1 = (pair.prior.sample(jax.random.key(seed + k), count) for k in (1, 2))
    began = time.perf_counter()
    # the wall stands at the edge of real data: of fresh draws, as those that judge are not to be seen
    fresh = data(np.random.default_rng(seed + 2), 4000)
    known = interp.weigh(pair, jax.random.key(seed), settings.path_weight, real=fresh)
    found = interp.compare(pair, z0, z1, settings=settings, weight=known)
    seconds = time.perf_counter() - began
    ideal = pair.replace(critic=density(data))
    known = interp.weigh(ideal, jax.random.key(seed), settings.path_weight, real=fresh)
    best = interp.geodesic(ideal, z0, z1, settings=settings, weight=known)
    generate = jax.jit(lambda p, z: p.generate(z.reshape(-1, 2)).reshape(z.shape))
    line = np.asarray(found.diagnostics["linear"].critic_mean)
    samples = np.asarray(generate(pair, pair.prior.sample(jax.random.key(9), 4000)))
    report: dict[str, Any] = {
        "pairs": count,
        "threshold": threshold,
        "seconds": seconds,
        "generated_off_data": float(np.mean(_nearest(samples, real) > threshold)),
        "methods": {},
        "calibration": None if found.path_weight is None else found.path_weight.statistics,
    }
    t = jnp.linspace(0, 1, 16 * POINTS)
    dense = {name: interp.baseline_path(pair.prior, name, z0, z1, t) for name in interp.BASELINES}
    dense |= {name: result.curve(t) for name, result in found.results.items()} | {"ideal critic": best.curve(t)}
    even = {name: _equal_steps(np.asarray(path)) for name, path in dense.items()}
    off = lambda z: float(np.mean(_nearest(np.asarray(generate(pair, z)), real) > threshold))
    diagnostics = found.diagnostics | {"ideal critic": interp.diagnose(found.metric, best.path)}
    for name, path in (found.paths | {"ideal critic": best.path}).items():
        d = diagnostics[name]
        report["methods"][name] = {
            "off_data": off(path),
            "off_data_equal_latent_steps": off(even[name]),
            "critic_mean_at_least_linear": float(np.mean(np.asarray(d.critic_mean) >= line - 1e-6)),
            "critic_mean": float(d.critic_mean.mean()),
            "critic_min": float(d.critic_min.mean()),
            "plain_length": float(d.plain_length.mean()),
            "length": float(d.length.mean()),
        }
    for key in ("off_data", "off_data_equal_latent_steps"):
        base = report["methods"]["linear"][key]
        for entry in report["methods"].values():
            entry[f"{key}_cut_against_linear"] = None if base == 0 else 1 - entry[key] / base
    flags = found.results["geodesic"].flags
    report["flags"] = {k: int(np.sum(v)) for k, v in flags._asdict().items()}
    return report, found


def _picture(pair: pairs.Pair, data: Any, found: Any, rows: int = 6) -> bytes:
    import io

    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(12, 8), layout="constrained")
    real = data(np.random.default_rng(5), 3000)
    for i, name in enumerate(("linear", "slerp", "plain", "geodesic")):
        a = axes.flat[i]
        a.scatter(real[:, 0], real[:, 1], s=1, color="#cccccc")
        for row in range(rows):
            x = np.asarray(pair.generate(found.paths[name][row]))
            a.plot(x[:, 0], x[:, 1], ".-", ms=3, lw=1)
        a.set_title(name)
        a.set_aspect("equal")
    grid = np.linspace(-3.5, 3.5, 160, dtype=np.float32)
    z = np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 2)
    score = np.asarray(pair.score(pair.generate(z))).reshape(160, 160)
    bounds = np.quantile(score, [0.05, 0.95])
    shown = axes.flat[4].pcolormesh(grid, grid, np.clip(score, *bounds), shading="auto", cmap="Greys_r")
    figure.colorbar(shown, ax=axes.flat[4])
    for row in range(rows):
        for name, style in (("linear", ":"), ("geodesic", "-")):
            p = np.asarray(found.paths[name][row])
            axes.flat[4].plot(p[:, 0], p[:, 1], style, lw=1.4, color=f"C{row}")
    axes.flat[4].set_aspect("equal")
    axes.flat[4].set_title("critic over latents; dotted: line")
    x = np.asarray(pair.generate(pair.prior.sample(jax.random.key(3), 3000)))
    axes.flat[5].scatter(x[:, 0], x[:, 1], s=1)
    axes.flat[5].set_title("generated samples")
    axes.flat[5].set_aspect("equal")
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110)
    plt.close(figure)
    return out.getvalue()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="benchmarks/results/interpolate_toys.json")
    parser.add_argument("--steps", type=int, default=12000)
    parser.add_argument("--pairs", type=int, default=256)
    parser.add_argument("--keep", metavar="DIR", help="keep the trained pairs here, and use those that are there")
    parser.add_argument("--seed", type=seed_number, default=0)
    parser.add_argument("--ratio", type=float, default=100.0)
    parser.add_argument("--shape", default="wall", choices=("barrier", "wall"))
    args = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    path_weight = interp.PathWeightSettings(ratio=args.ratio, shape=args.shape)
    settings = interp.GeodesicSettings(
        points=POINTS, segments=64, restarts=0, grid=64, batch=64, keep="free", evaluations=80, path_weight=path_weight
    )
    report: dict[str, Any] = {"steps": args.steps, "seed": args.seed, "points": POINTS, "config": repr(settings)}
    for data in (swiss_roll, gaussians):
        pair, spent = trained(data, args.steps, args.seed, args.keep)
        entry, found = judge(pair, data, args.pairs, args.seed, settings)
        report[data.__name__] = {"training_seconds": spent, **entry}
        write_bytes(Path(args.out).with_name(f"{Path(args.out).stem}_{data.__name__}.png"), _picture(pair, data, found))
        shown = {k: (round(v["off_data"], 4), v["critic_mean_at_least_linear"]) for k, v in entry["methods"].items()}
        print(data.__name__, shown, "generated off", entry["generated_off_data"], flush=True)
        write_json(args.out, report | {"versions": versions(), "hardware": hardware()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
