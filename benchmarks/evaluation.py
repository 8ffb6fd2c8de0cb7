"""Quality of two sets of images, before and after, against one reference; and the command for any two sets.

Both sides have equal n, the same reference and the same feature net. FD uses the mean and
covariance of the whole reference; the neighbour and kernel metrics use its kept rows, and
precision, recall, density and coverage at most as many generated images as there are rows: drawn by
the seed, the same for both sides, so that a folder sorted by class measures what a mixed one does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pairs import InputError
from pairs.io.images import Images

from .features import Features, Reference
from .further_figures import class_shares, further_figures
from .metrics import MetricChange, drawn_rows, fid_change, kid_change, moments, neighbour_change

__all__ = [
    "as_reference",
    "change_blocks",
    "evaluate",
    "evaluate_one",
    "neighbours_drawn",
    "protocol",
    "reference_from",
]

_ROWS = 2000
SMALL = 1000
"""Real images below which their own noise counts."""


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


def neighbours_drawn(n: int, reference: Reference, seed: int) -> np.ndarray:
    """Numbers of the images that precision, recall, density and coverage are measured on.

    Raises:
      InputError: too few on either side.
    """
    drawn = drawn_rows(n, len(reference.rows), seed)
    if min(len(drawn), len(reference.rows)) <= 5:
        raise InputError("n", f"is {len(drawn)}", "nearest-neighbour metrics need more than 5 samples on both sides")
    return drawn


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
      ``before``, ``after`` and ``difference`` (after minus before), each {fid, fid_ci, kid, kid_ci, precision,
      precision_ci, recall, recall_ci, density, density_ci, coverage, coverage_ci};
      ``features`` {name, dim, sha256}; ``reference`` {split, n, rows}; ``neighbours`` {drawn, of, seed}, the images
      that precision, recall, density and coverage were measured on; ``warnings``, sentences. ``fid`` is the
      Frechet distance in the named features (the FID only where the net is Inception); intervals are 95 %.

    Raises:
      InputError: sets of different sizes, or too few images.
    """
    x, y = np.asarray(before), np.asarray(after)
    if len(x) != len(y):
        raise InputError("n", f"is {len(x)} before and {len(y)} after", "FD depends on n: give equally many")
    reference = as_reference(features, reference)
    a, b = features(x), features(y)
    return {**change_blocks(_changes(a, b, reference, seed, paired)), **protocol(features, reference, len(a), seed)}


def _changes(
    a: np.ndarray, b: np.ndarray, reference: Reference, seed: int, paired: bool = True
) -> dict[str, MetricChange]:
    """The metrics of two sets of rows; those that need rows of the reference only where there are some."""
    if not len(reference.rows):
        return {"fid": fid_change(a, b, reference.mu, reference.sigma, paired=paired, seed=seed)}
    drawn = neighbours_drawn(len(a), reference, seed)
    near = a[drawn]
    return {
        "fid": fid_change(a, b, reference.mu, reference.sigma, paired=paired, seed=seed),
        "kid": kid_change(a, b, reference.rows, paired=paired),
        **neighbour_change(near, near if b is a else b[drawn], reference.rows, paired=paired),
    }


def change_blocks(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """``before``, ``after`` and ``difference`` of a report of metrics by name."""
    return {
        side: {
            key: value
            for name, of in found.items()
            for key, value in ((name, getattr(of, side)), (f"{name}_ci", list(getattr(of, f"{side}_ci"))))
        }
        for side in ("before", "after", "difference")
    }


def evaluate_one(
    features: Features,
    images: ArrayLike,
    reference: Reference | Images | None = None,
    seed: int = 0,
    real: ArrayLike | None = None,
) -> dict[str, Any]:
    """Metrics of one set: what :func:`evaluate` gives for one side, and what stands beside them.

    Args:
      features: The feature net; it names the distances.
      images: Images as uint8 ``(n, H, W, C)``.
      reference: Real images or their statistics; the net's own test split where none are given. Statistics without
        rows serve the Frechet distance alone.
      seed: Seed of the jackknife's groups, the subsets, and the rows of the neighbour metrics.
      real: Real images whose classes are counted beside those of the images.

    Returns:
      ``n``; ``metrics``; ``further`` as of :func:`~benchmarks.further_figures.further_figures`, with ``classes`` where
      the net tells at most 100; ``features``, ``reference``, ``neighbours`` and ``warnings`` as of :func:`evaluate`.

    Raises:
      InputError: Too few images.
    """
    reference = as_reference(features, reference)
    x = np.asarray(images)
    rows = features(x).astype(np.float64)
    block = change_blocks(_changes(rows, rows, reference, seed))["before"]
    further = further_figures(features, {"images": x}, {"images": rows}, reference, seed)
    further |= class_shares(features, {"images": x} | ({} if real is None else {"real": np.asarray(real)}))
    return {"n": len(rows), "metrics": block, "further": further, **protocol(features, reference, len(rows), seed)}


def as_reference(features: Features, reference: Reference | Images | None) -> Reference:
    """Statistics of real images; the net's own test split where none are given."""
    if isinstance(reference, Images):
        return reference_from(features, reference)
    return features.reference("test") if reference is None else reference


def protocol(features: Features, reference: Reference, n: int, seed: int) -> dict[str, Any]:
    """What the figures of n images were measured with, and what makes them weak."""
    said = _warnings(features.dim, n, reference.n)
    if not len(reference.rows):
        said.append(
            "the statistics hold a mean and a covariance alone: KD, precision, recall, density, coverage and the "
            "nearest real image need rows of features and are not measured"
        )
    return {
        "features": {"name": features.name, "dim": features.dim, "sha256": features.sha256},
        "reference": {"split": reference.split, "n": reference.n, "rows": len(reference.rows)},
        "neighbours": {"drawn": min(n, len(reference.rows)), "of": n, "seed": seed},
        "warnings": said,
    }


def _warnings(dim: int, n: int, real: int | None) -> list[str]:
    said = []
    for count, what in ((n, "samples"), (real, "real images")):
        if count is not None and count <= dim:
            said.append(
                f"{count:,} {what} for {dim} features: their covariance is singular, and the Frechet distance far too "
                f"large; give more than {dim}, better {10 * dim:,}"
            )
    if real is None:
        said.append("the statistics do not say of how many images they are: their own noise cannot be told")
    elif dim < real < SMALL:
        said.append(f"the reference holds {real:,} images: its own noise, which the intervals leave out, may be larger")
    return said
