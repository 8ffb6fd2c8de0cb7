r"""Soft-IntroVAE and the plain VAE of equal size and steps on images: samples, and their refinement by their own bound.

The critic is the pair's own evidence bound, as it was trained and after contrastive divergence against the chain;
``dcd.tune`` finds that chain's settings on training images in the features of net *a*. 10,000 other samples are then
judged against the test images by both nets; net *b* took no part in anything.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

import dcd
from pairs import Pair
from pairs.io.images import Images
from pairs.io.pictures import png_bytes, side_by_side
from pairs.io.pixels import to_uint8

from ..evaluation import evaluate
from ..features import Features, load_features
from ..judges import judge_for
from ..metrics import frechet_distance, moments
from .vae_runs import CONTRAST, CONTRAST_IMAGES, STEPS, contrasted, pixels, test_images, trained, training_images

__all__ = ["TUNE", "distance", "judge", "measure", "run"]

TUNE = dcd.Tune(n_first=400, rounds=2)


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
        keep[name] = dict(keep[name]) | {"confidence": float(np.mean(np.max(softmax(logits), axis=1)))}
    return keep


def softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _choices(name: str) -> list[dcd.Choice]:
    latent = dcd.Langevin("latent", 100, 1e-3, prior_weight=1.0, preset="ddls")
    return [
        dcd.Choice(name, latent.replace(step_size=eta, critic_scale=scale))
        for eta, scale in ((1e-3, 1.0), (1e-3, 3.0), (3e-3, 0.3), (3e-3, 1.0))
    ]


def _refine(
    name: str, pair: Pair, seed: int, train: Images, tuning: Features, last: Features, n: int
) -> tuple[dict[str, Any], Any]:
    """What one critic makes of the pair's samples: the tuned chain on ``n`` new ones, judged."""
    assert pair.sample_range is not None
    span, keys = pair.sample_range, jax.random.split(jax.random.key(500 + seed), 2)
    search, confirm = np.split(pixels(train.x[CONTRAST_IMAGES:], span), 2)
    began = time.perf_counter()
    tuned = dcd.tune({name: pair}, search, confirm, judge_for(tuning, pair), keys[0], TUNE, _choices(name))
    seconds = {"tune": time.perf_counter() - began}
    choice = tuned.choice if tuned.gain and tuned.choice else dcd.Choice(name, dcd.Langevin("latent", 0))
    began = time.perf_counter()
    result = dcd.run_choice(pair, choice, keys[1], n, batch=500)
    seconds["refine"] = time.perf_counter() - began
    before, after = to_uint8(result.before, span), to_uint8(result.after, span)
    report = {
        "n": n,
        "gain": tuned.gain,
        "choice": choice.to_dict(),
        "seconds": seconds,
        "confirmed": {k: v._asdict() for k, v in tuned.confirmed.items()},
        "latent_square_norm": [float(np.mean(np.sum(z**2, axis=1))) for z in (result.latents, result.positions)],
        "tuning": judge(tuning, before, after, seed),
        "judge": judge(last, before, after, seed),
    }
    return report, (before, after)


def measure(
    pairs: tuple[Pair, Pair], seed: int, train: Images, test: Images, tuning: Features, last: Features, n: int = 10_000
) -> tuple[dict[str, Any], bytes]:
    """Figures of a pair with its bound as trained and after contrastive divergence.

    Returns:
      The figures, among them what the decoder makes of the test images, as a mark of what latents can reach; and a
      picture, before on the left.
    """
    own, better = pairs
    assert own.encoder is not None and own.sample_range is not None
    rebuild = jax.jit(lambda pair, x: pair.generate(pair.encoder(x)))
    real = pixels(test.x, own.sample_range)
    rebuilt = np.concatenate([np.asarray(rebuild(own, p)) for p in np.split(real, 10)])
    report: dict[str, Any] = {
        "reconstructions_fid": {f.name: distance(f, to_uint8(rebuilt, own.sample_range)) for f in (tuning, last)}
    }
    report["bound"], _ = _refine("raw", own, seed, train, tuning, last, n)
    report["contrasted bound"], (before, after) = _refine("contrasted", better, seed, train, tuning, last, n)
    return report, png_bytes(side_by_side(before[:40], after[:40], columns=8, rows=5))


def run(data: str, seed: int, work: Path, root: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Both variants."""
    tuning, last = load_features(f"{data}-classifier-a"), load_features(f"{data}-classifier-b")
    report: dict[str, Any] = {"steps": STEPS["soft-intro"], "contrast": CONTRAST.to_dict()}
    pictures, train, test = {}, training_images(root, data), test_images(root, data)
    for variant in ("intro", "plain"):
        done = trained("soft-intro", data, variant, seed, work, root)
        pairs = contrasted(data, variant, seed, work, root)
        report[variant], pictures[f"-{variant}"] = measure(pairs, seed, train, test, tuning, last)
        report[variant] |= {"training_seconds": done.seconds, "losses": {k: v[-1] for k, v in done.history.items()}}
    return report, pictures
