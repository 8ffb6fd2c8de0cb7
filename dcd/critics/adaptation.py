"""Adaptation of a critic: recover, contrast, calibrate, in this order. The generator stays as it is, to the bit."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import Array

from pairs import InputError, Net, Pair
from pairs.arguments import checked_key, refuse_traced
from pairs.digests import key_record, net_digest
from pairs.io.work import Work

from ..langevin.settings import Langevin
from .contrast_settings import Contrast
from .contrastive_divergence import contrast
from .kept_critic import agree_on_data, kept_critic
from .label_term import with_labels
from .on_features import recover_on_features
from .ratio_calibration import calibrate
from .recovery import recover
from .recovery_settings import Recover

__all__ = ["adapt", "critic_variants"]

PERFECT = 0.99
"""Held-out AUC from which a critic goes by something of no consequence."""
LABEL_STRENGTH = 1.0
"""A log ratio of the samples of a class plus one log probability of it; chains scale the sum."""


def adapt(
    pair: Pair,
    train_x: np.ndarray,
    held_x: np.ndarray,
    key: Array,
    *,
    recovery: Recover | None = None,
    contrastive: Contrast | None = None,
    chain: Langevin | None = None,
    calibrated: bool = True,
    features: Net | None = None,
    train_labels: np.ndarray | None = None,
    held_labels: np.ndarray | None = None,
    on_progress: Callable[[str, int, int, float], None] | None = None,
    work: Work | None = None,
) -> tuple[Pair, dict[str, Any]]:
    """Adapt the critic of a pair, in up to three moves.

    Args:
      pair: Pair whose generator is kept.
      train_x: Real samples ``(n, *sample)`` in the sample range, for recovery and contrastive divergence.
      held_x: Other real samples, for calibration.
      key: Typed key.
      recovery: Settings of the recovery; None keeps the pair's own critic.
      contrastive: Settings of contrastive divergence; None leaves it out.
      chain: Chain that will sample, for contrastive divergence; :class:`dcd.Langevin` with its defaults if None.
      calibrated: Whether the density ratio is fitted at the end.
      features: Net on whose features the critic is recovered, instead of on the samples.
      train_labels: Classes of ``train_x``, for a conditional pair.
      held_labels: Classes of ``held_x``, for a conditional pair.
      on_progress: Function that is called with (move, done, total, seconds left).
      work: Where the states of the trainings are kept, so that the same call goes on from them; nowhere by default.
        :func:`pairs.io.work_folder.work_folder` makes one.

    Returns:
      The pair with the adapted critic, and a report of each move in JSON form.

    Raises:
      InputError: The data or the settings do not fit the pair, or a loss became NaN.

    Example:
      >>> from dcd import pool_pair
      >>> rng = np.random.default_rng(0)
      >>> pair, real = pool_pair(rng.standard_normal((256, 2))), rng.normal(1.0, 1.0, (400, 2)).astype("float32")
      >>> better, report = adapt(pair, real[:300], real[300:], jax.random.key(0), recovery=Recover(steps=20))
      >>> sorted(report), better.calibrated
      (['calibrate', 'recover'], True)
    """
    key = checked_key(key, pair=pair, train_x=train_x, held_x=held_x)
    report: dict[str, Any] = {}
    keys, work = jax.random.split(key, 3), work or Work()
    data = {"train_x": train_x, "held_x": held_x, "train_labels": train_labels, "held_labels": held_labels}
    moves = {"recovery": recovery, "contrastive": contrastive, "chain": chain}
    told = {name: move and move.to_dict() for name, move in moves.items()}
    agree_on_data(work, pair, features, data, key=key_record(key), **told)

    def tell(move: str) -> Callable[[int, int, dict[str, float], float], None]:
        def progress(done: int, total: int, losses: dict[str, float], left: float) -> None:
            if on_progress is not None:
                on_progress(move, done, total, left)

        return progress

    if recovery is not None and features is not None:
        pair, found = recover_on_features(
            pair,
            train_x,
            keys[0],
            recovery,
            features,
            labels=train_labels,
            on_progress=tell("recover"),
            work=work.part("recover"),
        )
        report["recover"] = found.to_dict()
    elif recovery is not None:
        pair, found = recover(
            pair,
            train_x,
            keys[0],
            recovery,
            labels=train_labels,
            on_progress=tell("recover"),
            work=work.part("recover"),
        )
        report["recover"] = found.to_dict()
    if contrastive is not None:
        pair, found = contrast(
            pair,
            train_x,
            keys[1],
            contrastive,
            chain or Langevin(),
            labels=train_labels,
            on_progress=tell("contrast"),
            work=work.part("contrast"),
        )
        report["contrast"] = found.to_dict()
    if calibrated:
        pair, found = calibrate(pair, held_x, keys[2], labels=held_labels)
        report["calibrate"] = found.to_dict()
    return pair, report


def critic_variants(
    pair: Pair,
    train_x: np.ndarray,
    held_x: np.ndarray,
    keys: Array,
    features: Net | None = None,
    *,
    steps: int = 3000,
    train_labels: np.ndarray | None = None,
    held_labels: np.ndarray | None = None,
    maps: Net | None = None,
    classifier: Net | None = None,
    on_progress: Callable[[str, int, int, float], None] | None = None,
    work: Work | None = None,
) -> tuple[dict[str, Pair], dict[str, dict[str, Any]]]:
    """Make the critics that :func:`dcd.tune` tries: ``raw``, ``recovered`` on samples, and one on ``features``.

    The recovered critic is a new one that fits the samples, of a conditional pair one that takes the labels. A pair
    without a critic has no ``raw`` one. With a classifier a conditional pair gets a further one, ``labels``: the last
    of the new ones plus the log probability of the label (:func:`dcd.with_labels` with strength 1), so that samples
    stay in their class.

    A critic that stands on ``maps`` as well sees more than one on features alone. Where it tells the two sides apart
    nearly without fault (a held-out AUC of 0.99 or more), it goes by something that a chain cannot mend, and the critic
    ``features`` is made on the features alone.

    Args:
      pair: Pair whose generator is kept.
      train_x: Real samples ``(n, *sample)`` in the sample range, for recovery.
      held_x: Other real samples, for calibration.
      keys: Keys ``(2,)``, one for each new critic.
      features: Net as :func:`dcd.recover_on_features` takes it; None leaves that critic out.
      steps: Updates of the recovery on samples. The recovery on features makes half as many, which cost more each.
      train_labels: Classes of ``train_x``, for a conditional pair.
      held_labels: Classes of ``held_x``, for a conditional pair.
      maps: Net like ``features`` that gives maps of the same net beside its features; tried first. It needs
        ``features``.
      classifier: Logits ``(batch, *sample) -> (batch, classes)`` of a conditional pair's classes.
      on_progress: Function that is called with (move, done, total, seconds left).
      work: As for :func:`dcd.adapt`; finished critics are kept too.

    Returns:
      The pairs by name, and for each new critic the report of :func:`adapt`.

    Raises:
      InputError: The data do not fit the pair, maps come without features, or a loss became NaN.

    Example:
      >>> from dcd import pool_pair
      >>> rng = np.random.default_rng(0)
      >>> pair, real = pool_pair(rng.standard_normal((256, 2))), rng.normal(1.0, 1.0, (400, 2)).astype("float32")
      >>> keys = jax.random.split(jax.random.key(0))
      >>> pairs, moves = critic_variants(pair, real[:300], real[300:], keys, steps=20)
      >>> sorted(pairs), sorted(moves)
      (['raw', 'recovered'], ['recovered'])
    """
    refuse_traced(pair=pair, train_x=train_x, held_x=held_x, keys=keys)
    if maps is not None and features is None:
        raise InputError("maps", "are given without features", "give the features of the same net too")
    work = work or Work()
    data = {"train_x": train_x, "held_x": held_x, "train_labels": train_labels, "held_labels": held_labels}
    more = {"keys": [key_record(key) for key in keys], "steps": steps, "maps": maps and net_digest(maps)}
    agree_on_data(work.part("critics"), pair, features, data, **more)
    settings = Recover(steps=steps)
    on_net = settings.replace(r1=1.0, steps=max(1, steps // 2))

    def make(name: str, key: Array, recovery: Recover, net: Net | None = None) -> tuple[Pair, dict[str, Any]]:
        def tell(move: str, done: int, total: int, left: float) -> None:
            if on_progress is not None:
                on_progress(f"{move} ({name})", done, total, left)

        more: dict[str, Any] = {"train_labels": train_labels, "held_labels": held_labels, "on_progress": tell}
        run = functools.partial(adapt, pair, train_x, held_x, key, recovery=recovery, features=net, **more)
        return kept_critic(work, f"critic-{name}", pair, lambda inner: run(work=inner))

    pairs, moves = {"raw": pair} if pair.has_critic else {}, {}
    pairs["recovered"], moves["recovered"] = make("recovered", keys[0], settings)
    if features is not None and maps is not None:
        made, report = make("maps", keys[1], on_net, maps)
        moves["maps"] = report
        if report["recover"]["held_out"]["auc"] < PERFECT:
            pairs["features"] = made
    if features is not None and "features" not in pairs:
        pairs["features"], moves["features"] = make("features", keys[1], on_net, features)
    if classifier is not None and pair.classes is not None:
        base = "recovered" if features is None else "features"
        pairs["labels"] = with_labels(pairs[base], classifier, strength=LABEL_STRENGTH)
        moves["labels"] = {"label term": {"strength": LABEL_STRENGTH, "added to": base}}
    return pairs, moves
