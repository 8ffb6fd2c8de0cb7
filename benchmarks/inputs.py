"""From the arguments of a command line to a pair, its data, a chain and a feature net."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import checkpoints
import dcd
from pairs import InputError, Pair
from pairs.checks import image_range
from pairs.io.images import Images, default_split, read_images
from pairs.io.pixels import to_range

from .features import Features, default_features, load_features

__all__ = ["choose_features", "folds_of", "load", "settings", "tuned_or_settings"]


KNOBS = ("steps", "step_size", "temperature", "critic_scale", "prior_weight", "metropolis", "hold")
"""Settings of the chain that a command line may give."""


def load(pair: str | None, files: Path | None = None) -> Pair:
    """The pair behind a command line's PAIR; ``files`` is where a manifest's weights lie."""
    if files is not None:
        if pair is None:
            raise InputError("files", "is given without a manifest", "name the manifest as PAIR")
        return checkpoints.import_manifest(pair, files)
    return checkpoints.resolve(pair)


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


def tuned_or_settings(args: argparse.Namespace) -> tuple[Pair, dcd.Langevin, float, bool | None]:
    """Pair, chain, acceptance budget of OBRS, and whether tuning proved a gain (None: nothing was tuned).

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
    return pair, found.choice.chain, found.choice.acceptance, True


def settings(args: argparse.Namespace) -> dcd.Langevin:
    """The chain that the command line describes."""
    given = {k: getattr(args, k) for k in KNOBS if getattr(args, k) is not None}
    return dcd.preset(args.preset or "latent").replace(**given)
