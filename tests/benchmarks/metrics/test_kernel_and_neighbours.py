"""Kernel distance, precision, recall, density, coverage and inception score: published values, closed forms."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from benchmarks.metrics import (
    density_coverage,
    inception_score,
    kernel_distance,
    kernel_distance_subsets,
    kid_change,
    precision_recall,
)
from pairs import InputError


@pytest.fixture(scope="module")
def golden() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.RandomState(0)  # the stream the reference values were computed with
    return rng.randn(2000, 64), rng.randn(2000, 64) * 1.1 + 0.1


def test_kernel_distance_on_subsets_is_that_of_torch_fidelity(golden):
    mean, deviation = kernel_distance_subsets(*golden)
    # float64 sums in another order
    assert mean == pytest.approx(0.031975035301266296, rel=1e-10)
    assert deviation == pytest.approx(0.0027002968690907412, rel=1e-10)


def test_precision_and_recall_are_those_of_torch_fidelity(golden):
    assert precision_recall(*golden) == (0.2605, 0.891)  # counts over 2000: exact


def test_precision_recall_density_coverage_are_those_of_prdc(golden):
    assert precision_recall(*golden, k=5, strict=True) == (0.344, 0.938)
    assert density_coverage(*golden) == (pytest.approx(0.1983, abs=1e-12), 0.5765)


def test_inception_score_is_that_of_torch_fidelity(golden):
    mean, deviation = inception_score(golden[0])
    assert mean == pytest.approx(1.6004403763647161, rel=1e-12)
    assert deviation == pytest.approx(0.011619521021943966, rel=1e-9)


def test_inception_score_of_sure_balanced_answers_is_the_number_of_classes_and_of_doubt_is_one():
    assert inception_score(1e4 * np.eye(5), splits=1)[0] == pytest.approx(5, rel=1e-12)
    assert inception_score(np.zeros((30, 5)))[0] == pytest.approx(1, rel=1e-12)
    with pytest.raises(InputError):
        inception_score(np.zeros((3, 5)), splits=4)


def test_kernel_distance_is_the_plain_double_sum_and_does_not_depend_on_blocks(golden, monkeypatch):
    x, y = golden[0][:40], golden[1][:30]
    k = lambda a, b: (a @ b.T / 64 + 1) ** 3
    xx, yy = k(x, x), k(y, y)
    np.fill_diagonal(xx, 0), np.fill_diagonal(yy, 0)
    plain = xx.sum() / (40 * 39) + yy.sum() / (30 * 29) - 2 * k(x, y).mean()
    assert kernel_distance(x, y) == pytest.approx(plain, rel=1e-12)
    monkeypatch.setattr("benchmarks.metrics.kid._BLOCK", 7)
    assert kernel_distance(x, y) == pytest.approx(plain, rel=1e-12)


def test_kernel_distance_is_unbiased_and_its_intervals_cover():
    rng = np.random.default_rng(0)
    # d = 1, x = 0 always, y ~ N(1, 1): E k(x,x') = 1, E k(x,y) = 1, E k(y,y') = E (y y' + 1)^3 = 1 + 3 + 3*4 + 16 = 32
    truth, runs, found = 1 + 32 - 2, 200, []
    for _ in range(runs):
        found.append(kid_change(np.zeros((4, 1)), np.zeros((4, 1)), rng.normal(1, 1, (300, 1))))
    values = np.array([f.before for f in found])
    assert values.mean() == pytest.approx(truth, abs=4 * values.std() / np.sqrt(runs))
    covered = np.mean([f.before_ci[0] <= truth <= f.before_ci[1] for f in found])
    assert covered >= 0.86  # heavy tailed (sixth moments): normal intervals lose a few percent, 1.8 % is one deviation


def test_change_of_paired_sets_is_narrower_than_that_of_strangers(golden):
    fake, real = golden[1][:500], golden[0][:500]
    paired, loose = kid_change(fake, 0.97 * fake, real), kid_change(fake, 0.97 * fake, real, paired=False)
    assert paired.difference == loose.difference < 0
    assert paired.difference_ci[1] < 0 < loose.difference_ci[1]
    assert kid_change(fake, fake, real).difference_ci == (0.0, 0.0)


def test_neighbour_metrics_of_equal_and_of_distant_sets():
    x = np.random.default_rng(0).normal(size=(300, 4))
    assert precision_recall(x, x) == (1, 1)
    assert precision_recall(x, x + 1e3) == (0, 0) and density_coverage(x, x + 1e3) == (0, 0)
    half = np.concatenate([x[:150], x[:150] + 1e3])  # half of the fakes are copies, half are far away
    assert precision_recall(x, half).precision == 0.5
    # a copy lies in its own ball and in those of about k others: density of a copy is 1 + 1/k on average
    assert density_coverage(x, x).coverage == 1


def test_block_size_does_not_matter(golden, monkeypatch):
    a, b = golden[0][:100], golden[1][:90]
    whole = precision_recall(a, b), density_coverage(a, b)
    monkeypatch.setattr("benchmarks.metrics.prdc._BLOCK", 13)
    assert (precision_recall(a, b), density_coverage(a, b)) == whole


def test_wrong_input_is_refused(golden):
    with pytest.raises(InputError, match="size"):
        kernel_distance_subsets(*golden, size=2001)
    with pytest.raises(InputError, match="k"):
        precision_recall(golden[0][:3], golden[1])
    with pytest.raises(InputError, match="one feature net"):
        kernel_distance(np.zeros((3, 2)), np.zeros((3, 4)))


def test_distances_in_single_precision_are_summed_in_double():
    # far from the origin the squares of float32 rows cancel: their differences are exact only in double precision
    x = (np.random.default_rng(0).integers(0, 40, (120, 3)) + 4096).astype(np.float32)
    y = (np.random.default_rng(1).integers(0, 40, (100, 3)) + 4096).astype(np.float32)
    near = x.astype(np.float64) - 4096, y.astype(np.float64) - 4096
    assert precision_recall(x, y) == precision_recall(*near)
    assert density_coverage(x, y) == density_coverage(*near)


def test_memory_does_not_grow_with_the_square_of_the_rows(monkeypatch):
    monkeypatch.setattr("benchmarks.metrics.prdc._BLOCK", 200)
    rows = np.random.default_rng(0).normal(size=(2000, 8)).astype(np.float32)
    tracemalloc.start()
    precision_recall(rows, rows[::-1])
    density_coverage(rows, rows[::-1])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # a tile is 0.3 MB, all distances 32 MB
    assert peak < 3e6
