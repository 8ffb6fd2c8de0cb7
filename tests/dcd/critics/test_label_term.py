"""The label term of a critic: its value, the law of a chain on it, the class it keeps, bad input."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dcd
from dcd.critics.frame import split_critic
from dcd.critics.objective import CriticTerms, CriticWeights
from dcd.critics.update import CriticBatch, init_critic, update_critic
from dcd.tuning.search_space import default_choices
from pairs import ClassMixture, InputError, Normal, make_pair, wrap

MEANS = jnp.asarray([[-1.0], [1.0]])
PRIOR = ClassMixture((1,), MEANS, jnp.ones((2, 1)), jnp.full(2, 0.5))
LOGITS = wrap(lambda p, x: 2.0 * x * jnp.asarray([-1.0, 1.0]))


def _pair(critic):
    return make_pair(
        wrap(lambda p, z, y: z), wrap(critic), PRIOR, classes=2, sample_range=None, critic_kind="energy", check=False
    )


def test_the_score_is_the_critics_plus_strength_times_the_log_probability_of_the_label() -> None:
    held = dcd.with_labels(_pair(lambda p, x, y: 0.5 * x[:, 0] + y), LOGITS, strength=1.5)
    x, y = jnp.asarray([[0.3], [-2.0], [1.0]]), jnp.asarray([0, 1, 1])
    logits = 2.0 * np.asarray(x) * [-1.0, 1.0]
    log_p = (logits - np.log(np.exp(logits).sum(1, keepdims=True)))[np.arange(3), np.asarray(y)]
    np.testing.assert_allclose(held.score(x, y), 0.5 * np.asarray(x)[:, 0] + np.asarray(y) + 1.5 * log_p, rtol=1e-5)


@pytest.mark.slow
def test_a_chain_samples_the_prior_times_the_probability_to_the_power_of_strength() -> None:
    """Identity generator, blind critic: the target of class 1 is N(1, 1) p(1|x)^3, mean and variance by quadrature."""
    held = dcd.with_labels(_pair(lambda p, x, y: 0.0 * x[:, 0]), LOGITS, strength=3.0)
    chain = dcd.Langevin("latent", 400, 0.02, prior_weight=1.0)
    labels = np.ones(4000, np.int32)
    z = dcd.refine(held, chain, jax.random.key(0), 4000, labels=labels, batch=1000).positions[:, 0]
    grid = np.linspace(-6, 8, 20001)
    density = np.exp(-0.5 * (grid - 1) ** 2 - 3 * np.log1p(np.exp(-4 * grid)))
    density /= density.sum()
    mean = (grid * density).sum()
    variance = ((grid - mean) ** 2 * density).sum()
    # standard errors 0.013 and 0.014; Euler-Maruyama at a step of 0.02 on a curvature up to 13 is off by a few percent
    assert z.mean() == pytest.approx(mean, abs=0.05)
    assert z.var() == pytest.approx(variance, abs=0.06)


@pytest.mark.slow
def test_a_chain_that_a_critic_drives_into_another_class_stays_where_its_label_is() -> None:
    """The critic's slope of -4 sends everything below zero; 10 log p(1|x) pushes back from x = 0 with up to 40."""
    away = _pair(lambda p, x, y: -4.0 * x[:, 0])
    chain = dcd.Langevin("latent", 60, 0.02, prior_weight=1.0)
    run = lambda pair: dcd.refine(pair, chain, jax.random.key(1), 200, labels=np.ones(200, np.int32), batch=200)
    assert np.mean(run(away).positions[:, 0] > 0) < 0.1
    assert np.mean(run(dcd.with_labels(away, LOGITS, strength=10.0)).positions[:, 0] > 0) > 0.9


@pytest.mark.slow
def test_an_update_trains_the_critic_and_leaves_the_term_alone() -> None:
    critic = wrap(lambda p, x, y: p * x[:, 0], jnp.asarray(0.5))
    pair = make_pair(
        wrap(lambda p, z, y: z), critic, PRIOR, classes=2, sample_range=None, critic_kind="energy", check=False
    )
    held = dcd.with_labels(pair, wrap(lambda p, x: x * p, jnp.asarray([-2.0, 2.0])), strength=2.0)
    frame, trained = split_critic(held.critic)
    x, y = 3.0 * jax.random.normal(jax.random.key(0), (8, 1)), (jnp.arange(8) % 2,)
    state = init_critic(trained, jax.random.key(1), None, False)
    batch = CriticBatch(x, y, -x, y)
    state, _ = update_critic(state, batch, jax.random.key(2), frame, CriticWeights(), CriticTerms("wgan"))
    after = frame.net(state.average).params
    np.testing.assert_array_equal(after["fixed"]["classifier"], [-2.0, 2.0])
    assert float(after["fixed"]["strength"]) == 2.0 and float(after["critic"]) != 0.5


@pytest.mark.parametrize(
    "net, strength, field",
    [
        (lambda p, x: x[:, 0], 1.0, "classifier"),
        (lambda p, x: x @ jnp.ones((1, 3)), 1.0, "classifier: .* 2 classes"),
        (lambda p, x: x @ jnp.ones((4, 2)), 1.0, "classifier: fails"),
        (lambda p, x: x @ jnp.ones((1, 2)), -1.0, "strength"),
        (lambda p, x: x @ jnp.ones((1, 2)), float("nan"), "strength"),
    ],
)
def test_what_does_not_fit_is_named(net, strength, field) -> None:
    with pytest.raises(InputError, match=field):
        dcd.with_labels(_pair(lambda p, x, y: x[:, 0]), wrap(net), strength=strength)


def test_a_pair_without_classes_is_refused() -> None:
    plain = make_pair(
        wrap(lambda p, z: z),
        wrap(lambda p, x: x[:, 0]),
        Normal((1,)),
        sample_range=None,
        critic_kind="energy",
        check=False,
    )
    with pytest.raises(InputError, match="pair: has no classes"):
        dcd.with_labels(plain, LOGITS)


@pytest.mark.slow
def test_tuning_tries_the_term_on_the_new_critic_and_leaves_selection_out() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(200, dtype=np.int32) % 2
    x = (2.0 * y[:, None] - 1 + 0.1 * rng.standard_normal((200, 1))).astype(np.float32)
    alone = make_pair(wrap(lambda p, z, y: z), None, PRIOR, classes=2, sample_range=None, critic_kind=None)
    keys = jax.random.split(jax.random.key(0))
    pairs, moves = dcd.critic_variants(
        alone, x[:100], x[100:], keys, steps=2, train_labels=y[:100], held_labels=y[100:], classifier=LOGITS
    )
    assert list(pairs) == ["recovered", "labels"] and moves["labels"]["label term"]["added to"] == "recovered"
    log_p = jax.nn.log_softmax(LOGITS(x), axis=-1)[np.arange(200), y]
    np.testing.assert_allclose(pairs["labels"].score(x, y), pairs["recovered"].score(x, y) + log_p, atol=1e-5)
    choices = [c for c in default_choices(pairs) if c.critic == "labels"]
    # the sum is no log ratio, which rejection needs
    assert choices and all(c.acceptance == 1 and c.chain.space == "latent" for c in choices)
