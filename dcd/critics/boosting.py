r"""Boosted density ratios: a critic for what the last critic's chain produced, added to it.

A chain with critic D, scale s and temperature T samples, from the generator's law with latent density :math:`p_0`, a
law :math:`q \propto (p_0(z)\,e^{s D(G(z))})^{1/T}`. Where D is not the whole log ratio of data and generator, or the
chain did not reach its law, what comes out still differs from the data by :math:`d = \log p / q`. It is recovered from
a pool of the chain's samples, and the next chain follows

.. math:: D'(x) = s\,D(x) + \lambda\,d(x)

with critic scale 1. With :math:`\lambda = T` the law of that chain is :math:`q\,e^{d} = p` (:func:`boost_weight`). Each
round closes part of what the last one left; the samples' distance to held-out data tells when to stop
(:func:`dcd.tune`).

References:
  Grover and Ermon (2018), arXiv:1702.08484, on generative models boosted by density ratios.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Net, Pair, Prior, Record
from pairs.arguments import checked_key
from pairs.checks import check_labels, check_number, check_samples
from pairs.heads.sum_of_scores import summed
from pairs.io.work import Work

from ..langevin.settings import Langevin
from .on_features import recover_on_features
from .pools import Pool, check_balanced, pool_source, split_pool
from .ratio_calibration import calibrate
from .recovery import STALE, recover
from .recovery_settings import Recover

__all__ = ["boost", "boost_weight"]

LEAST = 64
"""Fewest samples of a pool."""
HELD = 0.2
"""Share of the pool that measures and calibrates the critic."""


def boost_weight(chain: Langevin) -> float:
    r"""The :math:`\lambda` with which the sum is right for a chain of these settings.

    Args:
      chain: Settings of the chain whose samples are the pool, and of the next one.

    Returns:
      The temperature of a latent chain with the prior. A chain in pixel space, or one without the prior, climbs for a
      while and samples no law of its own: the sum is then a heuristic, with weight 1.

    Example:
      >>> from dcd import Langevin
      >>> boost_weight(Langevin("latent", temperature=0.3, prior_weight=1.0))
      0.3
    """
    return chain.temperature if chain.space == "latent" and chain.prior_weight == 1 and chain.temperature > 0 else 1.0


def boost(
    pair: Pair,
    pool: ArrayLike,
    train_x: np.ndarray,
    held_x: np.ndarray,
    key: Array,
    *,
    critic_scale: float = 1.0,
    weight: float = 1.0,
    features: Net | None = None,
    recovery: Recover | None = None,
    pool_labels: ArrayLike | None = None,
    train_labels: np.ndarray | None = None,
    held_labels: np.ndarray | None = None,
    on_progress: Callable[[int, int, dict[str, float], float], None] | None = None,
    work: Work | None = None,
) -> tuple[Pair, dict[str, Any]]:
    r"""Add to the critic of ``pair`` the log ratio of data and of samples that its chain produced.

    Args:
      pair: Pair with the critic D that drove the chain.
      pool: At least 64 samples ``(n, *sample)`` that came out of the chain.
      train_x: Real samples ``(m, *sample)`` in the sample range, for recovery.
      held_x: Other real samples, for calibration.
      key: Typed key.
      critic_scale: s, the ``critic_scale`` of the chain.
      weight: :math:`\lambda` above 0; :func:`boost_weight` of the chain.
      features: Net as :func:`dcd.recover_on_features` takes it; None recovers on the samples.
      recovery: Settings of the recovery; ``r1`` 1 on features, the defaults of :class:`dcd.Recover` else.
      pool_labels: Classes ``(n,)`` of the pool, for a conditional pair: each class equally often.
      train_labels: Classes of ``train_x``, for a conditional pair.
      held_labels: Classes of ``held_x``, for a conditional pair.
      on_progress: Function that is called as by :func:`dcd.recover`.
      work: As for :func:`dcd.recover`.

    Returns:
      The pair with the summed critic, kind ``logit``, uncalibrated, and a report of recovery and calibration in JSON
      form. The critic is meant for chains with critic scale 1.

    Raises:
      InputError: The samples, labels or settings do not fit the pair, or a loss became NaN.

    Example:
      >>> from dcd import pool_pair
      >>> rng = np.random.default_rng(0)
      >>> pair = pool_pair(rng.standard_normal((64, 2)))
      >>> real = rng.normal(1.0, 1.0, (200, 2)).astype("float32")
      >>> better, report = boost(
      ...     pair, rng.standard_normal((200, 2)), real[:150], real[150:], jax.random.key(0), recovery=Recover(steps=20)
      ... )
      >>> sorted(report), better.critic_kind
      (['calibrate', 'recover'], 'logit')
    """
    key = checked_key(key, pair=pair, pool=pool, train_x=train_x, held_x=held_x)
    check_number("critic_scale", critic_scale)
    check_number("weight", weight, above=0.0)
    if not pair.has_critic:
        raise InputError("pair", "has no critic", "recover one: dcd.recover, dcd.recover_on_features")
    x = check_samples("pool", pair, pool, LEAST)
    c = check_labels(pair, pool_labels, len(x))
    check_balanced(c, pair.classes)
    pool_parts = split_pool(Pool(x, c), HELD, pair.classes)
    source, held_source = (
        Pair(*_drawing(part, pair), pair.sample_shape, pair.sample_range, "logit", classes=pair.classes)
        for part in pool_parts
    )
    recover_key, calibrate_key = jax.random.split(key)
    report: dict[str, Any] = {}
    given: dict[str, Any] = {"labels": train_labels, "negatives": pool_parts[1], "on_progress": on_progress}
    given["work"] = work
    if features is None:
        made, found = recover(source, train_x, recover_key, recovery, **given)
    else:
        made, found = recover_on_features(source, train_x, recover_key, recovery, features, **given)
    report["recover"] = found.to_dict()
    # rows that trained the critic would make it look surer than it is
    judged = held_source.replace(critic=made.critic, critic_kind=made.critic_kind)
    made, calibration = calibrate(judged, held_x, calibrate_key, labels=held_labels)
    report["calibrate"] = calibration.to_dict()
    critic = summed([pair.critic, made.critic], [critic_scale, weight])
    entry = {"critic_scale": critic_scale, "weight": weight, "auc": found.held_out.auc, "pool": len(x)}
    rounds = [*pair.record.get("boosted", ()), entry]
    kept = Record({k: v for k, v in pair.record.items() if k not in STALE})
    record = kept.updated(boosted=rounds)
    return pair.replace(critic=critic, critic_kind="logit", calibrated=False, record=record), report


def _drawing(part: Pool, pair: Pair) -> tuple[Net, Net, Prior]:
    generator, prior = pool_source(part, pair.classes)
    return generator, pair.critic, prior
