"""The Frechet distance from blocks of rows is that of all rows at once."""

from __future__ import annotations

import numpy as np
import pytest

import benchmarks.metrics.fid_interval as fid_interval
import benchmarks.metrics.fid_stream as fid_stream
from benchmarks.metrics import fid_change, fid_change_of_stream, moments
from pairs import InputError

RNG = np.random.default_rng(0)
BEFORE = RNG.standard_normal((1003, 6)) * 1.2 + 0.3
AFTER = 0.8 * BEFORE + 0.1 * RNG.standard_normal(BEFORE.shape)
MU, SIGMA = np.zeros(6), np.eye(6)


def blocks(size, before=BEFORE, after=AFTER):
    return lambda: ((before[i : i + size], after[i : i + size]) for i in range(0, len(before), size))


@pytest.mark.parametrize("size", [7, 100, 2000])
def test_values_and_intervals_are_those_of_all_rows(size) -> None:
    whole, found = fid_change(BEFORE, AFTER, MU, SIGMA), fid_change_of_stream(blocks(size), MU, SIGMA)
    for field in ("before", "after", "difference"):
        assert getattr(found, field) == pytest.approx(getattr(whole, field), abs=1e-11)
        width = np.diff(getattr(found, f"{field}_ci"))[0]
        # a jackknife of 25 groups knows a width to 1 / sqrt(2 * 24) = 14 %; the two cut the rows differently
        assert width == pytest.approx(np.diff(getattr(whole, f"{field}_ci"))[0], rel=0.6)


def test_wide_features_take_the_influence_function_and_agree_to_rounding(monkeypatch) -> None:
    monkeypatch.setattr(fid_interval, "DELTA_ABOVE", 2)
    monkeypatch.setattr(fid_stream, "DELTA_ABOVE", 2)
    whole, found = fid_change(BEFORE, AFTER, MU, SIGMA), fid_change_of_stream(blocks(100), MU, SIGMA)
    np.testing.assert_allclose(np.hstack([*found]), np.hstack([*whole]), rtol=1e-9)


def test_moments_without_a_part_are_those_of_the_rest() -> None:
    rest = moments(BEFORE).without(moments(BEFORE[:400]))
    wanted = moments(BEFORE[400:])
    np.testing.assert_allclose(rest.scatter, wanted.scatter, rtol=1e-11, atol=1e-9)
    np.testing.assert_allclose(rest.mean, wanted.mean, rtol=1e-12)
    assert (rest.n, moments(BEFORE).without(moments(BEFORE)).n) == (603, 0)


def test_too_few_rows_and_nan_are_refused() -> None:
    with pytest.raises(InputError, match="n: is 3"):
        fid_change_of_stream(blocks(2, BEFORE[:3], AFTER[:3]), MU, SIGMA)
    with pytest.raises(InputError, match="NaN"):
        fid_change_of_stream(blocks(2, BEFORE[:8] * np.nan, AFTER[:8]), MU, SIGMA)
