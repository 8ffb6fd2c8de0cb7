"""Weights of length against their formulas."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import interp
import pairs

# the critic is the first coordinate, samples are the latents: generated scores are standard normal, midpoints N(0, 1/2)
PAIR = pairs.make_pair(
    pairs.wrap(lambda p, z: z),
    pairs.wrap(lambda p, x: x[:, 0]),
    pairs.Normal((2,)),
    sample_range=None,
    critic_kind="energy",
    check=False,
)
WALL = interp.PathWeightSettings(samples=20_000, shape="wall", ratio=11.0, damp=False)
SHARE = {0.0: 0.017987, 1.0: 0.526589, 2.0: 1.613061}  # log(1 + log(1 + exp(4 (v - 1))))


def _weight(real=None):
    with pytest.warns(UserWarning):
        return interp.weigh(PAIR, jax.random.key(0), WALL, real=real)


@pytest.mark.slow
@pytest.mark.parametrize("v", SHARE)
def test_the_wall_has_its_height_where_it_says(v):
    """Normal quantiles: median 0, 5 % at -1.644854; 20,000 samples know them to 0.015 (three sigma: 0.045)."""
    score = -1.644854 * v
    slope = 10 * max(abs(a - b) for a, b in zip(list(SHARE.values())[1:], SHARE.values(), strict=False)) / 1.6
    found = float(_weight().weight(jnp.asarray([score]))[0])
    assert found == pytest.approx(1 + 10 * SHARE[v], abs=0.05 * slope)


@pytest.mark.slow
def test_the_wall_stands_at_the_edge_of_real_data_where_that_is_known():
    """Real scores N(2, 1/4): median 2, 5 % quantile 2 - 0.822427. The generator's median is then far beyond."""
    real = np.random.default_rng(0).standard_normal((20_000, 2)) * 0.5 + [2.0, 0.0]
    weight = interp.weigh(PAIR, jax.random.key(0), WALL, real=real.astype(np.float32)).weight
    at = float(weight(jnp.asarray([2 - 0.822427]))[0])
    # slope there: 10 * 4 * sigmoid(0) / (1 + log 2) / 0.82 = 14 per unit of score; quantile known to 0.02
    assert at == pytest.approx(1 + 10 * SHARE[1.0], abs=14 * 0.02)
    assert float(weight(jnp.asarray([0.0]))[0]) > 1 + 10 * SHARE[2.0]


@pytest.mark.slow
def test_the_wall_never_falls_with_the_score_and_keeps_a_slope_far_below():
    weight = _weight().weight
    score = jnp.linspace(-50.0, 10.0, 500)
    value = np.asarray(weight(score))
    assert np.all(np.diff(value) <= 0) and value[-1] == pytest.approx(1.0, abs=1e-3)
    slope = jax.jit(jax.grad(lambda s: weight(s[None])[0]))
    # d/ds log(1 + 4 v) = 1/(v T) up to terms of order 1/v^2, v = 50/1.64
    assert float(slope(jnp.asarray(-50.0))) == pytest.approx(-10 / 50, rel=0.05)


@pytest.mark.slow
def test_the_reciprocal_cost_is_the_published_formula_and_its_modes_use_it():
    """With integers around all generated scores: 1 / clip((s - o) / (high - o), 0.01, 0.99), o = low - 10."""
    with pytest.warns(UserWarning):
        found = interp.weigh(PAIR, jax.random.key(0), interp.PathWeightSettings(samples=1000))
    scores = np.asarray(PAIR.prior.sample(jax.random.split(jax.random.key(0))[0], 1000))[:, 0]
    low, high = np.floor(scores.min()), np.ceil(scores.max())
    s = np.array([low - 5, low, 0.0, high, high + 5])
    share = np.clip((np.clip(s, low, high) - low + 10) / (high - low + 10), 0.01, 0.99)
    np.testing.assert_allclose(found.cost(jnp.asarray(s)), 1 / share, rtol=1e-6)
    for mode, weight in (("additive", found.cost), ("potential", found.cost), ("conformal", found.weight)):
        metric, known = interp.make_metric(PAIR, interp.GeodesicSettings(mode=mode), weight=found)
        assert metric.weight is weight and known is found


def test_the_barrier_is_one_plus_lambda_at_the_five_per_cent_quantile():
    """softplus(4)/4 = 1.004537; strength as recorded."""
    settings = interp.PathWeightSettings(samples=20_000, ratio=3.0, damp=False)
    with pytest.warns(UserWarning):
        found = interp.weigh(PAIR, jax.random.key(0), settings)
    at = float(found.weight(jnp.asarray([found.floor]))[0])
    assert at == pytest.approx(1 + 1.004537 * found.statistics["strength"], rel=1e-4)


def test_real_samples_of_a_conditional_pair_are_scored_with_their_own_classes() -> None:
    # the critic likes a sample whose sign is that of its class: all real ones do, if they come with their classes
    prior = pairs.ClassMixture((1,), jnp.asarray([[-1.0], [1.0]]), jnp.ones((2, 1)), jnp.full(2, 0.5))
    conditional = pairs.make_pair(
        pairs.wrap(lambda p, z, y: z),
        pairs.wrap(lambda p, x, y: x[:, 0] * (2.0 * y - 1)),
        prior,
        classes=2,
        sample_range=None,
        critic_kind="energy",
        check=False,
    )
    real = np.linspace(1.0, 2.0, 50, dtype=np.float32)[:, None]
    settings = interp.PathWeightSettings(samples=100)
    found = interp.weigh(conditional, settings=settings, real=real, real_labels=np.ones(50, int))
    # of the generated ones some have the wrong sign or are nearer to zero
    assert found.statistics["auc_real_generated"] > 0.5
    with pytest.raises(pairs.InputError, match="real_labels: are missing for a pair with 2 classes"):
        interp.weigh(conditional, settings=settings, real=real)
