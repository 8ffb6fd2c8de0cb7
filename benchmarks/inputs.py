"""From the arguments of a command line to a pair, its data, a chain and a feature net."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import checkpoints
import dcd
from pairs import InputError, Net, Pair
from pairs.batches import apply_in_batches
from pairs.checks import image_range, is_image
from pairs.digests import pair_digest, tree_digest
from pairs.io.images import Images, default_split, read_images
from pairs.io.paths import as_path
from pairs.io.points import read_points
from pairs.user_nets import factory_given

from .factories import factory_of
from .features import FeatureChoice, Features, choose, default_features
from .features.point_features import point_features

__all__ = [
    "choose_features",
    "classifier_of",
    "load",
    "read_data",
    "refuse_data_options",
    "require_critic",
    "run_digest",
    "settings",
    "tuned_or_settings",
]

KNOBS = ("steps", "step_size", "temperature", "critic_scale", "prior_weight", "metropolis", "hold")
"""Settings of the chain that a command line may give."""
SURE = 0.8
"""Share of real samples that a classifier must name rightly before a chain follows it: its classes may be others."""


def load(pair: str | None, files: Path | None = None, factory: str | None = None) -> Pair:
    """The pair behind a command line's PAIR.

    Args:
      pair: What the user gave.
      files: Where a manifest's weights lie.
      factory: ``FILE.py:function`` of the user's own code, which a stored pair may need.

    Raises:
      InputError: No such pair, or an option that it does not need.
    """
    if files is not None:
        if pair is None:
            raise InputError("files", "is given without a manifest", "name the manifest as PAIR")
        if factory is not None:
            raise InputError("factory", "is given for a manifest, which describes its nets", "leave it out")
        return checkpoints.import_manifest(pair, files)
    given = factory_of(factory)
    with factory_given(given):
        found = checkpoints.resolve(pair)
    if given is not None and not given.used:
        raise InputError("factory", f"is given, and no net of '{found.name}' is code of yours", "leave it out")
    return found


def read_data(
    args: argparse.Namespace,
    given: str | Path,
    split: str,
    *,
    expect: tuple[int, ...] | None = None,
    limit: int | None = None,
    least: int = 1,
    pair: Pair | None = None,
) -> Images:
    """Real images as ``--split``, ``--array``, ``--limit`` and ``--seed`` say; a limit draws by the seed.

    Args:
      args: Arguments with those options.
      given: DATA.
      split: The split where none is given and DATA has it; data without splits are taken whole.
      expect: Shape of one image that is required.
      limit: How many images are drawn where ``--limit`` is not given; all by default.
      least: How few images are refused.
      pair: The pair that the data are for; where its samples are no images, points or series are read.

    Raises:
      InputError: As :func:`pairs.io.images.read_images` or :func:`pairs.io.points.read_points`; fewer than ``least``.
    """
    given = as_path("data", given)
    read = read_images if pair is None or is_image(pair) else read_points
    images = read(
        given,
        args.split or default_split(given, split, args.array, read),
        limit if args.limit is None else args.limit,
        expect,
        args.array,
        args.seed,
    )
    if len(images) < least:
        held = "1 image" if len(images) == 1 else f"{len(images)} images"
        raise InputError("data", f"{images.name} gives {held}", f"give at least {least}, better 2,000 or more")
    return images


def refuse_data_options(args: argparse.Namespace, missing: str) -> None:
    """Refuse options about DATA where none are given: they would be ignored.

    Args:
      args: Arguments with those options.
      missing: What names DATA on this command.

    Raises:
      InputError: An option is given.
    """
    for name in ("split", "array", "limit"):
        if getattr(args, name) is not None:
            raise InputError(f"--{name}", f"is given without {missing}", f"leave it out, or give {missing}")


def choose_features(
    pair: Pair, name: str | None, data: Images | None, *, folder: Path | None = None, judge: bool = False
) -> FeatureChoice:
    """The feature net that measures a pair, and why that one; points and series have features of their own.

    Args:
      pair: A pair of images.
      name: What the user asked for; None or ``auto`` for the best at hand.
      data: Real images, the evidence for whether a bundled net fits. Without them the name of the pair decides.
      folder: Where a net trained on the data without labels is kept; none is trained without a folder.
      judge: Whether the net is to judge what another one chose.

    Raises:
      InputError: the pair has no images; an unknown name; a net for images of another shape.
    """
    if not is_image(pair):
        if name is not None:
            raise InputError("--features", "is given for samples that are no images", "leave it out")
        if data is None:
            image_range(pair)
        assert data is not None
        net = point_features(data.x, data.name, seed=1 if judge else 0)
        return FeatureChoice(net, "points", f"{net.name} judges: random Fourier features of the samples themselves")
    if name in (None, "auto") and data is None:
        net = default_features(pair.sample_shape, pair.name, judge=judge)
        return FeatureChoice(net, "bundled", f"{net.name} judges, by the name of the pair: no data are given")
    x, called = (None, "data") if data is None else (data.x, data.name)
    return choose(name, pair.sample_shape, data=x, data_name=called, folder=folder, judge=judge)


def classifier_of(pair: Pair, features: Features, x: np.ndarray, labels: np.ndarray | None) -> Net | None:
    """A classifier of a conditional pair's classes: its own, or the judging net's, if it knows the labels of real data.

    Args:
      pair: Any pair.
      features: The net that judges.
      x: Real samples in the pair's range.
      labels: Their classes.

    Returns:
      The classifier; None for an unconditional pair, or where none names at least ``SURE`` of the samples rightly.
    """
    if pair.classes is None or labels is None:
        return None
    net = pair.classifier
    if net is None and is_image(pair) and features.card.get("classes") == pair.classes:
        net = features.as_net(image_range(pair), "logits")
    if net is None:
        return None
    right = np.mean(np.argmax(apply_in_batches(net, x), axis=1) == labels)
    return net if right >= SURE else None


def tuned_or_settings(args: argparse.Namespace) -> tuple[Pair, dcd.Langevin, float, bool | None]:
    """Pair, chain, acceptance budget of OBRS, and whether tuning proved a gain (None: nothing was tuned).

    Without PAIR and settings it is the bundled pair as it was tuned. Where tuning proved no gain the chain has no
    steps, unless ``--anyway`` overrules the verdict.
    """
    given = [name for name in ("pair", "files", "preset", *KNOBS) if getattr(args, name) is not None]
    tuned = args.tuned
    if tuned is None:
        if given:
            config = settings(args)
            return load(args.pair, args.files, args.factory), config, 1.0, None
        tuned = checkpoints.bundled_tuned()
    elif given:
        flag = given[0] if given[0] == "pair" else f"--{given[0].replace('_', '-')}"
        raise InputError("tuned", f"is given together with {flag}", "leave one out: the file names pair and settings")
    found = dcd.read_tuned(tuned)
    pair = load(found.pair, factory=args.factory)
    if found.choice is None or not (found.gain or args.anyway):
        return pair, dcd.preset("latent").replace(steps=0, preset="keep"), 1.0, False
    return pair, found.choice.chain, found.choice.acceptance, found.gain


def settings(args: argparse.Namespace) -> dcd.Langevin:
    """The chain that the command line describes."""
    given = {k: getattr(args, k) for k in KNOBS if getattr(args, k) is not None}
    return dcd.preset(args.preset or "latent").replace(**given)


def run_digest(pair: Pair, settings: dict[str, Any]) -> str:
    """SHA-256 of what chains use of a pair and of settings in JSON form: what a run that goes on must share."""
    return tree_digest([pair_digest(pair), settings], ())


def require_critic(pair: Pair) -> None:
    """Refuse a pair without a critic before anything is computed.

    Raises:
      InputError: The pair has a generator alone.
    """
    if not pair.has_critic:
        remedy = "make one with 'ganrefine tune PAIR DATA --out tuned', or 'ganrefine adapt PAIR DATA --out adapted'"
        raise InputError("critic", "is missing: this pair has a generator alone", remedy)
