"""Presets: published settings, the identities between them, and settings that are refused by name."""

from __future__ import annotations

import dataclasses
import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import drive, gaussian, pair_of

from dcd import PRESETS, Langevin, preset
from dcd.langevin.kernel import langevin_init, make_kernel
from dcd.langevin.presets import dcd_latent, dcd_pixel, dgflow
from dcd.langevin.target import Target, make_target
from dcd.langevin.transition import Moment
from pairs import InputError

SEED = 3
START = np.random.default_rng(8).standard_normal((32, 4), dtype=np.float32)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dcd-pixel", dict(space="pixel", step_size=1.0, clip=1.0, noise_order="before", prior_weight=0.0)),
        ("dcd-latent", dict(space="latent", step_size=0.5, temperature=0.005**2, prior_weight=0.0)),
        ("dcd-toy", dict(space="pixel", step_size=0.2, noise_scale="gradient", temperature=0.02)),
        ("ddls", dict(space="latent", prior_weight=1.0, critic_scale=1.0, temperature=1.0, metropolis=False)),
        ("ddls-mala", dict(space="latent", prior_weight=1.0, metropolis=True)),
        ("dgflow-kl", dict(divergence="kl", step_size=0.1, temperature=0.01, steps=25, prior_weight=0.0)),
        ("dgflow-js", dict(divergence="js", step_size=0.1, temperature=0.01)),
        ("dgflow-logd", dict(divergence="logd", step_size=0.1, temperature=0.01)),
        ("latent", dict(space="latent", prior_weight=1.0)),
    ],
)
def test_preset_has_its_published_settings_and_its_name(name, expected):
    config = preset(name)
    assert config.preset == name
    for field, value in expected.items():
        assert getattr(config, field) == (pytest.approx(value) if isinstance(value, float) else value), field


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_carries_its_name_and_survives_json(name):
    assert preset(name).preset == name
    assert Langevin.from_dict(json.loads(json.dumps(preset(name).to_dict()))) == preset(name)


def test_pixel_noise_is_the_released_one_whatever_the_step():
    # sqrt(2 eta T) with T = s^2 / (2 eta) is s: rounding of one square root
    for eta in (0.1, 1.0, 7.0):
        assert dcd_pixel(3, eta, 0.005).noise_scales() == pytest.approx([0.005] * 3, rel=1e-12)


def test_latent_with_epsilon_2eta_and_noise_sqrt_gamma_is_dgflow_kl_to_the_bit():
    a, b = dcd_latent(6, 0.1, 0.01**0.5), dgflow("kl", 6, 0.1, 0.01)
    one, two = (drive(gaussian(4, 0.7), config, START, SEED) for config in (a, b))
    jax.tree.map(np.testing.assert_array_equal, one, two)
    assert not np.array_equal(one[0].position, START)


@pytest.mark.parametrize(
    ("divergence", "weight"),
    [("kl", lambda d: 1.0), ("js", lambda d: 1 / (1 + np.exp(-d))), ("logd", lambda d: 1 / (1 + np.exp(d)))],
)
def test_dgflow_drift_is_the_divergences_weight_times_the_critics_gradient(divergence, weight):
    x = START.astype(np.float64)
    for _ in range(6):
        d, gradient = -np.sum(x**2, axis=1) / (2 * 0.7), -x / 0.7
        x = x + 0.1 * np.broadcast_to(weight(d), d.shape)[:, None] * gradient
    state, info = drive(gaussian(4, 0.7), dgflow(divergence, 6, 0.1, 0.0), START, SEED)
    np.testing.assert_allclose(state.position, x, rtol=1e-5, atol=1e-6)  # float32 rounding
    np.testing.assert_allclose(info.score[-1], -np.sum(x**2, axis=1) / 1.4, rtol=1e-5, atol=1e-6)


def test_a_constant_added_to_the_critic_changes_no_path():
    config = Langevin("latent", 6, 0.1)
    paths = [drive(gaussian(4, constant=c), config, START, SEED)[0].position for c in (0.0, 100.0)]
    np.testing.assert_array_equal(*paths)


