"""Diagonal preconditioning: the law it leaves, the correction that makes it exact, its estimate; schedules."""

from __future__ import annotations

import jax
import numpy as np
import optax
import pytest
from oracles import drive, log_flow, pair_of, quadratic, quadratic_params, quartic

import dcd
from dcd.langevin.kernel import LangevinKernel, make_kernel
from dcd.langevin.target import make_target
from pairs import InputError

VARIANCES = np.array([4.0, 0.04])
M = (2.0, 0.02)
PAIR = pair_of(quadratic, quadratic_params(np.zeros(2), np.diag(1 / VARIANCES)), 2)
N = 4000


def chain(steps: int, eta: float, **more) -> dcd.Langevin:
    return dcd.Langevin("pixel", steps, eta, precondition=M, **more)


def variances(config: dcd.Langevin) -> np.ndarray:
    state = dcd.start(PAIR, config, np.zeros((N, 2), np.float32), np.arange(N))
    state, _ = dcd.advance(PAIR, config, jax.random.key(0), state)
    return np.var(np.asarray(state.position, np.float64), axis=0)


# five standard errors of a variance over N independent chains
TOLERANCE = 5 * (2 / N) ** 0.5


@pytest.mark.slow
def test_stationary_variance_is_v_over_1_minus_eta_m_over_2v_in_every_coordinate():
    eta = 0.6  # eta m / v is 0.3 in both coordinates: 40 steps forget the start to 0.7^80
    expected = VARIANCES / (1 - eta * np.array(M) / (2 * VARIANCES))
    assert np.all(np.abs(variances(chain(40, eta)) / expected - 1) < TOLERANCE)


def noise_without_root(kernel, target, state, now):
    return LangevinKernel.step(kernel, target, state, now._replace(noise=now.noise / kernel.root))


@pytest.mark.slow
def test_noise_without_the_root_of_the_preconditioner_has_another_law():
    expected = VARIANCES / (1 - 0.6 * np.array(M) / (2 * VARIANCES))
    ours, mutant = (
        np.var(np.asarray(drive(PAIR, chain(40, 0.6), np.zeros((N, 2), np.float32), 1, step)[0].position), axis=0)
        for step in (LangevinKernel.step, noise_without_root)
    )
    assert np.all(np.abs(ours / expected - 1) < TOLERANCE)
    assert np.any(np.abs(mutant / expected - 1) > 5 * TOLERANCE)


@pytest.mark.slow
def test_with_correction_the_targets_own_variances_come_out_at_a_large_step():
    assert np.all(np.abs(variances(chain(150, 1.2, metropolis=True)) / VARIANCES - 1) < TOLERANCE)


def test_the_corrected_flow_between_two_points_is_the_same_both_ways():
    rng = np.random.default_rng(4)
    x = 0.7 * rng.standard_normal((256, 2), dtype=np.float32)
    y = x + 0.3 * rng.standard_normal((256, 2), dtype=np.float32)
    config = dcd.Langevin("pixel", 1, 0.3, temperature=0.7, metropolis=True, precondition=(0.5, 2.0))
    kernel, target = make_kernel(config), make_target(pair_of(quartic, None, 2), config)
    difference = log_flow(kernel, target, x, y, 0.3) - log_flow(kernel, target, y, x, 0.3)
    # float32 sums of terms of order 10
    assert np.abs(difference).max() < 2e-4


@pytest.mark.slow
def test_the_estimate_is_the_inverse_root_mean_square_gradient_with_product_one():
    # starts are N(0, I), so the root mean square gradient of coordinate i is 1 / v_i, and M_i goes as v_i
    found = dcd.precondition(
        PAIR, dcd.Langevin("pixel", 5, 1e-4), jax.random.key(1), chains=4000, steps=1, damping=1e-9
    )
    m = np.array(found.precondition)
    assert abs(np.prod(m) - 1) < 1e-5
    assert abs(m[0] / m[1] / (VARIANCES[0] / VARIANCES[1]) - 1) < TOLERANCE


@pytest.mark.slow
def test_a_diagonal_of_ones_changes_nothing():
    ones = chain(5, 0.01).replace(precondition=(1.0, 1.0))
    np.testing.assert_allclose(variances(ones), variances(ones.replace(precondition=())), rtol=1e-5)


@pytest.mark.parametrize("given", [(1.0,), (1.0, 0.0), (1.0, -1.0), [1.0, 1.0]], ids=str)
def test_a_preconditioner_that_does_not_fit_is_refused(given):
    with pytest.raises(InputError, match="precondition"):
        variances(chain(2, 0.01).replace(precondition=given))


def test_an_optax_schedule_becomes_the_step_sizes_of_the_chain():
    schedule = optax.cosine_decay_schedule(1.0, 20, 0.1)
    config = dcd.Langevin("latent", 20, 0.3, anneal=dcd.sampled(schedule, 20))
    np.testing.assert_allclose(config.step_sizes(), [0.3 * float(schedule(k)) for k in range(20)], rtol=1e-6)
    with pytest.raises(InputError, match="anneal"):
        dcd.Langevin("latent", 3, 0.3, anneal=dcd.sampled(lambda k: 1.0 - k, 3))
