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
import functools
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import interp
from pairs import InputError, Net, Pair
from pairs.command import add_common, check_out

from .data import read_images, to_range, to_uint8
from .features import Features, default_features, load_features
from .metrics.fid import Moments, frechet_distance, moments
from .metrics.fid_interval import interval
from .report import hardware, to_json, versions, write_json
from .settings import image_range, load

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
    pair: Pair,
    z0: Any,
    z1: Any,
    config: interp.GeodesicConfig,
    features: Net | None,
    adapted: Pair | None,
    real: Any,
    say: Any,
) -> tuple[Paths, dict[str, Any], dict[str, Any]]:
    """Latent paths of every method, notes on each, calibrations."""
    calibration = interp.calibrate(pair, jax.random.key(config.seed), config.calibration, real=real)
    metric, _ = interp.make_metric(pair, dataclasses.replace(config, mode="none"), features=features)
    notes: dict[str, Any] = {}
    paths: Paths = {}
    flat = lambda z: jnp.asarray(z).reshape(len(z), -1)
    # every block is full, the last one with repeats: a block of another size would be compiled anew
    blocks = [np.arange(i, i + config.batch) % len(z0) for i in range(0, len(z0), config.batch)]
    cut = lambda parts: np.concatenate(parts)[: len(z0)]
    for name in interp.BASELINES:
        began = time.perf_counter()
        ends = [(flat(z0[rows]), flat(z1[rows])) for rows in blocks]
        parts = [np.asarray(interp.baseline_at_constant_speed(metric, name, *e, config.points)) for e in ends]
        paths[name] = cut(parts).reshape(len(z0), config.points, *pair.prior.shape)
        notes[name] = {"seconds": time.perf_counter() - began}
    calibrations = {"own": calibration.statistics}
    jobs = {"plain": (pair, dataclasses.replace(config, mode="none"), None), "weighted": (pair, config, calibration)}
    if adapted is not None:
        other = interp.calibrate(adapted, jax.random.key(config.seed), config.calibration, real=real)
        calibrations["adapted"] = other.statistics
        jobs["weighted-adapted"] = (adapted, config, other)
    for name, (which, settings, weights) in jobs.items():
        began, parts, records = time.perf_counter(), [], []
        for i, rows in enumerate(blocks):
            r = interp.geodesic(which, z0[rows], z1[rows], config=settings, features=features, calibration=weights)
            parts.append(np.asarray(r.path))
            records.append({**{k: np.asarray(v) for k, v in r.flags._asdict().items()},
                            "evaluations": np.asarray(r.evaluations), "images": np.asarray(r.images)})  # fmt: skip
            say(f"{name}: block {i + 1} of {len(blocks)}, {time.perf_counter() - began:.0f} s")
        paths[name] = cut(parts)
        merged = {k: cut([r[k] for r in records]) for k in records[0]}
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
    real: Any = None,
    seed: int = 0,
    say: Any = lambda text: None,
) -> tuple[dict[str, Any], Paths]:
    """The report of ``count`` random pairs, and the paths; ``real`` samples (pair's range) enter the calibration."""
    z0, z1 = (pair.prior.sample(jax.random.key(1000 * seed + k), count) for k in (1, 2))
    paths, notes, calibrations = _methods(pair, z0, z1, config, features, adapted, real, say)
    metric, _ = interp.make_metric(pair, dataclasses.replace(config, mode="none"), features=features)
    report: dict[str, Any] = {"calibration": calibrations, "methods": {}}
    left_out: dict[str, np.ndarray] = {}
    for name, path in paths.items():
        value, left_out[name] = _distances(judge, _interior(pair, path), count)
        d = [interp.diagnose(metric, path[i : i + 64]) for i in range(0, count - count % 64 or count, 64)]
        mean = lambda key, d=d: float(np.mean(np.concatenate([np.asarray(getattr(v, key)) for v in d])))
        few = path[: min(count, 500)]
        whole = _interior(pair, np.concatenate([few[:, :1], few, few[:, -1:]], axis=1))
        report["methods"][name] = {
            "frechet": value, "frechet_ci": _interval(value, left_out[name]),
            "interior_points": count * (path.shape[1] - 2),
            "perceptual_path_length": path_perceptual_length(judge, whole, path.shape[1]),
            **{k: mean(k) for k in _MEANS},
            "speed_ratio_median": float(np.median(np.concatenate([v.speed_ratio for v in d]))), **notes[name],
        }  # fmt: skip
        say(f"{name}: Frechet distance {value:.3f}")
    values = {name: entry["frechet"] for name, entry in report["methods"].items()}
    for name in (n for n in values if n.startswith("weighted")):
        report["methods"][name]["change"] = {
            rival: {"difference": values[name] - values[rival],
                    "ci": _interval(values[name] - values[rival], left_out[name] - left_out[rival])}
            for rival in values if rival != name
        }  # fmt: skip
    z = pair.prior.sample(jax.random.key(1000 * seed + 3), len(z0) * (config.points - 2))
    report["samples_frechet"] = _distances(judge, _interior(pair, np.asarray(z)[:, None].repeat(3, 1)), count)[0]
    report["lowest"] = min(values, key=lambda k: values[k])
    return report, paths


