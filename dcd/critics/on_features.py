r"""Recover a critic on the features of a frozen net instead of the samples.

.. math:: D(x) = h(\bar\phi(x)), \qquad \bar\phi = (\phi - m) / s

with m and s of real data's features. The head h is what :func:`dcd.recover` trains for the
composed generator :math:`\bar\phi \circ G`; smoothness penalties act on the slope of h, in units of
the features' spread. Use it where a critic of the samples separates perfectly by something of no
consequence. A feature net that also measures the result flatters it: judge with another.
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
from pairs.heads.on_features import feature_critic, standardised

from .held_out import check_data
from .recovery import Progress, recover
from .recovery_settings import Recover, RecoverReport
from .scores import apply_in_batches

__all__ = ["recover_on_features"]


@dataclasses.dataclass(frozen=True)
class _FeaturesOf:
    """The composed generator; equal where its parts are."""

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
    on_progress: Progress | None = None,
) -> tuple[Pair, RecoverReport]:
    """``pair`` with a new critic on features, trained on ``data_x``; the generator as it is, to the bit.

    Args:
      data_x: ``(n, *sample)`` floats in the pair's sample range.
      config: as for :func:`dcd.recover`; ``r1`` defaults to 1 here. Settings about pixels do not apply.
      features: ``(batch, *sample) -> (batch, ...)``; the pair's own by default.

    Returns:
      The unconditional pair with the critic's kind as the loss makes it, uncalibrated, and the report.

    Raises:
      InputError: no features, a conditional pair, settings that do not apply, data that do not fit.
    """
    features = pair.features if features is None else features
    if features is None:
        raise InputError("features", "are missing: the pair has no feature net", "give one, or use dcd.recover")
    if pair.classes is not None:
        raise InputError("pair", "is conditional", "continue its own critic: dcd.recover with architecture='critic'")
    settings = config or Recover(r1=1.0)
    wrong = [n for n in ("shift", "floor", "pool") if getattr(settings, n) != getattr(Recover(), n)]
    if wrong or settings.architecture == "critic":
        raise InputError((wrong or ["architecture"])[0], "is about pixels", "leave it out for a critic on features")
    x, _ = check_data(pair, data_x, None, 4)
    phi = np.asarray(apply_in_batches(features, x), np.float32).reshape(len(x), -1)
    center, spread = phi.mean(0), phi.std(0)
    # a unit that is dead on the data must not be magnified
    spread = np.maximum(spread, 1e-3 * max(float(spread.mean()), 1e-12))
    params = {"features": features.params, "generator": pair.generator.params}
    params |= {"center": jnp.asarray(center), "spread": jnp.asarray(spread)}
    placeholder = Net(jnp.zeros(()), lambda p, u: p * u[:, 0])
    composed = Pair(
        Net(params, _FeaturesOf(pair.generator.apply, features.apply)),
        placeholder,
        pair.prior,
        (phi.shape[1],),
        None,
        "logit",
    )
    made, report = recover(composed, (phi - center) / spread, key, settings, on_progress=on_progress)
    critic = feature_critic(features, params["center"], params["spread"], made.critic)
    record = pair.record.updated(recovered={**(made.record.get("recovered") or {}), "on": "features"})
    return pair.replace(critic=critic, critic_kind=made.critic_kind, calibrated=False, record=record), report
