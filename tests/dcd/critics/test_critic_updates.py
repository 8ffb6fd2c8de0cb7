"""One update of a critic in closed form, and a training that goes on from the state of another."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dcd
from dcd.critics.contrastive_divergence import contrast_on, state_of
from dcd.critics.frame import split_critic
from dcd.critics.objective import CriticTerms, CriticWeights
from dcd.critics.update import CriticBatch, init_critic, update_critic
from pairs import Net, Normal, make_pair, wrap


@pytest.mark.parametrize("decay", [0.9, 0.5])
def test_adam_divides_by_the_root_of_its_average_of_squared_gradients(decay: float) -> None:
    """D = w x has the gradient E x^- - E x, here 1 and then 3."""
    frame, trained = split_critic(Net(jnp.zeros(()), lambda p, x: p * x[:, 0]))
    state = init_critic(trained, jax.random.key(0), None, True)
    gradients, weight, average = (1.0, 3.0), 0.0, 0.0
    for k, g in enumerate(gradients, 1):
        batch = CriticBatch(jnp.zeros((2, 1)), (), jnp.full((2, 1), g), ())
        terms = CriticTerms("wgan", adam_decay=decay)
        state, _ = update_critic(state, batch, jax.random.key(1), frame, CriticWeights(learning_rate=0.1), terms)
        average = decay * average + (1 - decay) * g**2
        weight -= 0.1 * g / np.sqrt(average / (1 - decay**k))
    (found,) = jax.tree.leaves(state.trained)
    np.testing.assert_allclose(found, weight, rtol=1e-5)  # float32


def test_a_training_goes_on_from_the_weights_and_the_averages_of_another() -> None:
    shift = wrap(lambda p, z: z + 2.0)
    critic = wrap(lambda p, x: jnp.sum(p * x - x**2 / 2, axis=-1), jnp.zeros(1))
    pair = make_pair(shift, critic, Normal((1,)), sample_range=None, critic_kind="energy")
    data = np.random.default_rng(0).standard_normal((200, 1)).astype(np.float32)
    chain, settings = dcd.Langevin("pixel", 2, 0.1), dcd.Contrast(rounds=3, batch=16, learning_rate=0.05)
    first, _, ended = contrast_on(pair, data, jax.random.key(1), settings, chain)
    assert int(ended.updates) == 15
    still = settings.replace(learning_rate=1e-30)
    _, _, after = contrast_on(first, data, jax.random.key(2), still, chain, start=ended)
    _, _, anew = contrast_on(first, data, jax.random.key(2), still, chain)
    # from the weights as they were, while a new training begins with their average
    jax.tree.map(np.testing.assert_array_equal, after.trained, ended.trained)
    jax.tree.map(np.testing.assert_array_equal, anew.trained, ended.average)
    assert not np.allclose(jax.tree.leaves(ended.trained)[0], jax.tree.leaves(ended.average)[0])
    assert int(after.updates) == 30 and int(anew.updates) == 15
    # what a file holds is read back into a state of this form
    like = state_of(first)
    assert jax.tree.structure(like) == jax.tree.structure(ended)
    assert [a.shape for a in jax.tree.leaves(like)] == [a.shape for a in jax.tree.leaves(ended)]
