"""Frechet distance: closed forms, published values, and its intervals."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.metrics import (
    fid_change,
    fid_influence,
    frechet_distance,
    frechet_from_features,
    frechet_infinity,
    moments,
    moments_of_stream,
)
from benchmarks.metrics.fid import covariance_factor, covariance_within
from benchmarks.metrics.fid_interval import _without_groups, interval
from pairs import InputError


def _fd(x: np.ndarray, y: np.ndarray) -> float:
    a, b = moments(x), moments(y)
    return frechet_distance(a.mean, a.covariance, b.mean, b.covariance)


@pytest.fixture(scope="module")
def golden() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.RandomState(0)  # the stream the reference values were computed with
    return rng.randn(2000, 64), rng.randn(2000, 64) * 1.1 + 0.1


def test_value_of_torch_fidelity(golden):
    # torch-fidelity takes complex eigenvalues of the product: agreement to its own rounding
    assert _fd(*golden) == pytest.approx(2.533249520382526, rel=1e-9)


@pytest.mark.parametrize("d", [128, pytest.param(2048, marks=pytest.mark.slow)])
def test_mean_shift_of_one_in_d_dimensions_is_d_exactly(d):
    assert frechet_distance(np.zeros(d), np.eye(d), np.ones(d), np.eye(d)) == d


def test_diagonal_gaussians_give_the_sum_of_squared_differences_of_deviations():
    rng = np.random.default_rng(0)
    s, t, shift = rng.uniform(0, 3, 20), rng.uniform(0, 3, 20), rng.normal(size=20)
    expected = ((s - t) ** 2).sum() + (shift**2).sum()
    rotation = np.linalg.qr(rng.normal(size=(20, 20)))[0]
    first, second = ((rotation * v**2) @ rotation.T for v in (s, t))
    # rounding of two 20x20 eigenproblems
    assert frechet_distance(np.zeros(20), first, rotation @ shift, second) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("n, d", [(300, 16), (12, 40)])
def test_agrees_with_the_nuclear_norm_of_the_cross_gram_matrix_also_for_fewer_rows_than_dimensions(n, d):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, d)), 1.3 * rng.normal(size=(n + 5, d)) + 0.2
    # singular covariances: roots of eigenvalues that are rounding cost about sqrt(eps) each
    assert _fd(x, y) == pytest.approx(frechet_from_features(x, y), rel=1e-6)


def test_a_set_has_distance_zero_to_itself(golden):
    # cancellation of traces of size 64: absolute rounding, not relative
    assert _fd(golden[0], golden[0]) == pytest.approx(0, abs=1e-10)


def test_order_and_batching_of_rows_change_nothing(golden):
    x, rng = golden[0] + 1e3, np.random.default_rng(0)  # far from zero: a naive sum of squares would cancel
    whole = moments(x)
    parts = np.array_split(x[rng.permutation(len(x))], [1, 7, 500, 1999])
    merged = moments_of_stream(parts)
    assert merged.n == 2000
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-13)
    np.testing.assert_allclose(merged.covariance, np.cov(x, rowvar=False), atol=1e-10)


def test_bad_features_are_refused():
    with pytest.raises(InputError, match="NaN"):
        moments([[np.nan]])
    with pytest.raises(InputError, match="dimensions"):
        frechet_distance(np.zeros(2), np.eye(2), np.zeros(3), np.eye(3))
    with pytest.raises(InputError, match="at least 2"):
        _ = moments([[1.0]]).covariance
    with pytest.raises(InputError, match="equally many"):
        fid_change(np.zeros((9, 2)), np.zeros((8, 2)), np.zeros(2), np.eye(2))


def test_infinity_extrapolation_removes_most_of_the_bias_and_repeats_with_its_seed():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 32))
    plain = moments(x)
    biased = frechet_distance(plain.mean, plain.covariance, np.zeros(32), np.eye(32))  # truth is 0
    value, sizes, _ = frechet_infinity(x, np.zeros(32), np.eye(32), seed=1)
    assert abs(value) < 0.3 * biased and sizes[-1] == 2000
    assert value == frechet_infinity(x, np.zeros(32), np.eye(32), seed=1)[0]


def test_influence_is_the_derivative_of_the_distance_with_respect_to_weights():
    rng = np.random.default_rng(0)
    x, mu, sigma = rng.normal(size=(200, 5)) * 1.4 + 0.5, np.zeros(5), np.eye(5)
    psi = fid_influence(x, mu, sigma)

    def weighted(w: np.ndarray) -> float:
        w = w / w.sum()
        mean = w @ x
        # n/(n-1) keeps the base point at the unbiased covariance that psi was taken at
        return frechet_distance(mean, ((x - mean).T * w) @ (x - mean) * 200 / 199, mu, sigma)

    for i in (0, 17, 199):
        h = 1e-6
        up, down = np.ones(200), np.ones(200)
        up[i], down[i] = 1 + h, 1 - h
        slope = 200 * (weighted(up) - weighted(down)) / (2 * h)
        # psi uses covariance without the factor 200/199 on its own quadratic term: 1/n accuracy
        assert slope == pytest.approx(psi[i], rel=2e-2, abs=2e-2)


def test_intervals_cover_and_pairing_narrows_the_change():
    rng = np.random.default_rng(0)
    mu, sigma = np.zeros(8), np.eye(8)
    runs = 60
    values, covered = [], []
    for seed in range(runs):
        x = rng.normal(size=(400, 8)) * 1.2 + 0.3
        values.append(fid_change(x, x, mu, sigma, seed=seed))
    centre = np.mean([v.before for v in values])
    covered = [v.before_ci[0] <= centre <= v.before_ci[1] for v in values]
    # 95 % nominal; 60 runs have a standard error of 3 %, three of them below is 86 %
    assert np.mean(covered) >= 0.86
    widths = np.array([v.before_ci[1] - v.before_ci[0] for v in values]) / (2 * 2.06)
    assert widths.mean() == pytest.approx(np.std([v.before for v in values]), rel=0.4)  # sd of 60 runs: 9 %, x 4
    x = rng.normal(size=(400, 8)) + 0.3
    paired = fid_change(x, x - 0.01, mu, sigma)
    loose = fid_change(x, x - 0.01, mu, sigma, paired=False)
    assert 0 > paired.difference == pytest.approx(loose.difference)
    assert paired.difference_ci[1] < 0 < loose.difference_ci[1]
    assert paired.difference == pytest.approx(paired.after - paired.before)
    same = fid_change(x, x, mu, sigma)
    assert same.difference_ci == (0.0, 0.0)


def test_leaving_a_group_out_is_the_distance_of_the_other_rows():
    rng = np.random.default_rng(0)
    x, groups = rng.normal(size=(60, 4)) + 3, np.array_split(rng.permutation(60), 7)
    values = _without_groups(x, groups, np.zeros(4), np.eye(4), np.eye(4))
    for group, value in zip(groups, values, strict=True):
        rest = moments(np.delete(x, group, axis=0))
        # two orders of summation in float64
        assert value == pytest.approx(frechet_distance(rest.mean, rest.covariance, np.zeros(4), np.eye(4)), rel=1e-12)


def test_student_quantile():
    # t(0.975, 24) = 2.0639 in any table; the expansion is good to 3e-4
    assert interval(0, 1, freedom=24)[1] == pytest.approx(2.0639, abs=3e-4)


def test_many_dimensions_take_the_influence_function_and_agree_with_the_jackknife(monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1500, 6)) + 0.4
    y = x * 0.9
    jackknife = fid_change(x, y, np.zeros(6), np.eye(6))
    monkeypatch.setattr("benchmarks.metrics.fid_interval.DELTA_ABOVE", 5)
    delta = fid_change(x, y, np.zeros(6), np.eye(6))
    for ci, other in ((jackknife.before_ci, delta.before_ci), (jackknife.difference_ci, delta.difference_ci)):
        # a jackknife of 25 groups knows its own width to 1/sqrt(2 * 24) = 14 %, times 3
        assert ci[1] - ci[0] == pytest.approx(other[1] - other[0], rel=0.45)


@pytest.mark.parametrize("rank", [6, 3])
def test_a_factor_times_its_transpose_is_the_covariance_also_where_that_is_singular(rank):
    rng = np.random.default_rng(0)
    half = rng.normal(size=(6, rank))
    sigma = half @ half.T
    factor = covariance_factor(sigma)
    np.testing.assert_allclose(factor @ factor.T, sigma, atol=1e-12)
    assert np.any(np.triu(factor, 1)) == (rank < 6)  # triangular where the covariance is definite
    other = rng.normal(size=(6, 6))
    other = other @ other.T
    np.testing.assert_allclose(covariance_within(factor, other), factor.T @ other @ factor, atol=1e-12)
