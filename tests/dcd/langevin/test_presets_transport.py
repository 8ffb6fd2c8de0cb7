"""DOT, TTC, GEBM, REP-GAN: closed forms of their targets and steps."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dcd.critics.slopes import effective_lipschitz, ttc_step_size
from dcd.langevin.chain import refine, start
from dcd.langevin.presets import PRESETS, ddls, dot, gebm, preset, repgan, ttc
from dcd.langevin.settings import Langevin
from pairs import InputError, Normal, make_pair, wrap

CENTER = np.array([1.0, -2.0], np.float32)


def _generator(params, z):
    return z


def _quadratic(params, x):
    return -0.5 * params * jnp.sum((x - CENTER) ** 2, axis=1)


def _cone(params, x):
    return -params * jnp.sqrt(jnp.sum((x - CENTER) ** 2, axis=1))


def _linear(params, x):
    return x @ params


def _pair(critic, params, size=2):
    generator, net = wrap(_generator, {}), wrap(critic, jnp.asarray(params))
    return make_pair(generator, net, Normal((size,)), sample_range=None, critic_kind="wasserstein", check=False)


def test_dot_moves_to_the_block_soft_threshold_of_a_quadratic_critic():
    slope, k = 3.0, 1.5
    y = CENTER + np.array([[2.0, 0.0], [0.0, -0.7], [0.3, 0.0], [-3.0, 4.0]], np.float32)
    config = dot(k, steps=600, step_size=0.01, space="pixel")
    result = refine(_pair(_quadratic, slope), config, jax.random.key(0), 4, latents=y, batch=4)
    rate, away = slope / k, CENTER - y
    r = np.linalg.norm(away, axis=1, keepdims=True)
    expected = y + np.maximum(1 - 1 / (rate * r), 0) * away
    assert rate * r[2] < 1  # this one must not move
    # where the pull wins, gradient descent rattles around the start with steps of eta
    np.testing.assert_allclose(result.after, expected, atol=0.02)


def test_dot_objective_is_flat_along_the_ray_of_a_cone_critic():
    config, k = dot(2.0, space="pixel"), 2.0
    y = np.array([3.0, 2.0], np.float32)
    along = y + np.linspace(0, 0.999, 9, dtype=np.float32)[:, None] * (CENTER - y)
    state = start(_pair(_cone, k), config, along, np.arange(9))
    objective = -np.asarray(state.at.log_density) + np.linalg.norm(along - y, axis=1)
    np.testing.assert_allclose(objective, objective[0], atol=2e-6)


def test_dot_in_latent_space_never_moves_along_the_radius():
    size = 128
    direction = np.random.default_rng(0).standard_normal(size).astype(np.float32)
    pair = _pair(_linear, direction, size)
    result = refine(pair, dot(1.0, steps=1, step_size=0.1), jax.random.key(1), 16)
    moved = result.positions - result.latents
    radial = np.sum(moved * result.latents, axis=1) / np.sum(result.latents**2, axis=1)
    np.testing.assert_allclose(radial, 0.0, atol=1e-6)
    assert np.linalg.norm(moved, axis=1).min() > 0.5
    # dividing by sqrt(d) in place of |z|^2 would multiply the radial part by 1 - |z|^2 / sqrt(d)
    factor = 1 - np.sum(result.latents**2, axis=1) / size**0.5
    assert factor.mean() == pytest.approx(-10.3, abs=1.2)


def test_effective_lipschitz_of_a_linear_critic_is_below_its_norm_and_near_it_in_one_dimension():
    assert effective_lipschitz(_pair(_linear, [3.0], 1), jax.random.key(0)) == pytest.approx(3.0, rel=1e-4)
    wide = effective_lipschitz(_pair(_linear, [3.0, 4.0]), jax.random.key(0))
    assert 4.5 < wide <= 5.0 + 1e-4
    again = effective_lipschitz(_pair(_linear, [3.0, 4.0]), jax.random.key(0), space="pixel")
    assert again == pytest.approx(wide)


def test_one_ttc_step_carries_a_translated_law_exactly_onto_the_data():
    shift = np.array([0.6, 0.8], np.float32) * 2.5
    pair, key = _pair(_linear, shift / 2.5), jax.random.key(2)
    plain = refine(pair, ttc().replace(steps=0), key, 64)
    step = ttc_step_size(pair, plain.before + shift, key)
    assert step == pytest.approx(2.5, rel=1e-5)  # W1 of a translation is its length
    np.testing.assert_allclose(refine(pair, ttc(step), key, 64).after, plain.before + shift, atol=1e-5)


def test_gebm_step_size_falls_tenfold_every_200_steps_also_where_they_do_not_divide():
    for steps in (1000, 450):
        sizes = gebm(steps).step_sizes()
        expected = [5e-5 * 0.1 ** (k // 200) for k in range(steps)]
        np.testing.assert_allclose(sizes, expected, rtol=1e-12)
    assert gebm().critic_scale == 100 and gebm().prior_weight == 1 and len(gebm().anneal) == 5


def test_gebm_and_repgan_are_settings_of_one_kernel():
    assert repgan().replace(preset="ddls", steps=9) == ddls(9, 0.005, metropolis=True)
    noise = gebm().noise_scales()
    assert noise[0] == pytest.approx(1e-4**0.5)  # sqrt(epsilon) of the paper's epsilon = 1e-4


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_builds_by_name_and_says_its_name(name):
    config = preset(name)
    assert isinstance(config, Langevin) and config.preset == name
    assert Langevin.from_dict(config.to_dict()) == config


def test_useless_critics_and_bad_settings_are_refused():
    flat = _pair(_linear, [0.0, 0.0])
    with pytest.raises(InputError, match="no slope"):
        effective_lipschitz(flat, jax.random.key(0))
    with pytest.raises(InputError, match="above generated"):
        ttc_step_size(_pair(_linear, [1.0, 0.0]), np.full((8, 2), -5.0), jax.random.key(0))
    with pytest.raises(InputError, match="lipschitz"):
        dot(0.0)
