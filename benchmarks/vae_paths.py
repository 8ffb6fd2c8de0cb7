"""Interpolation between real test images: encoder inversion, then four ways from one to the other.

Linear in latents, cross-fade of pixels, geodesic, critic-weighted geodesic, all at constant speed. Compared along
the path's interior: the pair's critic, and how sure a classifier (net *b*, which took no part in training) is of
what it sees.
"""

from __future__ import annotations

import dataclasses
import time
import warnings
from pathlib import Path
from typing import Any

import jax
import numpy as np

import interp
from pairs import Pair

from .data import to_uint8
from .features import Features, load_features
from .pictures import grid, png_bytes
from .vae_images import _softmax
from .vae_runs import pixels, test_images, trained

__all__ = ["measure", "run"]

_generate = jax.jit(lambda pair, z: pair.generate(z))
_score = jax.jit(lambda pair, x: pair.score(x))


def measure(pair: Pair, x: np.ndarray, last: Features, seed: int, points: int = 10) -> tuple[dict[str, Any], bytes]:
    """Figures of paths between the first and second half of images ``x`` (uint8), and a picture of six."""
    assert pair.encoder is not None and pair.sample_range is not None
    real = pixels(x, pair.sample_range)
    count = len(x) // 2
    z = np.asarray(pair.encoder(real))
    made = np.asarray(_generate(pair, z))
    z0, z1, t = z[:count], z[count : 2 * count], np.linspace(0, 1, points)
    fade = made[:count, None] + t.reshape(1, -1, 1, 1, 1) * (made[count:] - made[:count])[:, None]
    seconds = {}
    weighted = interp.GeodesicConfig(points=points, segments=16, evaluations=30, seed=seed, tolerance=1e-4)
    plain = dataclasses.replace(weighted, mode="none")
    metric, _ = interp.make_metric(pair, plain)
    line = [np.asarray(interp.baseline_at_constant_speed(metric, "linear", z0[i : i + 50], z1[i : i + 50], points))
            for i in range(0, count, 50)]  # fmt: skip
    latents = {"linear": np.concatenate(line)}
    for label, config in (("geodesic", plain), ("weighted", weighted)):
        began = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            parts = [
                np.asarray(interp.geodesic(pair, z0[i : i + 50], z1[i : i + 50], config=config).path)
                for i in range(0, count, 50)
            ]
        latents[label], seconds[label] = np.concatenate(parts), time.perf_counter() - began
    shape = pair.sample_shape
    frames = {k: np.asarray(_generate(pair, v.reshape(-1, z.shape[1]))).reshape(count, points, *shape)
              for k, v in latents.items()}  # fmt: skip
    frames = {"linear": frames["linear"], "cross-fade": fade, **{k: frames[k] for k in ("geodesic", "weighted")}}
    critic, sure, report = {}, {}, {}
    for label, path in frames.items():
        inner = path[:, 1:-1].reshape(-1, *shape)
        critic[label] = np.asarray(_score(pair, inner)).reshape(count, -1).mean(axis=1)
        confidence = _softmax(last.logits(to_uint8(inner, pair.sample_range))).max(axis=1)
        sure[label] = confidence.reshape(count, -1).mean(axis=1)
        report[label] = {"critic_mean": float(critic[label].mean()), "confidence": float(sure[label].mean())}
    others = [k for k in frames if k != "weighted"]
    best = {
        "critic": np.all([critic["weighted"] >= critic[k] for k in others], axis=0),
        "confidence": np.all([sure["weighted"] >= sure[k] for k in others], axis=0),
    }
    error = np.sqrt(np.mean((made - real) ** 2, axis=(1, 2, 3)))
    result = {
        "pairs": count, "points": points, "judge": last.name, "end_rms_error": float(error.mean()), "paths": report,
        "weighted_best_share": {**{k: float(v.mean()) for k, v in best.items()},
                                "both": float(np.mean(best["critic"] & best["confidence"]))},
        "weighted_above_linear_share": {"critic": float(np.mean(critic["weighted"] > critic["linear"])),
                                        "confidence": float(np.mean(sure["weighted"] > sure["linear"]))},
        "seconds": seconds,
    }  # fmt: skip
    rows = [np.concatenate([real[i : i + 1], p[i], real[count + i : count + i + 1]])
            for i in range(5) for p in frames.values()]  # fmt: skip
    sheet = grid(to_uint8(np.concatenate(rows), pair.sample_range), columns=points + 2, pad=1)
    return result, png_bytes(sheet)


def run(data: str, seed: int, work: Path, root: Path, count: int = 500) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Soft-IntroVAE and the plain VAE."""
    images = test_images(root, data)
    rows = np.random.default_rng(seed).permutation(len(images))[: 2 * count]
    report, pictures = {}, {}
    for variant in ("intro", "plain"):
        pair = trained("soft-intro", data, variant, seed, work, root).pair
        report[variant], pictures[f"-{variant}"] = measure(
            pair, images.x[rows], load_features(f"{data}-classifier-b"), seed
        )
    return report, pictures
