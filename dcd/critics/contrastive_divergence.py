r"""Discriminator Contrastive Divergence: fine-tune the critic against the chain it will drive (arXiv 2004.01704).

.. math:: \min_D \; \mathbb{E}\,D(x^-) - \mathbb{E}\,D(x) + \alpha(\mathbb{E}\,D(x^-)^2 + \mathbb{E}\,D(x)^2)

(or the hinge form), where :math:`x^-` are states of the chain started at the frozen generator and driven by
the present D, held constant: for :math:`p_D \propto e^D` this is contrastive divergence, the gradient
:math:`\mathbb{E}_{p_D}\nabla_\theta D - \mathbb{E}_p \nabla_\theta D` with the chain's law in place of :math:`p_D`.

With few steps the result is a field that carries this generator to the data in these steps, not a
density: for :math:`D_a = -a x^2/2`, data N(0, 1) and starts N(0, g^2), the fixed point solves
:math:`v_K(a) = 1`, :math:`v_{k+1} = (1 - \eta a)^2 v_k + 2\eta`, and is far from 1 for small K. So the chain's
settings travel with the pair (``record["chain"]``), and sampling for longer warns.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Net, Pair
from pairs.fitting import fit

from ..langevin.settings import Langevin
from ..langevin.target import make_target
from .architectures import Frame, split
from .contrast_settings import Contrast, ContrastReport
from .held_out import check_data, critic_fit
from .losses import Critic, Loss, energy_penalty, score_loss, segment_penalty, slopes
from .negative_samples import Negatives, fresh_starts, negatives, starts, write_back
from .spectral_caps import Cap, capped, init_caps, refresh, settled

__all__ = ["Contrast", "ContrastReport", "contrast", "contrast_loss"]

MAX_HOLDOUT = 1000
REPORT_CHAINS = 256
_ADAM = optax.scale_by_adam(b1=0.0, b2=0.9)

Progress = Callable[[int, int, dict[str, float], float], None]


class _Terms(NamedTuple):
    """Which terms the compiled loss has."""

    loss: Loss
    energy: bool
    r1: bool
    segments: bool


class _Numbers(NamedTuple):
    """Their weights: data, so that changing them compiles nothing."""

    energy: ArrayLike
    r1: ArrayLike
    segments: ArrayLike
    target: ArrayLike
    ema: ArrayLike


class _Weights(NamedTuple):
    trained: dict[str, Array]
    caps: dict[str, Cap]
    adam: Any
    average: dict[str, Array]


class _State(NamedTuple):
    weights: _Weights
    buffer: Array
    buffer_labels: Array | None


def contrast_loss(
    on_real: Critic, on_negative: Critic, real: Array, negative: Array, key: Array, terms: _Terms, numbers: _Numbers
) -> tuple[Array, dict[str, Array]]:
    """The objective of one update and its record; ``negative`` is data."""
    extra = jnp.zeros(())
    if terms.r1:
        d_real, square = slopes(on_real, real)
        extra += 0.5 * numbers.r1 * jnp.mean(square)
    else:
        d_real = on_real(real)
    d_negative = on_negative(negative)
    if terms.segments:
        extra += numbers.segments * segment_penalty(on_real, real, negative, key, numbers.target)
    if terms.energy:
        extra += numbers.energy * energy_penalty(d_real, d_negative)
    loss = score_loss(terms.loss, d_real, d_negative)
    means = {"mean_real": jnp.mean(d_real), "mean_negative": jnp.mean(d_negative)}
    return loss + extra, {"loss": loss, **means}


@functools.partial(jax.jit, static_argnames=("frame", "terms", "batch"))
def _update(
    weights: _Weights,
    key: Array,
    rate: ArrayLike,
    count: Array,
    kept: dict[str, Any],
    data: Array,
    labels: Array | None,
    negative: Array,
    negative_labels: Array | None,
    numbers: _Numbers,
    frame: Frame,
    terms: _Terms,
    batch: int,
) -> tuple[_Weights, dict[str, Array]]:
    """One step of Adam on the critic; ``rate`` is the learning rate, ``count`` the updates made."""
    rows_key, segment_key = jax.random.split(key)
    rows = jax.random.randint(rows_key, (batch,), 0, data.shape[0])
    real, real_labels = data[rows], () if labels is None else (labels[rows],)
    other_labels = () if negative_labels is None else (negative_labels,)
    caps = refresh(weights.trained, weights.caps)

    def objective(trained: dict[str, Array]) -> tuple[Array, dict[str, Array]]:
        trained = capped(trained, caps)
        on_real, on_negative = (frame.critic(trained, kept, *c) for c in (real_labels, other_labels))
        return contrast_loss(on_real, on_negative, real, negative, segment_key, terms, numbers)

    grads, record = jax.grad(objective, has_aux=True)(weights.trained)
    delta, adam = _ADAM.update(grads, weights.adam, weights.trained)
    trained = jax.tree.map(lambda w, d: w - rate * d, weights.trained, delta)
    decay = jnp.minimum(numbers.ema, (1.0 + count) / (10.0 + count))
    average = jax.tree.map(lambda a, v: decay * a + (1.0 - decay) * v, weights.average, capped(trained, caps))
    return _Weights(trained, caps, adam, average), record


_capped = jax.jit(capped)


def contrast(
    pair: Pair,
    data_x: ArrayLike,
    key: Array,
    config: Contrast | None = None,
    chain: Langevin | None = None,
    *,
    labels: ArrayLike | None = None,
    on_progress: Progress | None = None,
    checkpoint_every: int = 0,
    on_checkpoint: Callable[[int, Pair], None] | None = None,
) -> tuple[Pair, ContrastReport]:
    """Fine-tune ``pair``'s critic on ``data_x`` against the states of ``chain``, its generator frozen.

    Args:
      data_x: ``(n, *sample)`` floats in the pair's sample range.
      key: typed key; the same key, data and settings give the same critic.
      chain: the chain that will sample.
      labels: ``(n,)`` of a conditional pair.
      on_progress: called with (rounds done, all, latest losses, seconds left).
      on_checkpoint: called with (rounds done, the pair as it would be returned now) every ``checkpoint_every`` rounds:
        the best moment to stop is early, and only a metric of samples can tell it.

    Returns:
      The pair with the averaged critic (kind ``energy``, uncalibrated), the chain in its record, and the report.

    Raises:
      InputError: data that do not fit the pair, a chain without steps, or a loss that became NaN.
    """
    began = time.monotonic()
    settings, chain = config or Contrast(), chain or Langevin()
    if type(chain) is not Langevin or chain.steps < 1:
        raise InputError("chain", f"is {chain!r}", "give a dcd.Langevin of at least one step")
    x, c = check_data(pair, data_x, labels, 4)
    split_key, buffer_key, cap_key, run_key, report_key = (jax.random.fold_in(key, i) for i in range(5))
    frame, trained, kept = split(pair.critic)
    order = np.asarray(jax.random.permutation(split_key, len(x)))
    held = min(MAX_HOLDOUT, max(1, round(settings.holdout * len(x))))
    real, real_labels = (None if v is None else jnp.asarray(v[order[held:]]) for v in (x, c))
    held_x, held_c = (None if v is None else jnp.asarray(v[order[:held]]) for v in (x, c))
    assert real is not None and held_x is not None
    caps: dict[str, Cap] = {}
    if settings.spectral_norm:
        caps = jax.jit(init_caps, static_argnums=3)(trained, cap_key, settings.spectral_norm, True)
    terms = _Terms(settings.loss, settings.energy > 0, settings.r1 > 0, settings.gradient_penalty > 0)
    numbers = _Numbers(settings.energy, settings.r1, settings.gradient_penalty, settings.penalty_target, settings.ema)
    weights = _Weights(trained, caps, _ADAM.init(trained), _capped(trained, caps))
    target = make_target(pair, chain)
    size = settings.batch if settings.starts == "fresh" else settings.buffer
    buffer, buffer_labels = fresh_starts(target, buffer_key, chain.space, size, pair.classes)
    total, broken = settings.rounds * settings.critic_updates, 0

    def finished(weights: _Weights) -> Net:
        average = jax.jit(settled)(weights.average, weights.caps) if weights.caps else weights.average
        return dataclasses.replace(pair.critic, params=frame.params(average, kept))

    def adapted(weights: _Weights, rounds: int) -> Pair:
        facts = {"settings": settings.to_dict(), "rounds": rounds, "samples": len(x)}
        record = pair.record.updated(chain=chain.to_dict(), contrasted=facts)
        return pair.replace(critic=finished(weights), critic_kind="energy", calibrated=False, record=record)

    def run_chains(critic: Net, key: Array, position: Array, stop: ArrayLike, c: Array | None) -> Negatives:
        return negatives(dataclasses.replace(target, critic=critic, labels=c), chain, key, position, stop)

    def update(state: _State, key: Array, i: int) -> tuple[_State, dict[str, Array]]:
        nonlocal broken
        start_key, chain_key, stop_key, update_key = jax.random.split(key, 4)
        position, c, rows = starts(
            target,
            state.buffer,
            state.buffer_labels,
            start_key,
            settings.restart,
            chain.space,
            settings.starts,
            settings.batch,
            pair.classes,
        )
        stop: ArrayLike = chain.steps
        if settings.stop == "random":
            stop = jax.random.randint(stop_key, (settings.batch,), 1, chain.steps + 1)
        live = frame.params(_capped(state.weights.trained, state.weights.caps), kept)
        made = run_chains(dataclasses.replace(pair.critic, params=live), chain_key, position, stop, c)
        broken += int(jnp.sum(made.stopped))
        weights, record = state.weights, {}
        for j in range(settings.critic_updates):
            count = i * settings.critic_updates + j
            rate = settings.learning_rate * (1.0 - count / total if settings.decay else 1.0)
            weights, record = _update(
                weights,
                jax.random.fold_in(update_key, j),
                np.float32(rate),
                np.int32(count),
                kept,
                real,
                real_labels,
                made.samples,
                c,
                numbers,
                frame,
                terms,
                settings.batch,
            )
        buffer = state.buffer if rows is None else write_back(state.buffer, rows, made.ends)
        return _State(weights, buffer, state.buffer_labels), record

    def note(done: int, of: int, values: dict[str, float], left: float) -> None:
        if on_progress is not None:
            on_progress(done, of, values, left)

    def show(done: int, state: _State, _: dict[str, list[float]]) -> None:
        if on_checkpoint is not None and checkpoint_every:
            on_checkpoint(done, adapted(state.weights, done))

    def judge(critic: Net) -> Any:
        position, c = fresh_starts(target, report_key, chain.space, min(REPORT_CHAINS, held), pair.classes)
        made = run_chains(critic, report_key, position, chain.steps, c)
        both = (() if held_c is None else (held_c,), () if c is None else (c,))
        return critic_fit(critic, settings.loss, held_x, made.samples, both)

    before = judge(pair.critic)
    state, history = fit(
        update,
        _State(weights, buffer, buffer_labels),
        settings.rounds,
        run_key,
        record_every=5,
        on_progress=note,
        checkpoint_every=checkpoint_every or settings.rounds,
        on_checkpoint=show,
    )
    new = adapted(state.weights, settings.rounds)
    report = ContrastReport(
        settings.to_dict(),
        chain.to_dict(),
        settings.rounds,
        total,
        broken,
        before,
        judge(new.critic),
        len(x) - held,
        held,
        time.monotonic() - began,
        history,
    )
    return new, report
