"""One round of contrastive divergence: run chains with the present critic, then update it against their states."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from pairs import Net, Pair
from pairs.batches import apply_net

from ..langevin.settings import Langevin
from ..langevin.target import make_target
from .contrast_settings import Contrast
from .feature_parts import FeatureParts, with_head
from .frame import CriticFrame
from .negative_samples import Negatives, fresh_starts, negatives, starts, write_back
from .objective import CriticTerms, CriticWeights, terms_and_weights
from .spectral_caps import apply_caps
from .update import CriticBatch, CriticState, init_critic, update_critic

__all__ = ["ContrastProblem", "ContrastState", "init_contrast", "refined_samples", "run_chains", "step_contrast"]


class ContrastProblem(NamedTuple):
    """What stays the same over the rounds.

    Attributes:
      pair: Pair as it came; its generator is frozen.
      settings: Settings of the fine-tuning, with penalties written out.
      chain: Chain whose states are the negatives.
      frame: The critic without its trained weights; of a critic on features, the head.
      real: Real samples ``(n, *sample)``; for a critic on features, what it sees of them, ``(n, dim)``.
      labels: Their classes ``(n,)``, or None.
      parts: The parts of a critic on features, else None.
    """

    pair: Pair
    settings: Contrast
    chain: Langevin
    frame: CriticFrame
    real: Array
    labels: Array | None
    parts: FeatureParts | None = None

    def critic(self, trained: dict[str, Array]) -> Net:
        """The whole critic with the given trained weights."""
        net = self.frame.net(trained)
        return net if self.parts is None else with_head(self.pair.critic, net.params)

    def seen(self, samples: Array) -> Array:
        """What is trained sees this of samples."""
        return samples if self.parts is None else apply_net(self.parts.seen, samples)


class ContrastState(NamedTuple):
    """What a round changes.

    Attributes:
      critic: State of the critic.
      buffer: Positions of the persistent chains.
      buffer_labels: Their labels, or None.
      stopped: Chains that met NaN or infinity so far.
    """

    critic: CriticState
    buffer: Array
    buffer_labels: Array | None
    stopped: Array


def init_contrast(
    problem: ContrastProblem, trained: dict[str, Array], buffer_key: Array, cap_key: Array
) -> ContrastState:
    """Make the state before the first round.

    Args:
      problem: What stays the same.
      trained: Weights of the critic to start from.
      buffer_key: Key of the first positions of the persistent chains.
      cap_key: Key of the spectral caps.

    Returns:
      The state.
    """
    pair, settings = problem.pair, problem.settings
    size = settings.batch if settings.starts == "fresh" else settings.buffer
    buffer, labels = fresh_starts(make_target(pair, problem.chain), buffer_key, problem.chain.space, size, pair.classes)
    critic = init_critic(trained, cap_key, settings.spectral_norm, True)
    return ContrastState(critic, buffer, labels, jnp.zeros((), jnp.int32))


def step_contrast(
    problem: ContrastProblem, state: ContrastState, key: Array, number: int
) -> tuple[ContrastState, dict[str, Array]]:
    """Make one round.

    Args:
      problem: What stays the same.
      state: State before the round.
      key: Key of the round.
      number: Rounds made so far; the learning rate falls linearly with the updates.

    Returns:
      The new state, and the losses of the round's last update.
    """
    pair, settings, chain = problem.pair, problem.settings, problem.chain
    start_key, chain_key, stop_key, update_key = jax.random.split(key, 4)
    position, labels, rows = starts(
        make_target(pair, chain),
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
    live = problem.critic(_capped(state.critic.trained, state.critic.caps))
    made = run_chains(problem, live, chain_key, position, stop, labels)
    negative = problem.seen(made.samples)
    terms, weights = terms_and_weights(settings, settings.energy, settings.adam_decay)
    critic, record, total = state.critic, {}, settings.rounds * settings.critic_updates
    for i in range(settings.critic_updates):
        left = 1.0 - (1.0 - settings.final_rate) * (number * settings.critic_updates + i) / total
        critic, record = _update_on(
            critic,
            jax.random.fold_in(update_key, i),
            problem.real,
            problem.labels,
            negative,
            labels,
            problem.frame,
            weights._replace(learning_rate=np.float32(settings.learning_rate * left)),
            terms,
        )
    buffer = state.buffer if rows is None else write_back(state.buffer, rows, made.ends)
    return ContrastState(critic, buffer, state.buffer_labels, state.stopped + jnp.sum(made.stopped)), record


def refined_samples(problem: ContrastProblem, critic: Net, key: Array, n: int) -> tuple[Array, Array | None]:
    """Refine samples with a critic, to measure it.

    Args:
      problem: What stays the same.
      critic: Critic that drives the chains.
      key: Key of the samples and of the chains' noise.
      n: Number of samples.

    Returns:
      Last states of n chains from the generator's samples, ``(n, *sample)``, and their labels or None.
    """
    pair, chain = problem.pair, problem.chain
    position, labels = fresh_starts(make_target(pair, chain), key, chain.space, n, pair.classes)
    return run_chains(problem, critic, key, position, chain.steps, labels).samples, labels


def run_chains(
    problem: ContrastProblem, critic: Net, key: Array, position: Array, stop: ArrayLike, labels: Array | None
) -> Negatives:
    """Run the problem's chain with a given critic.

    Args:
      problem: What stays the same.
      critic: Critic that drives the chains.
      key: Key of the noise.
      position: First positions, ``(batch, *latent)`` or ``(batch, *sample)`` by the chain's space.
      stop: Number of steps after which each negative is taken, a number or ``(batch,)``.
      labels: Labels ``(batch,)``, or None.

    Returns:
      The negatives; no gradient enters them.
    """
    target = make_target(problem.pair.replace(critic=critic), problem.chain, labels)
    return negatives(target, problem.chain, key, position, stop)


_capped = jax.jit(apply_caps)


@functools.partial(jax.jit, static_argnames=("terms",))
def _update_on(
    state: CriticState,
    key: Array,
    data: Array,
    data_labels: Array | None,
    negative: Array,
    negative_labels: Array | None,
    frame: CriticFrame,
    weights: CriticWeights,
    terms: CriticTerms,
) -> tuple[CriticState, dict[str, Array]]:
    """Draw as many real samples as there are negatives, and update the critic."""
    rows_key, segment_key = jax.random.split(key)
    rows = jax.random.randint(rows_key, (negative.shape[0],), 0, data.shape[0])
    real_labels = () if data_labels is None else (data_labels[rows],)
    other_labels = () if negative_labels is None else (negative_labels,)
    batch = CriticBatch(data[rows], real_labels, negative, other_labels)
    return update_critic(state, batch, segment_key, frame, weights, terms)
