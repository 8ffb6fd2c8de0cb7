"""How tuning judges samples: Frechet and kernel distance in a feature net."""

from __future__ import annotations

import numpy as np

from dcd import Judge
from pairs import Pair
from pairs.checks import image_range, is_image
from pairs.io.pixels import to_uint8

from .features import Features
from .metrics import Moments, covariance_factor, frechet_distance, moments
from .metrics.paired import paired_measures

__all__ = ["judge_for"]


def judge_for(features: Features, pair: Pair) -> Judge:
    """The judge of a feature net; images are quantised to bytes first, as image files would be."""

    def rows(x: np.ndarray) -> np.ndarray:
        if not is_image(pair):
            return _finite_rows(features, x)
        return features(to_uint8(x, image_range(pair))).astype(np.float64)

    # a search measures hundreds of sets against the same real rows
    known: list[tuple[np.ndarray, Moments, np.ndarray]] = []

    def distance(x: np.ndarray, real: np.ndarray) -> float:
        if not np.all(np.isfinite(x)):
            return float("inf")
        if not known or known[0][0] is not real:
            b = moments(real)
            known[:] = [(real, b, covariance_factor(b.covariance))]
        a, (_, b, factor) = moments(x), known[0]
        return float(frechet_distance(a.mean, a.covariance, b.mean, b.covariance, factor))

    return Judge(rows, distance, paired_measures)


def _finite_rows(features: Features, x: np.ndarray) -> np.ndarray:
    """Features of points; NaN for those that are not finite."""
    fine = np.isfinite(x).reshape(len(x), -1).all(1)
    found = np.full((len(x), features.dim), np.nan)
    if fine.any():
        found[fine] = features(x[fine])
    return found
