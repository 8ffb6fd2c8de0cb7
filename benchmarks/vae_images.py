r"""Soft-IntroVAE and the plain VAE of equal size and steps on images: samples, and their refinement in latent space.

The chain samples :math:`p_0(z)\,e^{\beta c(G(z))}` with the pair's own energy. Its terms and scale are chosen per
pair among a few on samples of one seed in the features of net *a*; the figures are of other samples, in the features
of both nets. Net *b* took no part in anything.
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

from .data import to_uint8
from .evaluate import evaluate
from .features import Features, load_features
from .metrics import frechet_distance, moments
from .pictures import png_bytes, side_by_side
from .vae_runs import STEPS, trained

__all__ = ["CANDIDATES", "distance", "judge", "measure", "run"]

CHAIN = dcd.Langevin("latent", steps=100, step_size=1e-3, prior_weight=1.0, preset="ddls")

CANDIDATES = {"kl1-b2": (1.0, 2.0), "kl4-b0.5": (4.0, 0.5), "kl4-b2": (4.0, 2.0)}
"""Weight of the KL, and of the whole, for squared errors in the unit range."""


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


def _guided(pair: Pair, kl: float, scale: float) -> Pair:
    return pair.replace(critic=vary(pair.critic, terms="elbo", rec=1.0, kl=kl, scale=scale, shift=0.0))


def measure(pair: Pair, seed: int, tuning: Features, last: Features, n: int = 2000) -> tuple[dict[str, Any], bytes]:
    """Figures of one pair and a picture, before on the left."""
    assert pair.sample_range is not None
    span = pair.sample_range
    trials = {}
    for name, (kl, scale) in CANDIDATES.items():
        r = dcd.refine(_guided(pair, kl, scale), CHAIN, jax.random.key(500 + seed), 500, batch=500)
        trials[name] = {k: distance(tuning, to_uint8(v, span)) for k, v in (("before", r.before), ("after", r.after))}
    best = min(trials, key=lambda k: trials[k]["after"])
    began = time.perf_counter()
    result = dcd.refine(_guided(pair, *CANDIDATES[best]), CHAIN, jax.random.key(900 + seed), n, batch=500)
    seconds = time.perf_counter() - began
    before, after = to_uint8(result.before, span), to_uint8(result.after, span)
    report = {
        "n": n, "chain": CHAIN.to_dict(), "trials": trials, "chosen": best, "refine_seconds": seconds,
        "latent_square_norm": [float(np.mean(np.sum(z**2, axis=1))) for z in (result.latents, result.positions)],
        "tuning": judge(tuning, before, after, seed), "judge": judge(last, before, after, seed),
    }  # fmt: skip
    return report, png_bytes(side_by_side(before[:40], after[:40], columns=8, rows=5))


def run(data: str, seed: int, work: Path, root: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Both variants."""
    tuning, last = load_features(f"{data}-classifier-a"), load_features(f"{data}-classifier-b")
    report: dict[str, Any] = {"steps": STEPS["soft-intro"]}
    pictures = {}
    for variant in ("intro", "plain"):
        done = trained("soft-intro", data, variant, seed, work, root)
        report[variant], pictures[f"-{variant}"] = measure(done.pair, seed, tuning, last)
        report[variant] |= {"training_seconds": done.seconds, "losses": {k: v[-1] for k, v in done.history.items()}}
    return report, pictures
