"""Collapse, repetition, memory, dead critics and partial judges are told from what is sound."""

from __future__ import annotations

import numpy as np
import pytest

from dcd.tuning.faults import dead_critic, memory, own_judge, repetition, row_faults, spread

RNG = np.random.default_rng(0)
CENTRES = RNG.normal(size=(10, 6)) * 6


def rows(n: int, classes: int = 10, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return CENTRES[rng.integers(classes, size=n)] + rng.normal(size=(n, 6))


REAL = rows(3000, seed=2)


def test_spread_is_about_the_share_of_the_classes_that_are_left() -> None:
    # cells are cut by k-means, so a class holds about, not exactly, a tenth of them
    for classes, share in ((10, 1.0), (5, 0.5), (1, 0.1)):
        assert spread(rows(2000, classes), REAL) == pytest.approx(share, abs=0.15)


@pytest.mark.parametrize(("classes", "names"), [(10, ()), (2, ("collapsed",)), (1, ("collapsed",))])
def test_few_classes_are_called_collapsed(classes: int, names: tuple[str, ...]) -> None:
    faults = row_faults(rows(2000, classes), REAL)
    assert tuple(f.name for f in faults) == names and all(f.blocks for f in faults)


def test_repeated_rows_are_told_even_with_a_little_noise() -> None:
    few = rows(200)[np.random.default_rng(3).integers(200, size=2000)]
    noise = np.random.default_rng(4).normal(size=few.shape) * 1e-3
    assert repetition(few + noise, REAL) > 0.9
    assert repetition(rows(2000), REAL) < 0.01
    assert [f.name for f in row_faults(few + noise, REAL)] == ["repeating"]


@pytest.mark.slow
def test_copies_of_training_rows_are_memory_and_new_rows_of_the_same_law_are_not() -> None:
    train = rows(3000, seed=5)
    copies = train[:1000] + np.random.default_rng(6).normal(size=(1000, 6)) * 1e-3
    assert memory(copies, train, REAL) == 1.0
    assert memory(rows(1000, seed=7), train, REAL) == pytest.approx(0.01, abs=0.015)
    faults = row_faults(copies, REAL, train)
    assert [f.name for f in faults] == ["memorising"] and not faults[0].blocks
    assert row_faults(rows(1000, seed=7), REAL, train) == ()


@pytest.mark.parametrize("scores", [np.full(50, 3.0), np.zeros(50), np.full(50, np.nan)])
def test_constant_scores_are_a_dead_critic(scores: np.ndarray) -> None:
    fault = dead_critic(scores)
    assert fault is not None and fault.name == "dead critic" and not fault.blocks


def test_scores_that_vary_a_little_around_a_large_mean_are_not_dead() -> None:
    assert dead_critic(100.0 + np.random.default_rng(0).normal(size=50) * 0.01) is None


def test_a_judge_among_the_guides_is_named() -> None:
    fault = own_judge("a1", ("b2", "a1"))
    assert fault is not None and fault.name == "own judge"
    assert own_judge("a1", ("b2",)) is None
