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
from benchmarks.paths.checks import check_options, check_with_pair
from benchmarks.paths.data import PathData
from benchmarks.paths.kept import name_of_critic
from benchmarks.paths.realism import check_took_no_part
from benchmarks.paths.training import Steering
from interp.metric.evidence import BlendEvidence
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
    names = "critic critic_on mode ratio shape through classifier strength preset updates label refined data split"
    every = dict.fromkeys([*names.split(), "array", "limit", "kept", "via", "loop", "points"])
    return argparse.Namespace(**{**every, "seed": 0, **given})


@pytest.fixture(scope="module")
def data():
    real = np.repeat(np.arange(100, dtype=np.uint8), 64).reshape(100, *SHAPE)
    return PathData("grey", np.zeros((4, *SHAPE), np.float32), None, real, real, np.arange(100) % 4)


@pytest.fixture(scope="module")
def judge():
    return FeatureChoice(random_features(SHAPE, seed=1), "random", "")


def test_a_net_inside_a_critic_may_not_judge_and_another_may(judge):
    params = judge.features.params
    for part in (judge.features.as_net((-1.0, 1.0)), Net({"inner": {"features": params}}, brightness)):
        with pytest.raises(InputError, match="--judge: random-1 would judge a path in which it took part"):
            check_took_no_part(judge, None, part)
    check_took_no_part(judge, random_features(SHAPE, seed=2).as_net((-1.0, 1.0)), None)
    check_took_no_part(None, params)


def test_a_judge_that_the_critic_would_stand_on_is_refused_before_training(monkeypatch, data, judge):
    found = FeatureChoice(judge.features, "bundled", "")
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


@pytest.mark.parametrize(
    "given, fades, steers",
    [({}, 0.9, True), ({}, 0.5, False), ({"critic": "trained"}, 0.5, True), ({"ratio": 9.0}, 0.5, True)],
)
def test_a_trained_critic_steers_where_it_tells_blends_or_is_asked_for(monkeypatch, data, given, fades, steers):
    monkeypatch.setattr(choices, "blend_evidence", lambda *args: BlendEvidence(0.9, fades, 1000))
    pair = make()
    kept = SimpleNamespace(critic=lambda name, whole: Steering(pair, {}))
    args = options(critic_on="pixel", **given)
    chosen = choices.choose_critic(args, pair, pair, data, None, kept, None, lambda text: None)
    record = chosen.record["critic"]
    assert chosen.steers is steers and record["choice"] == ("trained" if steers else "none")
    assert ("not tell" in record["why"]) is (fades < 0.6)


@pytest.mark.parametrize("net, steers", [("mnist-classifier-a", True), ("random-0", False)])
def test_a_trained_critic_that_does_not_tell_blends_steers_where_a_classifier_compares(monkeypatch, data, net, steers):
    monkeypatch.setattr(choices, "blend_evidence", lambda *args: BlendEvidence(0.5, 0.5, 1000))
    monkeypatch.setattr(choices, "_critic_net", lambda *args: (None, {"choice": net, "why": ""}))
    pair = make()
    kept = SimpleNamespace(critic=lambda name, whole: Steering(pair, {}))
    find = lambda args: choices.choose_critic(args, pair, pair, data, None, kept, None, lambda text: None)
    chosen = find(options())
    assert chosen.steers is steers and "not tell" in chosen.record["critic"]["why"]
    assert not find(options(classifier="off")).steers  # nothing compares the path with slerp then


def test_the_net_of_critic_on_is_no_classifier_unless_its_images_fit(monkeypatch, data):
    monkeypatch.setattr(weights, "weigh", lambda *args, **more: None)
    monkeypatch.setattr(weights, "classifier_net", lambda pair, name: None)
    monkeypatch.setattr(weights, "with_classifier", lambda pair, *args, **more: pair)
    decided = {"critic": {"choice": "trained"}, "critic stands on": {"choice": "mnist-classifier-a"}}
    find = lambda args: weights.choose_weight(args, make(), GeodesicSettings(), decided, data, None, None, print)[3]
    assert find(options())["classifier"]["choice"] == "mnist-classifier-a"
    assert find(options(critic_on="mnist-classifier-a"))["classifier"]["choice"] is None


def test_the_report_names_the_weight_of_the_mode(monkeypatch, data):
    monkeypatch.setattr(weights, "weigh", lambda *args, **more: None)
    settings = GeodesicSettings(mode="additive", strength=3.0)
    args = options(mode="additive", classifier="off")
    found = weights.choose_weight(args, make(), settings, {"critic": {"choice": "own"}}, None, None, None, print)[3]
    assert found["weight"]["choice"] == "additive, strength 3"


@pytest.mark.parametrize(
    "given, option",
    [
        ({"mode": "none", "refined": 20}, "--refined"),
        ({"mode": "none", "ratio": 9.0}, "--ratio"),
        ({"mode": "none", "strength": 2.0}, "--strength"),
        ({"mode": "none", "critic": "own"}, "--critic"),
        ({"mode": "none", "data": "x", "updates": 5}, "--updates"),
        ({"critic": "own", "data": "x", "critic_on": "pixel"}, "--critic-on"),
        ({"updates": 5}, "--updates"),
        ({"mode": "additive", "ratio": 9.0}, "--ratio"),
        ({"preset": "forerunner-mnist", "shape": "wall"}, "--shape"),
        ({"strength": 2.0}, "--strength"),
        ({"through": 80, "refined": 80}, "--refined"),
        ({"points": 2, "data": "x"}, "--points"),
        ({"refined": 1}, "--refined"),
    ],
)
def test_an_option_that_would_do_nothing_or_fail_late_is_refused_first(given, option):
    with pytest.raises(InputError, match=f"^{option}: "):
        check_options(options(**given))


def test_what_has_an_effect_is_let_through():
    check_options(options(mode="none", critic="auto", points=2))
    check_options(options(points=2, data="x", loop=True, refined=0, critic="own"))
    check_options(options(preset="released-mnist", strength=2.0, refined=80))
    check_options(options(mode="conformal", preset="released-mnist", ratio=9.0, data="x", critic_on="pixel"))


def test_options_about_a_critic_are_refused_where_there_can_be_none():
    bare = pairs.make_pair(make().generator, None, Normal((2,)), sample_range=(-1.0, 1.0), critic_kind=None)
    for given in ({"refined": 20}, {"preset": "released-mnist"}, {"classifier": "net"}):
        with pytest.raises(InputError, match="whose pair has no critic"):
            check_with_pair(options(**given), bare)
    check_with_pair(options(mode="none"), bare)
    check_with_pair(options(ratio=9.0, data="x"), bare)
    check_with_pair(options(ratio=9.0), make())
