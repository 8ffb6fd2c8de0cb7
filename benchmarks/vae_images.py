r"""Soft-IntroVAE and the plain VAE of equal size and steps on images: samples, and their refinement by their own bound.

The critic is the pair's own evidence bound, calibrated to a density ratio; ``dcd.tune`` finds the chain on training
images in the features of net *a*. 10,000 other samples are then judged against the test images by both nets; net *b*
took no part in anything.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

import dcd
from pairs import Pair
from pairs.vae.energy import vary

from .data import Images, to_uint8
from .evaluate import evaluate
from .features import Features, load_features
from .judge import judge_for
from .metrics import frechet_distance, moments
from .pictures import png_bytes, side_by_side
from .vae_runs import STEPS, pixels, trained, training_images

__all__ = ["TUNE", "distance", "judge", "measure", "run"]

TUNE = dcd.Tune(steps=60, n_first=200, rounds=3)


def distance(features: Features, x: np.ndarray) -> float:
    """Frechet distance of bytes to the test images of the net's data."""
    real, made = features.reference("test"), moments(features(x))
    return float(frechet_distance(made.mean, made.covariance, real.mu, real.sigma))


def judge(features: Features, before: np.ndarray, after: np.ndarray, seed: int) -> dict[str, Any]:
    """Distances of both sets to the test images, and the net's mean confidence on each."""
    found = evaluate(features, before, after, None, seed)
    keep = {k: found[k] for k in ("features", "reference", "before", "after", "difference")}
    for name, x in (("before", before), ("after", after)):
        logits = features.logits(x)
        keep[name] = dict(keep[name]) | {"confidence": float(np.mean(np.max(_softmax(logits), axis=1)))}
    return keep


def _softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def measure(
    pair: Pair, seed: int, train: Images, tuning: Features, last: Features, n: int = 10_000
) -> tuple[dict[str, Any], bytes]:
    """Figures of one pair and a picture, before on the left."""
    assert pair.sample_range is not None
    span, keys = pair.sample_range, jax.random.split(jax.random.key(500 + seed), 3)
    real = pixels(train.x, span)
    seen, search, confirm = np.split(real, [len(real) * 3 // 10, len(real) * 13 // 20])
    began = time.perf_counter()
    critic = vary(pair.critic, terms="elbo", rec=1.0, kl=1.0, scale=1.0, shift=0.0)
    own, calibration = dcd.calibrate(pair.replace(critic=critic), seen, keys[0])
    variants = {"own": own, "raw": pair.replace(critic=critic)}
    tuned = dcd.tune(variants, search, confirm, judge_for(tuning, pair), keys[1], TUNE)
    seconds = {"tune": time.perf_counter() - began}
    choice = tuned.choice if tuned.gain and tuned.choice else dcd.Choice("own", dcd.Langevin("latent", 0))
    began = time.perf_counter()
    result = dcd.run_choice(variants[choice.critic], choice, keys[2], n, batch=500)
    seconds["refine"] = time.perf_counter() - began
    before, after = to_uint8(result.before, span), to_uint8(result.after, span)
    report = {
        "n": n, "gain": tuned.gain, "choice": choice.to_dict(), "auc": calibration.after.auc, "seconds": seconds,
        "confirmed": {k: v._asdict() for k, v in tuned.confirmed.items()},
        "latent_square_norm": [float(np.mean(np.sum(z**2, axis=1))) for z in (result.latents, result.positions)],
        "tuning": judge(tuning, before, after, seed), "judge": judge(last, before, after, seed),
    }  # fmt: skip
    return report, png_bytes(side_by_side(before[:40], after[:40], columns=8, rows=5))


def run(data: str, seed: int, work: Path, root: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Both variants."""
    tuning, last = load_features(f"{data}-classifier-a"), load_features(f"{data}-classifier-b")
    report: dict[str, Any] = {"steps": STEPS["soft-intro"]}
    pictures, train = {}, training_images(root, data)
    for variant in ("intro", "plain"):
        done = trained("soft-intro", data, variant, seed, work, root)
        report[variant], pictures[f"-{variant}"] = measure(done.pair, seed, train, tuning, last)
        report[variant] |= {"training_seconds": done.seconds, "losses": {k: v[-1] for k, v in done.history.items()}}
    return report, pictures
