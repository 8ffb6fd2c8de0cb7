"""Interpolation between real test images: encoder inversion, then four ways from one to the other.

Linear in latents, cross-fade of pixels, geodesic, all at constant speed; geodesics weighted by the pair's own bound and
by a critic recovered between codes (:func:`interp.between`), at constant speed and, as *charged*, at equal weighted
steps. Compared along the path's interior: the pair's bound, and how sure a classifier (net *b*, which took no part in
training) is of what it sees.
"""

from __future__ import annotations

import dataclasses
import time
import warnings
from pathlib import Path
from typing import Any

import jax
import numpy as np

import dcd
import interp
from pairs import Pair

from .data import to_uint8
from .features import Features, load_features
from .pictures import grid, png_bytes
from .vae_images import _softmax
from .vae_runs import pixels, test_images, trained, training_images

__all__ = ["measure", "path_critic", "run"]

RECOVER = dcd.Recover(steps=2000, shift=1)

_generate = jax.jit(lambda pair, z: pair.generate(z))
_score = jax.jit(lambda pair, x: pair.score(x))


def path_critic(pair: Pair, x: np.ndarray, seed: int) -> Pair:
    """``pair`` with a critic that tells reconstructions of images ``x`` (uint8) from points between their codes."""
    assert pair.encoder is not None and pair.sample_range is not None
    encode = jax.jit(lambda net, x: net(x))
    batches = np.array_split(pixels(x, pair.sample_range), max(1, len(x) // 1000))
    codes = np.concatenate([np.asarray(encode(pair.encoder, b)) for b in batches])
    rebuilt = np.concatenate([np.asarray(_generate(pair, z)) for z in np.array_split(codes, len(batches))])
    found, _ = dcd.recover(interp.between(pair, codes), rebuilt, jax.random.key(40 + seed), RECOVER)
    return pair.replace(critic=found.critic, critic_kind=found.critic_kind, calibrated=False)


def _solve(pair: Pair, z0: np.ndarray, z1: np.ndarray, config: interp.GeodesicConfig) -> tuple[np.ndarray, np.ndarray]:
    """Points of the paths at constant speed, and at equal charged steps."""
    found: tuple[list[Any], list[Any]] = ([], [])
    metric, calibration = interp.make_metric(pair, config)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for i in range(0, len(z0), 50):
            result = interp.geodesic(pair, z0[i : i + 50], z1[i : i + 50], config=config, calibration=calibration)
            found[0].append(np.asarray(result.path))
            charged = interp.constant_speed(metric, result.curve, config.points, weighted=True)[0]
            found[1].append(np.asarray(charged))
    return np.concatenate(found[0]), np.concatenate(found[1])


def measure(
    pair: Pair, other: Pair, x: np.ndarray, last: Features, seed: int, points: int = 10
) -> tuple[dict[str, Any], bytes]:
    """Figures of paths between the first and second half of images ``x`` (uint8), and a picture of five; ``other`` is
    the pair with the critic for paths."""
    assert pair.encoder is not None and pair.sample_range is not None
    real = pixels(x, pair.sample_range)
    count = len(x) // 2
    z = np.asarray(pair.encoder(real))
    made = np.asarray(_generate(pair, z))
    z0, z1, t = z[:count], z[count : 2 * count], np.linspace(0, 1, points)
    fade = made[:count, None] + t.reshape(1, -1, 1, 1, 1) * (made[count:] - made[:count])[:, None]
    weighted = interp.GeodesicConfig(points=points, segments=16, evaluations=30, seed=seed, tolerance=1e-4)
    plain = dataclasses.replace(weighted, mode="none")
    metric, _ = interp.make_metric(pair, plain)
    line = [np.asarray(interp.baseline_at_constant_speed(metric, "linear", z0[i : i + 50], z1[i : i + 50], points))
            for i in range(0, count, 50)]  # fmt: skip
    latents, seconds = {"linear": np.concatenate(line)}, {}
    for label, chosen, config in (
        ("geodesic", pair, plain),
        ("bound", pair, weighted),
        ("path critic", other, weighted),
    ):
        began = time.perf_counter()
        latents[label], charged = _solve(chosen, z0, z1, config)
        if config is weighted:
            latents[f"{label}, charged"] = charged
        seconds[label] = time.perf_counter() - began
    shape = pair.sample_shape
    frames = {k: np.asarray(_generate(pair, v.reshape(-1, z.shape[1]))).reshape(count, points, *shape)
              for k, v in latents.items()}  # fmt: skip
    frames = {"linear": frames.pop("linear"), "cross-fade": fade, **frames}
    critic, sure, report = {}, {}, {}
    for label, path in frames.items():
        inner = path[:, 1:-1].reshape(-1, *shape)
        critic[label] = np.asarray(_score(pair, inner)).reshape(count, -1).mean(axis=1)
        confidence = _softmax(last.logits(to_uint8(inner, pair.sample_range))).max(axis=1)
        sure[label] = confidence.reshape(count, -1).mean(axis=1)
        report[label] = {"critic_mean": float(critic[label].mean()), "confidence": float(sure[label].mean())}
    rivals = ("linear", "cross-fade", "geodesic")
    for label in [k for k in frames if k not in rivals]:
        best = [np.all([v[label] >= v[k] for k in rivals], axis=0) for v in (critic, sure)]
        above = [v[label] > v["linear"] for v in (critic, sure)]
        both = float(np.mean(best[0] & best[1]))
        report[label]["best_share"] = {
            "critic": float(best[0].mean()),
            "confidence": float(best[1].mean()),
            "both": both,
        }
        report[label]["above_linear_share"] = {"critic": float(above[0].mean()), "confidence": float(above[1].mean())}
    error = np.sqrt(np.mean((made - real) ** 2, axis=(1, 2, 3)))
    result = {
        "pairs": count, "points": points, "judge": last.name, "end_rms_error": float(error.mean()), "paths": report,
        "seconds": seconds,
    }  # fmt: skip
    drawn = [frames[k] for k in (*rivals, "bound", "path critic")]
    rows = [np.concatenate([real[i : i + 1], p[i], real[count + i : count + i + 1]])
            for i in range(5) for p in drawn]  # fmt: skip
    sheet = grid(to_uint8(np.concatenate(rows), pair.sample_range), columns=points + 2, pad=1)
    return result, png_bytes(sheet)


def run(data: str, seed: int, work: Path, root: Path, count: int = 500) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Soft-IntroVAE."""
    images, train = test_images(root, data), training_images(root, data)
    rows = np.random.default_rng(seed).permutation(len(images))[: 2 * count]
    pair = trained("soft-intro", data, "intro", seed, work, root).pair
    report, picture = measure(
        pair, path_critic(pair, train.x, seed), images.x[rows], load_features(f"{data}-classifier-b"), seed
    )
    return report, {"-intro": picture}
