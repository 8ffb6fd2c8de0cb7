"""What adapt and tune share: real data in folds, and a progress bar per move."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from rich.progress import Progress, TaskID

from benchmarks.data import Images, default_split, read_images, to_range
from benchmarks.settings import image_range
from pairs import InputError, Pair

__all__ = ["folds_of", "stages"]


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


def stages(bar: Progress) -> Callable[[str, int, int], None]:
    """A bar for each move, made when it begins, so that time left is that move's own."""
    tasks: dict[str, TaskID] = {}

    def show(move: str, done: int, total: int) -> None:
        if move not in tasks:
            tasks[move] = bar.add_task(move, total=total)
        bar.update(tasks[move], completed=done)

    return show
