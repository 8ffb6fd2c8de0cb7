r"""Density-ratio calibration: from a critic's score to a log density ratio, with the evidence for it.

.. math:: d(x) = \log\frac{p(x)}{q(x)}, \qquad \sigma(d(x)) = P(\text{real} \mid x)

for data law p and generator law q, each drawn half of the time. Rejection, Metropolis and importance methods need this
d and nothing weaker: a WGAN critic has no scale, and a discriminator that was trained to win has too much of it. One
half of the samples fits the map (:mod:`~dcd.critics.logistic_map`, :mod:`~dcd.critics.isotonic_map`,
:mod:`~dcd.critics.head_map`), the other half measures it (:mod:`~dcd.critics.reliability_curve`).
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, get_args

import jax
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Net, Pair
from pairs.arguments import checked_key
from pairs.arrays import on_device
from pairs.batches import apply_in_batches
from pairs.checks import check_choice, check_labels, check_samples
from pairs.heads.affine_score import affine
from pairs.heads.trained_score import head_inputs, score_head

from .density_ratio import log_ratio
from .head_map import fit_head
from .isotonic_map import fit_isotonic
from .logistic_map import fit_logistic
from .reliability_curve import Reliability, reliability
from .scores import generate_set, scores_of

__all__ = ["CalibrationMethod", "CalibrationReport", "calibrate"]

CalibrationMethod = Literal["logistic", "isotonic", "head"]

LEAST = 32
RECOVER = "recover it: python -m dcd adapt PAIR DATA"


@dataclasses.dataclass(frozen=True)
class CalibrationReport:
    """What :func:`calibrate` did, and how good the result is on samples that the map was not fitted on.

    Attributes:
      method: Name of the map.
      scale: Slope a of the logistic map; for a head, of its linear part.
      shift: Offset b of the same.
      n_fit: Real samples that fitted the map, with as many generated ones.
      n_test: Real samples that measured it, with as many generated ones.
      before: Measures of the raw score, read as a log ratio.
      after: Measures of the calibrated ratio.
      warnings: Reasons why the ratio is useless or doubtful, in words; empty if there are none.
    """

    method: str
    scale: float
    shift: float
    n_fit: int
    n_test: int
    before: Reliability
    after: Reliability
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the report in JSON form."""
        return dataclasses.asdict(self)


def calibrate(
    pair: Pair,
    real_x: ArrayLike,
    key: Array,
    method: CalibrationMethod = "logistic",
    *,
    labels: ArrayLike | None = None,
    bins: int = 10,
) -> tuple[Pair, CalibrationReport]:
    """Calibrate the critic to a log density ratio of data against generator.

    Args:
      pair: Pair with a critic of any kind. The generator is run and not changed.
      real_x: At least 32 samples ``(n, *sample)`` that the critic was not trained on; as many samples are drawn from
        the generator.
      key: Key of the split, of the generator's samples and of the head's first weights.
      method: ``logistic`` fits two numbers; ``head`` a small network on the score and, where the pair has them,
        features; ``isotonic`` any non-decreasing map. An isotonic map has no useful gradient, so chains use the
        logistic map and selection uses the isotonic one.
      labels: Classes ``(n,)`` of ``real_x``, for a conditional pair.
      bins: Rows of the reliability table.

    Returns:
      A calibrated pair of critic kind ``logit`` whose record has the main figures of the report under
      ``calibration``, and the report.

    Raises:
      InputError: The samples or labels do not fit the pair, are too few, or the method is unknown.

    Example:
      >>> from dcd import pool_pair
      >>> import pairs
      >>> rng = np.random.default_rng(0)
      >>> pair = pool_pair(rng.standard_normal((500, 1)))  # generator N(0, 1), data N(1, 1)
      >>> pair = pair.replace(critic=pairs.wrap(lambda p, x: 4.0 * x[:, 0]))
      >>> better, report = calibrate(pair, rng.normal(1.0, 1.0, (500, 1)), jax.random.key(0))
      >>> better.calibrated, 0.15 < report.scale < 0.4
      (True, True)
    """
    key = checked_key(key, pair=pair, real_x=real_x, labels=labels)
    check_choice("method", method, get_args(CalibrationMethod))
    real = check_samples("real_x", pair, real_x, LEAST)
    n = len(real)
    c = check_labels(pair, labels, n)
    split_key, fake_key, head_key = jax.random.split(key, 3)
    fake = generate_set(pair, fake_key, n, c)[1]
    s_real, s_fake = scores_of(pair, real, c), scores_of(pair, fake, c)
    for name, values in (("real", s_real), ("generated", s_fake)):
        if not np.all(np.isfinite(values)):
            raise InputError("critic", f"is not finite on {name} samples", RECOVER)
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


def _inputs(pair: Pair, scores: np.ndarray, x: np.ndarray) -> np.ndarray:
    features = None if pair.features is None else on_device(apply_in_batches(pair.features, x))
    return np.asarray(head_inputs(on_device(scores), features))


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
