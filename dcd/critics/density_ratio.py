r"""A critic whose score is a log density ratio: who may use it, and how its scores are read.

.. math:: d(x) = \log\frac{p(x)}{q(x)}

for data law p and generator law q. :func:`dcd.calibrate` makes such a critic.
"""

from __future__ import annotations

import numpy as np
from jax.typing import ArrayLike

from pairs import InputError, Pair

__all__ = ["log_ratio", "require_ratio"]


def require_ratio(pair: Pair, what: str = "this method") -> None:
    """Refuse a critic that is not a calibrated log density ratio.

    Args:
      pair: Pair to check.
      what: Name of the method that needs the ratio, for the message.

    Raises:
      InputError: The critic is not calibrated; the remedy is the command that calibrates it.
    """
    if not pair.calibrated:
        raise InputError(
            "critic",
            f"is an uncalibrated '{pair.critic_kind}' and {what} needs a density ratio",
            "calibrate it: python -m dcd adapt PAIR DATA",
        )


def log_ratio(pair: Pair, scores: ArrayLike) -> np.ndarray:
    """Read scores of a calibrated critic as log density ratios.

    Args:
      pair: Calibrated pair.
      scores: Scores of its critic, any shape.

    Returns:
      Log density ratios of the same shape: the scores, mapped by the isotonic map where the calibration made one.

    Raises:
      InputError: The critic is not calibrated.
    """
    require_ratio(pair)
    d = np.asarray(scores)
    made = pair.record.get("calibration") or {}
    if not made.get("knots"):
        return d
    return np.interp(d, np.asarray(made["knots"]), np.asarray(made["logits"])).astype(d.dtype)
