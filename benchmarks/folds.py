"""Real data of a command line, cut into folds for critics, calibration, search and verdict."""

from __future__ import annotations

import argparse
import math

import numpy as np

from pairs import InputError, Pair
from pairs.checks import image_range, is_image
from pairs.io.images import Images, default_split, read_images
from pairs.io.paths import as_path
from pairs.io.pixels import to_range
from pairs.io.points import read_points

__all__ = ["LEAST_IMAGES", "MOST_IMAGES", "folds_of"]

LEAST_IMAGES, MOST_IMAGES = 500, 20_000
"""Images that a critic needs, and the default of ``--limit`` where one is trained."""
REST_NUMBERS = 2**28
"""Most numbers in the images beyond these that a critic of the samples is trained on, 1 GiB."""


def folds_of(
    args: argparse.Namespace, pair: Pair, folds: tuple[float, ...], rest: bool = False
) -> tuple[Images, list[np.ndarray], list[np.ndarray | None]]:
    """DATA in the pair's range and, for a conditional pair, its labels, shuffled by the seed and cut into folds.

    Args:
      args: Arguments with ``data``, ``split``, ``array``, ``limit`` and ``seed``.
      pair: Any pair.
      folds: Shares of the images that ``--limit`` draws; they add up to 1.
      rest: Whether one more fold is to hold the images beyond the default limit, where there is no ``--limit``.

    Returns:
      The images as they were read, the folds, and the labels of each, None for an unconditional pair.

    Raises:
      InputError: The images are too few, do not fit the pair, or lack labels that it needs.
    """
    data = as_path("data", args.data)
    read = read_images if is_image(pair) else read_points
    split = args.split or default_split(data, array=args.array, read=read)
    images = read(data, split, expect=pair.sample_shape, array=args.array)
    beyond = REST_NUMBERS // math.prod(pair.sample_shape) if rest and not args.limit else 0
    order = np.random.default_rng(args.seed).permutation(len(images))[: args.limit or MOST_IMAGES + beyond]
    if len(order) < LEAST_IMAGES:
        remedy = f"give at least {LEAST_IMAGES}: a critic and a check come out of them"
        raise InputError("data", f"{images.name} gives {len(order)} images", remedy)
    x = to_range(images.x[order], image_range(pair)) if is_image(pair) else images.x[order]
    count = len(x) if args.limit else min(len(x), MOST_IMAGES)
    cuts = (np.cumsum(folds)[:-1] * count).astype(int).tolist() + [count] * rest
    labels: list[np.ndarray | None] = [None] * (len(folds) + rest)
    if pair.classes is not None:
        if images.labels is None:
            raise InputError("data", "holds no labels, which a conditional pair needs", "give labelled images")
        labels = list(np.split(images.labels[order], cuts))
    return images, np.split(x, cuts), labels
