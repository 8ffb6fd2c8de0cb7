"""Starts from a grid of latents: as short as 16 directions allow, and in the right valley."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import interp
import pairs


def _flat(p, z):
    return z


def _bump(p, x):
    """Minus the logarithm of the factor ``sqrt(1 + 10 exp(-2 r^2))``."""
    return -0.5 * jnp.log1p(10 * jnp.exp(-2 * jnp.sum(x**2, axis=1)))


PAIR = pairs.make_pair(pairs.wrap(_flat), pairs.wrap(_bump), pairs.Normal((2,)), sample_range=None,
                       critic_kind="energy", check=False)  # fmt: skip
WEIGHT = pairs.wrap(lambda p, s: jnp.exp(-s))


def test_in_a_flat_space_a_chain_is_at_most_three_percent_longer_than_the_line():
    """Neighbouring ones of 16 directions are at most 26.6 degrees apart: 1/cos(13.3 degrees) = 1.0275."""
    rng = np.random.default_rng(0)
    a, b = jnp.asarray(rng.standard_normal((2, 12, 2)), jnp.float32)
    start = interp.grid_start(interp.Metric(PAIR, mode="none"), a, b, 24, side=40)
    assert start.shape == (12, 24, 2)
    curve = interp.Curve(a, b, jnp.zeros(12, jnp.int32), start)
    z = np.asarray(curve(jnp.linspace(0, 1, 25)))
    length = np.linalg.norm(np.diff(z, axis=1), axis=-1).sum(1)
    distance = np.linalg.norm(np.asarray(b - a), axis=1)
    # an end joins the corners of its cell: up to one more cell (0.15) per end beyond the 2.75 %
    assert np.all(length <= 1.0275 * distance + 2 * 0.15) and np.all(length >= distance * (1 - 1e-5))


@pytest.mark.slow
def test_a_grid_finds_the_way_round_a_bump_that_the_straight_saddle_hides():
    """By symmetry the line over the bump is stationary with length 7.404; the two ways round have 5.325347."""
    with jax.enable_x64(True):
        config = interp.GeodesicConfig(points=9, segments=48, modes=24, restarts=0, grid=32, keep="free",
                                       multiresolution=False, evaluations=100, tolerance=1e-9)  # fmt: skip
        found = interp.geodesic(PAIR, np.array([[-2.0, 0.0]]), np.array([[2.0, 0.0]]), config=config, weight=WEIGHT)
        # chord sums err by O(N^-2): 1e-3 at 48 segments
        assert float(found.length[0]) == pytest.approx(5.325347, rel=1e-3)


@pytest.mark.parametrize(
    "prior, keep, field", [((5,), "free", "grid"), ((2,), "sphere", "grid")], ids=["five dimensions", "sphere"]
)
def test_a_grid_is_refused_where_it_makes_no_sense(prior, keep, field):
    pair = pairs.make_pair(pairs.wrap(_flat), pairs.wrap(_bump), pairs.Normal(prior), sample_range=None,
                           critic_kind="energy", check=False)  # fmt: skip
    config = interp.GeodesicConfig(grid=16, keep=keep, mode="none")
    with pytest.raises(pairs.InputError, match=field):
        interp.geodesic(pair, jnp.zeros((1, *prior)), jnp.ones((1, *prior)), config=config)
