"""Chains through a graph of neighbours: closed forms, walls, bad input."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import interp
from interp.curves.sine_curve import evaluate
from pairs import InputError, Normal, make_pair, wrap


def _same(p, z):
    return z


def _bump(p, x):
    """Minus the logarithm of the factor ``sqrt(1 + 10 exp(-2 r^2))``."""
    return -0.5 * jnp.log1p(10 * jnp.exp(-2 * jnp.sum(x**2, axis=1)))


def _maze(p, x):
    """Minus the logarithm of ``1 + 30 sum_k exp(-((x - x_k)/0.2)^2) sigmoid(12 (1 - s_k y))``."""
    walls = ((-1.0, 1.0), (0.0, -1.0), (1.0, 1.0))
    height = sum(
        jnp.exp(-(((x[:, 0] - at) / 0.2) ** 2)) * jax.nn.sigmoid(12 * (1 - side * x[:, 1])) for at, side in walls
    )
    return -jnp.log1p(30 * height)


def _wall(p, x):
    """Minus the logarithm of 1, or of 100 on the strip |x| < 0.15, |y| < 2."""
    inside = (jnp.abs(x[:, 0]) < 0.15) & (jnp.abs(x[:, 1]) < 2)
    return jnp.where(inside, -jnp.log(100.0), 0.0)


WEIGHT = wrap(lambda p, s: jnp.exp(-s))


def _metric(critic, d: int) -> interp.Metric:
    pair = make_pair(wrap(_same), wrap(critic), Normal((d,)), sample_range=None, critic_kind="energy", check=False)
    return interp.Metric(pair, weight=WEIGHT, radial=0.0)


def _curve(a, b, start) -> np.ndarray:
    return np.asarray(evaluate(interp.Curve(a, b, jnp.zeros(len(a), jnp.int32), start), jnp.linspace(0, 1, 65)))


@pytest.mark.slow
def test_in_four_dimensions_a_graph_finds_the_chain_through_a_maze_that_descent_misses() -> None:
    """Three walls across, open above y = 1, below y = -1, above y = 1: a way through the openings is at least
    2 |(1, 1)| + 2 |(1, 2)| = 7.30 long, and by (1, 1.6), (0, -1.6), (-1, 1.6), where the factor is 1.02, it is 10.6 and
    what the flanks of the walls add. Descent from the line pays for the middle wall: 30 * 0.2 sqrt(pi) = 10.6."""
    with jax.enable_x64(True):
        metric = _metric(_maze, 4)
        nodes = 1.2 * jax.random.normal(jax.random.key(0), (1500, 4))
        a, b = 2 * jnp.eye(4)[:1], -2 * jnp.eye(4)[:1]
        settings = interp.GeodesicSettings(
            points=9, segments=48, modes=24, keep="free", multiresolution=False, evaluations=60, tolerance=1e-9
        )
        solve = lambda initial: interp.geodesic(metric.pair, a, b, settings=settings, weight=WEIGHT, initial=initial)
        assert float(solve(None).length[0]) > 4 + 10.6
        start = interp.neighbour_graph(metric, nodes).start(a, b, settings.mode_count)
        assert 7.3 < float(solve(start).length[0]) < 12


@pytest.mark.slow
def test_compare_gives_the_start_to_the_weighted_path_and_not_to_the_plain_one() -> None:
    """As above, with its programs; without the critic the line of length 4 is the shortest."""
    with jax.enable_x64(True):
        metric = _metric(_maze, 4)
        nodes = 1.2 * jax.random.normal(jax.random.key(0), (1500, 4))
        a, b = 2 * jnp.eye(4)[:1], -2 * jnp.eye(4)[:1]
        settings = interp.GeodesicSettings(
            points=9, segments=48, modes=24, keep="free", multiresolution=False, restarts=0, evaluations=20
        )
        start = interp.neighbour_graph(metric, nodes).start(a, b, settings.mode_count)
        found = interp.compare(metric.pair, a, b, settings=settings, weight=WEIGHT, initial=start).results
    assert 7.3 < float(found["geodesic"].length[0]) < 12
    assert float(found["plain"].length[0]) == pytest.approx(4.0, rel=1e-4)


@pytest.mark.slow
def test_a_node_that_scores_nan_is_gone_round() -> None:
    """On the strip |x| < 0.15, |y| < 2 there is no score; ways round it exist."""
    metric = _metric(lambda p, x: jnp.where(_wall(p, x) < 0, jnp.nan, 0.0), 2)
    nodes = 2 * jax.random.normal(jax.random.key(6), (300, 2))
    a, b = jnp.asarray([[-1.0, 0.0]]), jnp.asarray([[1.0, 0.0]])
    z = _curve(a, b, interp.neighbour_graph(metric, nodes).start(a, b, 32))[0]
    # corners are rounded, so the wall's edges are given a third of their width
    assert np.all(np.isfinite(z)) and not np.any((np.abs(z[:, 0]) < 0.1) & (np.abs(z[:, 1]) < 1.8))


@pytest.mark.slow
def test_edges_are_measured_inside_so_that_no_chain_crosses_a_wall_between_two_nodes() -> None:
    """Nodes stand only outside the wall, 0.5 apart along a detour over its end at y = 2; each edge through it has
    good ends. Through the wall (99 * 0.3 = 29.7 more) is dearer than the detour (about 8)."""
    y = np.arange(-1.0, 3.01, 0.5)
    sides = [np.stack([np.full_like(y, x), y], 1) for x in (-0.5, 0.5)]
    nodes = np.concatenate([*sides, [[0.0, 2.5], [0.0, 3.0]]]).astype(np.float32)
    graph = interp.neighbour_graph(_metric(_wall, 2), nodes, neighbours=5)
    a, b = jnp.asarray([[-1.0, 0.0]]), jnp.asarray([[1.0, 0.0]])
    z = _curve(a, b, graph.start(a, b, 32))[0]
    # sine coefficients cut to 32 of 64 round the corners by less than half a gap of nodes
    assert z[:, 1].max() > 2.0 and not np.any((np.abs(z[:, 0]) < 0.15) & (z[:, 1] < 1.75))


@pytest.mark.slow
def test_a_chain_through_nodes_is_never_dearer_than_the_line() -> None:
    """Ends are joined to each other too. Coefficients cut to 32 of 64 sine waves may lengthen a chain by its overshoot
    at corners: 5 % at most where chains have few."""
    metric = _metric(_bump, 5)
    graph = interp.neighbour_graph(metric, jax.random.normal(jax.random.key(1), (300, 5)))
    a, b = jax.random.normal(jax.random.key(2), (2, 12, 5))
    charged = lambda z: (
        np.sum(
            0.5
            * np.exp(-np.asarray(_bump(None, z.reshape(-1, 5)))).reshape(z.shape[:2])[:, 1:]
            * np.linalg.norm(np.diff(z, axis=1), axis=2),
            axis=1,
        )
        * 2
    )
    found, line = (charged(_curve(a, b, s)) for s in (graph.start(a, b, 32), jnp.zeros((12, 1, 5))))
    assert np.all(found <= 1.05 * line)


@pytest.mark.slow
def test_every_pair_has_the_chain_it_has_alone_and_backwards_the_same() -> None:
    graph = interp.neighbour_graph(_metric(_bump, 3), jax.random.normal(jax.random.key(3), (200, 3)))
    a, b = jax.random.normal(jax.random.key(4), (2, 3, 3))
    together = graph.start(a, b, 8)
    np.testing.assert_allclose(graph.start(a[1:2], b[1:2], 8), together[1:2], atol=1e-6)
    sign = (-1.0) ** np.arange(8)[:, None]
    # a chain at equal cost, run backwards, is the same points; parameters differ by rounding of its sums
    np.testing.assert_allclose(graph.start(b, a, 8), sign * together, atol=1e-4)


@pytest.mark.slow
def test_ends_that_are_nodes_and_equal_ends_have_chains() -> None:
    nodes = jax.random.normal(jax.random.key(5), (60, 3))
    graph = interp.neighbour_graph(_metric(_bump, 3), nodes)
    start = graph.start(nodes[:2], jnp.stack([nodes[7], nodes[1]]), 8)
    assert np.all(np.isfinite(start)) and np.abs(start[1]).max() < 1e-6


@pytest.mark.parametrize(
    "latents, neighbours, field",
    [
        (np.zeros((20, 4), np.float32), 5, "latents"),
        (np.full((20, 3), np.nan, np.float32), 5, "latents"),
        (np.zeros((20, 3), np.float32), 20, "neighbours"),
        (np.zeros((20, 3), np.float32), 0, "neighbours"),
    ],
)
def test_bad_latents_are_named(latents, neighbours, field) -> None:
    with pytest.raises(InputError, match=field):
        interp.neighbour_graph(_metric(_bump, 3), latents, neighbours=neighbours)


def test_a_generator_that_returns_nan_is_named() -> None:
    pair = make_pair(
        wrap(lambda p, z: z * jnp.nan), wrap(_bump), Normal((3,)), sample_range=None, critic_kind="energy", check=False
    )
    with pytest.raises(InputError, match="latents: have images with NaN"):
        interp.neighbour_graph(interp.Metric(pair, weight=WEIGHT, radial=0.0), np.zeros((20, 3), np.float32))
