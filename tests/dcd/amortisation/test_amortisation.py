"""Amortised chains on laws that are known in closed form."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from known_targets import ALONE, DDLS, known_pair, quadratic, slope

import dcd
from dcd.amortisation.objective import chart_law, on_chart
from pairs import Normal, Sphere, Uniform
from pairs.flows.charts import base_law


def bumps(p, x):
    squared = jnp.sum((x[:, None] - p) ** 2, axis=-1)
    return jax.nn.logsumexp(-squared / 0.18, axis=1) + 0.5 * jnp.sum(x**2, axis=-1)


def by_class(p, x, c):
    return jnp.sum(p[c] * x, axis=-1)


def _latents(fast, n=4000, labels=None):
    return np.asarray(dcd.amortised_latents(fast, jax.random.key(9), n, labels, batch=n))


MATRIX = jnp.asarray([[1.0, 0.6, 0.0], [0.0, 0.8, -0.5], [0.3, 0.0, 1.2]])
CENTRE, WIDTH = jnp.asarray([1.0, -0.5, 0.5]), jnp.asarray([0.5, 0.8, 0.6])


@pytest.fixture(scope="module")
def gaussian():
    """A linear generator and a quadratic score: the target is a Gaussian."""
    pair = known_pair(Normal((3,)), quadratic, (CENTRE, WIDTH), matrix=MATRIX)
    return pair, *dcd.amortise(pair, DDLS, jax.random.key(0), ALONE)


def _posterior():
    w = np.asarray(MATRIX, np.float64) / np.asarray(WIDTH)
    precision = np.eye(3) + w @ w.T
    pulled = w @ (np.asarray(CENTRE, np.float64) / np.asarray(WIDTH))
    return np.linalg.solve(precision, pulled), np.linalg.inv(precision)


@pytest.mark.slow
def test_a_gaussian_target_of_a_linear_generator_is_matched_in_mean_and_covariance(gaussian):
    _, fast, report = gaussian
    mean, covariance = _posterior()
    z = _latents(fast)
    # 4,000 samples of deviations up to 0.8: standard errors of 0.013 and 0.014, times 3, and the fit's own error
    np.testing.assert_allclose(z.mean(0), mean, atol=0.06)
    np.testing.assert_allclose(np.cov(z.T), covariance, atol=0.06)
    # an exact flow has 1; a volume change of the wrong sign or a missing prior ends far below
    assert report.effective_share > 0.93
    assert report.score_after > report.score_before and report.score_of_chain is None and report.nearness is None
    assert report.evaluations == ALONE.steps * ALONE.batch


@pytest.mark.parametrize("temperature, scale, prior_weight", [(0.5, 2.0, 1.5)])
def test_the_law_on_the_chart_is_the_chains_density_to_the_power_of_the_inverse_temperature(
    temperature, scale, prior_weight
):
    pair = known_pair(Normal((2,), 1.5), quadratic, (jnp.ones(2), 0.7 * jnp.ones(2)))
    chain = DDLS.replace(temperature=temperature, critic_scale=scale, prior_weight=prior_weight)
    law = chart_law(pair, base_law(pair.prior), chain)
    v = jax.random.normal(jax.random.key(0), (5, 2))
    z = 1.5 * v
    expected = (scale * pair.score(pair.generate(z)) + prior_weight * pair.prior.log_prob(z)) / temperature
    difference = np.asarray(law.log_density(v)[0] - expected)
    # the chart's volume is constant here
    np.testing.assert_allclose(difference, difference[0], atol=1e-4)


@pytest.mark.slow
def test_uniform_latents_follow_an_exponential_law_on_their_box():
    pair = known_pair(Uniform((2,), 0.0, 2.0), slope, jnp.asarray([2.0, -1.0]))
    settings = ALONE.replace(bins=6, learning_rate=1e-2, steps=200)
    z = _latents(dcd.amortise(pair, DDLS, jax.random.key(0), settings)[0])
    assert z.min() >= 0 and z.max() <= 2
    # the mean of a density exp(a z) on [0, h] is h e^{ah} / (e^{ah} - 1) - 1 / a
    expected = [2 * np.exp(2 * a) / (np.exp(2 * a) - 1) - 1 / a for a in (2.0, -1.0)]
    np.testing.assert_allclose(z.mean(0), expected, atol=0.05)  # standard error 0.008, and the fit


@pytest.mark.slow
def test_latents_on_a_sphere_follow_a_von_mises_fisher_law():
    pair = known_pair(Sphere((3,)), slope, jnp.asarray([0.0, 0.0, 4.0]))
    fast, report = dcd.amortise(pair, DDLS, jax.random.key(0), ALONE.replace(width=16))
    z = _latents(fast)
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, atol=1e-4)
    # mean resultant length of concentration 4 in three dimensions: coth 4 - 1/4
    np.testing.assert_allclose(z.mean(0), [0, 0, 1 / np.tanh(4) - 0.25], atol=0.04)
    assert report.effective_share > 0.8


@pytest.mark.slow
def test_the_flow_of_a_short_chain_moves_latents_by_one_implicit_step():
    pair = known_pair(Normal((2,)), slope, jnp.asarray([2.0, -1.0]))
    chain = dcd.preset("ddls").replace(steps=10, step_size=0.1)
    z = _latents(dcd.amortise(pair, chain, jax.random.key(0), ALONE.replace(transport=1.0))[0])
    # target N(a, 1), start N(0, 1): u + m costs |m - a|^2 / 2 + |m|^2 / (2 tau), least at m = a tau / (1 + tau)
    np.testing.assert_allclose(z.mean(0), [1.0, -0.5], atol=0.06)
    np.testing.assert_allclose(np.cov(z.T), np.eye(2), atol=0.08)


@pytest.mark.slow
def test_each_class_has_its_own_law():
    pair = known_pair(Normal((2,)), by_class, jnp.asarray([[1.0, 0.0], [0.0, -2.0]]), classes=2)
    fast, _ = dcd.amortise(pair, DDLS, jax.random.key(0), ALONE)
    labels = np.arange(4000) % 2
    z = _latents(fast, labels=labels)
    # a normal prior times exp(a z) is a normal law around a
    np.testing.assert_allclose([z[labels == k].mean(0) for k in (0, 1)], [[1, 0], [0, -2]], atol=0.1)


@pytest.mark.slow
def test_a_divergence_to_the_chain_keeps_both_modes_where_the_one_to_the_target_may_lose_one():
    centres = jnp.asarray([[-3.0], [3.0]])
    pair = known_pair(Normal((1,)), bumps, centres)
    # the chain's samples come from both modes: it starts at the prior, which lies between them
    chain = dcd.preset("ddls").replace(steps=60, step_size=0.02)
    common = dict(steps=300, batch=128, learning_rate=1e-2, layers=1, width=4, bins=12, ema=0.98, pool=400)
    settings = dcd.Amortise(chain_weight=0.9, **common)
    fast, report = dcd.amortise(pair, chain, jax.random.key(0), settings)
    z = _latents(fast)[:, 0]
    share = np.mean(z > 0)
    assert 0.35 < share < 0.65  # the pool of 400 has a standard error of 0.025
    assert np.mean(np.abs(np.abs(z) - 3) < 1) > 0.8
    assert {"to_target", "from_chain"} <= set(report.history)
    assert report.score_of_chain > report.score_before and report.tried == {"0.9": report.nearness}
    assert report.nearness > 0.6  # 400 further samples of the chain


@pytest.mark.slow
def test_without_a_weight_the_flow_nearer_to_the_chain_is_kept():
    # a chain of 10 steps is far from its target, N(3, 1), which the flow of the target alone learns
    pair = known_pair(Normal((1,)), slope, jnp.asarray([3.0]))
    chain = dcd.preset("ddls").replace(steps=10, step_size=0.02)
    settings = ALONE.replace(chain_weight=None, pool=1000, steps=150)
    fast, report = dcd.amortise(pair, chain, jax.random.key(0), settings)
    assert report.nearness == report.tried["1"] > 0.8 and report.tried["0"] < 0
    assert _latents(fast).mean() == pytest.approx(3 * (1 - 0.98**10), abs=0.1)
    assert report.evaluations == 10 * 2000 + 150 * 128


def test_lengths_on_the_chart_of_a_sphere_are_those_of_its_base_law():
    prior = Sphere((3,))
    z = prior.sample(jax.random.key(0), 4000)
    v = np.asarray(on_chart(prior, z, jax.random.key(1)))
    # the squared length is chi-squared with 3 degrees of freedom: mean 3, variance 6, standard errors 0.04 and 0.2
    square = (v**2).sum(1)
    assert square.mean() == pytest.approx(3, abs=0.16) and square.var() == pytest.approx(6, abs=1.0)


@pytest.mark.parametrize("method", ["isir", pytest.param("mh", marks=pytest.mark.slow)])
def test_a_correction_makes_a_rough_flow_exact(method):
    pair = known_pair(Normal((1,)), quadratic, (jnp.ones(1), jnp.ones(1)))
    rough, _ = dcd.amortise(pair, DDLS, jax.random.key(0), ALONE.replace(steps=1))
    plain = _latents(rough)
    assert abs(plain.mean() - 0.5) > 0.3 and plain.std() > 0.9  # about the prior
    found = dcd.correct(rough, 4000, jax.random.key(1), method=method, particles=8, steps=4 if method == "isir" else 24)
    # the target is N(1/2, 1/2); 4,000 samples: standard errors 0.011 and 0.008, and what the short chain leaves
    assert found.latents.mean() == pytest.approx(0.5, abs=0.05)
    assert found.latents.std() == pytest.approx(np.sqrt(0.5), abs=0.04)
    np.testing.assert_allclose(found.samples, found.latents, atol=1e-6)


def test_samples_do_not_depend_on_the_batch_and_a_chain_goes_on_from_them(gaussian):
    pair, fast, _ = gaussian
    key = jax.random.key(4)
    first = dcd.correct(fast, 5, key, steps=2, batch=5)
    second = dcd.correct(fast, 5, key, steps=2, batch=2)
    # single precision in programs of another shape
    np.testing.assert_allclose(first.samples, second.samples, atol=1e-5)
    whole, part = dcd.amortised_latents(fast, key, 5), dcd.amortised_latents(fast, key, 2, first_index=3)
    np.testing.assert_allclose(part, whole[3:], atol=1e-6)
    short = dcd.preset("ddls").replace(steps=1)
    moved = dcd.correct(fast, 5, key, steps=2, batch=5, then=short)
    assert np.all(np.abs(moved.samples - first.samples).max(1) > 1e-4)
    original = dcd.original_pair(fast)
    np.testing.assert_array_equal(original.generate(whole), pair.generate(whole))
    assert original.prior == pair.prior and original.record == pair.record
