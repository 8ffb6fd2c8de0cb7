"""The yardsticks of the path benchmarks: closed-form distances, lengths of polygons, intervals over whole paths."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.interpolation import _interval
from benchmarks.studies.interpolate_georce import PROBLEMS, distances, polygon_excess


@pytest.mark.parametrize("name, value", [("sphere", 1.910192), ("half-plane", 1.762747174), ("disk", 2.932373129)])
def test_distances_of_the_published_problems(name, value):
    a, b = (np.array([end]) for end in PROBLEMS[name])
    assert distances(name, a, b)[0] == pytest.approx(value, rel=1e-6)


def test_a_polygon_in_a_geodesic_is_too_long_by_the_square_of_its_steps():
    """Geodesics of the half-plane are circles about the real line; at equal steps the excess is c / N^2."""
    far = np.arccosh(3)
    excess = []
    for n in (10, 20, 40):
        s = np.linspace(-far / 2, far / 2, n + 1)
        z = np.sqrt(2) * np.stack([np.tanh(s), 1 / np.cosh(s)], axis=1)
        excess.append(polygon_excess("half-plane", z[None])[0])
    assert excess[0] > 0
    np.testing.assert_allclose([excess[0] / excess[1], excess[1] / excess[2]], 4, rtol=0.02)  # next order: N^-4


def test_the_interval_of_a_mean_is_that_of_student():
    """For a mean the jackknife over groups gives the standard error of the group means exactly."""
    means = np.random.default_rng(0).standard_normal(20)
    left_out = (means.sum() - means) / 19
    low, high = _interval(float(means.mean()), left_out)
    half = 2.093024 * means.std(ddof=1) / np.sqrt(20)  # Student's t with 19 degrees of freedom
    assert (high - low) / 2 == pytest.approx(half, rel=1e-3)
    assert (high + low) / 2 == pytest.approx(means.mean())
