"""What is decided for a path: who may judge, which kept critic is the same, whose images set the wall, who steers."""

from __future__ import annotations

import argparse
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import benchmarks.paths.choices as choices
import benchmarks.paths.weights as weights
import pairs
from benchmarks.features import FeatureChoice, random_features
from benchmarks.paths.data import PathData
from benchmarks.paths.kept import name_of_critic
from benchmarks.paths.realism import Judge, check_took_no_part
from interp.settings import GeodesicSettings
from pairs import InputError, Net, Normal

SHAPE = (8, 8, 1)


def linear(p, z):
    return jax.nn.sigmoid(z @ p).reshape(-1, *SHAPE)


def squared(p, z):
    return jnp.square(linear(p, z))


def brightness(p, x):
    return jnp.mean(x, axis=(1, 2, 3))


def make(generator=linear, scale=1.0, span=(-1.0, 1.0)):
    net = pairs.wrap(generator, jnp.ones((2, 64)))
    return pairs.make_pair(net, pairs.wrap(brightness), Normal((2,), scale), sample_range=span, critic_kind="energy")


def options(**given):
    names = "critic critic_on mode ratio shape through classifier strength preset updates label refined"
    return argparse.Namespace(**dict.fromkeys(names.split()), **{"seed": 0, **given})


@pytest.fixture(scope="module")
def data():
    real = np.repeat(np.arange(100, dtype=np.uint8), 64).reshape(100, *SHAPE)
    return PathData("grey", np.zeros((4, *SHAPE), np.float32), None, real, real, np.arange(100) % 4)


@pytest.fixture(scope="module")
def judge():
    return Judge(FeatureChoice(random_features(SHAPE, seed=1), "random", ""), SimpleNamespace(), (-1.0, 1.0))


def test_a_net_inside_a_critic_may_not_judge_and_another_may(judge):
    params = judge.choice.features.params
    for part in (judge.choice.features.as_net((-1.0, 1.0)), Net({"inner": {"features": params}}, brightness)):
        with pytest.raises(InputError, match="--judge: random-1 would judge a path in which it took part"):
            check_took_no_part(judge, None, part)
    check_took_no_part(judge, random_features(SHAPE, seed=2).as_net((-1.0, 1.0)), None)
    check_took_no_part(None, params)


def test_a_judge_that_the_critic_would_stand_on_is_refused_before_training(monkeypatch, data, judge):
    found = FeatureChoice(judge.choice.features, "bundled", "")
    monkeypatch.setattr(choices, "choose", lambda *args, **more: found)
    monkeypatch.setattr(choices, "trained_critic", lambda *args: pytest.fail("trained"))
    pair = make()
    with pytest.raises(InputError, match="--judge"):
        choices.choose_critic(options(), pair, pair, data, None, None, judge, lambda text: None)


def test_the_name_of_a_kept_critic_tells_priors_ranges_and_functions_apart(data):
    name = lambda pair: name_of_critic(pair, data, 10, None, 0)
    assert name(make()) == name(make())
    others = [make(scale=2.0), make(span=(0.0, 1.0)), make(squared)]
    assert len({name(make()), *map(name, others)}) == 4


@pytest.mark.parametrize("label, expected", [(3, 25), (None, 100), (7, None)])
def test_real_images_of_the_class_of_the_path_set_its_wall(monkeypatch, data, label, expected):
    given = []
    monkeypatch.setattr(weights, "weigh", lambda *args, real, **more: given.append(real))
    decided = {"critic": {"choice": "trained"}}
    settings = GeodesicSettings()
    weights.choose_weight(options(), make(), settings, decided, data, None, label, lambda text: None)
    assert (None if given[0] is None else len(given[0])) == expected
    if label == 3:  # bytes 3, 7, 11, ... in [-1, 1]
        np.testing.assert_allclose(given[0][:, 0, 0, 0], np.arange(3, 100, 4) / 127.5 - 1, atol=1e-6)
