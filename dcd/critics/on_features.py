r"""Recover a critic on the features of a frozen net instead of the samples.

.. math:: D(x) = h(\bar\phi(x)), \qquad \bar\phi = (\phi - m) / s

with m and s the mean and spread of the features of real data. The head h is the critic that :func:`dcd.recover` trains
for the composed generator :math:`\bar\phi \circ G`; penalties act on the slope of h, in units of the features' spread.
Such a critic helps where a critic of the samples separates perfectly by something of no consequence. A feature net that
also measures the result flatters it: measure with another one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Net, Pair
from pairs.arguments import checked_key
from pairs.batches import apply_in_batches
from pairs.heads.on_features import feature_critic, standardised

from .recovery import RecoveryProgress, recover
from .recovery_settings import Recover, RecoverReport
from .training_data import check_training_data

__all__ = ["recover_on_features"]


@dataclasses.dataclass(frozen=True)
class _FeaturesOf:
    """The composed generator; equal to another one of equal parts, so that it compiles once."""

    generator: Callable[..., Array]
    features: Callable[..., Array]

    def __call__(self, params: Any, *inputs: Any) -> Array:
        phi = self.features(params["features"], self.generator(params["generator"], *inputs))
        return standardised(phi, params["center"], params["spread"])


def recover_on_features(
    pair: Pair,
    data_x: ArrayLike,
    key: Array,
    config: Recover | None = None,
    features: Net | None = None,
    *,
    labels: ArrayLike | None = None,
    on_progress: RecoveryProgress | None = None,
) -> tuple[Pair, RecoverReport]:
    """Give ``pair`` a critic on features, trained on ``data_x`` against its frozen generator.

    Args:
      pair: Pair whose generator is kept, to the bit. The head of a conditional pair takes the labels.
      data_x: At least 4 real samples, floats ``(n, *sample)`` in the pair's sample range.
      key: Typed key; the same key, data and settings give the same critic.
      config: Settings as for :func:`dcd.recover`, ``r1`` 1 by default. Settings about pixels do not apply.
      features: Net ``(batch, *sample) -> (batch, ...)``; the pair's own by default.
      labels: Classes ``(n,)`` of a conditional pair.
      on_progress: Function that is called with (updates done, at most, latest losses, seconds left).

    Returns:
      The pair with the new critic, uncalibrated, of the kind that the loss makes, and the report.

    Raises:
      InputError: There are no features, a setting does not apply, or the data do not fit.
    """
    key = checked_key(key, pair=pair, data_x=data_x)
    features = pair.features if features is None else features
    if features is None:
        raise InputError("features", "are missing: the pair has no feature net", "give one, or use dcd.recover")
    settings = config or Recover(r1=1.0)
    if settings.shift or settings.architecture == "critic":
        field = "shift" if settings.shift else "architecture"
        raise InputError(field, "is about the samples", "leave it out for a critic on features")
    x, c = check_training_data(pair, data_x, labels)
    phi = np.asarray(apply_in_batches(features, x), np.float32).reshape(len(x), -1)
    center, spread = phi.mean(0), phi.std(0)
    # a unit that is dead on the data must not be magnified
    spread = np.maximum(spread, 1e-3 * max(float(spread.mean()), 1e-12))
    params = {"features": features.params, "generator": pair.generator.params}
    params |= {"center": jnp.asarray(center), "spread": jnp.asarray(spread)}
    placeholder = Net(jnp.zeros(()), lambda p, u, *labels: p * u[:, 0])
    composed = Pair(
        Net(params, _FeaturesOf(pair.generator.apply, features.apply)),
        placeholder,
        pair.prior,
        (phi.shape[1],),
        None,
        "logit",
        classes=pair.classes,
    )
    made, report = recover(composed, (phi - center) / spread, key, settings, labels=c, on_progress=on_progress)
    critic = feature_critic(features, params["center"], params["spread"], made.critic)
    record = pair.record.updated(recovered={**(made.record.get("recovered") or {}), "on": "features"})
    return pair.replace(critic=critic, critic_kind=made.critic_kind, calibrated=False, record=record), report
