r"""What stands beside the table of a benchmark: FD without its bias, the classes' score, and a look for copies.

The Frechet distance of n samples is too large by about a constant over n; a line through FD against 1/n, extrapolated
to infinity, leaves that out (arXiv 1911.07023). Copies of real images show where samples lie nearer to a real image
than real images lie to each other: medians over rows of

.. math:: \min_j |x_i - y_j| \quad\text{and, for real images, of}\quad \min_{j \ne i} |y_i - y_j| .
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .features import Features, Reference
from .metrics import drawn_rows, frechet_infinity, inception_score
from .metrics.prdc import radii, squared

__all__ = ["class_shares", "further_figures", "say_further"]

_CLASSES = 100
"""Classes above which shares say nothing to a reader."""


def further_figures(
    features: Features,
    sides: Mapping[str, np.ndarray],
    rows: Mapping[str, np.ndarray],
    reference: Reference,
    seed: int,
) -> dict[str, Any]:
    """Figures of sets of images, by name.

    Args:
      features: The feature net.
      sides: Images as uint8 ``(n, H, W, C)`` of each set, equally many.
      rows: Their features ``(n, dim)``.
      reference: Statistics of real images.
      seed: Seed of the subsets and of the rows.

    Returns:
      Each a value for every set. ``fid_infinity`` from 20 images and more than twice as many as features on;
      ``inception_score`` where the net knows classes; ``nearest``, medians of distances to the nearest real image, with
      ``real``, where the reference has rows.
    """
    found: dict[str, Any] = {}
    count = min(map(len, rows.values()))
    if count >= 20 and count > 2 * features.dim:
        found["fid_infinity"] = {
            s: frechet_infinity(x, reference.mu, reference.sigma, seed=seed)[0] for s, x in rows.items()
        }
    if features.card.get("classes"):
        splits = 10 if count >= 1000 else 1
        logits = {s: features.logits_of(rows[s], x) for s, x in sides.items()}
        found["inception_score"] = {s: inception_score(x, splits)[0] for s, x in logits.items()}
    if len(reference.rows) > 1:
        held = reference.rows.astype(np.float64)
        near = {}
        for side, x in rows.items():
            drawn = x[drawn_rows(len(x), len(held), seed)].astype(np.float64)
            near[side] = float(np.sqrt(np.median(squared(drawn, held).min(1))))
        found["nearest"] = near | {"real": float(np.sqrt(np.median(radii(held, 1))))}
    return found


def class_shares(features: Features, sides: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """``classes``: for each set of images, the share of each class as the net sees it; empty without such a net.

    Args:
      features: The feature net.
      sides: Images as uint8 ``(n, H, W, C)`` of each set.
    """
    classes = features.card.get("classes") or 0
    if not 0 < classes <= _CLASSES:
        return {}
    told = {side: np.bincount(features.logits(x).argmax(1), minlength=classes) for side, x in sides.items()}
    return {"classes": {side: [float(v) for v in counts / counts.sum()] for side, counts in told.items()}}


def say_further(found: Mapping[str, Any], kind: str) -> list[str]:
    """These figures in sentences; ``kind`` is what the distance is called."""
    said = []
    if "fid_infinity" in found:
        said.append(f"Extrapolated to infinitely many samples, {kind} is {_sides(found['fid_infinity'])}.")
    if "inception_score" in found:
        said.append(f"The score of the classes (as the Inception score) is {_sides(found['inception_score'])}.")
    if "nearest" in found:
        near = dict(found["nearest"])
        real = near.pop("real")
        last = list(near.values())[-1]
        copies = " Samples so much nearer may be copies." if last < 0.5 * real else ""
        said.append(
            f"The nearest of these real images is at a distance of {_sides(near)}; real images lie {real:.3g} apart "
            f"(medians in the features).{copies}"
        )
    if "classes" in found:
        sides = (f"{side} {_percent(shares)}" for side, shares in found["classes"].items())
        said.append(f"Shares of the classes in per cent, as the net sees them: {'; '.join(sides)}.")
    return said


def _percent(shares: list[float]) -> str:
    return " ".join(f"{100 * share:.0f}" for share in shares)


def _sides(values: Mapping[str, float]) -> str:
    return " and ".join(f"{v:.3g}" + ("" if len(values) == 1 else f" {side}") for side, v in values.items())