def test_critic_and_temperature_times_c_with_step_over_c_is_the_same_path():
    # c a power of two: every product is exact, so equal to the bit
    config = Langevin("latent", 6, 0.1, temperature=0.5)
    scaled = config.replace(critic_scale=4.0, temperature=2.0, step_size=0.025)
    one, two = (drive(gaussian(4), c, START, SEED)[0].position for c in (config, scaled))
    np.testing.assert_array_equal(one, two)


def test_prior_and_critic_weight_four_is_temperature_a_quarter():
    config = Langevin("latent", 6, 0.1, temperature=1.0, prior_weight=4.0, critic_scale=4.0)
    cooled = config.replace(step_size=0.4, temperature=0.25, prior_weight=1.0, critic_scale=1.0)
    one, two = (drive(gaussian(4), c, START, SEED)[0].position for c in (config, cooled))
    np.testing.assert_array_equal(one, two)


def test_pixel_annealing_takes_noise_through_1_07_04_by_thirds():
    config = dcd_pixel(20).replace(anneal_noise=(1.0, 0.7, 0.4))
    stages = [1.0 if k < 20 / 3 else 0.7 if k < 40 / 3 else 0.4 for k in range(20)]
    assert config.noise_scales() == pytest.approx([0.005 * m for m in stages])
    assert config.step_sizes() == [1.0] * 20


