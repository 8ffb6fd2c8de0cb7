"""How tuning judges samples: Frechet and kernel distance in a feature net."""

from __future__ import annotations

import numpy as np

from dcd import Change, Judge
from pairs import InputError, Pair
from pairs.io.pixels import to_uint8

from .features import Features
from .metrics import fid_change, frechet_distance, kid_change, moments

__all__ = ["judge_for"]


def judge_for(features: Features, pair: Pair) -> Judge:
    """Samples are quantised to bytes first, as image files would be."""
    if pair.sample_range is None:
        raise InputError("pair", "has no sample range", "feature nets judge images of a declared range")
    sample_range = pair.sample_range

    def rows(x: np.ndarray) -> np.ndarray:
        return features(to_uint8(x, sample_range)).astype(np.float64)

    def distance(x: np.ndarray, real: np.ndarray) -> float:
        if not np.all(np.isfinite(x)):
            return float("inf")
        a, b = moments(x), moments(real)
        return float(frechet_distance(a.mean, a.covariance, b.mean, b.covariance))

    def changes(before: np.ndarray, after: np.ndarray, real: np.ndarray) -> dict[str, Change]:
        reference = moments(real)
        fid = fid_change(before, after, reference.mean, reference.covariance)
        kid = kid_change(before, after, real[:2000])
        return {
            "fid": Change(fid.before, fid.after, fid.difference, (fid.difference_ci[0], fid.difference_ci[1])),
            "kid": Change(kid.before, kid.after, kid.difference, (kid.difference_ci[0], kid.difference_ci[1])),
        }

    return Judge(rows, distance, changes)
