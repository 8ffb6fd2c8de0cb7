r"""What stands beside the table of a benchmark: FD without its bias, the classes' score, and a look for copies.

The Frechet distance of n samples is too large by about a constant over n; a line through FD against 1/n, extrapolated
to infinity, leaves that out (arXiv 1911.07023). Copies of real images show where samples lie nearer to a real image
than real images lie to each other: medians over rows of

.. math:: \min_j |x_i - y_j| \quad\text{and, for real images, of}\quad \min_{j \ne i} |y_i - y_j| .
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pairs.io.images import Images

from .evaluation import as_reference
from .features import Features, Reference
from .metrics import drawn_rows, frechet_infinity, inception_score
from .metrics.fid_interval import DELTA_ABOVE
from .metrics.prdc import radii, squared

__all__ = ["further_figures", "say_further"]


def further_figures(
    features: Features, before: np.ndarray, after: np.ndarray, reference: Reference | Images | None, seed: int
) -> dict[str, Any]:
    """Figures of two sets of images, by name.

    Args:
      features: The feature net.
      before: Images as uint8 ``(n, H, W, C)``.
      after: As many.
      reference: Real images or their statistics.
      seed: Seed of the subsets and of the rows.

    Returns:
      ``fid_infinity`` {before, after} up to 512 features and from 20 images on; ``inception_score`` {before, after}
      where the net knows classes; ``nearest`` {before, after, real}, medians of distances to the nearest real image.
    """
    real = as_reference(features, reference)
    sides = {"before": before, "after": after}
    found: dict[str, Any] = {}
    rows = {side: features(x).astype(np.float64) for side, x in sides.items()}
    if features.dim <= DELTA_ABOVE and len(before) >= 20:
        found["fid_infinity"] = {s: frechet_infinity(x, real.mu, real.sigma, seed=seed)[0] for s, x in rows.items()}
    if features.card.get("classes"):
        splits = 10 if len(before) >= 1000 else 1
        found["inception_score"] = {s: inception_score(features.logits(x), splits)[0] for s, x in sides.items()}
    held = real.rows.astype(np.float64)
    drawn = drawn_rows(len(before), len(held), seed)
    near = {s: float(np.sqrt(np.median(squared(x[drawn], held).min(1)))) for s, x in rows.items()}
    found["nearest"] = near | {"real": float(np.sqrt(np.median(radii(held, 1))))}
    return found


def say_further(found: dict[str, Any], kind: str) -> list[str]:
    """These figures in sentences; ``kind`` is what the distance is called."""
    said = []
    if "fid_infinity" in found:
        before, after = (found["fid_infinity"][side] for side in ("before", "after"))
        said.append(f"Extrapolated to infinitely many samples, {kind} is {before:.3g} before and {after:.3g} after.")
    if "inception_score" in found:
        before, after = (found["inception_score"][side] for side in ("before", "after"))
        said.append(f"The score of the classes (as the Inception score) is {before:.3g} before and {after:.3g} after.")
    near = found["nearest"]
    words = f"{near['before']:.3g} before and {near['after']:.3g} after; real images lie {near['real']:.3g} apart"
    copies = " Samples so much nearer may be copies." if near["after"] < 0.5 * near["real"] else ""
    said.append(f"The nearest of these real images is at a distance of {words} (medians in the features).{copies}")
    return said
