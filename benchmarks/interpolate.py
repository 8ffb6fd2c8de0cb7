r"""``python -m benchmarks interpolate PAIR DATA``: are the images on our paths more like real ones than on a line?

Thousands of random pairs of latents; every method's interior points, at equal feature distance, against real data:
Frechet distance and kernel distance in a feature net that took no part in the optimisation
(the second architecture; distance along paths is measured by the first). With critic statistics, speed
ratio, radius percentile, and the perceptual path length

.. math:: \mathbb{E}\; d(x(t), x(t + \epsilon)) / \epsilon^2

of the same paths in the judge's features, d a squared distance, for paths at constant speed.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
import warnings
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import checkpoints
import interp
from pairs import InputError, Net, Pair
from pairs.command import add_common, check_out

from .data import read_images, to_range, to_uint8
from .features import Features, default_features, load_features
from .metrics.fid import frechet_distance, moments
from .report import hardware, to_json, versions, write_json

__all__ = ["measure", "add_parser", "run", "path_perceptual_length"]

Paths = dict[str, np.ndarray]
_MEANS = ("critic_mean", "critic_min", "plain_length", "pixel_length", "radius_min", "detour")


def _interior(pair: Pair, path: Any, batch: int = 256) -> np.ndarray:
    """Bytes of the interior points of paths ``(n, points, *latent)``, ends left out."""
    z = np.asarray(path)[:, 1:-1].reshape(-1, *pair.prior.shape)
    assert pair.sample_range is not None
    out = []
    for i in range(0, len(z), batch):
        part = np.resize(z[i : i + batch], (batch, *pair.prior.shape))
        out.append(to_uint8(np.asarray(_generate(pair, part)), pair.sample_range)[: len(z[i : i + batch])])
    return np.concatenate(out)


_generate = jax.jit(lambda pair, z: pair.generate(z))


def path_perceptual_length(judge: Features, images: np.ndarray, points: int) -> float:
    """Mean squared judge-feature step over the squared step of the path's parameter, 1st to 99th percentile.

    ``images`` are ``(n * points, H, W, C)`` bytes of whole paths.
    """
    f = judge(images).reshape(-1, points, judge.dim)
    value = np.sum(np.diff(f, axis=1) ** 2, axis=-1).ravel() * (points - 1) ** 2
    low, high = np.quantile(value, [0.01, 0.99])
    return float(value[(value >= low) & (value <= high)].mean())


def _methods(
    pair: Pair, z0: Any, z1: Any, config: interp.GeodesicConfig, features: Net | None, adapted: Pair | None, say: Any
) -> tuple[Paths, dict[str, Any], dict[str, Any]]:
    """Latent paths of every method, notes on each, calibrations."""
    metric, calibration = interp.make_metric(pair, config, features=features)
    notes: dict[str, Any] = {}
    paths: Paths = {}
    flat = lambda z: jnp.asarray(z).reshape(len(z), -1)
    for name in interp.BASELINES:
        began = time.perf_counter()
        parts = [
            np.asarray(interp.baseline_at_constant_speed(metric, name, flat(z0[i : i + config.batch]),
                                                         flat(z1[i : i + config.batch]), config.points))
            for i in range(0, len(z0), config.batch)
        ]  # fmt: skip
        paths[name] = np.concatenate(parts).reshape(len(z0), config.points, *pair.prior.shape)
        notes[name] = {"seconds": time.perf_counter() - began}
    calibrations = {"own": None if calibration is None else calibration.statistics}
    jobs = {"plain": (pair, dataclasses.replace(config, mode="none"), None), "weighted": (pair, config, calibration)}
    if adapted is not None:
        other = interp.calibrate(adapted, jax.random.key(config.seed), config.calibration)
        calibrations["adapted"] = other.statistics
        jobs["weighted-adapted"] = (adapted, config, other)
    for name, (which, settings, weights) in jobs.items():
        began, parts, records = time.perf_counter(), [], []
        for i in range(0, len(z0), config.batch):
            r = interp.geodesic(which, z0[i : i + config.batch], z1[i : i + config.batch], config=settings,
                                features=features, calibration=weights)  # fmt: skip
            parts.append(np.asarray(r.path))
            records.append({**{k: np.asarray(v) for k, v in r.flags._asdict().items()},
                            "evaluations": np.asarray(r.evaluations), "images": np.asarray(r.images)})  # fmt: skip
            say(f"{name}: {i + len(parts[-1])} of {len(z0)} pairs, {time.perf_counter() - began:.0f} s")
        paths[name] = np.concatenate(parts)
        merged = {k: np.concatenate([r[k] for r in records]) for k in records[0]}
        notes[name] = {"seconds": time.perf_counter() - began, **{k: float(v.mean()) for k, v in merged.items()}}
    return paths, notes, calibrations


def measure(
    pair: Pair,
    count: int,
    config: interp.GeodesicConfig,
    judge: Features,
    *,
    features: Net | None = None,
    adapted: Pair | None = None,
    seed: int = 0,
    say: Any = lambda text: None,
) -> tuple[dict[str, Any], Paths]:
    """The report of ``count`` random pairs, and the paths."""
    z0, z1 = (pair.prior.sample(jax.random.key(1000 * seed + k), count) for k in (1, 2))
    paths, notes, calibrations = _methods(pair, z0, z1, config, features, adapted, say)
    reference = judge.reference("test")
    metric, _ = interp.make_metric(pair, dataclasses.replace(config, mode="none"), features=features)
    report: dict[str, Any] = {"calibration": calibrations, "methods": {}}
    for name, path in paths.items():
        m = moments(judge(_interior(pair, path)))
        d = [interp.diagnose(metric, path[i : i + 64]) for i in range(0, count - count % 64 or count, 64)]
        mean = lambda key, d=d: float(np.mean(np.concatenate([np.asarray(getattr(v, key)) for v in d])))
        few = path[: min(count, 500)]
        whole = _interior(pair, np.concatenate([few[:, :1], few, few[:, -1:]], axis=1))
        report["methods"][name] = {
            "frechet": frechet_distance(m.mean, m.covariance, reference.mu, reference.sigma),
            "interior_points": m.n, "perceptual_path_length": path_perceptual_length(judge, whole, path.shape[1]),
            **{k: mean(k) for k in _MEANS},
            "speed_ratio_median": float(np.median(np.concatenate([v.speed_ratio for v in d]))), **notes[name],
        }  # fmt: skip
        say(f"{name}: Frechet distance {report['methods'][name]['frechet']:.3f}")
    m = moments(
        judge(
            _interior(pair, np.asarray(pair.prior.sample(jax.random.key(1000 * seed + 3), 10000))[:, None].repeat(3, 1))
        )
    )
    report["generated_samples_frechet"] = frechet_distance(m.mean, m.covariance, reference.mu, reference.sigma)
    ranking = sorted(report["methods"], key=lambda k: report["methods"][k]["frechet"])
    report["lowest"] = ranking[0]
    return report, paths


def add_parser(subparsers: Any) -> None:
    """Arguments of ``interpolate``."""
    parser = subparsers.add_parser("interpolate", help="path quality against real data, all methods")
    parser.add_argument("pair", metavar="PAIR")
    parser.add_argument("data", metavar="DATA", nargs="?", help="real images, for --recover (a training split)")
    parser.add_argument("--adapted", metavar="PAIR", help="the same generator with an adapted critic")
    parser.add_argument("--recover", action="store_true", help="train that critic here, on DATA's training split")
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--points", type=int, default=10)
    parser.add_argument("--segments", type=int, default=16)
    parser.add_argument("--evaluations", type=int, default=20)
    parser.add_argument("--ratio", type=float, default=10.0)
    parser.add_argument("--metric", default="features", choices=("features", "pixel", "critic"))
    parser.add_argument(
        "--features", metavar="NAME", help="net of the distance along paths (default: by the pair's name)"
    )
    parser.add_argument(
        "--judge", metavar="NAME", help="net of the Frechet distance (default: the second architecture)"
    )
    add_common(parser, "interpolate")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and write ``report.json``."""
    import sys

    say = lambda text: print(text, file=sys.stderr, flush=True)
    out = check_out(args.out)
    pair = checkpoints.resolve(args.pair)
    if pair.sample_range is None:
        raise InputError("pair", "declares no sample range", "only images can be judged here")
    judge = load_features(args.judge) if args.judge else default_features(pair.sample_shape, pair.name, judge=True)
    inner = load_features(args.features) if args.features else default_features(pair.sample_shape, pair.name)
    if inner.sha256 == judge.sha256:
        raise InputError("judge", f"is {judge.name}, which measures the paths too", "name another net")
    net = {"features": inner.as_net(pair.sample_range), "pixel": None}.get(args.metric)
    net = interp.critic_features(pair) if args.metric == "critic" else net
    adapted = checkpoints.resolve(args.adapted) if args.adapted else None
    if args.recover:
        adapted = _recovered(pair, args.data, args.seed, say)
    config = interp.GeodesicConfig(
        points=args.points, segments=args.segments, evaluations=args.evaluations, seed=args.seed, tolerance=1e-4,
        calibration=interp.CalibrationConfig(ratio=args.ratio),
    )  # fmt: skip
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        report, _ = measure(pair, args.pairs, config, judge, features=net, adapted=adapted, seed=args.seed, say=say)
    report = {
        "pair": pair.name, "seed": args.seed, "pairs": args.pairs, "points": args.points,
        "config": dataclasses.asdict(config),
        "metric": args.metric, "features": {"name": inner.name, "sha256": inner.sha256},
        "judge": {"name": judge.name, "dim": judge.dim, "sha256": judge.sha256, "reference": judge.reference("test").n},
        **report, "warnings": sorted({str(w.message) for w in caught}), "versions": versions(), "hardware": hardware(),
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    write_json(Path(out) / "report.json", report)
    if args.json:
        print(to_json(report), end="")
    else:
        for name, entry in report["methods"].items():
            print(f"{name:18s} Frechet {entry['frechet']:8.3f}  critic {entry['critic_mean']:8.3f}")
    return 0


def _recovered(pair: Pair, data: str | None, seed: int, say: Any) -> Pair:
    import dcd

    if data is None:
        raise InputError("data", "is missing for --recover", "name the folder of real images")
    if pair.sample_range is None:
        raise InputError("pair", "declares no sample range", "only images can be judged here")
    x = to_range(read_images(data, "train", expect=pair.sample_shape).x[:10000], pair.sample_range)
    began = time.perf_counter()
    adapted, _ = dcd.recover(pair, x, jax.random.key(seed), dcd.Recover(steps=600, evaluate_every=200))
    say(f"critic recovered in {time.perf_counter() - began:.0f} s")
    return adapted
