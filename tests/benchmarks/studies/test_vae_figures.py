"""Figures that judge the autoencoder families: known values of sharpness, modes, divergences, made outliers."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.studies.vae_discriminative import laplacian_energy
from benchmarks.studies.vae_outliers import outlier_sets
from benchmarks.studies.vae_toys import divergences, modes
from pairs.vae.toys import CENTRES, SPREAD

RNG = np.random.default_rng(0)


def test_laplacian_energy_is_zero_on_a_ramp_and_64_on_a_chessboard_of_ones() -> None:
    rows, columns = np.mgrid[:6, :6]
    ramp, board = 2.0 * rows - 3.0 * columns, (-1.0) ** (rows + columns)
    assert laplacian_energy(ramp[None, :, :, None]) == 0
    # every neighbour is minus the point: -4 - 4 = -8
    assert laplacian_energy(board[None, :, :, None]) == 64


def test_samples_of_the_eight_gaussians_have_eight_even_modes_of_unit_spread() -> None:
    n = 8000
    x = np.asarray(CENTRES)[np.arange(n) % 8] + SPREAD * RNG.standard_normal((n, 2))
    found = modes(x)
    assert found["modes"] == 8 and found["rarest"] == 1 / 8
    # the spread of 16,000 normals has a standard error of 1/sqrt(32,000) = 0.006
    assert found["spread_ratio"] == pytest.approx(1.0, abs=0.03)
    # of a 2-D normal exp(-k^2 / 2) lie beyond k
    assert found["within_3"] == pytest.approx(1 - np.exp(-4.5), abs=0.006)


def test_a_collapsed_model_misses_seven_modes() -> None:
    found = modes(np.repeat(np.asarray(CENTRES)[:1], 100, axis=0))
    assert (found["modes"], found["rarest"], found["spread_ratio"]) == (1, 0.0, 0.0)


def test_divergence_is_zero_for_a_set_and_itself_and_log_two_for_disjoint_ones() -> None:
    x = RNG.uniform(-1.9, -0.1, (500, 2))
    assert divergences(x, x, 2.0) == {"jsd": 0.0, "outside": 0.0}
    assert divergences(x, -x, 2.0)["jsd"] == pytest.approx(np.log(2))
    assert divergences(x, x + [4.0, 0.0], 2.0)["outside"] == 1.0


def test_outliers_made_of_the_data_keep_its_pixels() -> None:
    x = RNG.integers(0, 256, (5, 6, 4, 1), np.uint8)
    sets = outlier_sets(x, {"other": np.zeros((9, 6, 4, 1), np.uint8)}, n=5)
    assert all(v.shape == x.shape and v.dtype == np.uint8 for v in sets.values())
    for name in ("rows shuffled", "shifted cyclically by half", "upside down"):
        assert not np.array_equal(sets[name], x)
        np.testing.assert_array_equal(np.sort(sets[name].reshape(5, -1)), np.sort(x.reshape(5, -1)))
    np.testing.assert_array_equal(sets["inverted"], 255 - x)
    np.testing.assert_array_equal(np.roll(sets["shifted cyclically by half"], (3, 2), axis=(1, 2)), x)
