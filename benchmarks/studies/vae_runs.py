"""The trained autoencoders that :mod:`benchmarks.studies.vaes` judges.

A folder holds each family, data set, variant and seed; a run that was stopped goes on.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np

import checkpoints
import dcd
from pairs import InputError, Pair
from pairs.fitting import Job
from pairs.io.images import Images, read_images
from pairs.vae import discriminative, label_split, soft_intro
from pairs.vae.energy import vary
from pairs.vae.nets import VaeConfig
from pairs.vae.soft_intro_toys import for_toy
from pairs.vae.toys import TOYS

__all__ = [
    "CONTRAST",
    "CONTRAST_IMAGES",
    "STEPS",
    "TRAINING_IMAGES",
    "VARIANTS",
    "contrasted",
    "pixels",
    "test_images",
    "trained",
    "training_images",
]

TRAINING_IMAGES = 10_000

VARIANTS: dict[str, tuple[str, ...]] = {
    "soft-intro": ("intro", "plain"),
    "label": ("sample", "both", "independent", "published"),
    "discriminative": ("plain", "balanced", "paper"),
}

STEPS = {"toy": 12_000, "soft-intro": 6000, "label": 6000, "discriminative": 2000}
"""Updates of each family; ``discriminative`` counts those of the autoencoder alone."""

CONTRAST_CHAIN = dcd.Langevin("latent", 60, 1e-3, prior_weight=1.0, preset="ddls")
CONTRAST = dcd.Contrast(rounds=150)
CONTRAST_IMAGES = 5000
"""The chain and its critic's fine-tuning, on the first of the training images."""

_LABEL: dict[str, dict[str, Any]] = {
    "sample": {},
    "both": {"adversary_on": "both"},
    "independent": {"adversary_on": "both", "independence": 3.0},
    "published": label_split.PAPER,
}


def training_images(root: Path, data: str) -> Images:
    """The first images of the training split of ``root/data``."""
    whole = read_images(root / data, "train")
    labels = None if whole.labels is None else whole.labels[:TRAINING_IMAGES]
    return dataclasses.replace(whole, x=whole.x[:TRAINING_IMAGES], labels=labels)


def test_images(root: Path, data: str) -> Images:
    """The test split."""
    return read_images(root / data, "test")


def pixels(x: np.ndarray, sample_range: tuple[float, float]) -> np.ndarray:
    """Bytes to a pair's range."""
    low, high = sample_range
    return (low + (high - low) / 255.0 * x.astype(np.float32)).astype(np.float32)


def _job(family: str, data: str, variant: str, images: Images | None) -> tuple[Job, int]:
    if images is None:
        settings = for_toy(data, variant == "plain", STEPS["toy"])
        return soft_intro.job(settings), STEPS["toy"]
    if family == "soft-intro":
        settings = soft_intro.SoftIntro(VaeConfig(images.shape), plain=variant == "plain")
        return soft_intro.job(settings, images.x), STEPS[family]
    if family == "label":
        model = VaeConfig(images.shape, 32, sample_range=(-1.0, 1.0))
        settings = dataclasses.replace(label_split.LabelSplit(model), **_LABEL[variant])
        return label_split.job(settings, images.x, images.labels), STEPS[family]
    weights: dict[str, dict[str, Any]] = {"plain": {"feature_weight": 0.0, "beta": 1.0}, "paper": discriminative.PAPER}
    chosen: dict[str, Any] = weights.get(variant, discriminative.BALANCED)
    settings = discriminative.Discriminative(VaeConfig(images.shape), **chosen)
    job = discriminative.job(settings, images.x, images.labels)
    return job, STEPS[family] + settings.teaching_steps


def trained(family: str, data: str, variant: str, seed: int, work: Path, root: Path) -> checkpoints.Trained:
    """Train, or go on training, or load what is finished; progress on standard error."""
    if family not in VARIANTS or variant not in VARIANTS[family]:
        raise InputError("variant", f"{family}/{variant} is unknown", f"use one of {VARIANTS}")
    images = None if data in TOYS else training_images(root, data)
    job, steps = _job(family, data, variant, images)
    name = f"{data}-{variant}-{seed}"

    def say(at: int, total: int, losses: dict[str, float]) -> None:
        if at % 500 == 0:
            words = " ".join(f"{k} {v:.3g}" for k, v in losses.items() if k != "step")
            print(f"{family} {name}: {at} of {total} {words}", file=sys.stderr, flush=True)

    digest = f"toy:{data}" if images is None else images.sha256
    card = {"name": f"{data}-{'vae' if variant == 'plain' else family + '-vae'}"}
    return checkpoints.train(job, steps, seed, work / family / name, digest, card, on_progress=say)


def contrasted(data: str, variant: str, seed: int, work: Path, root: Path) -> tuple[Pair, Pair]:
    """A Soft-IntroVAE pair with its bound at unit weights as critic, and the same pair after contrastive divergence.

    The second is kept in ``work`` too.
    """
    pair = trained("soft-intro", data, variant, seed, work, root).pair
    span = pair.sample_range
    assert span is not None
    pair = pair.replace(critic=vary(pair.critic, terms="elbo", rec=1.0, kl=1.0, scale=1.0, shift=0.0))
    place = work / "soft-intro" / f"{data}-{variant}-{seed}" / "contrasted"
    if place.exists():
        return pair, checkpoints.load_pair(place)
    real = pixels(training_images(root, data).x[:CONTRAST_IMAGES], span)
    better, _ = dcd.contrast(pair, real, jax.random.key(300 + seed), CONTRAST, CONTRAST_CHAIN)
    checkpoints.save_pair(place, better)
    return pair, better
