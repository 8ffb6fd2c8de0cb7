r"""Train a critic for a frozen generator from real samples: for pairs whose critic is missing or useless.

.. math:: \min_D \; L(D(x), D(\tilde x)) + \tfrac{\gamma}{2}\,\mathbb{E}\lVert\nabla D(x)\rVert^2
   + \lambda\,\mathbb{E}(\lVert\nabla D(\hat x)\rVert - t)^2, \qquad \tilde x = G(z),\; z \sim p_0

with the losses and penalties of :mod:`dcd.critics.losses`. The generator's arrays are inputs of the compiled update
and never outputs. The critic returned is the average of the weights at the look of least held-out loss.

``bce`` tends to :math:`\log p/q` and ``kale`` to the same, normalised (arXiv 2003.05033); a penalty pulls
both towards a constant, so a flat critic may want a ``critic_scale`` above 1 in the chain.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Net, Pair, Record
from pairs.fitting import fit
from pairs.heads.affine_score import affine
from pairs.ranking import auc

from .architectures import default_layers, fresh_critic, split
from .held_out import check_data, critic_fit, generated, in_batches, score_of
from .losses import log_mean_exp, score_loss, segment_penalty
from .recovery_settings import Recover, RecoverReport
from .recovery_update import ADAM, Frozen, Numbers, State, Structure, compile_settings, recovery_update, views
from .spectral_caps import Cap, capped, init_caps, settled

__all__ = ["Recover", "RecoverReport", "recover"]

MAX_HOLDOUT = 2000
NORMALISER_SAMPLES = 8192

Progress = Callable[[int, int, dict[str, float], float], None]


def recover(
    pair: Pair,
    data_x: ArrayLike,
    key: Array,
    config: Recover | None = None,
    *,
    labels: ArrayLike | None = None,
    on_progress: Progress | None = None,
) -> tuple[Pair, RecoverReport]:
    """Give ``pair`` a critic trained on ``data_x`` against its frozen generator.

    Args:
      data_x: ``(n, *sample)`` floats in the pair's sample range.
      key: typed key; the same key, data and settings give the same critic.
      labels: ``(n,)`` of a conditional pair (``architecture="critic"`` only: fresh critics take no labels).
      on_progress: called with (updates done, at most, latest losses, seconds left).

    Returns:
      The pair with its new critic (generator arrays untouched; uncalibrated; without earlier chain settings)
      and the report.

    Raises:
      InputError: data that do not fit the pair, or a loss that became NaN.
    """
    began = time.monotonic()
    settings = (config or Recover()).resolved()
    x, c = check_data(pair, data_x, labels, 4)
    init_key, split_key, fake_key, cap_key, run_key, norm_key = (jax.random.fold_in(key, i) for i in range(6))
    start = _start_critic(pair, settings, init_key)
    frame, trained, kept = split(start)
    order = np.asarray(jax.random.permutation(split_key, len(x)))
    held = min(MAX_HOLDOUT, max(1, round(settings.holdout * len(x))))
    train_rows, held_rows = order[held:], order[:held]
    frozen = Frozen(
        pair.generator, pair.prior, kept, jnp.asarray(x[train_rows]), None if c is None else jnp.asarray(c[train_rows])
    )
    caps: dict[str, Cap] = {}
    if settings.spectral_norm:
        # a critic that is already trained keeps the scale of its kernels
        relative = settings.architecture == "critic"
        caps = jax.jit(init_caps, static_argnums=3)(trained, cap_key, settings.spectral_norm, relative)
    average = jax.tree.map(jnp.copy, capped(trained, caps))
    state = State(jax.tree.map(jnp.copy, trained), caps, ADAM.init(trained), average, jnp.zeros(()))
    structure, numbers = compile_settings(settings, pair.classes)
    look = _Look(start, structure, numbers, frozen, x[held_rows], None if c is None else c[held_rows], fake_key)

    def update(state: State, key: Array, i: int) -> tuple[State, dict[str, Array]]:
        return recovery_update(state, key, np.int32(i), frozen, numbers, frame, structure)

    def note(done: int, _: int, values: dict[str, float], __: float) -> None:
        if on_progress is not None:
            left = (time.monotonic() - began) / done * (settings.steps - done)
            on_progress(done, settings.steps, values, left)

    history: dict[str, list[float]] = {"step": []}
    looks: dict[str, list[float]] = {"held_out_step": [], "held_out_loss": [], "held_out_auc": []}
    best, best_loss, best_step, gained, done = jax.tree.map(jnp.copy, average), np.inf, 0, 0, 0
    while done < settings.steps and done - gained < settings.patience * settings.evaluate_every:
        stop = min(done + settings.evaluate_every, settings.steps)
        state, history = fit(update, state, stop, run_key, start=done, history=history, on_progress=note)
        done = stop
        value, area = look(frame.params(state.average, kept))
        for name, number in zip(looks, (done, value, area), strict=True):
            looks[name].append(number)
        if value < best_loss - settings.tolerance:
            gained = done
        if value < best_loss:
            best, best_loss, best_step = jax.tree.map(jnp.copy, state.average), value, done

    critic = dataclasses.replace(start, params=frame.params(jax.jit(settled)(best, state.caps), kept))
    log_normaliser = 0.0
    if settings.loss == "kale":
        many, many_labels = generated(pair.generator, pair.prior, norm_key, NORMALISER_SAMPLES, pair.classes)
        log_normaliser = float(log_mean_exp(in_batches(score_of, critic, many, many_labels)))
        critic = affine(critic, 1.0, -log_normaliser)
    report = RecoverReport(
        settings.to_dict(),
        done,
        best_step,
        done < settings.steps,
        critic_fit(critic, structure.loss, look.real, look.fake, look.labels),
        log_normaliser,
        len(train_rows),
        held,
        time.monotonic() - began,
        history | looks,
    )
    facts = {
        "settings": report.settings,
        "steps": done,
        "best_step": best_step,
        "samples": len(x),
        "auc": report.held_out.auc,
    }
    # what was measured or tuned with another critic says nothing about this one
    stale = ("chain", "contrasted", "calibration", "tuned")
    record = Record({**{k: v for k, v in pair.record.items() if k not in stale}, "recovered": facts})
    return pair.replace(critic=critic, critic_kind=settings.critic_kind, calibrated=False, record=record), report


class _Look:
    """The held-out criterion, on samples that stay the same (with the noise that training ends with)."""

    def __init__(
        self,
        critic: Net,
        structure: Structure,
        numbers: Numbers,
        frozen: Frozen,
        real: np.ndarray,
        labels: np.ndarray | None,
        key: Array,
    ):
        self.critic, self.structure, self.numbers, self.key = critic, structure, numbers, key
        fake, fake_labels = generated(frozen.generator, frozen.prior, key, len(real), structure.classes)
        noise = 0.0 if numbers.noise_fall else numbers.noise
        look = jax.jit(views, static_argnums=(2, 4))
        self.real, self.fake = (
            look(v, jax.random.fold_in(key, 1_000_000 + i), 0, noise, structure.noisy)
            for i, v in enumerate((jnp.asarray(real), fake))
        )
        self.labels = (() if labels is None else (jnp.asarray(labels),), fake_labels)

    def __call__(self, params: Any) -> tuple[float, float]:
        """Held-out loss and AUC; the loss of ``wgan`` counts the penalty, without which a steep critic looks good."""
        critic = dataclasses.replace(self.critic, params=params)
        d_real = in_batches(score_of, critic, self.real, self.labels[0])
        d_fake = in_batches(score_of, critic, self.fake, self.labels[1])
        value = score_loss(self.structure.loss, d_real, d_fake, log_mean_exp(d_fake))
        if self.structure.loss == "wgan" and self.structure.segments:
            n = min(256, len(self.real))
            real_labels = tuple(c[:n] for c in self.labels[0])
            value += self.numbers.segments * _segments(
                critic, self.real[:n], self.fake[:n], real_labels, self.key, self.numbers.target
            )
        return float(value), auc(d_real, d_fake)


@jax.jit
def _segments(critic: Net, real: Array, fake: Array, labels: tuple[Array, ...], key: Array, target: ArrayLike) -> Array:
    return segment_penalty(lambda v: critic(v, *labels), real, fake, key, jnp.asarray(target))


def _start_critic(pair: Pair, settings: Recover, key: Array) -> Net:
    if settings.architecture == "critic":
        return pair.critic
    if pair.classes is not None:
        raise InputError("architecture", "makes critics without labels, and this pair has classes", "use 'critic'")
    layers = settings.architecture
    if isinstance(layers, str):
        layers = default_layers(pair.sample_shape, settings.floor, settings.pool)
    return fresh_critic(key, pair.sample_shape, layers)
