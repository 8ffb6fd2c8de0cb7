"""Chains through a graph of neighbours, and critics that ask a classifier: closed forms, walls, bad input."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import interp
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
    return np.asarray(interp.Curve(a, b, jnp.zeros(len(a), jnp.int32), start)(jnp.linspace(0, 1, 65)))


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
    """As above; without the critic the line of length 4 is the shortest."""
    metric = _metric(_maze, 4)
    nodes = 1.2 * jax.random.normal(jax.random.key(0), (1500, 4))
    a, b = 2 * jnp.eye(4)[:1], -2 * jnp.eye(4)[:1]
    settings = interp.GeodesicSettings(
        points=9, segments=48, modes=24, keep="free", multiresolution=False, evaluations=20
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


LOGITS = np.asarray([[4.0, 0.0], [0.0, 0.0], [-1.0, 1.0]], np.float32)


def _asked(strength: float):
    """Scores 1, -1, 3 and logits as above for samples 0, 1, 2."""
    pair = make_pair(
        wrap(_same),
        wrap(lambda p, x: jnp.asarray([1.0, -1.0, 3.0])[x[:, 0].astype(int)]),
        Normal((1,)),
        sample_range=None,
        critic_kind="energy",
        check=False,
    )
    own = interp.weigh(pair, latents=[[0.0], [1.0], [2.0]])
    net = wrap(lambda p, x: jnp.asarray(LOGITS)[x[:, 0].astype(int)])
    return own, interp.with_classifier(pair, net, own, strength=strength)


@pytest.mark.slow
def test_the_score_is_minus_badness_minus_the_lack_of_confidence() -> None:
    """Midpoints cut to whole numbers are scores too, so median and quantile are read from the path_weight."""
    own, asked = _asked(2.5)
    high, low = (own.statistics["quantiles_generated"][k] for k in ("0.5", "0.05"))
    badness = np.log1p(np.exp(4 * (high - np.asarray([1.0, -1.0, 3.0])) / (high - low))) / 4
    sure = np.exp(LOGITS).max(1) / np.exp(LOGITS).sum(1)
    found = asked.score(jnp.asarray([[0.0], [1.0], [2.0]]))
    np.testing.assert_allclose(found, -badness - 2.5 * (1 - sure), rtol=1e-5)


@pytest.mark.slow
def test_nothing_scores_above_good_enough() -> None:
    _, asked = _asked(2.5)
    assert float(asked.score(jnp.asarray([[2.0]]))[0]) < 0


@pytest.mark.slow
def test_a_path_between_classes_crosses_where_the_classifier_is_sure_soonest() -> None:
    """Logits ``6 x y^2``: at y = 0 both classes look alike all the way, the transition narrows with y. The pair's own
    critic hardly minds where a path goes."""
    pair = make_pair(
        wrap(_same),
        wrap(lambda p, x: -0.01 * jnp.sum(x**2, axis=1)),
        Normal((2,)),
        sample_range=None,
        critic_kind="energy",
        check=False,
    )
    net = wrap(lambda p, x: 6 * (x[:, 0] * x[:, 1] ** 2)[:, None] * jnp.asarray([-1.0, 1.0]))
    ends = jnp.asarray([[-1.5, 0.3]]), jnp.asarray([[1.5, 0.3]])
    nodes = jax.random.normal(jax.random.key(0), (200, 2))
    asked = interp.with_classifier(pair, net, interp.weigh(pair, latents=nodes), strength=10.0)
    settings = interp.GeodesicSettings(points=15, segments=16, evaluations=20, restarts=0, keep="free")
    path_weight = interp.weigh(asked, latents=nodes)
    metric, _ = interp.make_metric(asked, settings, weight=path_weight)
    start = interp.neighbour_graph(metric, nodes).start(*ends, settings.mode_count)
    path = interp.geodesic(asked, *ends, settings=settings, weight=path_weight, initial=start).path[0]
    crossing = float(jnp.interp(0.0, path[:, 0], path[:, 1]))
    assert crossing > 0.8  # the line crosses at 0.3; the way there and back costs more than it gains beyond 2


@pytest.mark.filterwarnings("ignore:critic")
@pytest.mark.parametrize(
    "net, strength, field",
    [
        (lambda p, x: x[:, :1], 1.0, "classifier"),
        (lambda p, x: x[:, 0], 1.0, "classifier"),
        (lambda p, x: x @ jnp.ones((5, 2)), 1.0, "classifier"),
        (lambda p, x: x @ jnp.ones((1, 2)), 0.0, "strength"),
    ],
)
def test_a_classifier_that_does_not_fit_is_named(net, strength, field) -> None:
    pair = make_pair(
        wrap(_same), wrap(lambda p, x: x[:, 0]), Normal((1,)), sample_range=None, critic_kind="energy", check=False
    )
    with pytest.raises(InputError, match=field):
        interp.with_classifier(pair, wrap(net), interp.weigh(pair), strength=strength)


@pytest.mark.filterwarnings("ignore:critic")
def test_calibration_on_latents_scores_those_and_their_midpoints() -> None:
    """Uniform on [10, 14]: quantiles of the ends are those of the uniform, of midpoints those of the triangle."""
    pair = make_pair(
        wrap(_same), wrap(lambda p, x: x[:, 0]), Normal((1,)), sample_range=None, critic_kind="energy", check=False
    )
    found = interp.weigh(pair, latents=np.linspace(10, 14, 1001, dtype=np.float32)[:, None]).statistics
    # standard error of a quantile of 2,000: sqrt(.05 * .95 / 2,000) / density = 0.02 and, at the triangle's, 0.03
    assert found["quantiles_generated"]["0.05"] == pytest.approx(10.2, abs=0.1)
    assert found["quantiles_midpoints"]["0.05"] == pytest.approx(10 + 4 * np.sqrt(0.05 / 2), abs=0.1)
    with pytest.raises(InputError, match="latents"):
        interp.weigh(pair, latents=[[1.0, 2.0]])
