"""Selection on finite laws: every claim is exact linear algebra, no sampling."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dcd.selection import (
    drs_acceptance,
    isir_chain,
    isir_pick,
    isir_probabilities,
    mh_acceptance,
    mh_chain,
    obrs_acceptance,
    obrs_log_scale,
)


def _laws(seed: int, size: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p, q = rng.dirichlet(np.ones(size)), rng.dirichlet(np.ones(size))
    return p, q, np.log(p / q)


def _kl(p: np.ndarray, law: np.ndarray) -> float:
    return float(np.sum(p * np.log(p / law)))


def _accepted(q: np.ndarray, a: np.ndarray) -> np.ndarray:
    return q * a / np.sum(q * a)


@pytest.mark.parametrize("seed", range(4))
def test_drs_without_shift_is_exact_rejection_at_rate_one_over_m(seed):
    p, q, d = _laws(seed)
    a = drs_acceptance(d, d.max(), gamma=0.0, epsilon=1e-14)
    np.testing.assert_allclose(_accepted(q, a), p, rtol=1e-9)
    assert np.sum(q * a) == pytest.approx(np.exp(-d.max()), rel=1e-9)


def test_drs_gamma_above_zero_rejects_more_and_below_zero_less():
    _, q, d = _laws(1)
    rates = [np.sum(q * drs_acceptance(d, d.max(), gamma)) for gamma in (2.0, 0.0, -2.0)]
    assert rates[0] < rates[1] < rates[2]


@pytest.mark.parametrize("budget", [0.9, 0.6, 0.3])
def test_obrs_meets_its_budget_exactly(budget):
    for seed in range(20):
        _, q, d = _laws(seed)
        if budget > np.exp(-d.max()):  # below 1/M the exact sampler is already cheaper
            a = obrs_acceptance(d, obrs_log_scale(d, budget, q))
            assert np.sum(q * a) == pytest.approx(budget, abs=1e-12)


def test_obrs_scale_of_equal_weights_agrees_with_bisection():
    d = np.random.default_rng(0).normal(0, 2, 500)
    low, high = -50.0, 50.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.minimum(1, np.exp(d + middle)).mean() < 0.4 else (low, middle)
    assert obrs_log_scale(d, 0.4) == pytest.approx(low, abs=1e-9)


def test_obrs_at_one_over_m_and_below_is_exact_rejection():
    for seed in range(10):
        p, q, d = _laws(seed)
        for budget in (np.exp(-d.max()), 0.5 * np.exp(-d.max())):
            a = obrs_acceptance(d, obrs_log_scale(d, budget, q))
            assert _kl(p, _accepted(q, a)) < 1e-14
            assert np.sum(q * a) == pytest.approx(np.exp(-d.max()), rel=1e-12)


def test_obrs_at_budget_one_accepts_everything():
    _, q, d = _laws(3)
    np.testing.assert_array_equal(obrs_acceptance(d, obrs_log_scale(d, 1.0, q)), 1.0)


@pytest.mark.parametrize("budget", [0.8, 0.5])
def test_obrs_law_is_closest_to_the_data_among_all_acceptances_of_the_budget(budget):
    rng = np.random.default_rng(9)
    for seed in range(5):
        p, q, d = _laws(seed)
        best = _kl(p, _accepted(q, obrs_acceptance(d, obrs_log_scale(d, budget, q))))
        a = rng.random((4000, len(q))) ** rng.exponential(1.0, (4000, 1))
        # rivals scaled or lifted to the same budget, within [0, 1]
        rate = (a @ q)[:, None]
        rivals = np.where(rate > budget, a * budget / rate, 1 - (1 - a) * (1 - budget) / (1 - rate))
        np.testing.assert_allclose(rivals @ q, budget)
        laws = q * rivals / budget
        assert best <= np.min(np.sum(p * np.log(p / laws), axis=1)) + 1e-12


@pytest.mark.parametrize("seed", range(4))
def test_mh_gan_leaves_the_data_law_invariant(seed):
    p, q, d = _laws(seed)
    move = q[None, :] * mh_acceptance(d[:, None], d[None, :])
    kernel = move - np.diag(np.diag(move))
    kernel += np.diag(1 - kernel.sum(1))
    np.testing.assert_allclose(p @ kernel, p, atol=1e-15)


def test_mh_gan_with_the_ratio_upside_down_is_not_invariant():
    p, q, d = _laws(0)
    move = q[None, :] * mh_acceptance(d[None, :], d[:, None])
    kernel = move - np.diag(np.diag(move))
    kernel += np.diag(1 - kernel.sum(1))
    assert np.abs(p @ kernel - p).max() > 1e-2


def pick_distribution(log_ratios: np.ndarray) -> np.ndarray:
    """Where a chain started at entry 0 ends, as probabilities of the entries.

    By the recursion p_j <- p_j (1 - alpha_jk), p_k = 1 - sum of p_j over j < k.
    """
    d = np.asarray(log_ratios, np.float64)
    p = np.zeros(len(d))
    p[0] = 1.0
    for k in range(1, len(d)):
        p[:k] *= 1 - mh_acceptance(d[:k], d[k])
        p[k] = 1 - p[:k].sum()
    return p


def test_the_chain_over_given_proposals_ends_at_each_with_the_recursions_probability():
    d = np.array([0.3, -0.5, 1.2, 0.1, 0.9])
    b = 200_000
    u = np.random.default_rng(0).random((4, b))
    pick, _ = mh_chain(np.full(b, d[0]), np.repeat(d[1:, None], b, 1), u)
    seen = np.bincount(pick + 1, minlength=5) / b
    expected = pick_distribution(d)
    assert expected.sum() == pytest.approx(1.0)
    # standard error at most 0.5 / sqrt(200000) = 0.0011; 5 of them
    np.testing.assert_allclose(seen, expected, atol=0.0056)


def test_mh_chain_always_accepts_a_better_sample_and_reports_a_start_never_left():
    pick, rate = mh_chain([0.0, 0.0], [[1.0, -60.0], [2.0, -60.0]], [[0.999, 0.5], [0.999, 0.5]])
    assert pick.tolist() == [1, -1] and rate[0] == 1.0


@pytest.mark.parametrize("particles", [2, 3, 4])
def test_isir_leaves_the_data_law_invariant(particles):
    p, q, d = _laws(2, size=4)
    kernel = np.zeros((4, 4))
    grid = (np.arange(4000) + 0.5) / 4000
    for now in range(4):
        for fresh in itertools.product(range(4), repeat=particles - 1):
            among = np.array([now, *fresh])
            # by the pick itself on a fine grid of uniforms, so that what runs is what is tested
            chosen = isir_pick(np.repeat(d[among][:, None], len(grid), 1), grid)
            share = np.bincount(chosen, minlength=particles) / len(grid)
            np.add.at(kernel[now], among, np.prod(q[list(fresh)]) * share)
    # the grid resolves probabilities to 1/4000
    np.testing.assert_allclose(p @ kernel, p, atol=5e-4)
    assert np.abs(q @ kernel - q).max() > 5e-3


def test_isir_chain_moves_to_the_candidate_it_picked_and_keeps_it():
    d = np.array([[0.0], [50.0], [0.0], [0.0], [0.0]])  # candidate 1 wins step 0 and stays in step 1
    pick, moved = isir_chain(d, np.array([[0.5], [0.5]]))
    assert pick.tolist() == [1] and moved.tolist() == [0.5]


def test_isir_with_many_particles_is_importance_resampling():
    p, q, d = _laws(5, size=3)
    rng = np.random.default_rng(0)
    states = rng.choice(3, p=q, size=(400, 2000))
    chosen = isir_pick(d[states], rng.random(2000))
    law = np.bincount(states[chosen, np.arange(2000)], minlength=3) / 2000
    np.testing.assert_allclose(law, p, atol=0.05)  # 4 standard errors: 0.045
    np.testing.assert_allclose(isir_probabilities(d[states]).sum(0), 1.0)
