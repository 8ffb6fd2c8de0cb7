"""Distances with closed forms, all solved in one batch: one pair whose label picks the surface or the metric."""

from __future__ import annotations

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import interp
import pairs
from interp.solve.table import SOLVERS

SEGMENTS = 64
SURFACES = ["stereographic", "cylinder", "cone", "roll", "paraboloid", "linear"]
CONFORMAL = ["half-plane", "disk", "exponential", "snell", "bump"]
NAMES = SURFACES + CONFORMAL


def _surface(p, z, label):
    x, y = z[:, 0], z[:, 1]
    zero = jnp.zeros_like(x)
    r2 = x**2 + y**2
    forms = [
        jnp.stack([2 * x, 2 * y, r2 - 1], 1) / (1 + r2)[:, None],
        jnp.stack([jnp.cos(x), jnp.sin(x), y], 1),
        jnp.stack([y * jnp.cos(x), y * jnp.sin(x), y], 1),
        jnp.stack([x * jnp.cos(x), y, x * jnp.sin(x)], 1),
        jnp.stack([x, y, r2], 1),
        jnp.stack([2 * x + y, x - y, 3 * y], 1),
    ]
    flat = jnp.stack([x, y, zero], 1)
    return jnp.stack(forms + [flat] * len(CONFORMAL))[label, jnp.arange(len(label))]


def _log_weight(p, x, label):
    """Score = minus log weight, so that higher is better, as for any critic."""
    a, b = x[:, 0], x[:, 1]
    r2 = a**2 + b**2
    forms = [
        jnp.log(jnp.maximum(b, 1e-3)),
        jnp.log(jnp.maximum(1 - r2, 1e-6) / 2),
        -a,
        -jnp.log(1.5 + 0.5 * jnp.tanh(b / 0.01)),
        -0.5 * jnp.log1p(10 * jnp.exp(-2 * r2)),
    ]
    return jnp.stack([jnp.zeros_like(a)] * len(SURFACES) + forms)[label, jnp.arange(len(label))]


def _surface_of(number, z):
    return _surface(None, z, jnp.full(len(z), number))


def _log_weight_of(number, x):
    return _log_weight(None, x, jnp.full(len(x), number))


PAIR = pairs.make_pair(
    pairs.wrap(_surface),
    pairs.wrap(_log_weight),
    pairs.Normal((2,)),
    sample_range=None,
    critic_kind="energy",
    classes=len(NAMES),
    check=False,
)
WEIGHT = pairs.wrap(lambda p, s: jnp.exp(-s))

# name, z0, z1, distance, relative tolerance. Chord sums err by O(N^-2); at N = 64 that is under 1e-3 for
# smooth metrics, more for the roll (70 radians of turning per unit) and for the step of Snell's problem.
CASES = [
    ("stereographic", (1, 0), (0.5 * math.cos(2), 0.5 * math.sin(2)), 1.910192, 1e-3),
    ("cylinder", (0, 0), (1.5, 2), math.hypot(1.5, 2), 1e-4),
    ("cone", (0, 1), (2, 1), 1.837450740, 1e-3),
    ("roll", (1.5 * math.pi, 0), (4.5 * math.pi, 0), 89.373275, 2e-3),
    ("roll", (1.5 * math.pi, 0), (4.5 * math.pi, 10), 89.930986, 2e-3),
    ("paraboloid", (0, 0), (1, 0), 1.478942858, 1e-3),
    ("paraboloid", (0.2, 0), (1, 0), 1.273730731, 1e-3),
    ("linear", (0, 0), (1, 2), math.sqrt(16 + 1 + 36), 1e-9),
    ("half-plane", (-1, 1), (1, 1), 1.762747174, 1e-3),
    ("half-plane", (-1, 1), (2, 0.5), 3.018036812, 1e-3),
    ("disk", (0.6, 0.2), (-0.3, 0.7), 2.932373129, 1e-3),
    ("disk", (0, 0), (0.5, 0), 1.098612289, 1e-3),
    ("exponential", (0, 0), (0, 2), 1.682941970, 1e-3),
    ("snell", (0, -1), (2, 1), 4.037643276, 5e-3),
    ("bump", (-2, 0), (2, 0), 5.325347, 1e-3),
    ("bump", (2, 0), (-2, 0), 5.325347, 1e-3),
]


@pytest.fixture(scope="module")
def solved():
    with jax.enable_x64(True):
        settings = interp.GeodesicSettings(
            points=65,
            segments=SEGMENTS,
            modes=40,
            evaluations=300,
            tolerance=1e-9,
            multiresolution=False,
            restarts=4,
            resample="none",
            keep="free",
            substeps=2,
        )
        z0, z1 = np.array([c[1] for c in CASES], float), np.array([c[2] for c in CASES], float)
        labels = np.array([NAMES.index(c[0]) for c in CASES])
        yield interp.geodesic(PAIR, z0, z1, settings=settings, weight=WEIGHT, labels=labels)


@pytest.mark.slow
@pytest.mark.parametrize("case", range(len(CASES)), ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)])
def test_the_length_found_is_the_distance(solved, case):
    name, _, _, distance, tolerance = CASES[case]
    assert float(solved.length[case]) == pytest.approx(distance, rel=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["cone", "exponential"])
