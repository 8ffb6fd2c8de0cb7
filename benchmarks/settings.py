"""What the commands share: a pair, its data, a chain and a feature net from a command line."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import checkpoints
import dcd
from pairs import InputError, Pair

from .data import Images, default_split, read_images, to_range
from .features import Features, default_features, load_features

__all__ = [
    "add_settings", "check_sizes", "choose_features", "folds_of", "image_range", "load", "settings",
    "tuned_or_settings",
]  # fmt: skip

KNOBS = ("steps", "step_size", "temperature", "critic_scale", "prior_weight", "metropolis", "hold")


def load(pair: str | None, files: Path | None = None) -> Pair:
    """The pair behind a command line's PAIR; ``files`` is where a manifest's weights lie."""
    if files is not None:
        if pair is None:
            raise InputError("files", "is given without a manifest", "name the manifest as PAIR")
        return checkpoints.import_manifest(pair, files)
    return checkpoints.resolve(pair)


def image_range(pair: Pair) -> tuple[float, float]:
    """The sample range of a pair of images.

    Raises:
      InputError: its samples are not images, or have no range and so no form in bytes.
    """
    if len(pair.sample_shape) != 3 or pair.sample_shape[-1] not in (1, 3):
        remedy = "this command judges images, (H, W, 1) or (H, W, 3); call the functions of dcd for other samples"
        raise InputError("pair", f"has samples of shape {pair.sample_shape}", remedy)
    if pair.sample_range is None:
        raise InputError("pair", "has samples without a range", "declare sample_range, images need one to become bytes")
    return pair.sample_range


def check_sizes(n: int, batch: int) -> None:
    """Refuse a number of samples too small for a distance, and an empty batch."""
    if isinstance(n, bool) or n < 6:
        raise InputError("n", f"is {n}", "give at least 6, better 2,000 or more: distances need a distribution")
    if batch < 1:
        raise InputError("batch", f"is {batch}", "give at least 1")


def choose_features(pair: Pair, name: str | None, data: Images | None, judge: bool = False) -> Features:
    """The named feature net, or the bundled one that fits the pair's images and the data's or pair's name."""
    if name is not None:
        return load_features(name)
    return default_features(pair.sample_shape, data.name if data is not None else pair.name, judge=judge)


def folds_of(
    args: argparse.Namespace, pair: Pair, folds: tuple[float, ...]
) -> tuple[Images, list[np.ndarray], list[np.ndarray | None]]:
    """DATA in the pair's range and, for a conditional pair, its labels, shuffled by the seed and cut into folds."""
    span = image_range(pair)
    images = read_images(args.data, args.split or default_split(args.data), expect=pair.sample_shape)
    if len(images) < 500:
        raise InputError(
            "data", f"holds {len(images)} images", "give at least 500: a critic and a check come out of them"
        )
    order = np.random.default_rng(args.seed).permutation(len(images))[: args.limit]
    x = to_range(images.x[order], span)
    cuts = (np.cumsum(folds)[:-1] * len(x)).astype(int)
    labels: list[np.ndarray | None] = [None] * len(folds)
    if pair.classes is not None:
        if images.labels is None:
            raise InputError("data", "holds no labels, which a conditional pair needs", "give labelled images")
        labels = list(np.split(images.labels[order], cuts))
    return images, np.split(x, cuts), labels


def _range(text: str) -> tuple[int, int]:
    first, _, end = text.partition(":")
    try:
        return int(first), int(end)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form A:B") from None


def add_settings(parser: argparse.ArgumentParser) -> None:
    """The chain's knobs on a command line."""
    parser.add_argument("--preset", help=f"{', '.join(dcd.PRESETS)} (default latent)")
    parser.add_argument("--steps", type=int, help="number of steps")
    parser.add_argument("--step-size", type=float, help="eta in x + eta * grad + sqrt(2 eta T) * noise")
    parser.add_argument("--temperature", type=float, help="T above")
    parser.add_argument("--critic-scale", type=float, help="factor on the critic's score")
    parser.add_argument("--prior-weight", type=float, help="weight of the prior's log density (latent space)")
    parser.add_argument("--metropolis", action="store_true", default=None, help="accept or reject each step (MALA)")
    parser.add_argument("--hold", type=_range, metavar="A:B", help="coordinates A to B - 1 of the state do not move")
    parser.add_argument("--batch", type=int, default=64, help="chains moved together (default 64)")
    parser.add_argument("--files", type=Path, help="folder of the weight files, where PAIR is a manifest")
    parser.add_argument("--features", help="feature net that judges: a bundled name or a folder")


def tuned_or_settings(args: argparse.Namespace) -> tuple[Pair, dcd.Langevin, float, bool | None]:
    """Pair, chain, OBRS budget, and whether tuning proved a gain (None: nothing was tuned).

    Without PAIR and settings it is the bundled pair as it was tuned.
    """
    given = [name for name in ("pair", "files", "preset", *KNOBS) if getattr(args, name) is not None]
    tuned = args.tuned
    if tuned is None:
        if given:
            config = settings(args)
            return load(args.pair, args.files), config, 1.0, None
        tuned = checkpoints.bundled_tuned()
    elif given:
        flag = given[0] if given[0] == "pair" else f"--{given[0].replace('_', '-')}"
        raise InputError("tuned", f"is given together with {flag}", "leave one out: the file names pair and settings")
    found = dcd.read_tuned(tuned)
    pair = load(found.pair)
    if not found.gain or found.choice is None:
        return pair, dcd.preset("latent").replace(steps=0, preset="keep"), 1.0, False
    return pair, found.choice.chain, found.choice.budget, True


def settings(args: argparse.Namespace) -> dcd.Langevin:
    """The chain that the command line describes."""
    given = {k: getattr(args, k) for k in KNOBS if getattr(args, k) is not None}
    return dcd.preset(args.preset or "latent").replace(**given)
