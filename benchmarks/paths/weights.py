"""The path weight of the critic that steers, with a classifier beside it where one is named or at hand."""

from __future__ import annotations

import argparse
import dataclasses
import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import Array

from interp.metric.classifier_term import with_classifier
from interp.metric.path_weight import PathWeight, PathWeightSettings, weigh
from interp.settings import GeodesicSettings
from pairs import Pair
from pairs.io.pixels import to_range

from .beside import BESIDE, classifier_beside
from .data import PathData
from .nets import classifier_net

__all__ = ["choose_weight"]

Say = Callable[[str], None]
BARRIER, WALL = 10.0, 30.0
"""Ratios of the two shapes where none is given."""
_LEAST_REAL = 20
_ALONE = 3.0  # strength of a classifier that was asked for


def choose_weight(
    args: argparse.Namespace,
    pair: Pair,
    settings: GeodesicSettings,
    decided: dict[str, dict[str, Any]],
    data: PathData | None,
    nodes: Array | None,
    label: int | None,
    say: Say,
) -> tuple[Pair, GeodesicSettings, PathWeight, dict[str, dict[str, Any]]]:
    """The path weight of the critic, with a classifier beside it where one is named or at hand.

    Args:
      args: Arguments of the command.
      pair: The pair with the critic that steers.
      settings: How paths are found.
      decided: What was decided about the critic.
      data: Real images, or None.
      nodes: Ends of the paths to come, where they are no draws of the prior.
      label: The class within which paths stay: real images of this class set the wall; None for all images.
      say: Where progress goes.

    Returns:
      The pair (with the classifier in its critic), the settings with those of the weight, the weight, and what was
      decided.
    """
    trained = decided["critic"]["choice"] == "trained"
    shape = args.shape or ("wall" if trained else "barrier")
    ratio = args.ratio or (WALL if shape == "wall" and trained else BARRIER)
    how = PathWeightSettings(ratio=ratio, shape=shape)
    settings = dataclasses.replace(settings, path_weight=how)
    real = None if data is None or not trained else _real(pair, data, label)
    say(f"{pair.name}: weighing the critic on {how.samples} samples")
    weight = _weighed(pair, settings, nodes, real, say)
    beside = classifier_beside(args, decided.get("critic stands on", {}).get("choice"))
    if beside["choice"] is not None:
        strength = BESIDE if args.classifier is None else _ALONE
        pair = with_classifier(pair, classifier_net(pair, beside["choice"]), weight, strength=strength)
        weight = _weighed(pair, settings, nodes, real, say)
    why = "--shape and --ratio" if args.shape or args.ratio else "the default of a critic that only ranks samples"
    if trained and not (args.shape or args.ratio):
        of = "samples, since too few real images are of this class" if real is None else "real data"
        why = f"a critic for paths knows what is off the data: a wall at the 5 % quantile of {of}"
    choice = f"{shape}, ratio {ratio:g}"
    if settings.mode in ("additive", "potential"):
        choice = f"{settings.mode}, strength {settings.strength:g}"
        why = "--preset" if args.preset is not None and args.strength is None else f"--mode {settings.mode}"
    return pair, settings, weight, {"classifier": beside, "weight": {"choice": choice, "why": why}}


def _real(pair: Pair, data: PathData, label: int | None) -> np.ndarray | None:
    """Real samples of the class of these paths; None where they are too few for a 5 % quantile."""
    real = data.of_class(label)[:2000]
    return to_range(real, pair.sample_range or (0, 1)) if len(real) >= _LEAST_REAL else None


def _weighed(
    pair: Pair, settings: GeodesicSettings, nodes: Array | None, real: np.ndarray | None, say: Say
) -> PathWeight:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        weight = weigh(pair, jax.random.key(settings.seed), settings.path_weight, latents=nodes, real=real)
    for warning in caught:
        say(f"warning: {warning.message}")
    return weight
