"""Training of a flow for a frozen pair, by Adam on the mixed divergence of :mod:`dcd.amortisation.objective`."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.typing import ArrayLike

from pairs import Pair, Record
from pairs.arguments import checked_key, differentiable
from pairs.fitting import Job, fit
from pairs.flows.charts import base_law
from pairs.flows.couplings import Flow

from ..langevin.settings import Langevin
from .amortised_pair import amortised_pair
from .chain_pool import ChainPool, check_amortisable
from .judging import judge_amortised, nearest, pools
from .objective import ChartLaw, amortisation_loss, chart_law, check_law, on_chart
from .settings import Amortise, AmortiseReport

__all__ = ["amortisation_job", "amortise"]


class FlowState(NamedTuple):
    """What an update changes: parameters, Adam's state, and the averaged parameters."""

    params: Any
    adam: Any
    average: Any


def amortise(
    pair: Pair,
    chain: Langevin,
    key: Array,
    settings: Amortise | None = None,
    *,
    acceptance: float = 1.0,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> tuple[Pair, AmortiseReport]:
    r"""Train a flow that draws at once what ``chain`` would sample, and put it before the generator.

    The flow f is an invertible map of the latents, trained without data: it brings the law of :math:`f(u)` near
    :math:`p_0(z)^\alpha e^{\beta D(G(z))}` to the power 1/T, which the chain samples, or near samples of the chain.
    The first needs a chain that comes near to what it samples; the second serves any chain.

    Args:
      pair: Pair with a critic; its nets are kept as they are.
      chain: Chain in latent space whose target is learned.
      key: Typed key.
      settings: Settings of the training.
      acceptance: Acceptance budget of OBRS before the chain, as in :class:`dcd.Choice`.
      on_progress: Called with (what is done, done, total).

    Returns:
      The pair with the generator :math:`G(f(u))` and the base law of u as its prior, and a report. Its critic is the
      same and still says what is real; it no longer is a density ratio of the data to this generator, so that the pair
      is not calibrated. A further chain would apply the critic twice: start it with :func:`dcd.amortised_latents`, or
      correct the flow with :func:`dcd.correct`.

    Raises:
      InputError: A chain in pixel space, a chain without a density where ``chain_weight`` is below 1, settings out of
        range, or a loss that is not finite.

    Example:
      >>> import pairs
      >>> nets = pairs.wrap(lambda p, z: z * p, jnp.ones(2)), pairs.wrap(lambda p, x: x @ p, jnp.ones(2))
      >>> pair = pairs.make_pair(*nets, pairs.Normal((2,)), sample_range=None, critic_kind="energy")
      >>> chain = Langevin(steps=2, prior_weight=1.0)
      >>> fast, report = amortise(pair, chain, jax.random.key(0), Amortise(steps=5, layers=1, bins=0, pool=64))
      >>> fast.generate(fast.prior.sample(jax.random.key(1), 3)).shape
      (3, 2)

    References:
      Dinh et al., arXiv 1605.08803; Samsonov et al. (the flow as a proposal), arXiv 2111.02702.
    """
    key, settings = checked_key(key, pair=pair), settings or Amortise()
    check_amortisable(pair, chain, settings)
    pool_key, init_key, fit_key, check_key = jax.random.split(key, 4)
    began = time.monotonic()
    tell = on_progress or (lambda what, done, total: None)
    pool, further = pools(
        pair, chain, pool_key, settings, acceptance, on_progress=lambda done, total: tell("chain", done, total)
    )
    trials = {}
    for weight in settings.trials(check_law(pair, chain) is None):
        own = settings.replace(chain_weight=weight)
        job = amortisation_job(pair, chain, own, pool)
        words = f"flow, chain weight {weight:g}"
        state, history = fit(
            job.make_update(),
            job.init(init_key),
            settings.steps,
            fit_key,
            on_progress=lambda done, total, losses, left, words=words: tell(words, done, total),
        )
        made = job.to_pair(state, check_key, pair.record)
        trials[weight] = made, judge_amortised(pair, made, chain, own, further, check_key, history)
    return nearest(trials, time.monotonic() - began, (pool, further))


def amortisation_job(pair: Pair, chain: Langevin, settings: Amortise, pool: ChainPool | None) -> Job:
    """The training as :func:`pairs.fitting.fit` and resumable training take it.

    Args:
      pair: The pair.
      chain: The chain.
      settings: Settings of the training.
      pool: Samples of the chain to learn from; None where their divergence has weight 0.
    """
    check_amortisable(pair, chain, settings)
    weight = settings.trials(check_law(pair, chain) is None)[-1]
    pair = differentiable(pair)
    base = base_law(pair.prior, pair.classes)
    size = pair.prior.size
    flow = Flow(size, settings.layers, settings.width, settings.bins_for(size), pair.classes)
    law = chart_law(pair, base, chain)
    pull = 0.0
    if settings.transport > 0 and weight < 1:
        pull = settings.transport / (chain.temperature * sum(chain.step_sizes()))

    def init(key: Array) -> FlowState:
        params = flow.init(key)
        return FlowState(params, _adam(settings).init(params), params)

    def make_update() -> Callable[[Any, Array, int], tuple[Any, dict[str, Array]]]:
        given = None if pool is None or weight == 0 else (pool.latents, pool.labels)
        return functools.partial(_update, flow, settings, law, weight, given, pull)

    def to_pair(state: FlowState, key: Array, record: Record) -> Pair:
        return amortised_pair(pair, flow, state.average, base, chain, record)

    return Job("latent-flow", settings, init, make_update, to_pair)


def _adam(settings: Amortise) -> optax.GradientTransformation:
    rate = optax.cosine_decay_schedule(settings.learning_rate, settings.steps)
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate))


@functools.partial(jax.jit, static_argnums=(0, 1, 3))
def _update(
    flow: Flow,
    settings: Amortise,
    law: ChartLaw,
    weight: float,
    pool: tuple[Array, Array | None] | None,
    pull: ArrayLike,
    state: FlowState,
    key: Array,
    step: int,
) -> tuple[FlowState, dict[str, Array]]:
    draw_key, row_key, length_key, label_key = jax.random.split(key, 4)
    n = settings.batch
    labels = None if flow.classes is None else jax.random.randint(label_key, (n,), 0, flow.classes)
    u = law.base.sample(draw_key, n)
    chain = None
    if pool is not None:
        rows = jax.random.randint(row_key, (n,), 0, len(pool[0]))
        own = None if pool[1] is None else pool[1][rows]
        chain = on_chart(law.target.prior, pool[0][rows], length_key, own), own
    fade = jnp.minimum(1.0, (step + 1) / max(1.0, settings.warm * settings.steps))
    gradient, parts = jax.grad(amortisation_loss, has_aux=True)(
        state.params, flow, law.labelled(labels), u, chain, weight, fade, pull
    )
    moves, adam = _adam(settings).update(gradient, state.adam, state.params)
    params = optax.apply_updates(state.params, moves)
    decay = jnp.minimum(settings.ema, (1 + step) / (10 + step))
    average = jax.tree.map(lambda a, v: decay * a + (1 - decay) * v, state.average, params)
    return FlowState(params, adam, average), parts
