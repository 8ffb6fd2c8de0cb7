"""Structural claims about curves, energies, solvers and baselines, on a small random generator in float64."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import interp
import pairs
from interp.curves.charts import Chart
from interp.curves.sine_curve import resample_times, sine_basis, to_coefficients
from interp.metric.energy import observe, path_energy, step_lengths
from interp.solve import path_problem


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def _generate(p, z):
    return jnp.tanh(z @ p[0]) @ p[1]


def _score(p, x):
    return -jnp.sum((x - p) ** 2, axis=-1)


def _weight(p, s):
    return 1 + p * jnp.log1p(jnp.exp(-s))


def _pair(d=3, prior=None):
    rng = np.random.default_rng(0)
    p = (jnp.asarray(rng.standard_normal((d, 16))), jnp.asarray(rng.standard_normal((16, 6)) / 4))
    shift = jnp.asarray(rng.standard_normal(6) / 2)
    return pairs.make_pair(
        pairs.wrap(_generate, p),
        pairs.wrap(_score, shift),
        prior or pairs.Normal((d,)),
        sample_range=None,
        critic_kind="energy",
        check=False,
    )


WEIGHT = pairs.wrap(_weight, np.asarray(1.5))
QUICK = interp.GeodesicSettings(
    points=17, segments=16, modes=8, evaluations=60, multiresolution=False, restarts=0, keep="free", resample="none"
)


def _ends(n=6, d=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)), rng.standard_normal((n, d))


@pytest.fixture(scope="module")
def found():
    with jax.enable_x64(True):
        yield interp.geodesic(_pair(), *_ends(), settings=QUICK, weight=WEIGHT)


@pytest.mark.slow
def test_a_batch_gives_what_single_calls_give(found):
    z0, z1 = _ends()
    for i in (1, 4):
        one = interp.geodesic(_pair(), z0[i : i + 1], z1[i : i + 1], settings=QUICK, weight=WEIGHT)
        # rounding of differently shaped matrix products, amplified over tens of solver steps
        np.testing.assert_allclose(one.path[0], found.path[i], atol=1e-8)


@pytest.mark.slow
def test_swapped_ends_give_the_reversed_path(found):
    z0, z1 = _ends()
    back = interp.geodesic(_pair(), z1, z0, settings=QUICK, weight=WEIGHT)
    # both stop at a relative gain of 1e-5 on a flat optimum: energies agree to that, positions to its root
    np.testing.assert_allclose(back.energy, found.energy, rtol=1e-4)
    np.testing.assert_allclose(back.path[:, ::-1], found.path, atol=3e-2)


@pytest.mark.slow
def test_the_energy_itself_is_symmetric_in_the_ends():
    """Exact for the trapezoid weight; a left-end rule fails by O(1/N)."""
    metric = interp.Metric(_pair(), weight=WEIGHT)
    z = np.random.default_rng(3).standard_normal((2, 9, 3))
    forward, backward = (path_energy(metric, observe(metric, jnp.asarray(v))) for v in (z, z[:, ::-1]))
    np.testing.assert_allclose(forward, backward, rtol=1e-13)


@pytest.mark.slow
def test_a_weight_multiplies_length_and_its_square_the_energy():
    """Equal steps along an axis of the identity, 4 long in all, weight 3: length 12, energy 144."""
    flat = pairs.make_pair(
        pairs.wrap(_same), pairs.wrap(_score, 0.0), pairs.Normal((2,)), sample_range=None, critic_kind="energy"
    )
    metric = interp.Metric(flat, weight=pairs.wrap(_constant, np.asarray(3.0)))
    seen = observe(metric, jnp.asarray(np.stack([np.linspace(-2, 2, 9), np.zeros(9)], axis=1)[None]))
    assert float(step_lengths(metric, seen).weighted.sum()) == pytest.approx(12.0, rel=1e-12)
    assert float(path_energy(metric, seen)[0]) == pytest.approx(144.0, rel=1e-12)


@pytest.mark.slow
def test_constant_weight_scales_length_and_keeps_the_path():
    z0, z1 = _ends(2)
    one = interp.geodesic(_pair(), z0, z1, settings=QUICK, weight=pairs.wrap(_constant, np.asarray(1.0)))
    three = interp.geodesic(_pair(), z0, z1, settings=QUICK, weight=pairs.wrap(_constant, np.asarray(3.0)))
    np.testing.assert_allclose(three.length, 3 * one.length, rtol=1e-9)
    np.testing.assert_allclose(three.path, one.path, atol=1e-7)


def _constant(p, s):
    return p + 0 * s


@pytest.mark.slow
def test_scaled_and_rotated_samples_give_the_same_path(found):
    """x -> 2 Q x + b: the same path at four times the energy (the critic sees the original samples)."""
    pair, rng = _pair(), np.random.default_rng(1)
    q, _ = np.linalg.qr(rng.standard_normal((6, 6)))
    move = pairs.wrap(lambda p, x: 2 * x @ p + 1.0, jnp.asarray(q))
    z0, z1 = _ends()
    moved = interp.geodesic(pair, z0, z1, settings=QUICK, weight=WEIGHT, features=move)
    np.testing.assert_allclose(moved.energy, 4 * found.energy, rtol=1e-6)
    np.testing.assert_allclose(moved.path, found.path, atol=1e-4)


def test_triangle_inequality_and_weight_at_least_one_lengthens(found):
    pair = _pair()
    z0, z1 = _ends()
    middle = np.random.default_rng(7).standard_normal(z0.shape)
    run = lambda a, b, **k: np.asarray(interp.geodesic(pair, a, b, settings=QUICK, weight=WEIGHT, **k).length)
    # discretisation and solver stop: well under 1 %
    assert np.all(np.asarray(found.length) <= 1.01 * (run(z0, middle) + run(middle, z1)))
    assert np.all(np.asarray(found.length) >= np.asarray(found.diagnostics.plain_length) * (1 - 1e-9))


@pytest.mark.slow
def test_exposure_falls_and_plain_length_grows_with_the_weight():
    """Between optima of w = 1 + lambda u, lambda rising: int u |dx| falls, int |dx| grows (exchange argument)."""
    z0, z1 = _ends()
    pair, plain, exposure = _pair(), [], []
    for strength in (0.5, 2.0, 8.0):
        weight = pairs.wrap(_weight, np.asarray(strength))
        r = interp.geodesic(pair, z0, z1, settings=QUICK, weight=weight)
        metric = interp.Metric(pair, weight=weight)
        steps = step_lengths(metric, observe(metric, r.path))
        plain.append(np.asarray(steps.plain.sum(1)))
        exposure.append(np.asarray(((steps.weighted - steps.plain) / strength).sum(1)))
    assert np.all(np.diff(plain, axis=0) >= -2e-3 * plain[0])
    assert np.all(np.diff(exposure, axis=0) <= 2e-3 * exposure[0])


@pytest.mark.slow
def test_chord_length_grows_under_refinement():
    pair = _pair()
    metric = interp.Metric(pair, mode="none")
    z0, z1 = (jnp.asarray(z) for z in _ends(3))
    a = jnp.asarray(np.random.default_rng(2).standard_normal((3, 4, 3)))
    curve = interp.Curve(z0, z1, jnp.zeros(3, int), a, pair.prior, Chart())
    seen = [observe(metric, curve(jnp.linspace(0, 1, n + 1))) for n in (8, 16, 64)]
    lengths = [np.asarray(step_lengths(metric, s).plain.sum(1)) for s in seen]
    assert np.all(np.diff(lengths, axis=0) > 0)
    # O(N^-2): halving the step quarters what is missing
    assert np.all(lengths[2] - lengths[1] < 0.5 * (lengths[2] - lengths[0]))


@pytest.mark.slow
def test_gradient_matches_finite_differences_and_the_chunked_gradient_is_the_same():
    pair = _pair()
    metric = interp.Metric(pair, weight=WEIGHT, radial=0.1)
    z0, z1 = (jnp.asarray(z) for z in _ends(2))
    for kind in ("free", "sphere"):
        chart = Chart(kind)
        curve = interp.Curve(z0, z1, jnp.ones(2, int), jnp.zeros((2, 3, 3)), pair.prior, chart)
        whole, parts = (path_problem(metric, curve, None, 5, 3, chunk) for chunk in (0, 4))
        x = jnp.asarray(np.random.default_rng(1).standard_normal((2, 9)))
        value, gradient = whole.evaluate(x)
        e = jnp.asarray(np.random.default_rng(4).standard_normal((2, 9)))
        h = 1e-5
        slope = (whole.value(x + h * e) - whole.value(x - h * e)) / (2 * h)
        np.testing.assert_allclose(jnp.sum(gradient * e, axis=1), slope, rtol=1e-6)
        value2, gradient2 = parts.evaluate(x)
        np.testing.assert_allclose(value2, value, rtol=1e-12)
        np.testing.assert_allclose(gradient2, gradient, atol=1e-10)


@pytest.mark.slow
def test_chunked_solve_ends_where_the_whole_one_does(found):
    import dataclasses

    z0, z1 = _ends()
    chunked = interp.geodesic(_pair(), z0, z1, settings=dataclasses.replace(QUICK, chunk=40), weight=WEIGHT)
    np.testing.assert_allclose(chunked.energy, found.energy, rtol=1e-8)


def test_a_solver_given_as_an_object_is_the_solver_of_its_name(found):
    import dataclasses

    settings = dataclasses.replace(QUICK, solver=interp.Lbfgs(QUICK.evaluations, QUICK.tolerance), evaluations=1)
    again = interp.geodesic(_pair(), *_ends(), settings=settings, weight=WEIGHT)
    np.testing.assert_array_equal(again.path, found.path)


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["gauss-newton", "georce", "adam"])
def test_other_solvers_reach_the_same_energy(found, solver):
    import dataclasses

    z0, z1 = _ends()
    steps = 150 if solver == "adam" else 40
    settings = dataclasses.replace(QUICK, solver=solver, modes=15, evaluations=steps)
    other = interp.geodesic(_pair(), z0, z1, settings=settings, weight=WEIGHT)
    # node solvers have all 15 modes and may gain a little; Adam's step does not vanish; GEORCE minimises
    # u^T M u, which differs from chords by O(N^-2): several percent at 16 segments
    tolerance = 0.1 if solver == "georce" else 0.03
    np.testing.assert_allclose(other.energy, found.energy, rtol=tolerance)


def test_sine_coefficients_interpolate_nodes_exactly():
    delta = np.random.default_rng(0).standard_normal((2, 7, 3))
    a = to_coefficients(delta)
    rebuilt = jnp.einsum("nk,bkd->bnd", sine_basis(jnp.arange(1, 8) / 8, 7), a)
    np.testing.assert_allclose(rebuilt, delta, atol=1e-12)


def test_resampling_equalises_steps_of_a_known_curve():
    t = np.linspace(0, 1, 4001)
    steps = np.diff(t**3)[None]
    np.testing.assert_allclose(
        resample_times(t, steps, 5)[0], np.array([0, 0.25, 0.5, 0.75, 1.0]) ** (1 / 3), atol=1e-4
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sphere", "box"])
def test_charts_stay_in_the_support_and_keep_the_ends(kind):
    prior = pairs.Sphere((3,)) if kind == "sphere" else pairs.Uniform((3,))
    z = prior.sample(jax.random.key(0), 8)
    a = 3 * jax.random.normal(jax.random.key(1), (4, 5, 3))
    chart = Chart(kind)
    curve = interp.Curve(z[:4], z[4:], jnp.ones(4, int) if kind == "sphere" else jnp.zeros(4, int), a, prior, chart)
    path = curve(jnp.linspace(0, 1, 33))
    np.testing.assert_array_equal(path[:, 0], z[:4])
    np.testing.assert_array_equal(path[:, -1], z[4:])
    if kind == "sphere":
        np.testing.assert_allclose(jnp.linalg.norm(path, axis=-1), 1.0, atol=1e-6)
    else:
        assert float(jnp.max(jnp.abs(path))) < 1.0


@pytest.mark.slow
def test_slerp_takes_equal_angles_and_keeps_the_norm():
    rng = np.random.default_rng(0)
    z0, z1 = rng.standard_normal((2, 5, 7))
    z0, z1 = (2 * z / np.linalg.norm(z, axis=1, keepdims=True) for z in (z0, z1))
    path = np.asarray(interp.slerp(z0, z1, np.linspace(0, 1, 9)))
    np.testing.assert_allclose(np.linalg.norm(path, axis=-1), 2.0, rtol=1e-12)
    cosine = np.sum(path[:, 1:] * path[:, :-1], axis=-1) / 4
    assert np.ptp(np.arccos(cosine), axis=1).max() < 1e-7
    opposite = np.asarray(interp.slerp(z0, -z0, [0.0, 0.5, 1.0]))
    np.testing.assert_allclose(np.linalg.norm(opposite[:, 1], axis=-1), 2.0, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_slerp_between_nearly_opposite_ends_is_finite_continuous_and_on_the_sphere(dtype):
    """Angles of pi minus 0.1 to 0, across the 1.4e-3 under which ends count as opposite. Each of 64 steps turns by a
    64th of the angle; where ends count as opposite, by at most a 64th of 1.4e-3 more or less."""
    gap = np.array([0.1, 0.02, 2e-3, 1.5e-3, 1.4e-3, 1e-3, 3e-4, 1e-5, 1e-7, 0.0])
    axes, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((5, 2)))
    z0 = np.tile(2 * axes[:, 0], (len(gap), 1)).astype(dtype)
    z1 = (-2 * (np.cos(gap)[:, None] * axes[:, 0] + np.sin(gap)[:, None] * axes[:, 1])).astype(dtype)
    path = np.asarray(interp.slerp(z0, z1, np.linspace(0, 1, 65, dtype=dtype)), np.float64)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(np.linalg.norm(path, axis=-1), 2.0, rtol=20 * eps)
    np.testing.assert_array_equal(path[:, [0, -1]], np.stack([z0, z1], axis=1).astype(np.float64))
    steps = np.linalg.norm(np.diff(path, axis=1), axis=-1) / 2
    # chords of 64 equal angles are shorter than the arc by (pi / 64)^2 / 24, a ten-thousandth
    np.testing.assert_allclose(64 * steps, np.tile(np.pi - gap, (64, 1)).T, atol=2 * 1.4e-3 + 64 * 20 * eps)


@pytest.mark.slow
@pytest.mark.parametrize("prior", [pairs.Normal((8,)), pairs.Uniform((8,))])
def test_matched_line_has_the_prior_s_law(prior):
    z = prior.sample(jax.random.key(0), 20000)
    path = np.asarray(interp.matched(prior, z[:10000], z[10000:], [0.1, 0.5]))
    variance = 1.0 if prior.kind == "normal" else 1 / 3
    # 80,000 numbers: standard error of a variance is about 0.5 %; the line itself would be off by half
    np.testing.assert_allclose((path**2).mean((0, 2)), variance, rtol=0.02)
    if prior.kind == "uniform":
        share = np.mean(np.abs(path[:, 1]) < 0.5)
        assert share == pytest.approx(0.5, abs=0.01)


def _additive(n, strength, modes=12):
    """Flat plane with a bad disk: cost 1 outside, 10 at the centre; ends (-2, 0), (2, 0); largest detour."""
    pair = pairs.make_pair(
        pairs.wrap(_same),
        pairs.wrap(_minus_bump),
        pairs.Normal((2,)),
        sample_range=None,
        critic_kind="energy",
        check=False,
    )
    settings = interp.GeodesicSettings(
        points=n + 1,
        segments=n,
        modes=min(modes, n - 1),
        mode="additive",
        strength=strength,
        evaluations=150,
        multiresolution=False,
        restarts=2,
        resample="none",
        tolerance=1e-10,
    )
    r = interp.geodesic(pair, [[-2.0, 0.0]], [[2.0, 0.0]], settings=settings, weight=pairs.wrap(_cost))
    return float(np.abs(r.path[0, :, 1]).max()), r


def _same(p, z):
    return z


def _minus_bump(p, x):
    return -jnp.exp(-jnp.sum(x**2, axis=-1) / 0.5)


def _cost(p, s):
    return 1 - 9 * s


@pytest.mark.slow
def test_additive_mode_converges_in_the_number_of_points_and_the_code_s_weight_does_not():
    fixed_per_length = [_additive(n, 2.0)[0] for n in (16, 32)]
    assert fixed_per_length[0] == pytest.approx(fixed_per_length[1], rel=0.03)
    # a weight per step, as in the released code, is strength proportional to N
    per_step = [_additive(n, 0.02 * n)[0] for n in (16, 32)]
    assert per_step[1] > 1.1 * per_step[0]


@pytest.mark.slow
def test_potential_mode_conserves_v2_minus_lambda_c2():
    """Jacobi's principle: kinetic minus potential is constant along an optimum."""
    pair = pairs.make_pair(
        pairs.wrap(_same),
        pairs.wrap(_minus_bump),
        pairs.Normal((2,)),
        sample_range=None,
        critic_kind="energy",
        check=False,
    )
    settings = interp.GeodesicSettings(
        points=97,
        segments=96,
        modes=32,
        mode="potential",
        strength=1.0,
        evaluations=300,
        multiresolution=False,
        restarts=2,
        resample="none",
        tolerance=1e-12,
    )
    r = interp.geodesic(pair, [[-2.0, 0.0]], [[2.0, 0.0]], settings=settings, weight=pairs.wrap(_cost))
    z = np.asarray(r.path[0])
    v2 = np.sum(np.diff(z, axis=0) ** 2, axis=1) * 96**2
    c = 1 + 9 * np.exp(-np.sum(z**2, axis=1) / 0.5)
    conserved = v2 - c[1:] * c[:-1]
    assert np.ptp(conserved[2:-2]) / v2.max() < 0.01
    assert math.isfinite(float(r.energy[0]))
