r"""Recover a critic on the features of a frozen net instead of the samples.

.. math:: D(x) = h(\bar\phi(x)), \qquad \bar\phi = (\phi - m) / s

with m and s the mean and spread of the features of real data. The head h is the critic that :func:`dcd.recover` trains
for the composed generator :math:`\bar\phi \circ G`; penalties act on the slope of h, in units of the features' spread.
The features of the generated samples are those of a pool that is drawn once, so that an update costs a small net alone.
Such a critic helps where a critic of the samples separates perfectly by something of no consequence. A feature net that
also measures the result flatters it: measure with another one.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Net, Pair, Record
from pairs.arguments import checked_key
from pairs.arrays import on_device
from pairs.batches import apply_in_batches
from pairs.heads.on_features import feature_critic
from pairs.io.work import Work

from ..langevin.starts import labels_of
from .pools import Pool, pool_source, split_pool
from .recovery import STALE, RecoveryProgress, recover
from .recovery_settings import Recover, RecoverReport
from .scores import generate_set
from .training_data import check_training_data

__all__ = ["recover_on_features"]

LEAST_POOL, CHUNK = 10_000, 2000
"""Generated samples that train a head where there are fewer real ones, and how many are held as samples at a time."""
POOL = 0x9001
"""Number of the key of these samples."""


def recover_on_features(
    pair: Pair,
    data_x: ArrayLike,
    key: Array,
    config: Recover | None = None,
    features: Net | None = None,
    *,
    labels: ArrayLike | None = None,
    negatives: Pool | None = None,
    on_progress: RecoveryProgress | None = None,
    work: Work | None = None,
) -> tuple[Pair, RecoverReport]:
    """Give ``pair`` a critic on features, trained on ``data_x`` against its frozen generator.

    Args:
      pair: Pair whose generator is kept, to the bit. The head of a conditional pair takes the labels.
      data_x: At least 4 real samples, floats ``(n, *sample)`` in the pair's sample range.
      key: Typed key; the same key, data and settings give the same critic.
      config: Settings as for :func:`dcd.recover`, ``r1`` 1 by default. Settings about pixels do not apply.
      features: Net ``(batch, *sample) -> (batch, ...)``; the pair's own by default.
      labels: Classes ``(n,)`` of a conditional pair.
      negatives: Samples that measure the stopping rule on the generator's side, where the generator draws from a pool
        (:mod:`dcd.critics.pools`); a tenth of the samples drawn here by default.
      on_progress: Function that is called with (updates done, at most, latest losses, seconds left).
      work: As for :func:`dcd.recover`.

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
    phi = _rows(features, x)
    center, spread = phi.mean(0), phi.std(0)
    # a unit that is dead on the data must not be magnified
    spread = np.maximum(spread, 1e-3 * max(float(spread.mean()), 1e-12))
    size = min(max(len(x), LEAST_POOL), settings.steps * settings.resolved().batch)
    trained, held = _drawn(pair, features, jax.random.fold_in(key, POOL), size)
    if negatives is not None:
        held = negatives._replace(x=_rows(features, negatives.x))
    trained, held = (part._replace(x=(part.x - center) / spread) for part in (trained, held))
    generator, prior = pool_source(trained, pair.classes)
    placeholder = Net(jnp.zeros(()), lambda p, u, *labels: p * u[:, 0])
    composed = Pair(generator, placeholder, prior, (phi.shape[1],), None, "logit", classes=pair.classes)
    more: dict[str, Any] = {"labels": c, "negatives": held, "on_progress": on_progress, "work": work}
    made, report = recover(composed, (phi - center) / spread, key, settings, **more)
    critic = feature_critic(features, on_device(center), on_device(spread), made.critic)
    kept = Record({k: v for k, v in pair.record.items() if k not in STALE})
    record = kept.updated(recovered={**(made.record.get("recovered") or {}), "on": "features"})
    return pair.replace(critic=critic, critic_kind=made.critic_kind, calibrated=False, record=record), report


def _rows(features: Net, x: ArrayLike) -> np.ndarray:
    """Features of samples, ``(n, dim)``."""
    return np.asarray(apply_in_batches(features, x), np.float32).reshape(len(np.asarray(x)), -1)


def _drawn(pair: Pair, features: Net, key: Array, n: int) -> tuple[Pool, Pool]:
    """Features of ``n`` generated samples that train, and of a tenth as many that measure."""
    total = max(n * 11 // 10, 2 * (pair.classes or 1))  # each class trains and measures
    total += -total % (pair.classes or 1)
    rows = []
    for start in range(0, total, CHUNK):
        number = min(CHUNK, total - start)
        labels = labels_of(pair, np.arange(start, start + number))
        rows.append(_rows(features, generate_set(pair, key, number, labels, first_index=start)[1]))
    labels = labels_of(pair, np.arange(total))
    pool = Pool(np.concatenate(rows), None if labels is None else np.asarray(labels))
    return split_pool(pool, 1 / 11, pair.classes)
