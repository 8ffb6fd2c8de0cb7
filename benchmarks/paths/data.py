"""Real images of a path: some train its critic, some say how near real images lie, some set the scale of that."""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np

from pairs import InputError, Pair
from pairs.checks import image_range, is_image
from pairs.io.pixels import to_range

from ..inputs import read_data

__all__ = ["LEAST", "PathData", "read_path_data"]

LEAST, MOST = 1000, 20_000
"""Fewest images, and most that are used without ``--limit``."""
_FRESH, _REAL = 2000, 8000


class PathData(NamedTuple):
    """Three disjoint sets of real images.

    Attributes:
      name: Name of the data.
      train: Samples in the pair's range that train a critic.
      labels: Their classes, for a conditional pair.
      real: Bytes that frames are compared with.
      fresh: Bytes that set the scale of that comparison.
      real_labels: Classes of ``real``, for a conditional pair.
    """

    name: str
    train: np.ndarray
    labels: np.ndarray | None
    real: np.ndarray
    fresh: np.ndarray
    real_labels: np.ndarray | None

    def of_class(self, label: int | None) -> np.ndarray:
        """``real`` of one class; all of it where ``label`` is None or there are no labels."""
        return self.real if label is None or self.real_labels is None else self.real[self.real_labels == label]


def read_path_data(args: argparse.Namespace, pair: Pair) -> PathData:
    """DATA of the command, shuffled by the seed and cut.

    Args:
      args: Arguments with ``data`` and the options about it.
      pair: The pair as it was loaded; one with classes needs labels.

    Raises:
      InputError: There are fewer than 1,000 images, they do not fit the pair, or labels are missing.
    """
    if not is_image(pair):
        problem = f"goes with pairs of images, this one's samples have shape {pair.sample_shape}"
        raise InputError("DATA", problem, "leave it out: the pair's own critic decides")
    span = image_range(pair)
    images = read_data(args, args.data, "train", expect=pair.sample_shape, limit=MOST, least=LEAST)
    if pair.classes is not None and images.labels is None:
        raise InputError("data", "holds no labels, which a conditional pair needs", "give labelled images")
    order = np.random.default_rng(args.seed).permutation(len(images))
    fresh, real = min(_FRESH, len(order) // 5), min(_REAL, 2 * len(order) // 5)
    parts = np.split(order, [fresh, fresh + real])
    labels = None if pair.classes is None or images.labels is None else np.asarray(images.labels)
    real_labels, labels = (None, None) if labels is None else (labels[parts[1]], labels[parts[2]])
    train, real, fresh = to_range(images.x[parts[2]], span), images.x[parts[1]], images.x[parts[0]]
    return PathData(images.name, train, labels, real, fresh, real_labels)
