"""Contrastive divergence of a critic on features trains its head on what the head sees."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dcd
from dcd.critics import contrastive_divergence
from dcd.critics.feature_parts import feature_parts, with_head
from pairs import Net, Normal, make_pair
from pairs.heads.affine_score import affine
from pairs.heads.label_term import label_term
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


def _labelled() -> Net:
    head = init_sequential(jax.random.key(0), HEAD, (2,))
    own = Net(head.params, lambda p, u, c: head.apply(p, u) * (1.0 + c))
    calibrated = affine(feature_critic(Net(jnp.asarray(1.5), _features), CENTER, SPREAD, own), 3.0, -0.5)
    return label_term(calibrated, Net(jnp.eye(3, 2), lambda p, x: x @ p), 2.0)


def test_a_calibration_is_part_of_the_head_and_a_label_term_is_left_out_of_it() -> None:
    critic, x, y = _labelled(), np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32), np.arange(6) % 2
    parts = feature_parts(critic)
    assert parts is not None and not parts.whole
    term = 2.0 * jax.nn.log_softmax(x[:, :2], axis=-1)[np.arange(6), y]
    np.testing.assert_allclose(parts.head(parts.seen(x), y) + term, critic(x, y), atol=1e-5)
    # other weights, the calibration's among them, come to their place, and nothing else moves
    other = jax.tree.map(lambda v: v + 1.0, parts.head.params)
    moved = with_head(critic, other)
    again = feature_parts(moved)
    assert again is not None
    jax.tree.map(np.testing.assert_array_equal, again.head.params, other)
    np.testing.assert_array_equal(again.seen(x), parts.seen(x))
    jax.tree.map(np.testing.assert_array_equal, moved.params["fixed"], critic.params["fixed"])


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["wgan", "hinge"])
def test_a_labelled_critic_is_trained_on_its_features_where_the_loss_is_linear_in_the_score(loss, monkeypatch) -> None:
    """The hinge is not: the term moves samples across its corner, so that whole samples are scored."""
    make = Net(jnp.asarray(0.7), lambda p, z, c: jnp.concatenate([p * z, z[:, :1] + c[:, None]], axis=1))
    pair = make_pair(make, _labelled(), Normal((2,)), sample_range=None, critic_kind="energy", classes=2, check=False)
    shapes: list[tuple[int, ...]] = []
    run = contrastive_divergence.init_contrast
    seen = lambda problem, *more: (shapes.append(problem.real.shape[1:]), run(problem, *more))[1]
    monkeypatch.setattr(contrastive_divergence, "init_contrast", seen)
    data, y = np.random.default_rng(0).standard_normal((40, 3)).astype(np.float32), np.arange(40) % 2
    config = dcd.Contrast(loss=loss, rounds=1, critic_updates=1, batch=8, learning_rate=1e-2)
    made, _ = dcd.contrast(pair, data, jax.random.key(1), config, dcd.Langevin("latent", 2, 0.05), labels=y)
    assert shapes == [(2,) if loss == "wgan" else (3,)]
    jax.tree.map(np.testing.assert_array_equal, made.critic.params["fixed"], pair.critic.params["fixed"])
    scale = lambda critic: float(critic.params["critic"]["scale"])
    assert scale(made.critic) != scale(pair.critic)
