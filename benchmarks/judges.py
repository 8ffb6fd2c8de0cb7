"""How tuning judges samples: Frechet and kernel distance in a feature net."""

from __future__ import annotations

import numpy as np

from dcd import Judge
from pairs import InputError, Pair
from pairs.io.pixels import to_uint8

from .features import Features
from .metrics import Moments, covariance_factor, frechet_distance, moments
from .metrics.paired import paired_measures

__all__ = ["judge_for"]


def judge_for(features: Features, pair: Pair) -> Judge:
    """The judge of a feature net; samples are quantised to bytes first, as image files would be.

    Raises:
      InputError: the pair has no sample range.
    """
    if pair.sample_range is None:
        raise InputError("pair", "has no sample range", "feature nets judge images of a declared range")
    sample_range = pair.sample_range

    def rows(x: np.ndarray) -> np.ndarray:
        return features(to_uint8(x, sample_range)).astype(np.float64)

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
