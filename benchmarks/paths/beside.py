"""The classifier beside the critic of a path: it charges for unsure images, and decides between geodesic and slerp."""

from __future__ import annotations

import argparse
from typing import Any

from ..features import bundled_features, load_features

__all__ = ["BESIDE", "classifier_beside"]

BESIDE = 1.0
"""Strength of a classifier that was decided on."""


def classifier_beside(args: argparse.Namespace, stands_on: str | None) -> dict[str, Any]:
    """The classifier that is named or at hand, None for none, and why.

    Args:
      args: Arguments of the command.
      stands_on: Name of the net on whose features the critic was decided to stand.
    """
    if args.classifier is not None:
        return {"choice": None if args.classifier == "off" else args.classifier, "why": "--classifier asks for it"}
    if args.critic_on not in (None, "auto"):
        return {"choice": None, "why": "--critic-on names a net that need not fit; --classifier names one that does"}
    if stands_on in bundled_features() and load_features(stands_on).card.get("classes"):
        return {"choice": stands_on, "why": f"its own images and the data agree; strength {BESIDE:g} of unsure images"}
    return {"choice": None, "why": "no classifier is known to fit; --classifier names one"}
