"""Metropolis correction: exact at any step, reversible, and told apart from every published mistake."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import (
    drive,
    gaussian,
    identity,
    log_flow,
    mala_acceptance,
    metropolis_by_hand,
    metropolis_quarter,
    pair_of,
    quartic,
    ula_variance,
)

from dcd import Langevin
from dcd.langevin.kernel import LangevinKernel, langevin_init, make_kernel
from dcd.langevin.target import make_target
from dcd.langevin.transition import Moment
from pairs import Uniform

SEED = 7
N, STEPS = 20000, 20
START = np.random.default_rng(1).standard_normal((N, 1), dtype=np.float32)


def mala(eta: float, temperature: float = 1.0, steps: int = STEPS, **more) -> Langevin:
    return Langevin("pixel", steps, eta, temperature=temperature, metropolis=True, **more)


def second_moment(info) -> float:
    """E x^2 over every step of one-dimensional chains, through the recorded norm."""
    return float(np.mean(np.asarray(info.norm, np.float64) ** 2))


# A run that starts in the target's law: E x^2 over N chains of 20 correlated steps. The error is at most
# that of N independent draws, sqrt(2 / N) = 1 %; 3 % is three of those.
TOLERANCE = 0.03


@pytest.mark.slow
@pytest.mark.parametrize("eta", [0.1, 0.5, 1.0])
def test_mala_leaves_the_gaussian_invariant_and_accepts_as_the_closed_form_says(eta):
    state, info = drive(gaussian(1), mala(eta), START, SEED)
    assert abs(second_moment(info) - 1) < TOLERANCE
    # error at most that of N independent draws of a variable in [0, 1]: 0.5 / sqrt(N) = 0.0035
    assert abs(float(info.acceptance.mean()) - mala_acceptance(eta)) < 0.01


def test_mala_acceptance_on_the_unit_normal_is_993_921_784_thousandths():
    # three digits published by quadrature; the grid's error is below them
    values = [mala_acceptance(eta) for eta in (0.1, 0.5, 1.0)]
    np.testing.assert_allclose(values, [0.993, 0.921, 0.784], atol=2e-3)


def test_mala_converges_to_the_law_from_elsewhere():
    # phi = 0.5 and acceptance 0.92: 20 steps forget the start; one step's error is sqrt(2 / N) = 1 %
    state, _ = drive(gaussian(1), mala(0.5), np.full((N, 1), 2.0, np.float32), SEED)
    assert abs(float(np.var(np.asarray(state.position))) - 1) < 0.045


def test_mala_at_temperature_t_has_t_times_the_variance():
    _, info = drive(gaussian(1), mala(0.5, 0.25), 0.5 * START, SEED)
    assert abs(second_moment(info) / 0.25 - 1) < TOLERANCE


def test_without_correction_the_same_check_fails():
    config = mala(0.5).replace(metropolis=False)
    _, info = drive(gaussian(1), config, START, SEED)
    assert abs(second_moment(info) - 1) > 2 * TOLERANCE
    assert ula_variance(0.5, 1.0) == pytest.approx(4 / 3)


@pytest.mark.slow
def test_quarter_gamma_correction_is_rejected_at_half_and_passes_at_one():
    same = drive(gaussian(1), mala(0.5), START, SEED, metropolis_by_hand)[1]
    ours = drive(gaussian(1), mala(0.5), START, SEED)[1]
    # the mutant's frame with the right factor is our transition: acceptances to float32 rounding of terms near 10
    np.testing.assert_allclose(same.acceptance[0], ours.acceptance[0], atol=2e-5)
    wrong = drive(gaussian(1), mala(0.5), START, SEED, metropolis_quarter)[1]
    assert abs(second_moment(wrong) - 1) > 2 * TOLERANCE
    right_by_luck = drive(gaussian(1), mala(1.0), START, SEED, metropolis_quarter)[1]
    assert abs(second_moment(right_by_luck) - 1) < TOLERANCE


def test_acceptance_tends_to_one_as_the_step_shrinks():
    # rejection rate is of order eta^(3/2) here, or smaller
    rates = [float(1 - drive(gaussian(1), mala(eta), START, SEED)[1].acceptance.mean()) for eta in (0.4, 0.1, 0.025)]
    assert rates[0] > 3 * rates[1] > 9 * rates[2] and rates[2] < 2e-3


def imbalance(temperature: float, clip: float, step=LangevinKernel.step) -> float:
    """Largest difference between the flow x -> y and y -> x, in logs, over 256 pairs of points."""
    rng = np.random.default_rng(4)
    x = 0.7 * rng.standard_normal((256, 3), dtype=np.float32)
    y = x + 0.5 * rng.standard_normal((256, 3), dtype=np.float32)
    config = mala(0.3, temperature, clip=clip)
    kernel, target = make_kernel(config), make_target(pair_of(quartic, None, 3), config)
    flow = lambda a, b: np.asarray(log_flow(kernel, target, a, b, 0.3, step))
    return float(np.abs(flow(x, y) - flow(y, x)).max())


@pytest.mark.parametrize("clip", [0.0, 0.7])
@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_detailed_balance_density_times_proposal_times_acceptance_is_symmetric(temperature, clip):
    # logs of size up to 50 summed in float32: a few 1e-6 of that
    assert imbalance(temperature, clip) < 5e-4


def test_detailed_balance_fails_for_the_quarter_gamma_correction():
    assert imbalance(1.0, 0.0, metropolis_quarter) > 0.1


def _global_move(target, state, noise, pick, refresh):
    """Resampling among the current point and four draws of q = N(0, 1), by weight target / q."""
    points = jnp.concatenate([state.position[None], noise[..., None]], axis=0)  # (5, n, 1)
    log_w = jnp.stack([target.evaluate(p, p).log_density + 0.5 * p[:, 0] ** 2 for p in points])
    cumulative = jnp.cumsum(jax.nn.softmax(log_w, axis=0), axis=0)
    chosen = jnp.minimum(jnp.sum(pick[None] > cumulative, axis=0), len(points) - 1)
    position = jnp.take_along_axis(points, chosen[None, :, None], axis=0)[0]
    return langevin_init(target, position, state.ids) if refresh else state._replace(position=position)


@functools.partial(jax.jit, static_argnames="refresh")
def _hybrid(kernel, target, position, random, eta, refresh):
    def one(state, now):
        particles, pick, noise, uniform = now
        state = _global_move(target, state, particles, pick, refresh)
        return kernel.step(target, state, Moment(noise, uniform, eta, jnp.sqrt(2 * eta)))

    return jax.lax.scan(one, langevin_init(target, position, jnp.arange(len(position))), random)


def hybrid_deviation(refresh: bool, eta: float = 0.1, n: int = 8000) -> float:
    rng = np.random.default_rng(5)
    shapes = ((STEPS, 4, n), (STEPS, n), (STEPS, n, 1), (STEPS, n))
    draws = (rng.standard_normal, rng.random, rng.standard_normal, rng.random)
    random = tuple(draw(shape, dtype=np.float32) for draw, shape in zip(draws, shapes, strict=True))
    pair, config = gaussian(1, 0.25, 1.0), mala(eta)
    start = (1 + 0.5 * rng.standard_normal((n, 1))).astype(np.float32)
    state, _ = _hybrid(make_kernel(config), make_target(pair, config), start, random, eta, refresh)
    return float(np.std(np.asarray(state.position)))


@pytest.mark.slow
def test_moving_a_state_without_init_breaks_the_law_and_with_init_keeps_it():
    # target N(1, 0.5^2); error of a standard deviation from 8000 draws is 0.5 / sqrt(16000) = 0.004
    assert abs(hybrid_deviation(refresh=True) - 0.5) < 0.016
    assert abs(hybrid_deviation(refresh=False) - 0.5) > 0.016


def flat(params, x):
    return 0.0 * x[:, 0]


@pytest.mark.slow
def test_mala_in_a_box_keeps_the_uniform_law_and_rejects_what_leaves_it():
    rng = np.random.default_rng(6)
    start = rng.uniform(-1, 1, (N, 1)).astype(np.float32)
    pair = pair_of(flat, None, 1, identity, None, Uniform((1,)))
    state, info = drive(pair, Langevin("latent", STEPS, 0.1, prior_weight=1.0, metropolis=True), start, SEED)
    x = np.asarray(state.position)[:, 0]
    assert np.abs(x).max() <= 1 and not np.asarray(state.stopped).any()
    assert 0 < float((info.acceptance == 0).mean()) < 0.5
    # Kolmogorov distance of N uniform draws exceeds 2 / sqrt(N) with probability 7e-4
    cdf = np.arange(1, N + 1) / N
    assert np.abs(np.sort(x) / 2 + 0.5 - cdf).max() < 2 / N**0.5
