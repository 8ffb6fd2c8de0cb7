"""Discriminative regularisation: its cost, what moves, the feature metric it induces, the fitted prior."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import interp
from checkpoints import load_pair, save_pair
from pairs import ClassMixture, InputError
from pairs.vae import discriminative as dr
from pairs.vae.feature_map import feature_net
from pairs.vae.fitted_prior import fit_mixture
from pairs.vae.losses import draw_posterior, gaussian_log_likelihood, kl_standard, split_posterior
from pairs.vae.nets import VaeConfig

SETTINGS = dr.Discriminative(VaeConfig((8, 8, 1), 2, (8,), "silu"), classes=3, classifier_steps=1, batch=6)
STATE = jax.jit(lambda key: dr.init(SETTINGS, key))(jax.random.key(0))
IMAGES = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1), np.uint8)
LABELS = np.arange(20) % 3
X = jnp.asarray(IMAGES[:6].astype(np.float32) / 255.0)
KEY = jax.random.key(1)


def _size(tree) -> float:
    return float(sum(np.abs(v).sum() for v in jax.tree.leaves(tree)))


def _gap(a, b):
    return jax.tree.map(lambda u, v: np.asarray(u) - np.asarray(v), a, b)


@pytest.fixture(scope="module")
def pair():
    return dr.to_pair(dataclasses.replace(SETTINGS, components=4), STATE, IMAGES, KEY)


@pytest.mark.slow
def test_without_feature_weight_it_is_the_plain_vae() -> None:
    plain = dataclasses.replace(SETTINGS, feature_weight=0.0, beta=1.0)

    @jax.jit
    def both(nets, classifier):
        mean, log_var = split_posterior(plain.model.encoder(nets.encoder, X))
        made = plain.model.decoder(nets.decoder, draw_posterior(KEY, mean, log_var))
        expected = jnp.mean(kl_standard(mean, log_var) - gaussian_log_likelihood(X, made, nets.pixel))
        return dr.cost(plain, nets, classifier, X, KEY)[0], expected

    # float32 sums of some 60 terms of order one
    np.testing.assert_allclose(*both(STATE.nets, STATE.classifier), rtol=1e-5)


@pytest.mark.slow
def test_the_feature_term_reaches_the_decoder_and_its_deviations_never_the_classifier() -> None:
    term = lambda n, c: dr.cost(SETTINGS, n, c, X, KEY)[1]["features"]
    nets, classifier = jax.jit(jax.grad(term, argnums=(0, 1)))(STATE.nets, STATE.classifier)
    assert _size(classifier) == 0
    assert _size(nets.decoder) > 0 and all(_size(v) > 0 for v in nets.layers) and _size(nets.pixel) == 0


@pytest.mark.slow
def test_the_classifier_learns_first_and_is_then_left_alone_to_the_bit() -> None:
    update = dr.make_update(SETTINGS, IMAGES, LABELS)
    taught, figures = update(STATE, KEY, 0)
    assert _size(_gap(taught.classifier, STATE.classifier)) > 0
    jax.tree.map(np.testing.assert_array_equal, taught.nets, STATE.nets)
    learned, later = update(taught, KEY, 1)
    jax.tree.map(np.testing.assert_array_equal, learned.classifier, taught.classifier)
    assert _size(_gap(learned.nets, taught.nets)) > 0
    assert figures.keys() == later.keys()


@pytest.mark.slow
def test_half_the_squared_feature_distance_is_the_kl_between_two_codes() -> None:
    draw = lambda *shape: (0.3 * np.random.default_rng(3).standard_normal(shape)).astype(np.float32)
    pixel, layers = draw(8, 8, 1), [draw(*s) for s in SETTINGS.classifier.shapes()]
    features = feature_net(SETTINGS.classifier, STATE.classifier, jnp.asarray(pixel), [jnp.asarray(s) for s in layers])
    images = jax.jit(SETTINGS.model.decoder)(STATE.nets.decoder, np.asarray([[0.4, -1.2], [1.1, 0.3]], np.float32))
    seen = jax.jit(SETTINGS.classifier.representations)(STATE.classifier, images)
    # KL of Gaussians of equal deviations: half the squared gap over the variance, summed
    values = zip((images, *seen), (pixel, *layers), strict=True)
    kl = sum(0.5 * np.sum(((v[0] - v[1]) * np.exp(-s)) ** 2) for v, s in ((np.asarray(v), s) for v, s in values))
    rows = np.asarray(features(images))
    assert 0.5 * np.sum((rows[0] - rows[1]) ** 2) == pytest.approx(float(kl), rel=1e-4)


@pytest.mark.slow
def test_the_metric_is_symmetric_and_positive_and_of_second_order_in_short_steps(pair) -> None:
    through = lambda z: pair.features(pair.generator(z[None]))[0]
    z, step = np.asarray([0.3, -0.2], np.float32), 2e-3 * np.asarray([0.6, 0.8], np.float32)
    jacobian = np.asarray(jax.jit(jax.jacfwd(through))(z))
    metric = jacobian.T @ jacobian
    assert np.linalg.eigvalsh(metric)[0] > 0
    seen = jax.jit(through)
    exact = float(np.sum((np.asarray(seen(z + step / 2)) - np.asarray(seen(z - step / 2))) ** 2))
    # what is off are the kinks of the ReLUs crossed on the way, in proportion to the step: 0.8 % at 1e-2; and rounding,
    # some 1e-7 of features of order one over a difference of 4e-3
    assert exact == pytest.approx(float(step @ metric @ step), rel=5e-3)


@pytest.mark.slow
def test_unwhitened_pixels_alone_are_the_pixels() -> None:
    zeros = [jnp.zeros(s) for s in SETTINGS.classifier.shapes()]
    net = feature_net(SETTINGS.classifier, STATE.classifier, jnp.zeros((8, 8, 1)), zeros, weight=0.0)
    rows = np.asarray(net(X))
    np.testing.assert_array_equal(rows[:, :64], X.reshape(6, -1))
    assert np.abs(rows[:, 64:]).max() == 0.0


@pytest.mark.slow
def test_em_finds_two_separated_gaussians_and_never_lowers_the_likelihood() -> None:
    rng = np.random.default_rng(0)
    codes = np.concatenate([rng.normal(-4, 0.5, (300, 2)), rng.normal(3, 1.0, (700, 2))]).astype(np.float32)
    fits = [fit_mixture(codes, 2, jax.random.key(2), n) for n in (1, 5, 60)]
    log_prob = jax.jit(lambda prior, z: prior.log_prob(z))
    likelihood = [float(np.mean(log_prob(f, codes))) for f in fits]
    assert likelihood[0] <= likelihood[1] + 1e-5 and likelihood[1] <= likelihood[2] + 1e-5
    order = np.argsort(np.asarray(fits[-1].means[:, 0]))
    # standard errors: 0.5 / sqrt(300) and 1 / sqrt(700), below 0.04
    np.testing.assert_allclose(np.asarray(fits[-1].means)[order, 0], [-4, 3], atol=0.15)
    np.testing.assert_allclose(np.asarray(fits[-1].weights)[order], [0.3, 0.7], atol=0.02)
    with pytest.raises(InputError, match="codes"):
        fit_mixture(codes[:1], 2, jax.random.key(0))


@pytest.mark.slow
def test_the_pair_carries_classifier_and_fitted_prior_through_storage(pair, tmp_path) -> None:
    assert isinstance(pair.prior, ClassMixture) and pair.prior.weights.shape == (4,) and pair.classes is None
    save_pair(tmp_path / "pair", pair)
    loaded = load_pair(tmp_path / "pair")
    np.testing.assert_array_equal(loaded.features(X), pair.features(X))
    np.testing.assert_array_equal(loaded.critic(X), pair.critic(X))
    jax.tree.map(np.testing.assert_array_equal, loaded.prior, pair.prior)
    assert loaded.encoder(X).shape == (6, 2)


@pytest.mark.slow  # the solver compiles a program of its own
def test_a_feature_geodesic_has_at_most_the_feature_energy_of_the_line(pair) -> None:
    ends = pair.encoder(X)
    settings = interp.GeodesicSettings(
        points=4, segments=4, mode="none", evaluations=5, restarts=0, multiresolution=False
    )
    found = interp.geodesic(pair, ends[:2], ends[2:4], settings=settings, features=pair.features)
    assert bool(jnp.all(found.energy <= found.baseline_energy["linear"] * (1 + 1e-5)))
