"""Curves and baselines: exact ends, equal steps, the support of the prior and its law; in float64."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import interp
import pairs
from interp.curves.charts import Chart
from interp.curves.sine_curve import evaluate, resample_times, sine_basis, to_coefficients


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def test_sine_coefficients_interpolate_nodes_exactly():
    delta = np.random.default_rng(0).standard_normal((2, 7, 3))
    a = np.asarray(jax.jit(to_coefficients)(delta))
    rebuilt = np.einsum("nk,bkd->bnd", np.asarray(jax.jit(sine_basis, static_argnums=1)(np.arange(1, 8) / 8, 7)), a)
    np.testing.assert_allclose(rebuilt, delta, atol=1e-12)


@pytest.mark.slow
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
    z = np.asarray(prior.sample(jax.random.key(0), 8))
    a = jnp.asarray(3 * np.random.default_rng(1).standard_normal((4, 5, 3)), z.dtype)
    chart = Chart(kind)
    curve = interp.Curve(z[:4], z[4:], jnp.ones(4, int) if kind == "sphere" else jnp.zeros(4, int), a, prior, chart)
    path = np.asarray(evaluate(curve, np.linspace(0, 1, 33)))
    np.testing.assert_array_equal(path[:, 0], z[:4])
    np.testing.assert_array_equal(path[:, -1], z[4:])
    if kind == "sphere":
        np.testing.assert_allclose(np.linalg.norm(path, axis=-1), 1.0, atol=1e-6)
    else:
        assert np.abs(path).max() < 1.0


@pytest.mark.slow
def test_slerp_takes_equal_angles_and_keeps_the_norm():
    rng = np.random.default_rng(0)
    z0, z1 = rng.standard_normal((2, 5, 7))
    z0, z1 = (2 * z / np.linalg.norm(z, axis=1, keepdims=True) for z in (z0, z1))
    path = np.asarray(interp.slerp(z0, z1, np.linspace(0, 1, 9)))
    np.testing.assert_allclose(np.linalg.norm(path, axis=-1), 2.0, rtol=1e-12)
    cosine = np.sum(path[:, 1:] * path[:, :-1], axis=-1) / 4
    assert np.ptp(np.arccos(cosine), axis=1).max() < 1e-7
    opposite = np.asarray(interp.slerp(z0, -z0, np.linspace(0, 1, 9)))
    np.testing.assert_allclose(np.linalg.norm(opposite[:, 4], axis=-1), 2.0, rtol=1e-9)


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
    z = np.asarray(prior.sample(jax.random.key(0), 20000))
    path = np.asarray(interp.matched(prior, z[:10000], z[10000:], [0.1, 0.5]))
    variance = 1.0 if prior.kind == "normal" else 1 / 3
    # 80,000 numbers: standard error of a variance is about 0.5 %; the line itself would be off by half
    np.testing.assert_allclose((path**2).mean((0, 2)), variance, rtol=0.02)
    if prior.kind == "uniform":
        share = np.mean(np.abs(path[:, 1]) < 0.5)
        assert share == pytest.approx(0.5, abs=0.01)
