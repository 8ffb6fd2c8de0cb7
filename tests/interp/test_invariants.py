"""Structural claims about solved paths and their solvers, on a small random generator in float64."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_pairs import constant, random_ends, small_pair, weight_of

import interp
import pairs
from interp.metric.energy import observe, step_lengths
from interp.solve.table import SOLVERS


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


WEIGHT = pairs.wrap(weight_of, np.asarray(1.5))
QUICK = interp.GeodesicSettings(
    points=17, segments=16, modes=8, evaluations=60, multiresolution=False, restarts=0, keep="free", resample="none"
)


@pytest.fixture(scope="module")
def found():
    with jax.enable_x64(True):
        yield interp.geodesic(small_pair(), *random_ends(), settings=QUICK, weight=WEIGHT)


@pytest.mark.slow
def test_a_batch_gives_what_single_calls_give(found):
    z0, z1 = random_ends()
    for i in (1, 4):
        one = interp.geodesic(small_pair(), z0[i : i + 1], z1[i : i + 1], settings=QUICK, weight=WEIGHT)
        # rounding of differently shaped matrix products, amplified over tens of solver steps
        np.testing.assert_allclose(one.path[0], found.path[i], atol=1e-8)


@pytest.mark.slow
def test_a_result_prints_what_became_of_its_paths_and_no_array(found):
    lines = repr(found).splitlines()
    n, points = found.path.shape[:2]
    assert lines[0] == f"GeodesicResult of {n} paths of {points} points" and len(lines) == 4
    counts = [int(words.split()[0]) for words in lines[1].removeprefix("  outcomes  ").split(", ")]
    assert sum(counts) == n and "path, t, curve" in lines[3]


def test_swapped_ends_give_the_reversed_path(found):
    z0, z1 = random_ends()
    back = interp.geodesic(small_pair(), z1, z0, settings=QUICK, weight=WEIGHT)
    # both stop at a relative gain of 1e-5 on a flat optimum: energies agree to that, positions to its root
    np.testing.assert_allclose(back.energy, found.energy, rtol=1e-4)
    np.testing.assert_allclose(back.path[:, ::-1], found.path, atol=3e-2)


@pytest.mark.slow
def test_constant_weight_scales_length_and_keeps_the_path():
    z0, z1 = random_ends(2)
    one = interp.geodesic(small_pair(), z0, z1, settings=QUICK, weight=pairs.wrap(constant, np.asarray(1.0)))
    three = interp.geodesic(small_pair(), z0, z1, settings=QUICK, weight=pairs.wrap(constant, np.asarray(3.0)))
    np.testing.assert_allclose(three.length, 3 * one.length, rtol=1e-9)
    np.testing.assert_allclose(three.path, one.path, atol=1e-7)


@pytest.mark.slow
def test_scaled_and_rotated_samples_give_the_same_path(found):
    """x -> 2 Q x + b: the same path at four times the energy (the critic sees the original samples)."""
    pair, rng = small_pair(), np.random.default_rng(1)
    q, _ = np.linalg.qr(rng.standard_normal((6, 6)))
    move = pairs.wrap(lambda p, x: 2 * x @ p + 1.0, jnp.asarray(q))
    z0, z1 = random_ends()
    moved = interp.geodesic(pair, z0, z1, settings=QUICK, weight=WEIGHT, features=move)
    np.testing.assert_allclose(moved.energy, 4 * found.energy, rtol=1e-6)
    np.testing.assert_allclose(moved.path, found.path, atol=1e-4)


def test_triangle_inequality_and_weight_at_least_one_lengthens(found):
    pair = small_pair()
    z0, z1 = random_ends()
    middle = np.random.default_rng(7).standard_normal(z0.shape)
    run = lambda a, b, **k: np.asarray(interp.geodesic(pair, a, b, settings=QUICK, weight=WEIGHT, **k).length)
    # discretisation and solver stop: well under 1 %
    assert np.all(np.asarray(found.length) <= 1.01 * (run(z0, middle) + run(middle, z1)))
    assert np.all(np.asarray(found.length) >= np.asarray(found.diagnostics.plain_length) * (1 - 1e-9))


@pytest.mark.slow
def test_exposure_falls_and_plain_length_grows_with_the_weight():
    """Between optima of w = 1 + lambda u, lambda rising: int u |dx| falls, int |dx| grows (exchange argument)."""
    z0, z1 = random_ends()
    pair, plain, exposure = small_pair(), [], []
    for strength in (0.5, 2.0, 8.0):
        weight = pairs.wrap(weight_of, np.asarray(strength))
        r = interp.geodesic(pair, z0, z1, settings=QUICK, weight=weight)
        metric = interp.Metric(pair, weight=weight)
        steps = step_lengths(metric, observe(metric, r.path))
        plain.append(np.asarray(steps.plain.sum(1)))
        exposure.append(np.asarray(((steps.weighted - steps.plain) / strength).sum(1)))
    assert np.all(np.diff(plain, axis=0) >= -2e-3 * plain[0])
    assert np.all(np.diff(exposure, axis=0) <= 2e-3 * exposure[0])


@pytest.mark.slow
def test_chunked_solve_ends_where_the_whole_one_does(found):
    z0, z1 = random_ends()
    chunked = interp.geodesic(small_pair(), z0, z1, settings=dataclasses.replace(QUICK, chunk=40), weight=WEIGHT)
    np.testing.assert_allclose(chunked.energy, found.energy, rtol=1e-8)


def test_a_solver_given_as_an_object_is_the_solver_of_its_name(found):
    settings = dataclasses.replace(QUICK, solver=interp.Lbfgs(QUICK.evaluations, QUICK.tolerance), evaluations=1)
    again = interp.geodesic(small_pair(), *random_ends(), settings=settings, weight=WEIGHT)
    np.testing.assert_array_equal(again.path, found.path)


@pytest.mark.slow
@pytest.mark.parametrize("solver", [name for name in SOLVERS if name != "lbfgs"])
def test_other_solvers_reach_the_same_energy(found, solver):
    z0, z1 = random_ends()
    steps = 150 if solver == "adam" else 40
    settings = dataclasses.replace(QUICK, solver=solver, modes=15, evaluations=steps)
    other = interp.geodesic(small_pair(), z0, z1, settings=settings, weight=WEIGHT)
    # node solvers have all 15 modes and may gain a little; Adam's step does not vanish; GEORCE minimises
    # u^T M u, which differs from chords by O(N^-2): several percent at 16 segments
    tolerance = 0.1 if solver == "georce" else 0.03
    np.testing.assert_allclose(other.energy, found.energy, rtol=tolerance)
