"""Diagnostics: closed forms of mixing measures, and that each alarm rings when it should and only then."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from dcd.diagnostics.diversity import mean_pairwise_distance, total_variation
from dcd.diagnostics.figures import diagnose
from dcd.diagnostics.latent_norms import norm_percentiles
from dcd.diagnostics.mixing import autocovariance, effective_sample_size, r_hat
from dcd.diagnostics.plots import plot_diagnostics
from dcd.langevin.chain import refine
from dcd.langevin.presets import dcd_pixel, ddls, dot, ttc
from pairs import InputError, Normal, Uniform, make_pair, wrap


def _generator(params, z):
    return z


def _critic(params, x):
    return params * jnp.sum(x, axis=1)


def _pair(prior=None, slope=0.5):
    generator, critic = wrap(_generator, {}), wrap(_critic, jnp.asarray(slope))
    return make_pair(generator, critic, prior or Normal((8,)), sample_range=None, critic_kind="logit", check=False)


def _ar1(phi: float, steps: int, chains: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = [rng.standard_normal(chains)]
    for _ in range(steps - 1):
        x.append(phi * x[-1] + np.sqrt(1 - phi**2) * rng.standard_normal(chains))
    return np.stack(x)


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9, -0.3])
def test_ess_of_an_autoregressive_chain_is_its_closed_form(phi):
    x = _ar1(phi, 2000, 40)
    # the sum of some 50 estimated correlations over 80000 draws: a few per cent
    assert effective_sample_size(x) / x.size == pytest.approx((1 - phi) / (1 + phi), rel=0.08)


def test_ess_of_one_chain_and_of_constant_chains_is_defined():
    assert effective_sample_size(_ar1(0.5, 20000, 1)[:, 0]) / 20000 == pytest.approx(1 / 3, rel=0.15)
    assert effective_sample_size(np.ones((10, 3))) == 30


def test_autocovariance_by_fourier_transform_is_the_sum_it_stands_for():
    x = _ar1(0.7, 50, 3)
    c = x - x.mean(0)
    direct = [np.mean([np.dot(c[: 50 - t, j], c[t:, j]) / 50 for j in range(3)]) for t in range(50)]
    np.testing.assert_allclose(autocovariance(x), direct, atol=1e-12)


def test_r_hat_is_one_for_chains_of_one_law_and_its_closed_form_for_shifted_ones():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2000, 20))
    assert r_hat(x) == pytest.approx(1.0, abs=0.003)
    shifts = rng.standard_normal(20) * 3
    expected = np.sqrt(1 + np.concatenate([shifts, shifts]).var(ddof=1))
    assert r_hat(x + shifts) == pytest.approx(expected, rel=0.02)
    drifting = x + np.linspace(0, 4, 2000)[:, None]  # halves of a chain that has not settled disagree
    assert r_hat(drifting) > 1.2


@pytest.mark.slow
def test_norms_of_prior_draws_have_uniform_percentiles():
    pair = _pair(Normal((64,), scale=2.0))
    u = np.sort(norm_percentiles(pair, pair.prior.sample(jax.random.key(0), 2000)))
    assert np.abs(u - (np.arange(2000) + 0.5) / 2000).max() < 1.95 / np.sqrt(2000)  # Kolmogorov, 0.1 %
    assert norm_percentiles(pair, jnp.full((1, 64), 4.0))[0] > 0.9999


@pytest.mark.slow
def test_norms_under_a_prior_without_a_formula_are_ranked_among_its_draws():
    pair = _pair(Uniform((8,)))
    u = np.sort(norm_percentiles(pair, pair.prior.sample(jax.random.key(1), 1000)))
    assert np.abs(u - (np.arange(1000) + 0.5) / 1000).max() < 1.95 * np.sqrt(1 / 1000 + 1 / 4096)


@pytest.mark.slow
def test_chain_that_keeps_to_the_prior_raises_no_alarm():
    pair = _pair(slope=0.0)
    result = refine(pair, ddls(80, 0.4, metropolis=True), jax.random.key(2), 128)
    real = np.random.default_rng(0).standard_normal((128, 8)).astype(np.float32)
    report = diagnose(result, pair, real_x=real)
    assert report["warnings"] == [] and report["latent_norm"]["distance_from_prior"] < 0.17  # Kolmogorov, 0.1 %
    assert report["mixing"]["r_hat"] < 1.2 and 0 < report["mixing"]["ess_per_step"] < 1
    assert 0.5 < report["acceptance"] < 1


@pytest.mark.slow
def test_chain_that_climbs_without_end_fools_the_critic_and_leaves_the_prior():
    pair = _pair(slope=1.0)
    result = refine(pair, ddls(40, 0.2).replace(prior_weight=0.0), jax.random.key(3), 64)
    real = np.random.default_rng(0).standard_normal((400, 8)).astype(np.float32)
    report = diagnose(result, pair, real_x=real)
    assert report["critic"]["fooled"] and report["critic"]["beyond_after"] > 0.9
    assert report["critic"]["beyond_before"] == pytest.approx(0.05, abs=0.12)
    assert report["latent_norm"]["extreme_after"] > 0.9
    assert any("fools" in w for w in report["warnings"]) and any("norms" in w for w in report["warnings"])


@pytest.mark.slow
def test_gradient_to_noise_is_the_ratio_of_drift_to_noise_lengths():
    pair = _pair(slope=2.0)
    config = ddls(6, 0.03).replace(prior_weight=0.0, temperature=0.5)
    report = diagnose(refine(pair, config, jax.random.key(4), 8), pair)
    # |g| = 2 sqrt(8); 0.03 |g| / (sqrt(2 * 0.03 * 0.5) sqrt(8))
    assert report["gradient_to_noise"] == pytest.approx(0.03 * 2 / np.sqrt(0.03), rel=1e-5)
    assert diagnose(refine(pair, dot(steps=3), jax.random.key(4), 8), pair)["gradient_to_noise"] is None


@pytest.mark.slow
def test_straight_moves_are_told_from_diffusion_and_displacement_is_what_was_moved():
    pair = _pair(slope=1.0)
    straight = diagnose(refine(pair, ttc(0.1, 10), jax.random.key(5), 16), pair)["displacement"]
    assert straight["straightness"] == pytest.approx(1.0, abs=1e-4)
    assert straight["position"] == pytest.approx(np.sqrt(8), rel=1e-4) and straight["sample_rms"] == pytest.approx(
        1, rel=1e-4
    )
    noisy = diagnose(refine(_pair(slope=0.0), ddls(50, 0.01), jax.random.key(5), 16), pair)["displacement"]
    assert noisy["straightness"] < 0.35


def test_collapse_shows_in_distances_and_classes():
    pair = _pair(slope=0.0)
    result = refine(pair, ddls(0), jax.random.key(6), 200)
    result = result._replace(after=0.1 * result.before + 3.0)
    real = np.random.default_rng(1).standard_normal((200, 8)).astype(np.float32)
    report = diagnose(result, pair, real_x=real, classify=lambda x: (x[:, 0] > 0).astype(int))
    diversity = report["diversity"]
    assert diversity["distance_ratio"] == pytest.approx(0.1, rel=1e-4)
    assert diversity["classes"]["from_uniform"]["after"] == 0.5
    assert diversity["classes"]["from_uniform"]["before"] < 0.12
    assert diversity["classes"]["from_real"]["real"] == 0.0
    assert any("collapses" in w for w in report["warnings"])


def test_pairwise_distance_and_total_variation_are_their_definitions():
    x = np.random.default_rng(2).standard_normal((30, 2, 3))
    flat = x.reshape(30, -1)
    direct = np.mean([np.linalg.norm(a - b) for i, a in enumerate(flat) for j, b in enumerate(flat) if i != j])
    assert mean_pairwise_distance(x) == pytest.approx(direct)
    assert total_variation([1, 0], [0, 5]) == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("config", [ddls(5, 0.01), ddls(0), dcd_pixel(3), dot(steps=2)])
def test_diagnosis_is_json_and_plots_whatever_the_run(tmp_path, config):
    pair = _pair()
    result = refine(pair, config, jax.random.key(7), 12)
    classify = (lambda x: x[:, :3]) if config.steps == 5 else None
    report = diagnose(result, pair, real_scores=np.arange(5.0), classify=classify)
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    path = plot_diagnostics(tmp_path / "run.png", result, report)
    with Image.open(path) as image:
        assert image.size[0] > 600
    assert [p.name for p in tmp_path.iterdir()] == ["run.png"]


def test_stopped_chains_are_reported():
    pair = _pair(slope=1e38)
    result = refine(pair, ddls(3, 10.0), jax.random.key(8), 8)
    report = diagnose(result, pair)
    assert report["stopped"] == 1.0 and any("NaN" in w for w in report["warnings"])
    json.dumps(report, allow_nan=False)


def test_bad_input_is_named(tmp_path):
    pair = _pair()
    result = refine(pair, ddls(4), jax.random.key(9), 4)
    for run, field in (
        (lambda: diagnose(result, pair, real_x=np.zeros((5, 3))), "real_x"),
        (lambda: diagnose(result, pair, classify=lambda x: x[:1, 0]), "classify"),
        (lambda: plot_diagnostics(tmp_path / "run.jpg", result, diagnose(result, pair)), "path"),
        (lambda: effective_sample_size(np.zeros(3)), "series"),
    ):
        with pytest.raises(InputError) as error:
            run()
        assert error.value.field == field
