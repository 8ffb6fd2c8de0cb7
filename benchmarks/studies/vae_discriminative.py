"""Discriminative regularisation against the plain VAE at equal steps: reconstructions, samples, sharpness, paths.

*Samples* are draws from N(0, I) and from a mixture fitted to the codes. *Sharpness* is the mean squared response of the
Laplacian over that of the real images. Net *b*, of
another architecture and seed than the regularising classifier, judges.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import jax
import numpy as np

import interp
from pairs import Pair
from pairs.io.pictures import grid, png_bytes
from pairs.io.pixels import to_uint8
from pairs.vae.fitted_prior import with_fitted_prior
from pairs.vae.losses import kl_standard, split_posterior

from ..features import Features, load_features
from ..metrics import frechet_distance, moments
from .vae_runs import STEPS, pixels, test_images, trained, training_images

__all__ = ["laplacian_energy", "measure", "run"]

_generate = jax.jit(lambda net, z: net(z))


def laplacian_energy(x: np.ndarray) -> float:
    """Mean squared five-point Laplacian of images ``(n, H, W, C)``."""
    inner = x[:, 1:-1, 1:-1]
    around = x[:, 2:, 1:-1] + x[:, :-2, 1:-1] + x[:, 1:-1, 2:] + x[:, 1:-1, :-2]
    return float(np.mean((around - 4 * inner) ** 2))


def _distance(last: Features, x: np.ndarray, reference: np.ndarray) -> float:
    a, b = moments(last(x)), moments(reference)
    return float(frechet_distance(a.mean, a.covariance, b.mean, b.covariance))


def _many(pair: Pair, z: np.ndarray) -> np.ndarray:
    return np.concatenate([np.asarray(_generate(pair.generator, p)) for p in np.array_split(z, max(1, len(z) // 500))])


def measure(pair: Pair, train: Any, images: Any, last: Features, seed: int, n: int = 10_000) -> dict[str, Any]:
    """Figures of one pair."""
    assert pair.encoder is not None and pair.sample_range is not None
    span = pair.sample_range
    real = pixels(images.x, span)
    net: Any = pair.encoder.apply
    mean, log_var = split_posterior(jax.jit(net.encoder)(pair.encoder.params, real))
    rebuilt = _many(pair, np.asarray(mean))
    reference, rebuilt_features = last(images.x), last(to_uint8(rebuilt, span))
    fitted = with_fitted_prior(pair, pixels(train.x, span), jax.random.key(60 + seed), 50)
    sharp = laplacian_energy(real)
    report: dict[str, Any] = {
        "kl_nats": float(kl_standard(mean, log_var).mean()),
        "squared_error": float(np.mean(np.sum((rebuilt - real) ** 2, axis=(1, 2, 3)))),
        "judge_feature_error": float(np.mean(np.sum((rebuilt_features - reference) ** 2, axis=1))),
        "reconstructions": {
            "frechet": _distance(last, to_uint8(rebuilt, span), reference),
            "sharpness": laplacian_energy(rebuilt) / sharp,
        },
    }
    for name, which in (("samples", pair), ("samples, fitted prior", fitted)):
        x = _many(which, np.asarray(which.prior.sample(jax.random.key(70 + seed), n)))
        report[name] = {
            "frechet": _distance(last, to_uint8(x, span), reference),
            "sharpness": laplacian_energy(x) / sharp,
        }
    return report


def _paths(pair: Pair, images: Any, last: Features, seed: int, count: int = 200) -> tuple[dict[str, Any], bytes]:
    """Paths between encoded test images at constant speed: line, geodesic in pixels, geodesic in features."""
    assert pair.encoder is not None and pair.sample_range is not None
    real = pixels(images.x[: 2 * count], pair.sample_range)
    z = np.asarray(pair.encoder(real))
    z0, z1 = z[:count], z[count:]
    flat, _ = interp.make_metric(pair, interp.GeodesicSettings(mode="none"))
    line = lambda a, b: np.asarray(interp.baseline_at_constant_speed(flat, "linear", a, b, 10))
    paths = {"linear": np.concatenate([line(z0[i : i + 50], z1[i : i + 50]) for i in range(0, count, 50)])}
    for name, features in (("pixels", None), ("features", pair.features)):
        settings = interp.GeodesicSettings(
            points=10, segments=16, mode="none", evaluations=30, seed=seed, tolerance=1e-4
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            solve = lambda a, b, c=settings, f=features: interp.geodesic(pair, a, b, settings=c, features=f).path
            parts = [np.asarray(solve(z0[i : i + 50], z1[i : i + 50])) for i in range(0, count, 50)]
        paths[name] = np.concatenate(parts)
    reference, report, rows = last(images.x), {}, []
    for name, path in paths.items():
        x = _many(pair, path.reshape(-1, z.shape[1])).reshape(count, 10, *pair.sample_shape)
        inner = to_uint8(x[:, 1:-1].reshape(-1, *pair.sample_shape), pair.sample_range)
        logits = last.logits(inner)
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        report[name] = {
            "frechet": _distance(last, inner, reference),
            "confidence": float(np.mean(e.max(axis=1) / e.sum(axis=1))),
        }
        rows.append(to_uint8(x[:6], pair.sample_range))
    sheet = np.stack(rows, axis=1).reshape(-1, *pair.sample_shape)
    return {"pairs": count, **report}, png_bytes(grid(sheet, columns=10, pad=1))


def run(data: str, seed: int, work: Path, root: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Plain, balanced and, where it is trained, the published weights; ratios to the plain VAE."""
    train, images = training_images(root, data), test_images(root, data)
    last = load_features(f"{data}-classifier-b")
    report: dict[str, Any] = {"steps": STEPS["discriminative"], "judge": last.name}
    pictures = {}
    for variant in ("plain", "balanced", "paper"):
        if variant == "paper" and not (work / "discriminative" / f"{data}-paper-{seed}" / "pair").exists():
            continue
        done = trained("discriminative", data, variant, seed, work, root)
        report[variant] = measure(done.pair, train, images, last, seed) | {"training_seconds": done.seconds}
        if variant == "balanced":
            report["paths"], pictures["-paths"] = _paths(done.pair, images, last, seed)
    plain = report["plain"]
    for variant in ("balanced", "paper"):
        if variant in report:
            parts = ("reconstructions", "samples", "samples, fitted prior")
            ratios = {k: report[variant][k]["frechet"] / plain[k]["frechet"] for k in parts}
            ratios["judge_feature_error"] = report[variant]["judge_feature_error"] / plain["judge_feature_error"]
            report[variant]["ratio_to_plain"] = ratios
    return report, pictures
