"""How far a critic is trusted in a metric: constant, blind and over-trained ones are warned about and weigh little."""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

import interp
import pairs


def _double(p, z):
    return 2 * z


def _first(p, x):
    return x[:, 0]


def _pair(prior=None, critic=_first):
    nets = pairs.wrap(_double), pairs.wrap(critic)
    return pairs.make_pair(*nets, prior or pairs.Normal((2,)), sample_range=None, critic_kind="energy", check=False)


def _constant(p, x):
    return jnp.zeros(len(x))


@pytest.mark.slow
def test_a_constant_critic_is_warned_about_and_weighs_nothing():
    pair = _pair(critic=_constant)
    with pytest.warns(UserWarning, match="constant"):
        path_weight = interp.weigh(pair, settings=interp.PathWeightSettings(samples=50))
    assert path_weight.constant and path_weight.blind
    assert path_weight.weight(jnp.asarray([-9.0, 0.0, 9.0])).tolist() == [1.0, 1.0, 1.0]


def test_a_blind_critic_is_warned_about():
    """The first coordinate of a sample says nothing about being a midpoint: same centre, AUC one half."""
    with pytest.warns(UserWarning, match="cannot tell midpoints"):
        path_weight = interp.weigh(_pair(), settings=interp.PathWeightSettings(samples=400))
    assert path_weight.blind and not path_weight.constant


@pytest.mark.slow
def test_a_blind_critic_hardly_weighs_and_a_lengthening_is_bounded_by_the_largest_weight():
    """R is damped to 1 + g (R - 1), g the evidence over 0.3; with 1 <= w <= W, L(weighted) <= W L(plain)."""
    make = lambda damp: interp.PathWeightSettings(samples=400, damp=damp)
    pair = _pair()
    with pytest.warns(UserWarning, match="nearly switched off"):
        damped = interp.weigh(pair, settings=make(True))
    with pytest.warns(UserWarning, match="mostly noise"):
        blunt = interp.weigh(pair, settings=make(False))
    s = damped.statistics
    assert s["ratio_damped"] == pytest.approx(1 + 9 * s["evidence"] / 0.3)
    assert s["strength"] < 0.5 * blunt.statistics["strength"]
    settings = interp.GeodesicSettings(points=9, segments=8, multiresolution=False, restarts=0)
    ends = jnp.asarray([[-2.0, 0.5]]), jnp.asarray([[2.0, 0.5]])
    plain = interp.geodesic(pair, *ends, settings=dataclasses.replace(settings, mode="none"))
    for path_weight in (damped, blunt):
        found = interp.geodesic(pair, *ends, settings=settings, weight=path_weight)
        largest = float(jnp.max(path_weight.weight(plain.diagnostics.critic)))
        assert float(found.diagnostics.plain_length[0]) <= largest * float(plain.diagnostics.plain_length[0]) * 1.001


def _radius(p, x):
    return -((jnp.linalg.norm(x, axis=1) - 2 * 8.0) ** 2)


def test_a_critic_that_knows_midpoints_is_trusted_and_its_weight_ordered():
    pair = _pair(pairs.Normal((64,)), critic=_radius)
    path_weight = interp.weigh(pair, settings=interp.PathWeightSettings(samples=400))
    s = path_weight.statistics
    assert not path_weight.blind and s["auc_generated_midpoints"] > 0.9
    # the barrier keeps w = 1 + lambda at the 5 % quantile, and falls toward 1 above the median
    w = lambda v: float(path_weight.weight(jnp.asarray(v)))
    assert w(path_weight.floor) == pytest.approx(1 + s["strength"], rel=0.02)
    assert w(s["quantiles_generated"]["0.95"]) < 1 + 0.2 * s["strength"]


@pytest.mark.slow
def test_an_overtrained_critic_is_ranked():
    real = 100 + np.random.default_rng(0).standard_normal((200, 64)).astype(np.float32)
    pair = _pair(pairs.Normal((64,)), critic=_first)
    with pytest.warns(UserWarning, match="over-trained"):
        path_weight = interp.weigh(pair, settings=interp.PathWeightSettings(samples=200), real=real)
    assert path_weight.statistics["transform"] == "rank"
    scores = jnp.linspace(-10, 10, 50)
    slope = np.diff(np.asarray(path_weight.weight(scores)))
    assert np.all(slope <= 1e-6) and slope[0] < 0  # falling, with a gradient left outside the table


def test_nan_scores_stop_the_calibration():
    bad = lambda p, x: jnp.full(len(x), jnp.nan)
    with pytest.raises(pairs.InputError, match="^critic: "):
        interp.weigh(_pair(critic=bad), settings=interp.PathWeightSettings(samples=50))
