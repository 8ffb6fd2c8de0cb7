"""Priors: densities integrate to one, scores are their gradients, projections are projections."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pairs import ClassMixture, InputError, Normal, Record, Sphere, TruncatedNormal, Uniform, prior_from_record

MIXTURE = ClassMixture((1,), jnp.asarray([[-2.0], [1.0]]), jnp.asarray([[0.5], [1.5]]), jnp.asarray([0.25, 0.75]))
LOG_PROB = jax.jit(lambda prior, z: prior.log_prob(z))
SETTINGS = [Normal((3,), 1.7), Uniform((2, 2), -1.0, 3.0), Sphere((5,), 2.0), TruncatedNormal((4,), 1.3)]


@pytest.mark.parametrize("prior", [Normal((1,), 1.7), Uniform((1,), -1.0, 3.0), TruncatedNormal((1,), 1.3), MIXTURE])
def test_the_density_integrates_to_one(prior) -> None:
    grid = np.linspace(-15, 15, 60_001)
    density = np.exp(np.asarray(LOG_PROB(prior, grid[:, None].astype(np.float32)), np.float64))
    # Riemann sum of step 5e-4: an edge of the support costs at most one cell, below 3e-4
    assert abs(density.sum() * (grid[1] - grid[0]) - 1) < 1e-3


def test_a_component_of_the_mixture_is_normal_and_the_mixture_their_sum() -> None:
    z, parts = np.asarray([[0.3], [-1.9]], np.float32), []
    labelled = jax.jit(lambda prior, z, labels: prior.log_prob(z, labels))
    for c, (mean, scale) in enumerate([(-2.0, 0.5), (1.0, 1.5)]):
        density = np.exp(-0.5 * ((np.asarray(z)[:, 0] - mean) / scale) ** 2) / (scale * math.sqrt(2 * math.pi))
        np.testing.assert_allclose(np.exp(labelled(MIXTURE, z, np.full(2, c))), density, rtol=1e-5)
        parts.append(density)
    np.testing.assert_allclose(np.exp(LOG_PROB(MIXTURE, z)), 0.25 * parts[0] + 0.75 * parts[1], rtol=1e-5)


def test_the_density_on_a_sphere_is_one_over_its_area() -> None:
    # areas of the circle and of the 2-sphere of radius r: 2 pi r and 4 pi r^2
    for d, area in ((2, 2 * math.pi * 3.0), (3, 4 * math.pi * 9.0)):
        prior = Sphere((d,), 3.0)
        z = prior.sample(jax.random.key(0), 4)
        z = np.asarray(z)
        np.testing.assert_allclose(LOG_PROB(prior, z), -math.log(area), rtol=1e-5)
        assert np.all(np.isneginf(LOG_PROB(prior, 1.1 * z)))


@pytest.mark.parametrize("prior", [Normal((3,), 1.7), Uniform((2, 2)), TruncatedNormal((4,), 1.3), MIXTURE])
def test_the_score_is_the_gradient_of_the_log_density(prior) -> None:
    z = prior.sample(jax.random.key(1), 16)
    both = jax.jit(lambda z: (prior.score(z), jax.grad(lambda v: jnp.sum(prior.log_prob(v)))(z)))
    np.testing.assert_allclose(*both(z), rtol=1e-5, atol=1e-6)


def test_the_labelled_score_is_that_of_one_component() -> None:
    score = jax.jit(MIXTURE.score)(np.zeros((2, 1), np.float32), np.asarray([0, 1]))
    # (mean - z) / scale^2
    np.testing.assert_allclose(score[:, 0], [-2.0 / 0.25, 1.0 / 2.25], rtol=1e-5)


@pytest.mark.parametrize("prior", [*SETTINGS, MIXTURE])
def test_projection_is_the_identity_on_the_support_and_idempotent_off_it(prior) -> None:
    seen = jax.jit(lambda z: (prior.project(z), prior.log_prob(z)))
    z = np.asarray(prior.sample(jax.random.key(2), 16))
    same, density = seen(z)
    assert np.all(np.isfinite(density))
    np.testing.assert_allclose(same, z, rtol=1e-6)
    once, _ = seen(5 * z + 1)
    again, density = seen(once)
    assert np.all(np.isfinite(density))
    np.testing.assert_allclose(again, once, rtol=1e-6)


@pytest.mark.parametrize("prior", [*SETTINGS, MIXTURE])
def test_a_longer_draw_begins_with_the_shorter_one(prior) -> None:
    long, short = (np.asarray(prior.sample(jax.random.key(3), n)) for n in (16, 3))
    np.testing.assert_array_equal(long[:3], short)
    assert short.shape == (3, *prior.shape)
    assert len(np.unique(long.reshape(16, -1)[:, 0])) == 16


def test_samples_have_the_moments_of_their_law() -> None:
    n = 4000
    z = np.asarray(jax.jit(lambda k: Normal((1,), 2.0).sample(k, n))(jax.random.key(4)))
    u = np.asarray(jax.jit(lambda k: Uniform((1,), -1.0, 3.0).sample(k, n))(jax.random.key(4)))
    m = np.asarray(jax.jit(lambda k: MIXTURE.sample(k, n))(jax.random.key(4)))
    # five standard errors of the mean: 5 s / sqrt(4000) = 0.08 s
    for values, mean, deviation in ((z, 0, 2.0), (u, 1.0, 4 / 12**0.5), (m, 0.25, 1.88)):
        assert abs(values.mean() - mean) < 0.08 * deviation
        assert abs(values.std() / deviation - 1) < 0.08
    assert abs(z[:, 0].astype(float)).max() > 4  # it is not truncated


@pytest.mark.parametrize("prior", SETTINGS)
def test_a_prior_comes_back_from_its_record(prior) -> None:
    assert prior_from_record(Record(prior.record())) == prior


def test_a_mixture_comes_back_with_the_shapes_of_its_arrays() -> None:
    back = prior_from_record(Record(MIXTURE.record()))
    assert isinstance(back, ClassMixture) and back.means.shape == (2, 1) and back.weights.shape == (2,)
    assert jax.tree.structure(back) == jax.tree.structure(MIXTURE)


@pytest.mark.parametrize(
    "make,field",
    [
        (lambda: Normal(()), "prior.shape"),
        (lambda: Normal((0,)), "prior.shape"),
        (lambda: Normal(2), "prior.shape"),
        (lambda: Normal((2,), 0.0), "prior.scale"),
        (lambda: Normal((2,), float("nan")), "prior.scale"),
        (lambda: Uniform((2,), 1.0, 1.0), "prior.low"),
        (lambda: Uniform((2,), 0.0, float("inf")), "prior.low"),
        (lambda: Sphere((2,), -1.0), "prior.radius"),
        (lambda: TruncatedNormal((2,), 0.0), "prior.bound"),
        (lambda: ClassMixture((2,), jnp.zeros((3, 1)), jnp.ones((3, 1)), jnp.ones(3) / 3), "prior.means"),
        (lambda: prior_from_record({"kind": "cauchy", "shape": [2]}), "prior.kind"),
        (lambda: prior_from_record({"kind": "normal", "shape": [2], "sigma": 1.0}), "prior.sigma"),
        (lambda: prior_from_record({"kind": "normal"}), "prior.shape"),
        (lambda: prior_from_record({"kind": "normal", "shape": [2], "scale": "wide"}), "prior.scale"),
        (lambda: prior_from_record({"kind": "normal", "shape": "2"}), "prior.shape"),
        (lambda: prior_from_record({"kind": "uniform", "shape": [2], "low": "a"}), "prior.low"),
    ],
)
def test_bad_settings_are_refused_by_name(make, field) -> None:
    with pytest.raises(InputError) as caught:
        make()
    assert caught.value.field == field and "\n" not in str(caught.value)