def test_latent_annealing_divides_step_and_noise_by_ten_by_fifths():
    decay = [0.1 ** (k // 4) for k in range(20)]
    stages = tuple(0.1**k for k in range(5))
    config = dcd_latent(20, 0.5, 0.1).replace(anneal=stages, anneal_noise=stages)
    assert config.step_sizes() == pytest.approx([0.5 * m for m in decay])
    # released: sqrt(step_lr decay) * noise decay, step_lr = 2 eta
    assert config.noise_scales() == pytest.approx([math.sqrt(1.0 * m) * 0.1 * m for m in decay])


# --- tangent projection -------------------------------------------------------------------------


class ReleasedDrift(Target):
    """The released transport sampler multiplies the radial part by 1 - |z|^2 / sqrt(d), about -10.3 at d = 128."""

    def evaluate(self, u, origin):
        at = super().evaluate(u, origin)
        along = jnp.sum(at.gradient * u, axis=1, keepdims=True)
        return at._replace(gradient=at.gradient - u * along / u.shape[1] ** 0.5)


def displaced(dim: int, released: bool = False):
    """One noiseless step: start, drift without projection, drift as taken."""
    z = np.random.default_rng(9).standard_normal((256, dim), dtype=np.float32)
    config = Langevin("latent", 1, 0.5, temperature=0.0, tangent=not released)
    kernel, target = make_kernel(config), make_target(gaussian(dim, 1.0, 2.0), config)
    if released:
        target = ReleasedDrift(*(getattr(target, f.name) for f in dataclasses.fields(target)))

    @jax.jit
    def step(z):
        now = Moment(jnp.zeros_like(z), jnp.zeros(len(z)), 0.5, 0.0)
        return kernel.step(target, langevin_init(target, z, jnp.arange(len(z))), now)

    return z, 2.0 - z, (np.asarray(step(z)[0].position) - z) / 0.5


def radial_component(z, drift):
    return np.sum(z.astype(np.float64) * drift, axis=1) / np.linalg.norm(z, axis=1) / np.linalg.norm(drift, axis=1)


def test_tangent_drift_is_orthogonal_to_the_position_and_keeps_the_tangent_part():
    z, gradient, drift = displaced(128)
    assert np.abs(radial_component(z, drift)).max() < 1e-5  # cosine, float32
    expected = gradient - z * (np.sum(gradient * z, axis=1) / np.sum(z * z, axis=1))[:, None]
    np.testing.assert_allclose(drift, expected, atol=2e-5)


def test_dividing_by_root_d_instead_of_the_squared_norm_reverses_radial_motion():
    z, gradient, drift = displaced(128, released=True)
    assert np.abs(radial_component(z, drift)).max() > 0.1  # the check ours passes at 1e-5
    factor = np.sum(z * drift, axis=1) / np.sum(z * gradient, axis=1)
    # mean of |z|^2 / sqrt(128) over 256 draws: error sqrt(2 * 128 / 256) / sqrt(128) = 0.09
    assert factor.mean() == pytest.approx(1 - 128**0.5, abs=0.4)


# --- tether: optimal transport steps ------------------------------------------------------------


@pytest.mark.parametrize("kappa", [0.5, 1.5])
def test_tethered_ascent_on_a_quadratic_is_block_soft_thresholding(kappa):
    """argmax -c/2 |x - m|^2 - kappa |x - y| = y + (1 - kappa / (c r))_+ (m - y), r = |m - y|."""
    mean = 1.0
    config = Langevin("pixel", 60, 0.2, temperature=0.0, tether=kappa)
    state, _ = drive(gaussian(4, 1.0, mean), config, START, SEED)
    pull = mean - START
    r = np.linalg.norm(pull, axis=1)
    expected = START + np.maximum(1 - kappa / r, 0)[:, None] * pull
    moves = r > kappa + 0.3
    assert moves.sum() > 10
    # linear convergence at rate 0.8 per step from distance below 5: 0.8^60 * 5 = 8e-6
    np.testing.assert_allclose(np.asarray(state.position)[moves], expected[moves], atol=2e-4)
    # where the tether wins, a subgradient chain stays within one step of the start
    stays = r < kappa
    assert np.all(np.linalg.norm(np.asarray(state.position) - START, axis=1)[stays] < 0.2 * 2 * kappa)


def cone(params, x):
    return -params["k"] * jnp.sqrt(jnp.sum((x - params["b"]) ** 2, axis=1) + 1e-20)


def test_with_slope_equal_to_the_tether_every_point_of_the_segment_is_optimal():
    k, b, y = 2.0, jnp.asarray([3.0, 4.0]), jnp.zeros((11, 2))
    config = Langevin("pixel", 1, 0.1, tether=k)
    evaluate = jax.jit(make_target(pair_of(cone, {"k": k, "b": b}, 2), config).evaluate)
    value = evaluate(jnp.linspace(0, 1, 11)[:, None] * b, y).log_density
    np.testing.assert_allclose(value, -10.0, rtol=1e-6)
    off = jnp.full((11, 2), 3.0) * jnp.asarray([1.0, 0.0])  # 3 from y and 4 from b
    np.testing.assert_allclose(evaluate(off, y).log_density, -14.0, rtol=1e-6)


# --- refused settings ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("space", dict(space="image")),
        ("divergence", dict(divergence="tv")),
        ("noise_order", dict(noise_order="during")),
        ("noise_scale", dict(noise_scale="norm")),
        ("steps", dict(steps=-1)),
        ("steps", dict(steps=2.0)),
        ("steps", dict(steps=True)),
        ("step_size", dict(step_size=0.0)),
        ("step_size", dict(step_size=math.nan)),
        ("step_size", dict(step_size="0.1")),
        ("temperature", dict(temperature=-1.0)),
        ("critic_scale", dict(critic_scale=math.inf)),
        ("prior_weight", dict(prior_weight=-0.5)),
        ("prior_weight", dict(prior_weight=1.0, space="pixel")),
        ("tether", dict(tether=-1.0)),
        ("clip", dict(clip=-1.0)),
        ("anneal", dict(anneal=[1.0])),
        ("anneal", dict(anneal=())),
        ("anneal_noise", dict(anneal_noise=(1.0, -0.1))),
        ("metropolis", dict(metropolis=True, temperature=0.0)),
        ("metropolis", dict(metropolis=True, noise_order="before")),
        ("metropolis", dict(metropolis=True, noise_scale="gradient")),
        ("metropolis", dict(metropolis=True, anneal_noise=(1.0, 0.5))),
        ("metropolis", dict(metropolis=True, anneal_noise=(1.0, 2.0))),
        ("metropolis", dict(metropolis=True, tangent=True)),
        ("speed", dict(speed=1)),
    ],
)
def test_a_refused_setting_is_named(field, changes):
    with pytest.raises(InputError) as error:
        Langevin().replace(**changes)
    assert error.value.field == field and "\n" not in str(error.value)


def test_an_unknown_preset_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match="preset: 'ddsl' is unknown; use one of .*ddls"):
        preset("ddsl")
