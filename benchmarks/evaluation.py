"""Quality of two sets of images, before and after, against one reference; and the command for any two sets.

Both sides have equal n, the same reference and the same feature net. FD uses the mean and
covariance of the whole reference; the neighbour and kernel metrics use its kept rows, and
precision, recall, density and coverage at most as many generated images as there are rows: drawn by
the seed, the same for both sides, so that a folder sorted by class measures what a mixed one does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pairs import InputError
from pairs.io.images import Images

from .features import Features, Reference
from .metrics import density_coverage, fid_change, kid_change, moments, precision_recall

__all__ = ["evaluate", "evaluate_one", "reference_from"]

_ROWS = 2000


def reference_from(
    features: Features, images: Images | ArrayLike, split: str = "given", rows: int = _ROWS
) -> Reference:
    """Statistics of real images (uint8 NHWC) in a feature space; ``rows`` of them, evenly spread, are kept."""
    x = images.x if isinstance(images, Images) else np.asarray(images)
    values = features(x)
    found = moments(values)
    split = images.split or split if isinstance(images, Images) else split
    kept = values[np.arange(min(rows, len(values))) * len(values) // min(rows, len(values))]
    return Reference(split, found.n, found.mean, found.covariance, kept)


def _neighbours(rows: np.ndarray, reference: Reference, seed: int) -> dict[str, float]:
    if len(rows) > len(reference.rows):
        rows = rows[np.random.default_rng(seed).permutation(len(rows))[: len(reference.rows)]]
    if min(len(rows), len(reference.rows)) <= 5:
        raise InputError("n", f"is {len(rows)}", "nearest-neighbour metrics need more than 5 samples on both sides")
    return {**precision_recall(reference.rows, rows)._asdict(), **density_coverage(reference.rows, rows)._asdict()}


def evaluate(
    features: Features,
    before: ArrayLike,
    after: ArrayLike,
    reference: Reference | Images | None = None,
    seed: int = 0,
    paired: bool = True,
) -> dict[str, Any]:
    """Distances, precision, recall, density and coverage of two sets of images against one reference.

    Args:
      features: The feature net; it names the distances.
      before: Images as uint8 ``(n, H, W, C)``.
      after: As many images of the same shape.
      reference: Real images or their statistics; the net's own test split where none are given.
      seed: Seed of the jackknife's groups, and of the rows of the neighbour metrics.
      paired: Whether image i of both sides comes from one latent, so that intervals of the change use the pairing.

    Returns:
      ``before`` and ``after``, each {fid, fid_ci, kid, kid_ci, precision, recall, density, coverage};
      ``difference`` {fid, fid_ci, kid, kid_ci}, after minus before, negative is better;
      ``features`` {name, dim, sha256}; ``reference`` {split, n, rows}; ``neighbours`` {drawn, of, seed}, the images
      that precision, recall, density and coverage were measured on. ``fid`` is the Frechet distance in
      the named features (the FID only where the net is Inception); intervals are 95 %.

    Raises:
      InputError: sets of different sizes, or too few images.
    """
    x, y = np.asarray(before), np.asarray(after)
    if len(x) != len(y):
        raise InputError("n", f"is {len(x)} before and {len(y)} after", "FD depends on n: give equally many")
    reference = _as_reference(features, reference)
    a, b = features(x), features(y)
    sides = {"before": _neighbours(a, reference, seed), "after": _neighbours(b, reference, seed)}
    fid = fid_change(a, b, reference.mu, reference.sigma, paired=paired, seed=seed)
    kid = kid_change(a, b, reference.rows, paired=paired)
    result: dict[str, Any] = {}
    for side in ("before", "after", "difference"):
        result[side] = {
            "fid": getattr(fid, side),
            "fid_ci": list(getattr(fid, f"{side}_ci")),
            "kid": getattr(kid, side),
            "kid_ci": list(getattr(kid, f"{side}_ci")),
            **sides.get(side, {}),
        }
    return {**result, **_protocol(features, reference, len(a), seed)}


def evaluate_one(
    features: Features, images: ArrayLike, reference: Reference | Images | None = None, seed: int = 0
) -> dict[str, Any]:
    """Metrics of one set: what :func:`evaluate` gives for one side, with ``features`` and ``reference``."""
    reference = _as_reference(features, reference)
    rows = features(images).astype(np.float64)
    near = _neighbours(rows, reference, seed)
    fid = fid_change(rows, rows, reference.mu, reference.sigma, seed=seed)
    kid = kid_change(rows, rows, reference.rows)
    block = {"fid": fid.before, "fid_ci": list(fid.before_ci), "kid": kid.before, "kid_ci": list(kid.before_ci)}
    return {"n": len(rows), "metrics": {**block, **near}, **_protocol(features, reference, len(rows), seed)}


def _as_reference(features: Features, reference: Reference | Images | None) -> Reference:
    if isinstance(reference, Images):
        return reference_from(features, reference)
    return features.reference("test") if reference is None else reference


def _protocol(features: Features, reference: Reference, n: int, seed: int) -> dict[str, Any]:
    return {
        "features": {"name": features.name, "dim": features.dim, "sha256": features.sha256},
        "reference": {"split": reference.split, "n": reference.n, "rows": len(reference.rows)},
        "neighbours": {"drawn": min(n, len(reference.rows)), "of": n, "seed": seed},
    }
