"""Critics on features: what they see, what stays frozen, that they come back from a file."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import checkpoints
import dcd
from dcd.critics import on_features
from dcd.critics.frame import split_critic
from pairs import InputError, Net, Normal, Pair, make_pair
from pairs.sequential.spec import init_sequential

KEY = jax.random.key(5)
FAST = dcd.Recover(steps=300, batch=128, r1=0.01, ema=0.98, evaluate_every=100)


def shifted(params, z):
    """Second coordinate right, first one off by far: samples separate perfectly by what the features do not see."""
    return jnp.stack([z[:, 0] + 30.0, z[:, 1] + params], axis=1)


def second(scale, x):
    return scale * x[:, 1:]


def pair(offset: float = 1.0) -> Pair:
    nothing = Net(jnp.zeros(2), lambda w, x: x @ w)
    return make_pair(
        Net(jnp.asarray(offset), shifted),
        nothing,
        Normal((2,)),
        sample_range=None,
        critic_kind="logit",
    ).replace(features=Net(jnp.asarray(7.0), second))


@functools.cache
def data(n: int = 4000) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((n, 2)).astype(np.float32)


@functools.cache
def recovered() -> tuple[Pair, dcd.RecoverReport]:
    return dcd.recover_on_features(pair(), data(), KEY, FAST)


@pytest.mark.slow
def test_the_critic_is_the_log_ratio_of_what_the_features_show_and_blind_to_the_rest():
    # real N(0, 1) against N(1, 1) in the second coordinate: the log ratio is 1/2 - x
    made, report = recovered()
    grid = np.linspace(-1, 2, 13, dtype=np.float32)
    score = lambda first: np.asarray(made.critic(np.stack([np.full(13, first, np.float32), grid], 1)))
    np.testing.assert_array_equal(score(0.0), score(30.0))
    # 300 updates of a small net: a quarter where both laws have mass
    assert np.abs(score(0.0) - (0.5 - grid)).max() < 0.25
    assert 0.7 < report.held_out.auc < 0.82  # exactly Phi(1 / sqrt 2) = 0.760


@pytest.mark.slow
def test_a_critic_of_the_samples_separates_perfectly_where_this_one_does_not():
    _, report = dcd.recover(pair(), data(), KEY, FAST)
    assert report.held_out.auc > 0.999 > recovered()[1].held_out.auc


@pytest.mark.slow
def test_generator_and_feature_net_keep_every_bit_and_further_training_leaves_the_features_alone():
    made, _ = recovered()
    assert made.generator is pair().generator or float(made.generator.params) == 1.0
    assert float(made.critic.params["features"]) == 7.0
    frame, trained = split_critic(made.critic)
    assert len(frame.kept) == 3 and len(trained) == len(jax.tree.leaves(made.critic.params["head"]))


@pytest.mark.slow
def test_a_critic_on_features_comes_back_from_a_file(tmp_path):
    layers = [{"layer": "dense", "out": 3}, {"layer": "silu"}]
    features = init_sequential(KEY, layers, (2,))
    generator = init_sequential(KEY, [{"layer": "dense", "out": 2}], (2,))
    raw = make_pair(
        generator,
        init_sequential(KEY, [{"layer": "dense", "out": 1}, {"layer": "squeeze"}], (2,)),
        Normal((2,)),
        sample_range=None,
        critic_kind="logit",
    )
    made, _ = dcd.recover_on_features(raw, data(200), KEY, FAST.replace(steps=2, evaluate_every=2), features)
    checkpoints.save_pair(tmp_path / "pair", made)
    back = checkpoints.load_pair(tmp_path / "pair")
    np.testing.assert_array_equal(back.critic(data(50)), made.critic(data(50)))


@pytest.mark.parametrize(
    "field, given",
    [
        ("features", dict(features=None)),
        ("shift", dict(config=dcd.Recover(shift=1))),
        ("architecture", dict(config=dcd.Recover(architecture="critic"))),
    ],
)
def test_what_cannot_be_is_refused_by_field(field, given):
    bare = pair() if "config" in given else pair().replace(features=None)
    with pytest.raises(InputError, match=field):
        dcd.recover_on_features(bare, data(), KEY, **given)


@pytest.mark.slow
def test_generated_samples_that_train_a_head_do_not_measure_it(monkeypatch) -> None:
    # data and generator have one law, so that any advantage is memory of the pool
    monkeypatch.setattr(on_features, "LEAST_POOL", 500)
    wide = dcd.pool_pair(np.zeros((1, 24), np.float32)).replace(
        generator=Net(None, lambda p, z: z), prior=Normal((24,)), features=Net(None, lambda p, x: x)
    )
    real = np.random.default_rng(2).standard_normal((1000, 24)).astype(np.float32)
    config = dcd.Recover(steps=500, r1=0.0, learning_rate=1e-3, evaluate_every=500)
    _, report = dcd.recover_on_features(wide, real, KEY, config)
    # 100 unseen rows on both sides: a deviation of 0.04; rows that trained would give above 0.8
    assert abs(report.held_out.auc - 0.5) < 0.16


@pytest.mark.slow
def test_a_critic_that_tells_samples_by_their_maps_at_once_is_made_on_the_features_alone():
    """The first coordinate is off by 30, which ``second`` does not see: a critic that sees it separates perfectly."""
    x, keys = data(600), jax.random.split(KEY)
    whole = Net(jnp.asarray(1.0), lambda scale, x: scale * x)
    variants = lambda maps: dcd.critic_variants(pair(), x[:450], x[450:], keys, pair().features, steps=100, maps=maps)
    apart, moves = variants(whole)
    assert moves["maps"]["recover"]["held_out"]["auc"] >= 0.99 and "features" in moves
    scores = [np.asarray(apart["features"].critic(jnp.asarray([[first, 0.3]]))) for first in (0.0, 30.0)]
    np.testing.assert_array_equal(*scores)
    _, moves = variants(Net(jnp.asarray(3.0), second))
    assert moves["maps"]["recover"]["held_out"]["auc"] < 0.99 and "features" not in moves
