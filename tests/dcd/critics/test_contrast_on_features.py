"""Contrastive divergence of a critic on features trains its head on what the head sees."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

import dcd
from pairs import Net, Normal, make_pair
from pairs.heads.on_features import feature_critic
from pairs.sequential.spec import init_sequential

HEAD = [{"layer": "dense", "out": 8}, {"layer": "silu"}, {"layer": "dense", "out": 1}, {"layer": "squeeze"}]
CENTER, SPREAD = np.asarray([0.5, -1.0], np.float32), np.asarray([2.0, 0.5], np.float32)


def _features(scale, x):
    return jnp.stack([scale * x[:, 0], jnp.tanh(x[:, 1] + x[:, 2])], axis=1)


def test_it_is_the_divergence_of_the_head_behind_the_features_of_the_generator():
    """Chains in latent space see D(G(z)) alone, so that h on phi(G(z)) and h(phi(x)) on G(z) are one problem."""
    features, head = Net(jnp.asarray(1.5), _features), init_sequential(jax.random.key(0), HEAD, (2,))
    seen = lambda x: (_features(1.5, x) - CENTER) / SPREAD
    make = lambda p, z: jnp.concatenate([p * z, z[:, :1] ** 2], axis=1)
    generator = Net(jnp.asarray(0.7), make)
    kinds = {"sample_range": None, "critic_kind": "logit"}
    whole = make_pair(generator, feature_critic(features, CENTER, SPREAD, head), Normal((2,)), **kinds)
    composed = make_pair(Net(generator.params, lambda p, z: seen(make(p, z))), head, Normal((2,)), **kinds)
    data = np.random.default_rng(0).standard_normal((200, 3)).astype(np.float32)
    config = dcd.Contrast(rounds=3, critic_updates=2, batch=16, r1=0.1, gradient_penalty=0.5, learning_rate=1e-2)
    chain = dcd.Langevin("latent", 3, 0.05, prior_weight=1.0)
    key = jax.random.key(1)
    made, _ = dcd.contrast(whole, data, key, config, chain)
    alone, _ = dcd.contrast(composed, np.asarray(seen(data)), key, config, chain)
    moved = 0.0
    weights = map(jax.tree.leaves, (made.critic.params["head"], alone.critic.params, head.params))
    for new, other, old in zip(*weights, strict=True):
        # float32 sums in another order; Adam(0, 0.9) turns a rounding of a gradient near 0 into a part of its step
        np.testing.assert_allclose(new, other, atol=1e-4)
        moved = max(moved, float(np.abs(new - old).max()))
    assert moved > 1e-2
    for name, kept in (("features", 1.5), ("center", CENTER), ("spread", SPREAD)):
        np.testing.assert_array_equal(made.critic.params[name], np.float32(kept))
