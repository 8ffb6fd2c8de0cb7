"""Starts from a grid of latents: as short as 16 directions allow, and in the right valley."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import interp
import pairs
from interp.curves.sine_curve import evaluate
from interp.search.acceptance import shorter_baseline
from interp.search.appraisal import Appraisal, Baselines
from interp.search.task import Task


def _flat(p, z):
    return z


def _bump(p, x):
    """Minus the logarithm of the factor ``sqrt(1 + 10 exp(-2 r^2))``."""
    return -0.5 * jnp.log1p(10 * jnp.exp(-2 * jnp.sum(x**2, axis=1)))


PAIR = pairs.make_pair(
    pairs.wrap(_flat), pairs.wrap(_bump), pairs.Normal((2,)), sample_range=None, critic_kind="energy", check=False
)
WEIGHT = pairs.wrap(lambda p, s: jnp.exp(-s))


@pytest.mark.slow
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
        settings = interp.GeodesicSettings(
            points=9,
            segments=48,
            modes=24,
            restarts=0,
            grid=32,
            keep="free",
            multiresolution=False,
            evaluations=100,
            tolerance=1e-9,
        )
        found = interp.geodesic(PAIR, np.array([[-2.0, 0.0]]), np.array([[2.0, 0.0]]), settings=settings, weight=WEIGHT)
        # chord sums err by O(N^-2): 1e-3 at 48 segments
        assert float(found.length[0]) == pytest.approx(5.325347, rel=1e-3)


@pytest.mark.parametrize(
    "prior, keep, field", [((5,), "free", "grid"), ((2,), "sphere", "grid")], ids=["five dimensions", "sphere"]
)
def test_a_grid_is_refused_where_it_makes_no_sense(prior, keep, field):
    pair = pairs.make_pair(
        pairs.wrap(_flat), pairs.wrap(_bump), pairs.Normal(prior), sample_range=None, critic_kind="energy", check=False
    )
    settings = interp.GeodesicSettings(grid=16, keep=keep, mode="none")
    with pytest.raises(pairs.InputError, match=field):
        interp.geodesic(pair, jnp.zeros((1, *prior)), jnp.ones((1, *prior)), settings=settings)


def _seam(p, z):
    """The plane, torn: left of z_0 = 1.5 all above z_1 = 0 lies 4 higher, behind a seam a fiftieth wide."""
    lift = 4 * jax.nn.sigmoid(100 * z[:, 1]) * jax.nn.sigmoid(20 * (1.5 - z[:, 0]))
    return z.at[:, 1].add(lift)


def _in_the_tear(p, x):
    return -((jnp.abs(x[:, 1] - 2) < 1) & (x[:, 0] < 1.2)).astype(x.dtype)


TORN = interp.Metric(
    pairs.make_pair(
        pairs.wrap(_seam),
        pairs.wrap(_in_the_tear),
        pairs.Normal((2,)),
        sample_range=None,
        critic_kind="energy",
        check=False,
    ),
    weight=pairs.wrap(lambda p, s: 1 - 49 * s),
)


@pytest.mark.slow
def test_an_edge_across_a_bad_region_is_charged_for_it():
    """Straight through the seam costs 2 + 4 if the edge is measured at its ends, 2 + 2 + 2 * 50 if it is measured
    inside. The chain round it, 2 * sqrt(2.5^2 + 1) = 5.4 and what the slope of the tear adds, costs less. Grid points
    0.16 apart never lie inside the seam."""
    a, b = jnp.asarray([[-1.0, -1.0]]), jnp.asarray([[-1.0, 1.0]])
    start = interp.grid_start(TORN, a, b, 31, side=40)
    z = np.asarray(evaluate(interp.Curve(a, b, jnp.zeros(1, jnp.int32), start), jnp.linspace(0, 1, 65)))[0]
    crossing = z[np.argmin(np.abs(z[:, 1])), 0]
    assert crossing > 1.2


@pytest.mark.slow
def test_a_start_measured_inside_its_edges_is_not_given_up_for_a_path_that_jumps():
    """The seam again, solved on eleven segments, which cross it unseen. What is returned costs, on a grid 47 times
    finer, no more than the start (interpolated by as many modes; 1e-3 for the deciding grid, 16 times the solver's)."""
    a, b = jnp.asarray([[0.5, -1.0]]), jnp.asarray([[0.5, 1.13]])
    start = interp.grid_start(TORN, a, b, 10, side=40)
    settings = interp.GeodesicSettings(
        points=9, segments=11, modes=10, restarts=0, grid=40, keep="free", multiresolution=False, evaluations=20
    )
    found = interp.geodesic(TORN.pair, a, b, settings=settings, weight=TORN.weight)
    cost = lambda c, k: float(
        interp.diagnose(TORN, evaluate(interp.Curve(a, b, jnp.zeros(1, jnp.int32), c), jnp.linspace(0, 1, k))).length[0]
    )
    assert float(interp.diagnose(TORN, found.curve(jnp.linspace(0, 1, 513))).length[0]) <= 1.001 * cost(start, 513)


@pytest.mark.slow
def test_a_path_that_jumps_is_held_against_the_baselines_on_the_finer_grid():
    """Length 0.95 on nodes is below the line's 1, but on a finer grid it is 1.1 for paths one and two. The first jumps,
    so the line replaces it. The second does not, so its length is believed. The third jumps and keeps 0.97 on the finer
    grid, so it stays."""
    metric = interp.Metric(PAIR, mode="none")
    a, b = jnp.asarray([[-1.0, 0.0]] * 3), jnp.asarray([[0.0, 0.0]] * 3)
    curve = interp.Curve(a, b, jnp.zeros(3, jnp.int32), jnp.zeros((3, 4, 2)))
    one = jnp.ones((3, 3))
    settings = interp.GeodesicSettings(mode="none")
    task = Task(metric, settings, settings.make_solver(), None, None)
    baselines = Baselines(one, one.at[1].mul(1.5).at[2].mul(2.0), jnp.full((3, 1), True))
    jumped = jnp.asarray([True, False, True])
    found = Appraisal(jnp.full(3, 0.9), jnp.full(3, 0.95), jnp.asarray([1.1, 1.1, 0.97]), jumped)
    worse, rival = shorter_baseline(task, curve, baselines, found, 16)
    assert worse.tolist() == [True, False, False]
    assert rival.tolist() == [0, 0, 0]
