"""Underdamped Langevin: the integrator's exact stationary law, and the chain on pairs."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import gaussian

from dcd.langevin.chain import refine
from dcd.langevin.presets import ddls
from dcd.langevin.target import make_target
from dcd.langevin.transition import Moment
from dcd.langevin.underdamped import Underdamped, UnderdampedKernel, refine_underdamped
from pairs import InputError, Normal, Uniform, make_pair, wrap


@jax.jit
def _step(kernel, target, u, v, noise, h):
    state = kernel.with_velocity(target, u, v, jnp.arange(u.shape[0]))
    state, _ = kernel.step(target, state, Moment(noise, jnp.zeros(len(u)), h, 0.0))
    return jnp.concatenate([state.position, state.velocity], axis=1)


def _one(variance, u, v, noise, h, friction, temperature):
    """Position and velocity after one step on a Gaussian."""
    target = make_target(gaussian(1, variance), Underdamped("pixel", prior_weight=0.0))
    return _step(UnderdampedKernel(friction, temperature, 0.0, False, False), target, u, v, noise, h)


def _stationary(variance: float, h: float, friction: float, temperature: float) -> np.ndarray:
    """Covariance C of (u, v) that the step leaves invariant: C = A C A' + b b', A and b read off the step."""
    basis = jnp.asarray([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]])
    columns = _one(variance, basis[:, :1], basis[:, 1:2], basis[:, 2:], h, friction, temperature)
    a, b = np.asarray(columns, np.float64)[:2].T, np.asarray(columns, np.float64)[2]
    c = np.linalg.solve(np.eye(4) - np.kron(a, a), np.outer(b, b).ravel())
    return c.reshape(2, 2)


@pytest.mark.parametrize("h", [0.05, 0.3, 0.9])
@pytest.mark.parametrize("friction, temperature", [(1.0, 1.0), (0.2, 0.5), (5.0, 2.0)])
def test_position_variance_on_a_gaussian_is_exact_for_every_stable_step(h, friction, temperature):
    c = _stationary(0.25, h, friction, temperature)
    # float32 steps solved in float64: 1e-6 divided by the spectral gap, at worst 0.2 * 0.05
    assert c[0, 0] == pytest.approx(0.25 * temperature, rel=2e-3)


def test_velocity_variance_has_its_closed_form():
    h, variance = 0.5, 0.25
    c = _stationary(variance, h, 1.0, 1.0)
    # kick-drift-noise-drift-kick on a harmonic force: T (1 - h^2 / (4 sigma^2))
    assert c[1, 1] == pytest.approx(1 - h**2 / (4 * variance), rel=1e-3)
    assert abs(c[0, 1]) < 1e-3


def test_without_friction_noise_and_force_a_step_is_free_flight():
    out = _one(1e12, jnp.asarray([[1.0]]), jnp.asarray([[2.0]]), jnp.zeros((1, 1)), 0.5, 0.0, 1.0)
    np.testing.assert_allclose(np.asarray(out), [[2.0, 2.0]], rtol=1e-6)


def test_strong_friction_gives_the_overdamped_step_with_eta_half_h_squared():
    u, noise, h = jnp.asarray([[0.7]]), jnp.asarray([[-0.4]]), 0.1
    out = _one(1.0, u, jnp.zeros((1, 1)), noise, h, 1e4, 1.0)
    # from rest, drift (h/2)(h/2) g before the velocity is forgotten, noise (h/2) sqrt(T)
    assert float(out[0, 0]) == pytest.approx(0.7 - h**2 / 4 * 0.7 + h / 2 * -0.4, abs=1e-5)


def _generator(params, z):
    return params["a"] * z


def _critic(params, x):
    return -0.5 * params["c"] * jnp.sum((x - 1.0) ** 2, axis=1)


def _pair(prior=None, a=1.0, c=3.0):
    generator, critic = wrap(_generator, {"a": jnp.asarray(a)}), wrap(_critic, {"c": jnp.asarray(c)})
    return make_pair(generator, critic, prior or Normal((2,)), sample_range=None, critic_kind="logit", check=False)


@pytest.mark.slow
def test_refined_latents_follow_prior_times_exponential_critic():
    result = refine_underdamped(_pair(), Underdamped(steps=60, step_size=0.25), jax.random.key(0), 3000, batch=3000)
    # posterior N(c / (1 + c), 1 / (1 + c)) = N(0.75, 0.25); 4 standard errors over 6000 coordinates
    assert result.positions.mean() == pytest.approx(0.75, abs=0.026)
    assert result.positions.var() == pytest.approx(0.25, abs=0.019)
    assert not result.stopped.any() and result.trace.energy.shape == (60, 3000)


def test_starts_are_those_of_the_overdamped_chain_and_zero_steps_change_nothing():
    plain = refine(_pair(), ddls(0), jax.random.key(1), 6, batch=4)
    still = refine_underdamped(_pair(), Underdamped(steps=0), jax.random.key(1), 6, batch=4)
    np.testing.assert_array_equal(plain.before, still.after)
    assert still.trace.energy.shape == (0, 6)


def test_noise_depends_on_key_and_index_alone():
    config, key = Underdamped(steps=3), jax.random.key(2)
    whole = refine_underdamped(_pair(), config, key, 10, batch=4).after
    tail = refine_underdamped(_pair(), config, key, 3, batch=4, first_index=7).after
    np.testing.assert_array_equal(whole[7:], tail)


@pytest.mark.slow
def test_positions_stay_in_a_bounded_prior():
    config = Underdamped(steps=30, step_size=0.5)
    result = refine_underdamped(_pair(Uniform((2,))), config, jax.random.key(3), 64)
    assert np.abs(result.positions).max() <= 1 and result.positions.std() > 0.1


def test_chain_that_meets_infinity_rests_at_its_last_finite_state_and_is_counted():
    result = refine_underdamped(_pair(c=1e38), Underdamped(steps=3, step_size=1.0), jax.random.key(4), 8)
    assert result.stopped.all() and np.isfinite(result.positions).all()


@pytest.mark.parametrize(
    "settings",
    [
        dict(friction=0.0),
        dict(metropolis=True),
        dict(tangent=True),
        dict(noise_order="before"),
        dict(step_size=0.0),
        dict(anneal=(-1.0,)),
    ],
)
def test_bad_settings_are_named(settings):
    with pytest.raises(InputError) as error:
        Underdamped().replace(**settings)
    assert error.value.field == next(iter(settings))


def test_overdamped_runner_refuses_underdamped_settings():
    with pytest.raises(InputError, match="refine_underdamped"):
        refine(_pair(), Underdamped(steps=1), jax.random.key(0), 2)
