"""Intervals of precision, recall, density and coverage, and the draw of the rows they are measured on."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.metrics import density_coverage, drawn_rows, neighbour_change, precision_recall
from pairs import InputError


def draw(rng, n=150, m=120):
    """Paired sets before and after, correlated by 0.9, and a reference."""
    z, e = rng.standard_normal((2, n, 3))
    return 1.1 * z + 0.5, 0.9 * (0.9 * z + 0.436 * e) + 0.1, rng.standard_normal((m, 3))


def test_values_are_those_of_the_published_definitions() -> None:
    before, after, real = draw(np.random.default_rng(0))
    found = neighbour_change(before, after, real)
    for side, x in (("before", before), ("after", after)):
        wanted = {**precision_recall(real, x)._asdict(), **density_coverage(real, x)._asdict()}
        assert {name: getattr(found[name], side) for name in wanted} == pytest.approx(wanted, abs=1e-12)


def test_errors_are_those_of_the_jackknife_that_leaves_each_row_out() -> None:
    x, _, y = draw(np.random.default_rng(0), 40, 30)
    n, m = len(x), len(y)
    found = neighbour_change(x, x, y)
    for name, function in (("precision", precision_recall), ("recall", precision_recall)) + tuple(
        (name, density_coverage) for name in ("density", "coverage")
    ):
        value = lambda real, fake, of=function, name=name: getattr(of(real, fake), name)
        a = n * np.array([value(y, np.delete(x, i, 0)) for i in range(n)])
        b = m * np.array([value(np.delete(y, j, 0), x) for j in range(m)])
        wanted = np.sqrt(a.var(ddof=1) / n + b.var(ddof=1) / m)
        width = np.diff(found[name].before_ci)[0] / 2 / 1.959964
        # the published definitions divide by one row less where a row of the mean is left out
        assert width == pytest.approx(wanted, rel=1 / m), name


def test_pairing_makes_the_interval_of_a_change_narrower() -> None:
    rng = np.random.default_rng(2)
    before, _, real = draw(rng)
    sets = before, before + 0.05 * rng.standard_normal(before.shape), real
    width = lambda paired: np.diff(neighbour_change(*sets, paired=paired)["density"].difference_ci)[0]
    assert width(True) < 0.8 * width(False)


def test_sets_without_enough_neighbours_are_refused() -> None:
    with pytest.raises(InputError, match="k: is 5 for 5"):
        neighbour_change(np.zeros((9, 2)), np.zeros((9, 2)), np.zeros((5, 2)))


def test_rows_are_drawn_by_the_seed_alone_and_a_short_draw_begins_a_long_one() -> None:
    long, short = drawn_rows(1000, 500, 3), drawn_rows(1000, 20, 3)
    np.testing.assert_array_equal(short, long[:20])
    assert len(set(long.tolist())) == 500 and long.max() < 1000 and np.any(long != drawn_rows(1000, 500, 4))
    far = drawn_rows(2**31, 100, 3)  # without a table of all rows
    assert len(set(far.tolist())) == 100 and far.max() > 2**29
