"""Frame-by-frame figures of paths, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.metrics.frames import NearestReal, confidence, frames, jump, nearest_distance
from pairs import InputError


def lattice(n=41):
    """Points of the line from (-1, 0) to (1, 0), ``2 / (n - 1)`` apart."""
    return np.stack([np.linspace(-1, 1, n), np.zeros(n)], axis=1)


def test_distance_to_the_nearest_row_is_that_of_every_row_compared():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((30, 5)), rng.standard_normal((1200, 5))
    direct = np.linalg.norm(x[:, None] - y[None], axis=2).min(axis=1)
    np.testing.assert_allclose(nearest_distance(x, y), direct, atol=1e-7)  # rounding of the expanded square


def test_a_detour_of_known_height_has_the_figures_of_its_geometry():
    # fresh rows h above the real line are h from it: 199 at 0.1 and one at 0.4 of 200
    fresh = np.stack([np.zeros(200), np.where(np.arange(200) < 199, 0.1, 0.4)], axis=1)
    near = NearestReal.of(lattice(), fresh)
    assert near.median == pytest.approx(0.1) and 0.1 <= near.edge < 0.4
    heights = np.asarray([0.0, 0.05, 0.1, 0.8, 0.2, 0.0])  # of frames on lattice points, ends included
    rows = np.stack([np.linspace(-1, 1, 6) * 0 + np.asarray([-1, -0.5, 0, 0.5, 0.75, 1.0]), heights], axis=1)
    found = frames(rows[None], near)
    np.testing.assert_allclose(found.distance, np.mean(heights[1:-1]) / 0.1, rtol=1e-6)
    assert found.worst[0] == pytest.approx(8.0) and found.worst_at[0] == 3
    assert found.off_data[0] == pytest.approx(2 / 4)  # 0.8 and 0.2 of four interior frames lie beyond the edge
    steps = np.linalg.norm(np.diff(rows, axis=0), axis=1)
    assert found.length[0] == pytest.approx(steps.sum())
    assert found.jump[0] == pytest.approx(steps.max() / steps.mean())


def test_a_path_on_real_rows_is_nowhere_off_the_data():
    rng = np.random.default_rng(1)
    real, fresh = rng.standard_normal((400, 3)), rng.standard_normal((300, 3))
    found = frames(real[:20].reshape(2, 10, 3), NearestReal.of(real, fresh))
    assert not found.off_data.any() and np.all(found.worst < 1e-6)


def test_one_fresh_row_in_two_hundred_is_off_the_data():
    rng = np.random.default_rng(2)
    real, fresh = rng.standard_normal((500, 2)), rng.standard_normal((4000, 2))
    near = NearestReal.of(real, fresh)
    assert np.mean(nearest_distance(fresh, real) > near.edge) == pytest.approx(0.005, abs=1 / 4000)


def test_even_steps_have_jump_one_and_a_cut_has_one_less_than_the_frames():
    even, cut = np.linspace(0, 1, 9)[:, None], (np.arange(9) > 4).astype(float)[:, None]
    np.testing.assert_allclose(jump(np.stack([even, cut, 0 * cut])), [1.0, 8.0, 1.0], rtol=1e-12)


def test_confidence_is_the_largest_probability_of_a_softmax():
    logits = np.log([[0.7, 0.2, 0.1], [0.25, 0.5, 0.25]]) + 3.0
    np.testing.assert_allclose(confidence(logits), [0.7, 0.5], rtol=1e-12)


@pytest.mark.parametrize(
    "call, field",
    [
        (lambda: NearestReal.of(lattice(), lattice(50)), "fresh"),
        (lambda: frames(np.zeros((1, 2, 2)), NearestReal(lattice(), 1.0, 1.0, 200)), "frames"),
        (lambda: nearest_distance(np.zeros((2, 3)), lattice()), "features"),
    ],
)
def test_what_cannot_be_measured_is_refused(call, field):
    with pytest.raises(InputError) as refused:
        call()
    assert refused.value.field == field
