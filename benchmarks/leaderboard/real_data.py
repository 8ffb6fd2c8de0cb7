"""Real samples of a leaderboard: some train the critics, the others judge, in two halves."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from pairs import InputError, Pair
from pairs.checks import image_range, is_image
from pairs.io.images import Images, default_split, read_images
from pairs.io.paths import as_path
from pairs.io.pixels import to_range
from pairs.io.points import read_points

from ..folds import LEAST_IMAGES, MOST_IMAGES
from ..inputs import choose_features, read_data
from ..refinement import LEAST
from .board import Halves
from .method import RealData

__all__ = ["board_data"]

HELD = 0.15
"""Share of the critics' samples that calibrates them."""


def board_data(args: argparse.Namespace, pair: Pair, folder: Path) -> tuple[RealData, Halves, dict[str, Any]]:
    """Read and cut DATA, and choose the two nets.

    Where DATA has a train and a test split and none is named, the first trains the critics and the second judges;
    else a half of what there is trains them. The seed cuts.

    Args:
      args: Arguments with DATA, its options, ``--features``, ``--judge`` and ``--seed``.
      pair: The pair.
      folder: Where a feature net that is trained is kept.

    Returns:
      Samples for critics, those that judge with their nets, and what the report says of them.

    Raises:
      InputError: DATA does not fit the pair or holds too few, or both nets are one.
    """
    given = as_path("data", args.data)
    read = read_images if is_image(pair) else read_points
    splits = {default_split(given, name, args.array, read) for name in ("train", "test")}
    rng, shape = np.random.default_rng(args.seed), pair.sample_shape
    if args.split is None and len(splits) == 2 and None not in splits:
        train = read_data(args, given, "train", expect=shape, limit=MOST_IMAGES, pair=pair)
        rest = read(given, "test", None, shape, args.array, args.seed)
    else:
        whole = read_data(args, given, "train", expect=shape, limit=MOST_IMAGES, pair=pair)
        parts = np.array_split(rng.permutation(len(whole)), 2)
        train, rest = (_part(whole, rows) for rows in parts)
    if len(train) < LEAST_IMAGES or len(rest) < 2 * LEAST:
        problem = f"gives {len(train)} samples for critics and {len(rest)} that judge"
        raise InputError("data", problem, f"give at least {LEAST_IMAGES} and {2 * LEAST}, better thousands")
    if pair.classes is not None and train.labels is None:
        raise InputError("data", "holds no labels, which a conditional pair needs", "give labelled images")
    chooser = choose_features(pair, args.features, train, folder=folder / "chooser").features
    choice = choose_features(pair, args.judge, train, folder=folder / "judge", judge=True)
    if choice.features.sha256 == chooser.sha256:
        raise InputError("--judge", f"is {chooser.name}, which chooses the step sizes too", "name another net")
    order = rng.permutation(len(train))
    cut = int((1 - HELD) * len(train))
    x = to_range(train.x, image_range(pair)) if is_image(pair) else train.x
    labels = train.labels if pair.classes is not None else None
    folds = [(x[rows], None if labels is None else labels[rows]) for rows in (order[:cut], order[cut:])]
    (train_x, train_y), (held_x, held_y) = folds
    first, second = np.array_split(rng.permutation(len(rest)), 2)
    judge = choice.features
    compared = (
        (args.tried, "samples of a try", chooser),
        (args.n, "samples", judge),
        (len(second), "real ones", judge),
    )
    said = [
        f"{count:,} {what} for {net.dim} features of {net.name}: distances are far too large, and may rank wrongly"
        for count, what, net in compared
        if count <= net.dim
    ]
    about = {
        "data": train.name,
        "counts": {"critics": cut, "calibration": len(train) - cut, "validation": len(first), "judged": len(second)},
        "chooser": {"name": chooser.name, "dim": chooser.dim, "sha256": chooser.sha256},
        "judge": {"name": judge.name, "dim": judge.dim, "sha256": judge.sha256},
        "warnings": said,
    }
    halves = Halves(chooser, rest.x[first], judge, rest.x[second])
    return RealData(train_x, held_x, train_y, held_y), halves, about


def _part(images: Images, rows: np.ndarray) -> Images:
    labels = None if images.labels is None else images.labels[rows]
    return Images(images.x[rows], labels, images.name, images.split, images.classes)
