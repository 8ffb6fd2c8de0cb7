"""``ganrefine train FAMILY DATA``: train a reference pair. A run that is stopped goes on where it was."""

from __future__ import annotations

import argparse
from typing import Any

from pairs.io.command import Parser

from .argument_types import Count, Number, PathText, Text
from .options import BATCH, DATA, NUMBER, WEIGHT, add_data_options, add_output

__all__ = ["TOY", "add_options", "run"]

TOY = "toy:"
TOYS = ("8-gaussians", "2-spirals", "checkerboard", "rings")
"""Names of :data:`pairs.vae.toys.TOYS`."""
SEEN = ("sample", "mean", "both")
"""What an adversary of the label family may see."""
SIZE = Count(1, 4096)
ABOVE = Number(1e-12, 1e6)
GO_ON = "the same command goes on from its last checkpoint"
"""What is said after a signal."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    families = parser.add_subparsers(dest="family", required=True, metavar="FAMILY", parser_class=Parser)

    add = _family(families, "wgan-gp", "WGAN with gradient penalty", 6000, 64, 2e-4)
    add("--latent", type=SIZE, default=64, help="latent dimension")
    add("--width", type=SIZE, default=32, help="inner channels")
    add("--critic-steps", type=Count(1, 1000), default=3, help="critic updates per generator update")

    add = _family(families, "sngan", "residual GAN with spectral norms and hinge loss", 50_000, 64, 2e-4)
    add("--latent", type=SIZE, default=128, help="latent dimension (default 128)")
    add("--width", type=SIZE, default=128, help="channels inside the generator (default 128, the paper's 256)")
    add("--critic-width", type=SIZE, default=128, help="channels inside the critic (default 128)")
    add("--critic-steps", type=Count(1, 1000), default=5, help="critic updates per generator update (default 5)")
    add("--constant-rate", action="store_true", help="keep the learning rate, which falls linearly to 0 over --steps")
    add("--ema", type=Number(0.0, 0.999999), default=0.999, help="decay of the averaged generator (default 0.999)")
    add("--mirror", action="store_true", help="mirror half of the images: for things and faces, not for digits")
    compute = "type of the activations (default float32)"
    add("--compute", default="float32", choices=("float32", "bfloat16"), help=compute)

    add = _family(families, "soft-intro-vae", "introspective autoencoder", 6000, None, None)
    add("--latent", type=SIZE, default=None, help="latent dimension (default 16 for images, 2 for toy sets)")
    add("--beta-rec", type=ABOVE, default=None, help="weight of the reconstruction")
    add("--beta-kl", type=ABOVE, default=None, help="weight of the KL of data")
    add("--beta-neg", type=ABOVE, default=None, help="weight of the KL of samples in the encoder's loss")
    add(
        "--bootstrap",
        type=Count(0, 10**9),
        default=0,
        help="updates between copies of the target decoder (default 0: none)",
    )
    add("--plain", action="store_true", help="the plain VAE of the same sizes")

    add = _family(families, "label-vae", "label-relevant and label-irrelevant codes", 6000, 96, 5e-4)
    add("--latent", type=SIZE, default=32, help="width of the style code (default 32)")
    add("--label-width", type=SIZE, default=16, help="width of the label code (default 16)")
    add("--kl-weight", type=WEIGHT, default=0.1, help="weight of the style's KL (default 0.1)")
    add("--adversary-on", default="sample", choices=SEEN, help="what the adversary sees (default sample)")
    add("--independence", type=WEIGHT, default=0.0, help="weight of the dependence of style mean and label (default 0)")
    add(
        "--likelihood", type=WEIGHT, default=1.0, help="weight of the label code's density (default 1, the paper's 0.1)"
    )
    add(
        "--consistency", type=WEIGHT, default=0.3, help="weight of the label in swaps (default 0.3, the paper has none)"
    )
    add(
        "--shift",
        type=Count(0, 8),
        default=2,
        help="pixels images may be moved by where the label is learned (default 2)",
    )

    add = _family(families, "discriminative-vae", "discriminative regularisation", 3000, 100, 1e-3)
    add("--latent", type=SIZE, default=16, help="latent dimension (default 16)")
    add("--feature-weight", type=WEIGHT, default=0.1, help="weight of the representations (default 0.1, the paper's 1)")
    add("--beta", type=ABOVE, default=2.5, help="weight of the KL (default 2.5, the paper's 1)")
    add(
        "--classifier-steps",
        type=Count(0, 10**9),
        default=1000,
        help="updates of the classifier before (default 1,000)",
    )
    fitted = "give the pair a prior of K Gaussians fitted to codes (default 0: none)"
    add("--fitted-prior", type=Count(0, 1000), default=0, metavar="K", help=fitted)


def _family(families: Any, name: str, words: str, steps: int, batch: int | None, rate: float | None) -> Any:
    """A subparser with what all families take; returns its ``add_argument``."""
    family = families.add_parser(name, help=words)
    toys = f", or {TOY}NAME for {', '.join(TOYS)}" if name == "soft-intro-vae" else ""
    family.add_argument("data", metavar="DATA", type=PathText(), help=f"training images: {DATA}{toys}")
    add_data_options(family, "train")
    family.add_argument("--steps", type=NUMBER, default=steps, help=f"updates (default {steps:,})")
    of_set = "the family's" if batch is None else f"{batch:,}"
    family.add_argument("--batch", type=BATCH, default=batch, help=f"samples per update (default {of_set})")
    rated = "the family's" if rate is None else f"{rate:g}"
    family.add_argument("--learning-rate", type=ABOVE, default=rate, help=f"Adam's (default {rated})")
    every = "updates between two checkpoints (default 500)"
    family.add_argument("--checkpoint-every", type=NUMBER, default=500, help=every)
    family.add_argument("--name", type=Text(), help="name of the pair (default: data and family)")
    licence = "licence of DATA, for the model card (default: none is named)"
    family.add_argument("--data-license", type=Text(), help=licence)
    add_output(family, "trained")
    return family.add_argument


def run(args: argparse.Namespace) -> int:
    """Train, write the pair, ``report.json``, ``curves.png`` and sample grids."""
    from ..training import run_training

    return run_training(args)
