"""Sliced Wasserstein distance on patches: closed forms, invariances, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.metrics.sliced_wasserstein import laplacian_pyramid, sliced_distance, sliced_wasserstein
from pairs import InputError


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (60, 28, 20, 3), dtype=np.uint8)


def test_the_distance_of_equal_sets_is_zero_and_of_unequal_ones_is_not(images):
    assert sliced_wasserstein(images, images, patches=500).mean == 0
    assert sliced_wasserstein(images // 2, images, patches=500).mean > 0.1


def test_one_seed_gives_one_number_and_another_seed_another(images):
    values = [sliced_wasserstein(images // 2, images, patches=500, seed=s).mean for s in (3, 3, 4)]
    assert values[0] == values[1] != values[2]


@pytest.mark.slow
@pytest.mark.parametrize("d", [1, 10])
def test_shifted_and_widened_gaussians_have_their_closed_forms(d):
    rng, m = np.random.default_rng(0), 40_000
    x, y = rng.standard_normal((2, m, d))
    # W1 of N(0, 1) and N(v, 1) is |v|, with v = <w, mu>; its mean over unit w is |mu| E|w_1|
    mean_of_first = {1: 1.0, 10: 0.2587}[d]  # Gamma(d/2) / (sqrt(pi) Gamma((d+1)/2)): 0.25868 for d = 10
    # 512 directions: |w_1| has deviation 0.19 for d = 10, so the mean 0.0085; rows add 2 sqrt(1/m) = 0.01
    assert sliced_distance(x, y + 2 * np.eye(d)[0], 512) == pytest.approx(2 * mean_of_first, abs=0.05)
    # W1 of N(0, 1) and N(0, 9) is 2 E|N(0, 1)|; its deviation by the rows is below 3 sqrt(1/m)
    assert sliced_distance(x, 3 * y, 64) == pytest.approx(2 * np.sqrt(2 / np.pi), abs=0.05)


def test_a_brighter_set_differs_on_the_coarsest_level_alone_by_its_closed_form():
    x = np.random.default_rng(0).normal(size=(50, 28, 28, 1))
    found = sliced_wasserstein(x + 0.5, x, patches=2000, directions=64)
    coarse = laplacian_pyramid(x)[-1]
    w = np.random.default_rng(0).standard_normal((64, 49))
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    expected = 0.5 * np.abs(w.sum(1)).mean() / coarse.std()
    assert found.levels[0] == pytest.approx(0, abs=1e-5)  # float32
    assert found.levels[1] == pytest.approx(expected, rel=0.05)  # the deviation is that of 2,000 patches
    assert found.mean == pytest.approx(np.mean(found.levels))


def test_scaling_each_set_by_itself_hides_contrast_and_scaling_by_the_real_set_shows_it(images):
    flat = (images.astype(np.float32) - 127.5) * 0.5 + 127.5
    assert sliced_wasserstein(flat, images, patches=500, scale="each").mean < 1e-5
    assert sliced_wasserstein(flat, images, patches=500).mean > 0.1


def test_the_levels_of_a_pyramid_add_up_to_the_image_and_halve_odd_sides_upwards():
    x = np.random.default_rng(0).normal(size=(3, 57, 30, 2)).astype(np.float32)
    levels = laplacian_pyramid(x)
    assert [level.shape for level in levels] == [(3, 57, 30, 2), (3, 29, 15, 2)]
    constant = laplacian_pyramid(np.full((1, 33, 32, 1), 7.0))
    # a constant image has nothing but its blurred self (float32)
    assert all(np.abs(level).max() < 1e-5 for level in constant[:-1])
    np.testing.assert_allclose(constant[-1], 7.0, rtol=1e-6)


def test_a_blurred_set_differs_more_on_the_fine_level_than_on_the_coarse_one():
    x = np.random.default_rng(0).normal(size=(40, 32, 32, 1))
    soft = (x + np.roll(x, 1, 1) + np.roll(x, 1, 2) + np.roll(x, (1, 1), (1, 2))) / 4
    fine, coarse = sliced_wasserstein(soft, x, patches=2000).levels
    assert fine > 1.5 * coarse


def test_sets_may_differ_in_number_and_the_order_of_images_matters_little(images):
    whole = sliced_wasserstein(images // 2, images, patches=4000).mean
    part = sliced_wasserstein(images[::-1] // 2, images[:40], patches=4000).mean
    assert part == pytest.approx(whole, rel=0.1)  # another draw of the same law


@pytest.mark.slow
def test_wrong_images_are_refused(images):
    with pytest.raises(InputError, match="16 or more"):
        sliced_wasserstein(images[:, :12], images[:, :12])
    with pytest.raises(InputError, match="one size"):
        sliced_wasserstein(images, images[:, :20])
    with pytest.raises(InputError, match="NaN"):
        sliced_wasserstein(np.full((2, 16, 16, 1), np.nan), np.zeros((2, 16, 16, 1)))
    with pytest.raises(InputError, match="variation"):
        sliced_wasserstein(images[:2], np.zeros_like(images[:2]))
    with pytest.raises(InputError, match="equally many"):
        sliced_distance([[0.0]], [[0.0], [1.0]])
