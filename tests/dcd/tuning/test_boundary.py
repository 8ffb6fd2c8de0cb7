"""The bounds spend the error rate they promise; the quantiles are Student's."""

from __future__ import annotations

import numpy as np
import pytest

from dcd.tuning.boundary import spending_bounds, student_cdf, student_quantile
from pairs import InputError

PATHS = 400_000


def crossings(shares: tuple[float, ...], bounds: tuple[float, ...]) -> np.ndarray:
    """Share of Brownian paths that have crossed a bound by each look."""
    steps = np.diff([0.0, *shares])
    walk = np.cumsum(np.random.default_rng(7).normal(size=(PATHS, len(shares))) * np.sqrt(steps), axis=1)
    crossed = walk / np.sqrt(shares) >= np.array(bounds)
    return np.logical_or.accumulate(crossed, axis=1).mean(0)


@pytest.mark.parametrize("alpha", [0.025, 0.05])
@pytest.mark.parametrize("shares", [(1.0,), (0.25, 0.5, 1.0), (0.1, 0.3, 0.35, 0.8, 1.0)])
def test_brownian_motion_crosses_by_each_look_as_often_as_is_spent(shares: tuple[float, ...], alpha: float) -> None:
    spent = alpha * np.array(shares) ** 2
    # four standard errors of a share of PATHS paths
    assert np.all(abs(crossings(shares, spending_bounds(shares, alpha)) - spent) < 4 * np.sqrt(spent / PATHS))


def test_a_bound_for_one_look_used_at_three_would_be_wrong_too_often() -> None:
    assert crossings((0.25, 0.5, 1.0), 3 * spending_bounds((1.0,)))[-1] > 0.045


def test_the_exponent_moves_the_error_to_later_looks() -> None:
    shares = (0.25, 0.5, 1.0)
    early, late = (spending_bounds(shares, 0.025, power) for power in (1.0, 4.0))
    assert early[0] < late[0] and early[-1] > late[-1]


@pytest.mark.parametrize(
    ("probability", "freedom", "table"),
    [(0.975, 1, 12.7062), (0.975, 2, 4.3027), (0.95, 7, 1.8946), (0.99, 30, 2.4573), (0.9995, 15, 4.0728)],
)
def test_student_quantiles_agree_with_the_printed_table(probability: float, freedom: int, table: float) -> None:
    assert student_quantile(probability, freedom) == pytest.approx(table, abs=5e-5)
    assert student_quantile(1 - probability, freedom) == pytest.approx(-table, abs=5e-5)


@pytest.mark.parametrize("freedom", [1, 2, 3, 8, 31])
def test_student_distribution_integrates_its_density(freedom: int) -> None:
    grid = np.linspace(-1.5, 2.5, 20_001)
    density = (1 + grid**2 / freedom) ** (-(freedom + 1) / 2)
    over = np.linspace(-np.pi / 2, np.pi / 2, 200_001)[1:-1]
    # t = sqrt(freedom) tan(angle) makes the whole line a bounded interval
    whole = np.sqrt(freedom) * np.trapezoid(np.cos(over) ** (freedom - 1), over)
    part = np.trapezoid(density, grid) / whole
    assert student_cdf(2.5, freedom) - student_cdf(-1.5, freedom) == pytest.approx(part, abs=2e-5)


@pytest.mark.parametrize("shares", [(), (0.5,), (0.5, 0.5, 1.0), (0.0, 1.0), (0.5, 0.25, 1.0)])
def test_shares_that_do_not_rise_to_one_are_refused(shares: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="shares"):
        spending_bounds(shares)


def test_rates_and_probabilities_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="alpha"):
        spending_bounds((1.0,), 0.6)
    with pytest.raises(InputError, match="power"):
        spending_bounds((1.0,), 0.05, 0.0)
    with pytest.raises(InputError, match="probability"):
        student_quantile(1.0, 3)
    with pytest.raises(InputError, match="freedom"):
        student_quantile(0.9, 0)