def _distances(judge: Features, images: np.ndarray, count: int, groups: int = 20) -> tuple[float, np.ndarray]:
    """Frechet distance of all images, and without each of ``groups`` sets of whole paths (of ``count``)."""
    reference = judge.reference("test")
    f = judge(images).reshape(count, -1, judge.dim)
    parts = [moments(p.reshape(-1, judge.dim)) for p in np.array_split(f, min(groups, count))]
    distance = lambda ms: (lambda m: frechet_distance(m.mean, m.covariance, reference.mu, reference.sigma))(
        functools.reduce(Moments.merge, ms)
    )
    return distance(parts), np.array([distance(parts[:j] + parts[j + 1 :]) for j in range(len(parts))])


def _interval(value: float, left_out: np.ndarray) -> tuple[float, float]:
    """95 %, from the jackknife over groups of paths: points of one path are not independent, paths are."""
    g = len(left_out)
    return interval(value, float(left_out.std(ddof=0)) * (g - 1) ** 0.5, freedom=g - 1)


def add_parser(subparsers: Any) -> None:
    """Arguments of ``interpolate``."""
    parser = subparsers.add_parser("interpolate", help="path quality against real data, all methods")
    parser.add_argument("pair", metavar="PAIR")
    parser.add_argument("data", metavar="DATA", nargs="?", help="real images: the critic's calibration, --recover")
    parser.add_argument("--files", type=Path, help="folder of the weight files, where PAIR is a manifest")
    parser.add_argument("--adapted", metavar="PAIR", help="the same generator with an adapted critic")
    parser.add_argument("--recover", action="store_true", help="train that critic here, on DATA's training split")
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--points", type=int, default=10)
    parser.add_argument("--segments", type=int, default=8)
    parser.add_argument("--evaluations", type=int, default=15)
    parser.add_argument("--ratio", type=float, default=10.0)
    parser.add_argument("--shape", default="barrier", choices=("barrier", "wall"))
    parser.add_argument("--metric", default="features", choices=("features", "pixel", "critic"))
    parser.add_argument("--features", metavar="NAME", help="net of the distance along paths (default: by name)")
    parser.add_argument("--judge", metavar="NAME", help="net of the Frechet distance (default: second architecture)")
    add_common(parser, "interpolate")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and write ``report.json``."""
    say = lambda text: print(text, file=sys.stderr, flush=True)
    out = check_out(args.out)
    pair = load(args.pair, args.files)
    bounds = image_range(pair)
    judge = load_features(args.judge) if args.judge else default_features(pair.sample_shape, pair.name, judge=True)
    inner = load_features(args.features) if args.features else default_features(pair.sample_shape, pair.name)
    if inner.sha256 == judge.sha256:
        raise InputError("judge", f"is {judge.name}, which measures the paths too", "name another net")
    net = {"features": inner.as_net(bounds), "pixel": None}.get(args.metric)
    net = interp.critic_features(pair) if args.metric == "critic" else net
    adapted = load(args.adapted) if args.adapted else None
    x = None if args.data is None else to_range(read_images(args.data, "train", expect=pair.sample_shape).x, bounds)
    if args.recover:
        adapted = _recovered(pair, x, args.seed, say)
    config = interp.GeodesicConfig(
        points=args.points, segments=args.segments, evaluations=args.evaluations, seed=args.seed, tolerance=1e-3,
        calibration=interp.CalibrationConfig(ratio=args.ratio, shape=args.shape),
    )  # fmt: skip
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        report, _ = measure(pair, args.pairs, config, judge, features=net, adapted=adapted, seed=args.seed,
                            real=None if x is None else x[-2000:], say=say)  # fmt: skip
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


def _recovered(pair: Pair, x: Any, seed: int, say: Any) -> Pair:
    import dcd

    if x is None:
        raise InputError("data", "is missing for --recover", "name the folder of real images")
    began = time.perf_counter()
    # the last 2,000 images judge the critic, so it must not have seen them
    adapted, _ = dcd.recover(pair, x[:-2000][:10000], jax.random.key(seed), dcd.Recover(steps=600, evaluate_every=200))
    say(f"critic recovered in {time.perf_counter() - began:.0f} s")
    return adapted
