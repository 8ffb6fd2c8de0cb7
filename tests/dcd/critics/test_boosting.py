"""Boosting adds the log ratio of data and pool to the scaled critic."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dcd
from dcd.critics.boosting import boost_weight
from dcd.critics.pools import Pool, split_pool
from pairs import InputError, Net, Normal, Pair, make_pair, wrap
from pairs.sequential.spec import init_sequential

RNG = np.random.default_rng(0)


def _identity(score: float) -> Pair:
    """Samples z of N(0, 1) with the critic ``score * x``."""
    layers = [{"layer": "dense", "out": 1}, {"layer": "squeeze"}]
    critic = init_sequential(jax.random.key(0), layers, (1,))
    params = jax.tree.map(lambda v: jnp.full_like(v, score) if v.ndim > 1 else jnp.zeros_like(v), critic.params)
    critic = Net(params, critic.apply, critic.architecture)
    return Pair(Net(None, lambda _, z, *y: z), critic, Normal((1,)), (1,), None, "logit")


def _data(n: int, mean: float, variance: float = 1.0) -> np.ndarray:
    return RNG.normal(mean, np.sqrt(variance), (n, 1)).astype(np.float32)


def _slope(pair: Pair) -> float:
    """Mean slope of the critic between -1 and 1."""
    ends = np.asarray(pair.score(jnp.asarray([[-1.0], [1.0]])))
    return float(ends[1] - ends[0]) / 2


@pytest.mark.slow
def test_the_sum_is_the_scaled_critic_plus_the_log_ratio_of_data_and_pool() -> None:
    # pool N(0.5, 1), data N(1, 1): log p/q = x / 2 + constant; the critic 0.25 x at scale 2 adds another x / 2
    settings = dcd.Recover(steps=600, batch=256, r1=0.0, learning_rate=1e-3, evaluate_every=200)
    held = _data(4000, 1.0)
    made, report = dcd.boost(
        _identity(0.25),
        _data(4000, 0.5),
        _data(4000, 1.0),
        held,
        jax.random.key(1),
        critic_scale=2.0,
        recovery=settings,
    )
    # the slope of a logistic regression on 4,000 against 4,000 such samples errs by about 0.03; the net adds as much
    assert abs(_slope(made) - 1.0) < 0.12
    assert made.critic_kind == "logit"
    assert not made.calibrated
    assert made.record["boosted"][0]["pool"] == 4000
    assert 0.55 < report["recover"]["held_out"]["auc"] < 0.72  # 0.638 for means half a deviation apart


@pytest.mark.slow
def test_at_another_temperature_the_sum_is_that_whose_chain_has_the_law_of_the_data() -> None:
    # at T = 0.5 the critic 0.25 x gives N(0.25, 0.5), and N(1, 0.5) is the law of x: the slope must become 1.
    # d has slope 1.5, so that a sum with weight 1 would have slope 1.75
    settings = dcd.Recover(steps=600, batch=256, r1=0.0, learning_rate=1e-3, evaluate_every=200)
    chain = dcd.Langevin("latent", temperature=0.5, prior_weight=1.0)
    pool, real, held = _data(4000, 0.25, 0.5), _data(4000, 1.0, 0.5), _data(4000, 1.0, 0.5)
    made, _ = dcd.boost(
        _identity(0.25), pool, real, held, jax.random.key(1), weight=boost_weight(chain), recovery=settings
    )
    # the tolerance of the test above times the weight, and d is curved by as much again at its ends
    assert abs(_slope(made) - 1.0) < 0.12


def test_a_pool_with_one_sample_of_a_class_is_refused() -> None:
    with pytest.raises(InputError, match="pool: has 1 samples of a class"):
        split_pool(Pool(np.zeros((3, 2)), np.arange(3)), 0.2, 3)


def test_a_chain_that_samples_no_law_has_weight_one() -> None:
    assert boost_weight(dcd.Langevin("pixel", temperature=1e-4)) == 1
    assert boost_weight(dcd.Langevin("latent", temperature=0.3, prior_weight=0.0)) == 1


@pytest.mark.slow
def test_rows_that_a_critic_learned_by_heart_do_not_count_as_evidence() -> None:
    # pool and data have one law, so that any advantage on rows of the training is memory
    rng = np.random.default_rng(1)
    real, held, pool = (rng.standard_normal((n, 16)).astype(np.float32) for n in (500, 2000, 500))
    pair = dcd.pool_pair(pool)
    settings = dcd.Recover(steps=400, r1=0.0, learning_rate=1e-3, evaluate_every=400)
    _, report = dcd.boost(pair, pool, real, held, jax.random.key(1), recovery=settings)
    # rows of the training are told apart with an AUC above 0.8; the AUC of 100 unseen rows has a deviation of 0.03
    assert abs(report["recover"]["held_out"]["auc"] - 0.5) < 0.12
    assert abs(report["calibrate"]["scale"]) < 0.3


def test_a_pair_without_a_critic_and_classes_drawn_unequally_are_refused() -> None:
    bare = make_pair(wrap(lambda p, z: z), None, Normal((1,)), sample_range=None, critic_kind=None)
    with pytest.raises(InputError, match="pair: has no critic"):
        dcd.boost(bare, _data(64, 0), _data(64, 0), _data(64, 0), jax.random.key(0))
    conditional = _identity(1.0).replace(
        classes=2, critic=Net(jnp.ones(()), lambda p, x, y: p * x[:, 0]), generator=Net(None, lambda _, z, y: z)
    )
    labels = np.r_[np.zeros(40, int), np.ones(24, int)]
    with pytest.raises(InputError, match="pool_labels: hold 24 to 40 samples of a class"):
        dcd.boost(
            conditional,
            _data(64, 0),
            _data(64, 0),
            _data(64, 0),
            jax.random.key(0),
            pool_labels=labels,
            train_labels=labels,
            held_labels=labels,
        )
