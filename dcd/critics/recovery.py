r"""Train a critic for a frozen generator from real samples: for pairs whose critic is missing or useless.

.. math:: \min_D \; L(D(x), D(\tilde x)) + \tfrac{\gamma}{2}\,\mathbb{E}\lVert\nabla D(x)\rVert^2
   + \lambda\,\mathbb{E}(\lVert\nabla D(\hat x)\rVert - t)^2, \qquad \tilde x = G(z),\; z \sim p_0

with the losses and penalties of :mod:`dcd.critics.losses` and the update of :mod:`dcd.critics.update`. The generator's
arrays are inputs of the compiled step and never outputs. The critic returned is the average of the weights that had
the least held-out loss.

The minimiser of ``bce`` is :math:`\log p/q`; that of ``kale`` is the same, normalised (arXiv 2003.05033). A penalty
pulls both towards a constant, so a flat critic may need a ``critic_scale`` above 1 in the chain.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Net, Pair, Record
from pairs.arguments import checked_key
from pairs.arrays import copied, on_device
from pairs.batches import apply_in_batches
from pairs.fitting import fit
from pairs.heads.affine_score import affine
from pairs.io.work import Work

from .architectures import fresh_critic
from .frame import split_critic
from .held_out import HeldOut, critic_fit, held_out_loss
from .losses import log_mean_exp
from .objective import terms_and_weights
from .pools import Pool
from .recovery_settings import Recover, RecoverReport
from .recovery_step import RecoveryInputs, RecoveryShape, step_recovery
from .spectral_caps import settle_caps
from .training_data import check_training_data, draw_set, hold_out
from .update import CriticState, init_critic

__all__ = ["RecoveryProgress", "recover"]

MAX_HOLDOUT = 2000
NORMALISER_SAMPLES = 8192
STALE = ("chain", "contrasted", "calibration", "tuned", "folded")
"""Entries of a record that were measured or tuned with the old critic."""

RecoveryProgress = Callable[[int, int, dict[str, float], float], None]


class RecoveryTrail(NamedTuple):
    """The course of a training.

    Attributes:
      average: Averaged weights of least held-out loss.
      best_step: Updates made until then.
      steps: Updates made in all.
      history: Losses, as in :class:`~dcd.critics.recovery_settings.RecoverReport`.
    """

    average: dict[str, Array]
    best_step: int
    steps: int
    history: dict[str, list[float]]


def recover(
    pair: Pair,
    data_x: ArrayLike,
    key: Array,
    config: Recover | None = None,
    *,
    labels: ArrayLike | None = None,
    negatives: Pool | None = None,
    on_progress: RecoveryProgress | None = None,
    work: Work | None = None,
) -> tuple[Pair, RecoverReport]:
    """Give ``pair`` a critic trained on ``data_x`` against its frozen generator.

    Args:
      pair: Pair whose generator is kept, to the bit.
      data_x: At least 4 real samples, floats ``(n, *sample)`` in the pair's sample range.
      key: Typed key; the same key, data and settings give the same critic.
      config: Settings; those of :class:`dcd.Recover` by default.
      labels: Classes ``(n,)`` of a conditional pair.
      negatives: Samples that measure the stopping rule on the generator's side, where the generator draws from a pool
        (:mod:`dcd.critics.pools`); as many as real ones are held out are drawn from the generator by default.
      on_progress: Function that is called with (updates done, at most, latest losses, seconds left).
      work: Where the state of the training is kept, so that the same call goes on from it; nowhere by default.

    Returns:
      The pair with its new critic, uncalibrated and without earlier chain settings, and the report.

    Raises:
      InputError: The data or the settings do not fit the pair, or a loss became NaN.

    Example:
      >>> from dcd import pool_pair
      >>> rng = np.random.default_rng(0)
      >>> pair, real = pool_pair(rng.standard_normal((256, 2))), rng.normal(1.0, 1.0, (300, 2)).astype("float32")
      >>> better, report = recover(pair, real, jax.random.key(0), Recover(steps=10))
      >>> better.critic_kind, report.steps, report.train_size
      ('logit', 10, 270)
    """
    key = checked_key(key, pair=pair, data_x=data_x, labels=labels)
    began = time.monotonic()
    settings = (config or Recover()).resolved()
    x, c = check_training_data(pair, data_x, labels)
    init_key, split_key, negative_key, cap_key, run_key, normaliser_key = (jax.random.fold_in(key, i) for i in range(6))
    frame, trained = split_critic(_start_critic(pair, settings, init_key))
    (real, real_labels), (held_x, held_c) = hold_out(x, c, split_key, settings.holdout, MAX_HOLDOUT)
    terms, weights = terms_and_weights(settings)
    device_labels = None if real_labels is None else on_device(real_labels)
    inputs = RecoveryInputs(pair.generator, pair.prior, on_device(real), device_labels, frame, weights)
    shape = RecoveryShape(terms, settings.batch, settings.shift, pair.classes)
    if negatives is None:
        negative, other_labels = draw_set(pair.generator, pair.prior, negative_key, len(held_x), pair.classes)
    else:
        negative, other_labels = negatives.x, negatives.label_inputs
    held = HeldOut(held_x, negative, () if held_c is None else (held_c,), other_labels)
    # a critic that is already trained keeps the scale of its kernels
    state = init_critic(trained, cap_key, settings.spectral_norm, settings.architecture == "critic")
    measure = functools.partial(
        held_out_loss,
        loss=terms.loss,
        held=held,
        segments=settings.gradient_penalty or 0.0,
        target=settings.penalty_target,
        key=negative_key,
    )
    caps, trail = _train(state, run_key, settings, inputs, shape, measure, on_progress, work or Work())
    critic, log_normaliser = frame.net(settle_caps(trail.average, caps)), 0.0
    if settings.loss == "kale":
        critic, log_normaliser = _normalised(pair, critic, normaliser_key)
    report = RecoverReport(
        settings=settings.to_dict(),
        steps=trail.steps,
        best_step=trail.best_step,
        stopped_early=trail.steps < settings.steps,
        held_out=critic_fit(critic, terms.loss, held),
        log_normaliser=log_normaliser,
        train_size=len(real),
        holdout_size=len(held_x),
        seconds=time.monotonic() - began,
        history=trail.history,
    )
    facts = {
        "settings": report.settings,
        "steps": trail.steps,
        "best_step": trail.best_step,
        "samples": len(x),
        "auc": report.held_out.auc,
    }
    record = Record({**{k: v for k, v in pair.record.items() if k not in STALE}, "recovered": facts})
    return pair.replace(critic=critic, critic_kind=settings.critic_kind, calibrated=False, record=record), report


def _train(
    state: CriticState,
    key: Array,
    settings: Recover,
    inputs: RecoveryInputs,
    shape: RecoveryShape,
    measure: Callable[[Net], tuple[float, float]],
    on_progress: RecoveryProgress | None,
    work: Work,
) -> tuple[Any, RecoveryTrail]:
    """Update until the held-out loss no longer falls; return the last spectral caps and the trail."""
    began = time.monotonic()

    def step(state: CriticState, key: Array, _: int) -> tuple[CriticState, dict[str, Array]]:
        return step_recovery(state, key, inputs, shape)

    def note(done: int, _: int, values: dict[str, float], __: float) -> None:
        if on_progress is not None:
            left = (time.monotonic() - began) / (done - first) * (settings.steps - done)
            on_progress(done, settings.steps, values, left)

    history: dict[str, list[float]] = {"step": []}
    measured: dict[str, list[float]] = {"held_out_step": [], "held_out_loss": [], "held_out_auc": []}
    best, best_loss, best_step, gained, done = copied(state.average), np.inf, 0, 0, 0
    kept = work.load("state", (state, best))
    if kept is not None:
        (state, best), (best_loss, best_step, gained, done, history, measured) = kept
    first, limit = done, settings.patience * settings.evaluate_every
    while done < settings.steps and done - gained < limit:
        stop = min(done + settings.evaluate_every, settings.steps)
        state, history = fit(step, state, stop, key, start=done, history=history, on_progress=note)
        done = stop
        loss, area = measure(inputs.frame.net(state.average))
        for name, number in zip(measured, (done, loss, area), strict=True):
            measured[name].append(number)
        if loss < best_loss - settings.tolerance:
            gained = done
        if loss < best_loss:
            # the step gives up the buffers of its state
            best, best_loss, best_step = copied(state.average), loss, done
        record = (best_loss, best_step, gained, done, history, measured)
        work.save("state", (state, best), record, final=done == settings.steps or done - gained >= limit)
    return state.caps, RecoveryTrail(best, best_step, done, history | measured)


def _start_critic(pair: Pair, settings: Recover, key: Array) -> Net:
    """The critic before its first update."""
    if settings.architecture == "critic":
        if not pair.has_critic:
            raise InputError("architecture", "is 'critic', and this pair has none", "use 'auto'")
        return pair.critic
    layers = None if isinstance(settings.architecture, str) else settings.architecture
    return fresh_critic(key, pair.sample_shape, layers, pair.classes)


def _normalised(pair: Pair, critic: Net, key: Array) -> tuple[Net, float]:
    """``critic`` minus the log of the mean of its exponential under the generator, and that number."""
    x, labels = draw_set(pair.generator, pair.prior, key, NORMALISER_SAMPLES, pair.classes)
    constant = float(log_mean_exp(apply_in_batches(critic, x, *labels)))
    return affine(critic, 1.0, -constant), constant
