"""Which path is the answer: the geodesic, or slerp where the geodesic's least certain frame is less certain.

A classifier that took part in the path decides, never the net that judges it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pairs.io.pixels import to_uint8

from ..features import Features, load_features
from ..metrics.frames import confidence

__all__ = ["choose_answer", "least_confidence"]


def least_confidence(net: Features, samples: np.ndarray, span: tuple[float, float]) -> np.ndarray:
    """Confidence ``(paths,)`` in the least certain interior frame of samples ``(paths, frames, *sample)``."""
    inner = to_uint8(samples[:, 1:-1], span)
    logits = net.logits(inner.reshape(-1, *inner.shape[2:]))
    return confidence(logits).reshape(inner.shape[:2]).min(axis=1)


def choose_answer(
    decided: dict[str, dict[str, Any]],
    samples: dict[str, np.ndarray],
    span: tuple[float, float] | None,
    steers: bool,
    by_hand: bool,
    plain: bool = False,
) -> dict[str, Any]:
    """The answer, and why.

    Args:
      decided: What was decided about critic and classifier.
      samples: Samples ``(1, frames, *sample)`` of every method.
      span: The pair's sample range.
      steers: Whether a critic steers.
      by_hand: Whether an option asks for the critic: the geodesic is then the answer.
      plain: Whether no critic is wanted: the answer is the geodesic without one.
    """
    if plain:
        return {"choice": "plain", "why": "--mode none asks for the geodesic without critic"}
    if not steers:
        return {"choice": "slerp", "why": "no critic steers"}
    name = decided.get("classifier", {}).get("choice")
    if by_hand or name is None or span is None or "slerp" not in samples:
        why = "an option asks for its critic" if by_hand else "no classifier is known to fit that could compare frames"
        return {"choice": "geodesic", "why": why}
    net = load_features(name)
    sure = {method: float(least_confidence(net, samples[method], span)[0]) for method in ("slerp", "geodesic")}
    better = sure["geodesic"] >= sure["slerp"]
    figures = f"{sure['geodesic']:.2f} against {sure['slerp']:.2f} of slerp"
    why = f"{name} is {'at least as' if better else 'less'} sure of its least certain frame, {figures}"
    return {"choice": "geodesic" if better else "slerp", "why": why, "least_confidence": sure}
