r"""From a critic's score to a log density ratio, with the evidence for it.

.. math:: d(x) = \log\frac{p(x)}{q(x)}, \qquad \sigma(d(x)) = P(\text{real} \mid x)

for data law p and generator law q, each drawn half of the time. Rejection, Metropolis and
importance methods need this d and nothing weaker: a WGAN critic has no scale, a discriminator
trained to win has too much of it. Half of the samples fit the map (:mod:`dcd.critics.ratio_maps`), the
other half measure it (:mod:`dcd.critics.reliability_curve`).
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Net, Pair
from pairs.heads.affine_score import affine
from pairs.heads.trained_score import head_inputs, score_head

from .ratio_maps import fit_head, fit_isotonic, fit_logistic
from .reliability_curve import Reliability, reliability
from .scores import apply_in_batches, check_samples, generate_set, scores_of

__all__ = ["Method", "CalibrationReport", "calibrate", "require_ratio", "log_ratio"]

Method = Literal["logistic", "isotonic", "head"]

LEAST = 32


@dataclasses.dataclass(frozen=True)
class CalibrationReport:
    """What :func:`calibrate` did and how good the result is on samples it was not fitted on."""

    method: str
    scale: float
    """Slope a of the logistic map; for a head, of its linear part."""
    shift: float
    n_fit: int
    n_test: int
    before: Reliability
    """The raw score read as a log ratio."""
    after: Reliability
    warnings: tuple[str, ...]
    """What makes the ratio useless or doubtful, in words; empty if nothing does."""

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return dataclasses.asdict(self)


def calibrate(
    pair: Pair,
    real_x: ArrayLike,
    key: Array,
    method: Method = "logistic",
    *,
    labels: ArrayLike | None = None,
    bins: int = 10,
) -> tuple[Pair, CalibrationReport]:
    """Fit the critic to be a density-ratio logit of data against generator.

    Args:
      pair: any critic kind. The generator is only run.
      real_x: ``(n, *sample)`` that the critic was not trained on, n at least 32; as many samples
        are drawn from the generator.
      key: chooses the split, the generator's samples and the head's start.
      method: ``logistic``, two numbers; ``head``, a small network on the score and, where the
        pair has them, features; ``isotonic``, any non-decreasing map. An isotonic map has no
        useful gradient, so chains keep the logistic one and selection uses the isotonic.
      labels: ``(n,)`` classes of ``real_x``, for conditional pairs.

    Returns:
      A pair whose critic kind is ``logit`` and which counts as calibrated, and the report. The
      pair's record keeps the report's main figures under ``calibration``.

    Raises:
      InputError: samples that do not fit the pair, too few, missing labels, an unknown method.
    """
    if method not in get_args(Method):
        raise InputError("method", f"is {method!r}", f"use one of {', '.join(get_args(Method))}")
    real = check_samples("real_x", pair, real_x, LEAST)
    n = len(real)
    c = _check_labels(pair, labels, n)
    split_key, fake_key, head_key = jax.random.split(key, 3)
    fake = generate_set(pair, fake_key, n, c)[1]
    s_real, s_fake = scores_of(pair, real, c), scores_of(pair, fake, c)
    for name, values in (("real", s_real), ("generated", s_fake)):
        if not np.all(np.isfinite(values)):
            raise InputError("critic", f"is not finite on {name} samples", "recover it: python -m dcd adapt PAIR DATA")
    order = np.asarray(jax.random.permutation(split_key, n))
    fit, test = order[: n // 2], order[n // 2 :]

    scale, shift = fit_logistic(s_real[fit], s_fake[fit])
    critic: Net = affine(pair.critic, scale, shift)
    knots: dict[str, Any] = {}
    if method == "head":
        inputs = [_inputs(pair, s, x) for s, x in ((s_real, real), (s_fake, fake))]
        head = fit_head(head_key, inputs[0][fit], inputs[1][fit])
        scale, shift = float(head["scale"]), float(head["shift"])
        critic = score_head(pair.critic, pair.features, head)
    elif method == "isotonic":
        x, y = fit_isotonic(scale * s_real[fit] + shift, scale * s_fake[fit] + shift)
        knots = {"knots": [round(float(v), 9) for v in x], "logits": [float(v) for v in y]}

    made = {"method": method, "n": n, "scale": scale, "shift": shift, **knots}
    result = pair.replace(
        critic=critic, critic_kind="logit", calibrated=True, record=pair.record.updated(calibration=made)
    )
    c_test = None if c is None else c[test]
    d_real, d_fake = (log_ratio(result, scores_of(result, v[test], c_test)) for v in (real, fake))
    after = reliability(d_real, d_fake, bins)
    before = reliability(s_real[test], s_fake[test], bins)
    report = CalibrationReport(method, scale, shift, len(fit), len(test), before, after, _warnings(scale, after))
    figures = {"z": after.z_statistic, "ece": after.ece, "auc": after.auc, "ess": after.ess}
    return result.replace(record=pair.record.updated(calibration={**made, **figures})), report


def require_ratio(pair: Pair, what: str = "this method") -> None:
    """Refuse a critic that is not a calibrated log density ratio.

    Raises:
      InputError: with the command that makes one.
    """
    if not pair.calibrated:
        raise InputError(
            "critic",
            f"is an uncalibrated '{pair.critic_kind}' and {what} needs a density ratio",
            "calibrate it: python -m dcd adapt PAIR DATA",
        )


def log_ratio(pair: Pair, scores: ArrayLike) -> np.ndarray:
    """Scores of a calibrated pair's critic as log density ratios: the isotonic map where there is one."""
    require_ratio(pair)
    d = np.asarray(scores)
    made = pair.record.get("calibration") or {}
    if not made.get("knots"):
        return d
    return np.interp(d, np.asarray(made["knots"]), np.asarray(made["logits"])).astype(d.dtype)


def _inputs(pair: Pair, scores: np.ndarray, x: np.ndarray) -> np.ndarray:
    features = None if pair.features is None else jnp.asarray(apply_in_batches(pair.features, x))
    return np.asarray(head_inputs(jnp.asarray(scores), features))


def _check_labels(pair: Pair, labels: ArrayLike | None, n: int) -> np.ndarray | None:
    if pair.classes is None:
        if labels is not None:
            raise InputError("labels", "are given for an unconditional pair", "leave them out")
        return None
    if labels is None:
        raise InputError("labels", "are missing for a conditional pair", "give the class of every real sample")
    c = np.asarray(labels)
    if c.shape != (n,) or c.dtype.kind not in "iu" or c.min() < 0 or c.max() >= pair.classes:
        raise InputError("labels", f"have shape {c.shape}", f"give {n} whole numbers from 0 to {pair.classes - 1}")
    return c.astype(np.int32)


def _warnings(scale: float, after: Reliability) -> tuple[str, ...]:
    found = []
    if after.auc > 0.99:
        found.append("the critic separates data from samples almost perfectly: its ratio carries no usable signal")
    if after.auc < 0.55:
        found.append("the critic hardly tells data from samples: there is little to select by")
    if scale < 0:
        found.append("the raw score was upside down (higher on generated samples); the sign was turned")
    if abs(after.z_statistic) > 3:
        found.append(f"Z is {after.z_statistic:.1f}: the ratio is off on average")
    if after.ess < 0.01:
        found.append(f"the weights' effective sample size is {100 * after.ess:.2g} % of the samples")
    return tuple(found)
