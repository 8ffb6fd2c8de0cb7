"""Pieces of paired measures: unbiased means, honest errors, the published metrics on every block."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.metrics import (
    density_coverage,
    frechet_distance,
    frechet_from_features,
    kernel_distance,
    precision_recall,
)
from benchmarks.metrics.paired import paired_frechet, paired_measures, paired_shares
from pairs import InputError

D = 6
DRAWS = 80


def sets(seed: int, n: int = 400, m: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gaussian rows: before N(0, 4), after N(0, 1) from the same noise, real N(0, 1)."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, D))
    return 2 * z, z, rng.normal(size=(m, D))


def test_pseudo_values_are_those_of_leaving_out_each_group() -> None:
    before, after, real = sets(0, 90, 70)
    found = paired_frechet(before, after, real, groups=5)
    for rows, pieces in zip((before, after), found, strict=True):
        parts = [np.array_split(np.arange(len(x)), 5) for x in (rows, real)]
        whole = frechet_from_features(rows, real)
        for j, piece in enumerate(pieces):
            left = frechet_from_features(np.delete(rows, parts[0][j], 0), np.delete(real, parts[1][j], 0))
            assert piece == pytest.approx(5 * whole - 4 * left, rel=1e-6, abs=1e-8)


def test_the_mean_of_the_pieces_is_free_of_the_bias_and_their_spread_is_the_error() -> None:
    changes, ends, errors, plain = [], [], [], []
    for seed in range(DRAWS):
        before, after, real = sets(seed, 150, 120)
        pieces = paired_frechet(before, after, real, groups=10)
        change = pieces.after - pieces.before
        changes.append(change.mean())
        ends.append(pieces.after.mean())
        errors.append(change.std(ddof=1) / np.sqrt(10))
        plain.append(frechet_distance(after.mean(0), np.cov(after.T), real.mean(0), np.cov(real.T)))
    # after minus before is 0 - d (2 - 1)^2, within three standard errors of the mean
    assert abs(np.mean(changes) + D) < 3 * np.std(changes) / np.sqrt(DRAWS)
    # two equal laws: the plain distance is biased upwards by far more than the mean of the pieces
    assert abs(np.mean(ends)) < np.mean(plain) / 4
    # a standard deviation of 80 draws is known to 8 %, and 25 % is three of its errors
    assert np.mean(errors) == pytest.approx(np.std(changes, ddof=1), rel=0.25)


def test_shares_are_the_published_metrics_on_consecutive_blocks() -> None:
    before, after, real = sets(3, 96, 70)
    found = paired_shares(before, after, real, block=32)
    # three blocks of samples, two of real rows: the first and the third share a real block and become one piece
    one, two, three = after[:32], after[32:64], after[64:96]
    first, second = real[:32], real[32:64]
    recall = lambda x, y: precision_recall(y, x).recall
    coverage = lambda x, y: density_coverage(y, x).coverage
    for name, metric in (("kid", kernel_distance), ("recall", recall), ("coverage", coverage)):
        wanted = [(metric(one, first) + metric(three, first)) / 2, metric(two, second)]
        assert found[name].after == pytest.approx(wanted)
    assert found["kid"].before[1] == pytest.approx(kernel_distance(before[32:64], second))


def test_equal_sets_have_no_change_in_any_piece() -> None:
    before, _, real = sets(4, 600, 600)
    for name, pieces in paired_measures(before, before, real).items():
        assert np.array_equal(pieces.before, pieces.after), name


@pytest.mark.parametrize(("n", "m"), [(10, 300), (300, 10)])
def test_fewer_rows_than_a_covariance_needs_are_refused(n: int, m: int) -> None:
    before, after, real = sets(5, n, m)
    with pytest.raises(InputError, match="rows"):
        paired_frechet(before, after, real, groups=4)


def test_rows_that_do_not_fit_are_refused() -> None:
    before, after, real = sets(6)
    with pytest.raises(InputError, match="shapes"):
        paired_measures(before, after[:-1], real)
    with pytest.raises(InputError, match="blocks"):
        paired_shares(before, after, real[:40], block=32)
