"""Feature nets inside adapted critics: rescaled, on features, and sums of scores."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

import interp
import pairs
from pairs.heads.affine_score import affine
from pairs.heads.on_features import feature_critic
from pairs.heads.sum_of_scores import summed
from pairs.sequential.spec import init_sequential


def layers(width):
    return [{"layer": "dense", "out": width}, {"layer": "tanh"}, {"layer": "dense", "out": 1}, {"layer": "squeeze"}]


def pair_with(critic):
    flat = pairs.wrap(lambda p, z: z)
    return pairs.make_pair(flat, critic, pairs.Normal((4,)), sample_range=None, critic_kind="logit", check=False)


def test_adapted_critics_have_the_features_of_all_their_parts():
    keys = jax.random.split(jax.random.key(0), 3)
    one, two = init_sequential(keys[0], layers(5), (4,)), init_sequential(keys[1], layers(3), (4,))
    body = pairs.wrap(lambda p, x: 2 * x)
    on = feature_critic(body, jnp.ones(4), jnp.full(4, 2.0), two)
    x = jax.random.normal(keys[2], (6, 4))
    of = lambda net, rows: np.asarray(interp.critic_features(pair_with(net))(rows))
    first, second = of(one, x), of(two, (2 * x - 1) / 2)
    assert first.shape == (6, 5) and second.shape == (6, 3)
    np.testing.assert_allclose(of(affine(one, 3.0, 1.0), x), first, rtol=1e-6)
    np.testing.assert_allclose(of(on, x), second, rtol=1e-5)
    both = of(summed([one, on], [1.0, 2.0]), x)
    np.testing.assert_allclose(both, np.concatenate([first, second], axis=1), rtol=1e-5)