@pytest.mark.parametrize("solver", [name for name in SOLVERS if name != "lbfgs"])
def test_every_solver_finds_distances_that_the_start_misses(solver, case):
    name, z0, z1, distance, _ = next(c for c in CASES if c[0] == case)
    number = NAMES.index(name)
    pair = pairs.make_pair(  # GEORCE takes no labels; the case is a weight, so that both share their programs
        pairs.wrap(_surface_of, np.array(number)),
        pairs.wrap(_log_weight_of, np.array(number)),
        pairs.Normal((2,)),
        sample_range=None,
        critic_kind="energy",
        check=False,
    )
    fixed = interp.GeodesicSettings(multiresolution=False, restarts=0, resample="none", keep="free", solver=solver)
    settings = dataclasses.replace(fixed, points=33, segments=32, modes=31, evaluations=150)
    with jax.enable_x64(True):
        found = interp.geodesic(pair, np.array([z0], float), np.array([z1], float), settings=settings, weight=WEIGHT)
    assert min(float(length[0]) for length in found.baseline_length.values()) > 1.05 * distance
    # GEORCE minimises u^T M u, which differs from the squared chords by O(N^-2), and Adam's step does not vanish
    assert float(found.length[0]) == pytest.approx(distance, rel=0.01)


@pytest.mark.slow
def test_energy_exceeds_squared_length_with_equality_at_equal_steps(solved):
    energy, length = np.asarray(solved.energy), np.asarray(solved.length)
    assert np.all(energy >= length**2 * (1 - 1e-12))
    # at an optimum of the energy steps are equal, so the two agree; Snell's kink keeps one odd step
    smooth = [i for i, c in enumerate(CASES) if c[0] != "snell"]
    np.testing.assert_allclose(energy[smooth], length[smooth] ** 2, rtol=1e-3)


@pytest.mark.slow
def test_no_path_is_worse_than_a_baseline(solved):
    for name in interp.BASELINES:
        assert np.all(np.asarray(solved.energy) <= np.asarray(solved.baseline_energy[name]) * (1 + 1e-9))
        # the same curve at other speeds has shorter chords, by O(N^-2): 1e-4 at 64 segments
        assert np.all(np.asarray(solved.length) <= np.asarray(solved.baseline_length[name]) * (1 + 1e-4))


def test_the_weight_bends_paths_toward_higher_scores(solved):
    """w = exp(x) with score -x: the midpoint of (0,0)-(0,2) is at x = ln cos 1, on the side of the better scores."""
    i = [c[0] for c in CASES].index("exponential")
    middle = np.asarray(solved.path[i, 32])
    np.testing.assert_allclose(middle, [-0.615626470, 1.0], atol=1e-3)


def test_half_plane_apex_is_at_root_two(solved):
    i = [c[0] for c in CASES].index("half-plane")
    assert float(solved.path[i, 32, 1]) == pytest.approx(math.sqrt(2), abs=1e-3)


def test_snell_crossing_point(solved):
    i = [c[0] for c in CASES].index("snell")
    path = np.asarray(solved.path[i])
    crossing = np.interp(0.0, path[:, 1], path[:, 0])
    # the step is smoothed over 0.01 and a chord may straddle it
    assert crossing == pytest.approx(1.538264236, abs=0.03)


def test_bump_detour_keeps_its_distance_and_clairauts_constant(solved):
    i = [c[0] for c in CASES].index("bump")
    path = np.asarray(solved.path[i])
    assert np.min(np.linalg.norm(path, axis=1)) == pytest.approx(1.319365, abs=5e-3)
    middle, step = 0.5 * (path[1:] + path[:-1]), np.diff(path, axis=0)
    n = np.sqrt(1 + 10 * np.exp(-2 * np.sum(middle**2, axis=1)))
    moment = n * (middle[:, 0] * step[:, 1] - middle[:, 1] * step[:, 0]) / np.linalg.norm(step, axis=1)
    # n(r) r sin(psi) is constant along geodesics of a radial metric; midpoints err by O(N^-2)
    assert np.ptp(moment) / abs(moment.mean()) < 0.01


def test_mirror_images_come_out_as_mirror_lengths(solved):
    """(-2,0)->(2,0) and back: swapping the ends reverses the path, hence equal lengths."""
    first, second = (i for i, c in enumerate(CASES) if c[0] == "bump")
    assert float(solved.length[first]) == pytest.approx(float(solved.length[second]), rel=1e-6)


@pytest.mark.slow
def test_quarter_circle_chords_have_the_length_of_the_inscribed_polygon():
    """E_N = L_N^2 = (2 N sin(theta / 2N))^2 for a quarter of a great circle."""
    with jax.enable_x64(True):
        settings = interp.GeodesicSettings(
            points=11,
            segments=10,
            modes=9,
            mode="none",
            evaluations=100,
            tolerance=1e-12,
            multiresolution=False,
            restarts=0,
            resample="none",
            keep="free",
        )
        found = interp.geodesic(PAIR, [[1.0, 0.0]], [[0.0, 1.0]], settings=settings, labels=np.array([0]))
        # the tolerance is that of the solver's stop, not of the discretisation
        assert float(found.length[0]) == pytest.approx(1.569181915, rel=1e-7)
        assert float(found.energy[0]) == pytest.approx(1.569181915**2, rel=1e-7)
        steps = np.linalg.norm(np.diff(_points_on_sphere(found.path[0]), axis=0), axis=1)
        assert steps.max() / steps.min() < 1 + 1e-3


def _points_on_sphere(path):
    return np.asarray(PAIR.generate(path, jnp.zeros(len(path), int)))
