r"""``python -m benchmarks interpolate PAIR DATA``: are the images on our paths more like real ones than on a line?

Thousands of random pairs of latents; every method's interior points, at equal feature distance, against real data:
Frechet distance and kernel distance in a feature net that took no part in the optimisation
(the second architecture; distance along paths is measured by the first). With critic statistics, speed
ratio, radius percentile, and the perceptual path length

.. math:: \mathbb{E}\; d(x(t), x(t + \epsilon)) / \epsilon^2

of the same paths in the judge's features, d a squared distance, for paths at constant speed.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import interp
from pairs import Net, Pair
from pairs.io.pixels import to_uint8

from .features import Features
from .metrics.fid import Moments, frechet_distance, moments
from .metrics.fid_interval import interval

__all__ = ["measure", "path_perceptual_length"]

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
    settings: interp.GeodesicSettings,
    features: Net | None,
    adapted: Pair | None,
    real: Any,
    say: Any,
) -> tuple[Paths, dict[str, Any], dict[str, Any]]:
    """Latent paths of every method, notes on each, statistics of the path weights."""
    weight = interp.weigh(pair, jax.random.key(settings.seed), settings.path_weight, real=real)
    metric, _ = interp.make_metric(pair, dataclasses.replace(settings, mode="none"), features=features)
    notes: dict[str, Any] = {}
    paths: Paths = {}
    flat = lambda z: jnp.asarray(z).reshape(len(z), -1)
    # every block is full, the last one with repeats: a block of another size would be compiled anew
    blocks = [np.arange(i, i + settings.batch) % len(z0) for i in range(0, len(z0), settings.batch)]
    cut = lambda parts: np.concatenate(parts)[: len(z0)]
    for name in interp.BASELINES:
        began = time.perf_counter()
        ends = [(flat(z0[rows]), flat(z1[rows])) for rows in blocks]
        parts = [np.asarray(interp.baseline_at_constant_speed(metric, name, *e, settings.points)) for e in ends]
        paths[name] = cut(parts).reshape(len(z0), settings.points, *pair.prior.shape)
        notes[name] = {"seconds": time.perf_counter() - began}
    weights = {"own": weight.statistics}
    jobs = {"plain": (pair, dataclasses.replace(settings, mode="none"), None), "weighted": (pair, settings, weight)}
    if adapted is not None:
        other = interp.weigh(adapted, jax.random.key(settings.seed), settings.path_weight, real=real)
        weights["adapted"] = other.statistics
        jobs["weighted-adapted"] = (adapted, settings, other)
    for name, (which, how, known) in jobs.items():
        began, parts, records = time.perf_counter(), [], []
        for i, rows in enumerate(blocks):
            r = interp.geodesic(which, z0[rows], z1[rows], settings=how, features=features, weight=known)
            parts.append(np.asarray(r.path))
            records.append(
                {
                    **{k: np.asarray(v) for k, v in r.flags._asdict().items()},
                    "evaluations": np.asarray(r.evaluations),
                    "images": np.asarray(r.images),
                }
            )
            say(f"{name}: block {i + 1} of {len(blocks)}, {time.perf_counter() - began:.0f} s")
        paths[name] = cut(parts)
        merged = {k: cut([r[k] for r in records]) for k in records[0]}
        notes[name] = {"seconds": time.perf_counter() - began, **{k: float(v.mean()) for k, v in merged.items()}}
    return paths, notes, weights


def measure(
    pair: Pair,
    count: int,
    settings: interp.GeodesicSettings,
    judge: Features,
    *,
    features: Net | None = None,
    adapted: Pair | None = None,
    real: Any = None,
    seed: int = 0,
    say: Any = lambda text: None,
) -> tuple[dict[str, Any], Paths]:
    """The report of ``count`` random pairs, and the paths; ``real`` samples (pair's range) enter the path weight."""
    z0, z1 = (pair.prior.sample(jax.random.key(1000 * seed + k), count) for k in (1, 2))
    paths, notes, weights = _methods(pair, z0, z1, settings, features, adapted, real, say)
    metric, _ = interp.make_metric(pair, dataclasses.replace(settings, mode="none"), features=features)
    report: dict[str, Any] = {"calibration": weights, "methods": {}}
    left_out: dict[str, np.ndarray] = {}
    for name, path in paths.items():
        value, left_out[name] = _distances(judge, _interior(pair, path), count)
        d = [interp.diagnose(metric, path[i : i + 64]) for i in range(0, count - count % 64 or count, 64)]
        mean = lambda key, d=d: float(np.mean(np.concatenate([np.asarray(getattr(v, key)) for v in d])))
        few = path[: min(count, 500)]
        whole = _interior(pair, np.concatenate([few[:, :1], few, few[:, -1:]], axis=1))
        report["methods"][name] = {
            "frechet": value,
            "frechet_ci": _interval(value, left_out[name]),
            "interior_points": count * (path.shape[1] - 2),
            "perceptual_path_length": path_perceptual_length(judge, whole, path.shape[1]),
            **{k: mean(k) for k in _MEANS},
            "speed_ratio_median": float(np.median(np.concatenate([v.speed_ratio for v in d]))),
            **notes[name],
        }
        say(f"{name}: Frechet distance {value:.3f}")
    values = {name: entry["frechet"] for name, entry in report["methods"].items()}
    for name in (n for n in values if n.startswith("weighted")):
        report["methods"][name]["change"] = {
            rival: {
                "difference": values[name] - values[rival],
                "ci": _interval(values[name] - values[rival], left_out[name] - left_out[rival]),
            }
            for rival in values
            if rival != name
        }
    z = pair.prior.sample(jax.random.key(1000 * seed + 3), len(z0) * (settings.points - 2))
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
