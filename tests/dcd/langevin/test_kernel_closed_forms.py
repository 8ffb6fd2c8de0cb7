"""Langevin on Gaussians: the discrete chain has its own law in closed form, and the kernel must have it.

Tolerances: a variance estimated from N independent draws has relative standard error sqrt(2 / N), a mean
sqrt(variance / N). Seeds are fixed, so a check at 4.5 errors never flickers.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from oracles import (
    affine,
    covariance_noise,
    drive,
    gaussian,
    linear,
    pair_of,
    quadratic,
    quadratic_params,
    quiet_noise,
    ula_variance,
)

from dcd import Langevin, preset
from dcd.langevin.presets import dcd_pixel, dcd_toy, ddls

SEED = 20
N, DIM, STEPS = 4000, 16, 60
DRAWS = N * DIM
SIGMAS = 4.5


def pixel(eta: float, temperature: float = 1.0, steps: int = STEPS, **more) -> Langevin:
    return Langevin("pixel", steps, eta, temperature=temperature, **more)


def assert_variance(x, expected: float) -> None:
    error = abs(float(np.var(np.asarray(x, np.float64))) / expected - 1)
    assert error < SIGMAS * (2 / np.size(x)) ** 0.5, f"variance off by {error:.2%}"


@pytest.mark.parametrize(
    ("eta", "variance", "temperature"),
    [(0.1, 1.0, 1.0), (0.5, 1.0, 1.0), (1.0, 1.0, 1.0), (0.2, 0.25, 1.0), (0.5, 1.0, 0.3), (0.4, 2.0, 2.0)],
)
def test_stationary_variance_is_sigma2_t_over_1_minus_eta_over_2_sigma2(eta, variance, temperature):
    # the start's weight phi^(2 steps) is below 1e-5 in every case
    state, _ = drive(gaussian(DIM, variance), pixel(eta, temperature), jnp.zeros((N, DIM)), SEED)
    assert_variance(state.position, ula_variance(eta, variance, temperature))


@pytest.mark.parametrize("mutant", [covariance_noise, quiet_noise])
@pytest.mark.parametrize(("eta", "temperature"), [(0.1, 1.0), (0.5, 0.3)])
def test_stationary_variance_rejects_wrong_noise(mutant, eta, temperature):
    state, _ = drive(gaussian(DIM), pixel(eta, temperature), jnp.zeros((N, DIM)), SEED, noise_scale=mutant)
    with pytest.raises(AssertionError, match="variance off"):
        assert_variance(state.position, ula_variance(eta, 1.0, temperature))


def test_transient_mean_is_phi_k_m0_and_variance_grows_as_phi_2k():
    eta, m0 = 0.2, 3.0
    phi, final = 1 - eta, ula_variance(eta, 1.0)
    # about a target at 1, the recorded norm and score give |x|^2 and |x - 1|^2, so mean and second moment of every step
    _, info = drive(gaussian(DIM, 1.0, 1.0), pixel(eta), jnp.full((N, DIM), 1 + m0), SEED)
    square, about = np.asarray(info.norm, np.float64) ** 2, -2 * np.asarray(info.score, np.float64)
    k = np.arange(1, STEPS + 1)
    m, v = phi**k * m0, (1 - phi ** (2 * k)) * final
    mean = np.mean(square - about + DIM, axis=1) / (2 * DIM) - 1
    assert np.all(np.abs(mean - m) < SIGMAS * np.sqrt(v / DRAWS))
    # Var (x - 1)^2 = 2 v^2 + 4 m^2 v
    assert np.all(np.abs(about.mean(1) / DIM - v - m**2) < SIGMAS * np.sqrt((2 * v**2 + 4 * m**2 * v) / DRAWS))


def assert_gaussian(x, mean, covariance) -> None:
    """Mean and covariance of draws, every entry within its own standard error."""
    x = np.asarray(x, np.float64)
    n, var = len(x), np.diag(covariance)
    assert np.all(np.abs(x.mean(0) - mean) < SIGMAS * np.sqrt(var / n)), "mean off"
    error = np.sqrt((np.outer(var, var) + covariance**2) / n)
    assert np.all(np.abs(np.cov(x.T) - covariance) < SIGMAS * error), "covariance off"


PRECISION = np.array([[2.0, 0.6, 0.0], [0.6, 1.0, -0.3], [0.0, -0.3, 0.5]])


def test_stationary_covariance_for_precision_p_is_inverse_of_p_minus_eta_p2_over_2():
    eta, mean = 0.3, np.array([1.0, -2.0, 0.5])
    pair = pair_of(quadratic, quadratic_params(mean, PRECISION), 3)
    start = jnp.tile(jnp.asarray(mean, jnp.float32), (20000, 1))
    # slowest mode: smallest eigenvalue 0.39, phi = 0.88, phi^120 = 3e-7
    state, _ = drive(pair, pixel(eta), start, SEED)
    assert_gaussian(state.position, mean, np.linalg.inv(PRECISION - eta * PRECISION @ PRECISION / 2))


# rectangular and not injective on purpose: the law of x is degenerate, that of z is not
A = np.array([[1.0, 0.4], [-0.5, 0.8], [0.3, 0.3]])
B = np.array([0.5, -1.0, 0.2])
M = np.array([1.0, 0.0, -1.0])
Z0 = np.random.default_rng(3).standard_normal((20000, 2), dtype=np.float32)


def linear_generator():
    maps = {"A": jnp.asarray(A, jnp.float32), "b": jnp.asarray(B, jnp.float32)}
    return pair_of(quadratic, quadratic_params(M, PRECISION), 2, affine, maps)


def latent_law(eta: float):
    precision = np.eye(2) + A.T @ PRECISION @ A
    mean = np.linalg.solve(precision, A.T @ PRECISION @ (M - B))
    return mean, np.linalg.inv(precision - eta * precision @ precision / 2)


def test_latent_law_of_a_linear_generator_is_gaussian_with_precision_one_plus_at_p_a():
    eta = 0.2
    state, _ = drive(linear_generator(), ddls(STEPS, eta), Z0, SEED)
    mean, covariance = latent_law(eta)
    assert_gaussian(state.position, mean, covariance)
    assert_gaussian(state.position @ A.T + B, A @ mean + B, A @ covariance @ A.T + 1e-9 * np.eye(3))


def test_latent_law_rejects_a_missing_prior():
    eta = 0.2
    state, _ = drive(linear_generator(), ddls(STEPS, eta).replace(prior_weight=0.0), Z0, SEED)
    with pytest.raises(AssertionError, match="off"):
        assert_gaussian(state.position, *latent_law(eta))


def perfect_ratio(s2: float, mean: float):
    """Critic ``log N(mean, s2) - log N(0, 1)``: quadratic with precision 1/s2 - 1 about mean / (1 - s2)."""
    p = 1 / s2 - 1
    return gaussian(DIM, 1 / p, mean / s2 / p)


def test_with_the_perfect_ratio_the_latent_chain_has_the_datas_law_up_to_its_step():
    s2, mean, eta = 0.5, 0.7, 0.1
    state, _ = drive(perfect_ratio(s2, mean), ddls(STEPS, eta), jnp.zeros((N, DIM)), SEED)
    variance = ula_variance(eta, s2)
    assert_variance(state.position, variance)
    assert abs(float(state.position.mean()) - mean) < SIGMAS * (variance / DRAWS) ** 0.5


@pytest.mark.parametrize("name", ["dcd-latent", "dgflow-kl"])
def test_without_prior_the_law_is_the_ratio_alone_precision_one_over_s2_minus_one(name):
    s2, mean, eta = 0.5, 0.7, 0.1
    config = preset(name).replace(steps=STEPS, step_size=eta, temperature=1.0)
    state, _ = drive(perfect_ratio(s2, mean), config, jnp.zeros((N, DIM)), SEED)
    variance = ula_variance(eta, 1 / (1 / s2 - 1))
    assert_variance(state.position, variance)
    assert abs(float(state.position.mean()) - mean / (1 - s2)) < SIGMAS * (variance / DRAWS) ** 0.5


@pytest.mark.parametrize(("eta", "s"), [(0.1, 0.5), (0.5, 0.3)])
def test_noise_before_gradient_has_variance_a2_s2_over_1_minus_a2(eta, s):
    a = 1 - eta
    config = dcd_pixel(STEPS, eta, s).replace(clip=0.0)
    state, _ = drive(gaussian(DIM), config, jnp.zeros((N, DIM)), SEED)
    assert_variance(state.position, a * a * s * s / (1 - a * a))


def test_noise_before_gradient_at_step_sigma2_collapses_to_the_mean():
    config = dcd_pixel(STEPS, 1.0, 0.3).replace(clip=0.0)
    state, _ = drive(gaussian(DIM), config, jnp.zeros((N, DIM)), SEED)
    # x + s xi - (x + s xi): exact but for the rounding of the matrix product
    np.testing.assert_allclose(state.position, 0, atol=1e-6)


def test_temperature_zero_and_linear_critic_is_a_straight_line():
    v = jnp.asarray([0.5, -1.0, 0.25])  # within the clip
    config = pixel(0.125, 0.0, 16, clip=1.0)
    state, info = drive(pair_of(linear, {"v": v}, 3), config, jnp.ones((4, 3)), SEED)
    # every sum is a multiple of 1/32 below 4: no rounding at all
    np.testing.assert_array_equal(state.position, np.ones((4, 3)) + 16 * 0.125 * np.asarray(v))
    np.testing.assert_allclose(info.displacement, 0.125 * float(jnp.linalg.norm(v)), rtol=1e-5)


def test_clip_bounds_every_coordinate_of_the_drift():
    v = jnp.asarray([50.0, -0.25, -9.0])
    config = pixel(0.5, 0.0, 16, clip=1.0)
    state, info = drive(pair_of(linear, {"v": v}, 3), config, jnp.zeros((4, 3)), SEED)
    np.testing.assert_array_equal(state.position, np.tile(16 * 0.5 * np.array([1, -0.25, -1]), (4, 1)))
    np.testing.assert_allclose(info.gradient_norm, float(jnp.linalg.norm(v)), rtol=1e-6)  # recorded as it was


def test_toy_noise_has_standard_deviation_sqrt_eta_s_times_gradient_norm():
    # slope 2 in each of 16 coordinates at the start: gradient norm 8
    state, _ = drive(gaussian(DIM, 1.0, 2.0), dcd_toy(1), jnp.zeros((N, DIM)), SEED)
    # published settings: 0.2 sqrt(0.2) = 0.0894 per unit of gradient
    assert_variance(state.position - 0.2 * 2, (0.2 * 0.2**0.5 * 8) ** 2)
    assert 0.2 * 0.2**0.5 == pytest.approx(0.0894, abs=5e-5)


def test_toy_noise_leaves_points_of_zero_gradient_where_they_are():
    state, _ = drive(gaussian(DIM, 1.0, 2.0), dcd_toy(1), jnp.full((N, DIM), 2.0), SEED)
    np.testing.assert_array_equal(state.position, 2.0)
