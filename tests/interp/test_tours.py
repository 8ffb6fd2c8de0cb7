"""Several points in a row: joined legs pass their stops, at even speed."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

import interp
import pairs
from interp.comparison import cross_fade_at_constant_speed
from interp.tours import joined

pytestmark = pytest.mark.slow  # a tour is solved once for the module


@pytest.fixture(scope="module")
def found():
    """The sides of a triangle of 3, 4 and 5 in a flat plane, as one closed loop."""
    pair = pairs.make_pair(
        pairs.wrap(lambda p, z: z),
        pairs.wrap(lambda p, x: x[:, 0]),
        pairs.Normal((2,)),
        sample_range=None,
        critic_kind="energy",
        check=False,
    )
    stops = jnp.asarray([[0.0, 0.0], [3.0, 0.0], [3.0, 4.0], [0.0, 0.0]])
    settings = interp.GeodesicSettings(mode="none", points=25, segments=8, restarts=0, multiresolution=False)
    return joined(interp.compare(pair, stops[:-1], stops[1:], settings=settings))


@pytest.mark.slow
def test_a_loop_of_known_length_is_walked_at_even_speed(found):
    path = np.asarray(found.paths["linear"][0])
    assert path.shape == (3 * 24 + 1, 2)
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    # 72 frames a sixth of a unit long; the corners at 18 and 42 of them fall on frames, so that none is cut
    np.testing.assert_allclose(steps, 1 / 6, rtol=2e-3)
    np.testing.assert_allclose(path[[0, 18, 42, 72]], [[0, 0], [3, 0], [3, 4], [0, 0]], atol=2e-3)


def test_lengths_of_legs_add_up(found):
    for name in ("linear", "geodesic"):
        assert float(found.diagnostics[name].plain_length[0]) == pytest.approx(12.0, rel=1e-3)


def test_cross_fades_have_even_steps_in_features():
    features = pairs.wrap(lambda p, x: jnp.exp(3 * x[:, :1]))  # most of its change lies near x = 1
    pair = pairs.make_pair(
        pairs.wrap(lambda p, z: z),
        pairs.wrap(lambda p, x: x[:, 0]),
        pairs.Normal((2,)),
        sample_range=None,
        critic_kind="energy",
        check=False,
    )
    metric, _ = interp.make_metric(pair, interp.GeodesicSettings(mode="none"), features=features)
    fade = cross_fade_at_constant_speed(metric, jnp.zeros((1, 2)), jnp.ones((1, 2)), 33)
    steps = np.diff(np.asarray(features(fade[0])), axis=0)
    np.testing.assert_allclose(fade[0, [0, -1]], [[0, 0], [1, 1]])
    assert steps.max() / steps.min() < 1.1  # measured on a grid four times as dense
