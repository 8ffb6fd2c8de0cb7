r"""Discriminator Contrastive Divergence: fine-tune the critic against the chain that it will drive (arXiv 2004.01704).

.. math:: \min_D \; \mathbb{E}\,D(x^-) - \mathbb{E}\,D(x) + \alpha(\mathbb{E}\,D(x^-)^2 + \mathbb{E}\,D(x)^2)

(or the hinge form), where :math:`x^-` are states of the chain that starts at the frozen generator and is driven by
the present D, held constant. For :math:`p_D \propto e^D` this is contrastive divergence, the gradient
:math:`\mathbb{E}_{p_D}\nabla_\theta D - \mathbb{E}_p \nabla_\theta D` with the law of the chain in place of
:math:`p_D`.

With few steps the result is a field that carries this generator to the data in these steps, and not a density: for
:math:`D_a = -a x^2/2`, data N(0, 1), starts N(0, g^2) and steps of size :math:`\eta`, the fixed point solves
:math:`v_K(a) = 1`, :math:`v_{k+1} = (1 - \eta a)^2 v_k + 2\eta`, and is far from 1 for small K. Therefore the
settings of the chain are stored with the pair (``record["chain"]``), and sampling for longer warns.

The features of a critic on features stay as they are. Its head, with a calibration behind it if there is one, is
trained on the features of the two sides, and penalties act on its slope there, in units of the features' spread. A
label term stays as it is too; it drives the chains and is left out of the losses in the history.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import InputError, Net, Pair
from pairs.arguments import checked_key
from pairs.arrays import on_device
from pairs.batches import apply_in_batches
from pairs.fitting import fit
from pairs.io.work import Work

from ..langevin.settings import Langevin
from .contrast_settings import Contrast, ContrastReport
from .contrast_step import (
    ContrastProblem,
    ContrastState,
    init_contrast,
    refined_samples,
    step_contrast,
)
from .feature_parts import feature_parts
from .frame import split_critic
from .held_out import CriticFit, HeldOut, critic_fit
from .spectral_caps import settle_caps
from .training_data import check_training_data, hold_out
from .update import CriticState, init_critic

__all__ = ["Watch", "contrast", "contrast_on", "state_of"]

MAX_HOLDOUT = 1000
REPORT_CHAINS = 256
SAVE_EVERY = 10
"""Rounds between two looks whether the state is to be kept."""

ContrastProgress = Callable[[int, int, dict[str, float], float], None]


def contrast(
    pair: Pair,
    data_x: ArrayLike,
    key: Array,
    config: Contrast | None = None,
    chain: Langevin | None = None,
    *,
    labels: ArrayLike | None = None,
    on_progress: ContrastProgress | None = None,
    checkpoint_every: int = 0,
    on_checkpoint: Callable[[int, Pair], None] | None = None,
    work: Work | None = None,
) -> tuple[Pair, ContrastReport]:
    """Fine-tune the critic of ``pair`` on ``data_x`` against states of ``chain``; the generator stays as it is.

    Args:
      pair: Pair whose generator is kept, to the bit.
      data_x: At least 4 real samples, floats ``(n, *sample)`` in the pair's sample range.
      key: Typed key; the same key, data and settings give the same critic.
      config: Settings; those of :class:`dcd.Contrast` by default.
      chain: Chain that will sample; :class:`dcd.Langevin` with its defaults if None.
      labels: Classes ``(n,)`` of a conditional pair.
      on_progress: Function that is called with (rounds done, all, latest losses, seconds left).
      checkpoint_every: Rounds between two calls of ``on_checkpoint``; 0 for none.
      on_checkpoint: Function that is called with (rounds done, the pair as it would be returned now). The best moment
        to stop is early, and only a metric of samples can tell it.
      work: Where the state of the training, its chains among it, is kept, so that the same call goes on from it;
        nowhere by default.

    Returns:
      The pair with the averaged critic (kind ``energy``, uncalibrated) and the chain in its record, and the report.

    Raises:
      InputError: The data do not fit the pair, the chain has no steps, or a loss became NaN.
    """
    settings, chain = config or Contrast(), chain or Langevin()
    watch = Watch(on_progress, checkpoint_every, on_checkpoint)
    return contrast_on(pair, data_x, key, settings, chain, labels, work, watch=watch)[:2]


class Watch(NamedTuple):
    """Who is told of a training; the attributes are the arguments of :func:`contrast`."""

    on_progress: ContrastProgress | None = None
    checkpoint_every: int = 0
    on_checkpoint: Callable[[int, Pair], None] | None = None


def state_of(pair: Pair) -> CriticState:
    """The state in which :func:`contrast` begins to train the critic of ``pair`` by the loss ``wgan``, without caps."""
    parts = feature_parts(pair.critic)
    return init_critic(split_critic(pair.critic if parts is None else parts.head)[1], jax.random.key(0), None, True)


def contrast_on(
    pair: Pair,
    data_x: ArrayLike,
    key: Array,
    settings: Contrast,
    chain: Langevin,
    labels: ArrayLike | None = None,
    work: Work | None = None,
    start: CriticState | None = None,
    watch: Watch | None = None,
) -> tuple[Pair, ContrastReport, CriticState]:
    """:func:`contrast` that goes on from the state in which another one ended.

    Args:
      pair: The pair; ``before`` of the report is of its critic.
      data_x: Real samples.
      key: Typed key.
      settings: Settings; a bound on kernels is that of ``start``.
      chain: Chain that will sample.
      labels: Classes of a conditional pair.
      work: Where the state is kept.
      start: State of the critic's training; None begins with the pair's critic.
      watch: Who is told of it.

    Returns:
      The pair, the report, and the state at the end.

    Raises:
      InputError: As for :func:`contrast`.
    """
    key = checked_key(key, pair=pair, data_x=data_x, labels=labels)
    began = time.monotonic()
    settings, watch = settings.resolved(), watch or Watch()
    on_progress, checkpoint_every, on_checkpoint = watch
    if type(chain) is not Langevin or chain.steps < 1:
        raise InputError("chain", f"is {chain!r}", "give a dcd.Langevin of at least one step")
    x, c = check_training_data(pair, data_x, labels)
    split_key, buffer_key, cap_key, run_key, report_key = (jax.random.fold_in(key, i) for i in range(5))
    parts = feature_parts(pair.critic)
    if parts is not None and not parts.whole and (settings.loss != "wgan" or settings.energy):
        parts = None  # these losses are not linear in the score, so that the term counts
    frame, trained = split_critic(pair.critic if parts is None else parts.head)
    (real, real_labels), held = hold_out(x, c, split_key, settings.holdout, MAX_HOLDOUT)
    device_labels = None if real_labels is None else jnp.asarray(real_labels)
    seen = real if parts is None else apply_in_batches(parts.seen, real)
    problem = ContrastProblem(pair, settings, chain, frame, on_device(seen), device_labels, parts)
    state = init_contrast(problem, trained, buffer_key, cap_key)
    state = state if start is None else state._replace(critic=start)

    def note(done: int, of: int, values: dict[str, float], left: float) -> None:
        if on_progress is not None:
            on_progress(done, of, values, left)

    every = math.gcd(checkpoint_every, SAVE_EVERY) if work and work.root else checkpoint_every

    def show(done: int, state: ContrastState, history: dict[str, list[float]]) -> None:
        if on_checkpoint is not None and checkpoint_every and (done % checkpoint_every == 0 or done == settings.rounds):
            on_checkpoint(done, _tuned_pair(problem, state, done, len(x)))
        if work is not None:
            work.save("state", state, (done, history), final=done == settings.rounds)

    kept = None if work is None else work.load("state", state)
    state, (first, history) = kept or (state, (0, None))
    before = _measure(problem, pair.critic, held, report_key)
    state, history = fit(
        functools.partial(step_contrast, problem),
        state,
        settings.rounds,
        run_key,
        start=first,
        history=history,
        record_every=5,
        on_progress=note,
        checkpoint_every=every or settings.rounds,
        on_checkpoint=show,
    )
    new = _tuned_pair(problem, state, settings.rounds, len(x))
    report = ContrastReport(
        settings=settings.to_dict(),
        chain=chain.to_dict(),
        rounds=settings.rounds,
        updates=settings.rounds * settings.critic_updates,
        stopped=int(state.stopped),
        before=before,
        after=_measure(problem, new.critic, held, report_key),
        train_size=len(real),
        holdout_size=len(held[0]),
        seconds=time.monotonic() - began,
        history=history,
    )
    return new, report, state.critic


def _tuned_pair(problem: ContrastProblem, state: ContrastState, rounds: int, samples: int) -> Pair:
    """The pair with the averaged critic, and a record of how it was made."""
    critic = problem.critic(settle_caps(state.critic.average, state.critic.caps))
    facts = {"settings": problem.settings.to_dict(), "rounds": rounds, "samples": samples}
    record = problem.pair.record.updated(chain=problem.chain.to_dict(), contrasted=facts)
    return problem.pair.replace(critic=critic, critic_kind="energy", calibrated=False, record=record)


def _measure(problem: ContrastProblem, critic: Net, held: tuple[np.ndarray, Any], key: Array) -> CriticFit:
    """Figures of ``critic`` on held-out samples against samples refined with it."""
    x, c = held
    negative, labels = refined_samples(problem, critic, key, min(REPORT_CHAINS, len(x)))
    both = (() if c is None else (c,), () if labels is None else (labels,))
    loss = problem.settings.loss
    return critic_fit(critic, loss, HeldOut(x, negative, *both))
