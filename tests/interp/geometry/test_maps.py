"""Exponential, logarithm, transport, means and inversion against closed forms."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import interp
import pairs
from interp.curves.sine_curve import evaluate


@pytest.fixture(autouse=True, scope="module")
def _double():
    with jax.enable_x64(True):
        yield


def _sphere(p, z):
    """Inverse stereographic projection: the unit sphere, isometric up to its chart."""
    r2 = jnp.sum(z**2, axis=1, keepdims=True)
    return jnp.concatenate([2 * z, r2 - 1], axis=1) / (1 + r2)


def _third(p, x):
    return x[:, 2]


def _same(p, z):
    return z


def _height(p, x):
    return jnp.maximum(x[:, 1], 1e-3)


def _inverse(p, s):
    return 1 / s


SPHERE = pairs.make_pair(
    pairs.wrap(_sphere), pairs.wrap(_third), pairs.Normal((2,)), sample_range=None, critic_kind="energy", check=False
)
PLANE = pairs.make_pair(
    pairs.wrap(_same), pairs.wrap(_height), pairs.Normal((2,)), sample_range=None, critic_kind="energy", check=False
)
FLAT = interp.GeodesicSettings(
    points=33,
    segments=32,
    modes=16,
    mode="none",
    evaluations=100,
    tolerance=1e-10,
    multiresolution=False,
    restarts=0,
    keep="free",
)
HALF_PLANE = interp.Metric(PLANE, weight=pairs.wrap(_inverse))


@pytest.mark.slow
def test_exp_of_log_comes_back_on_the_sphere():
    # two at once, as in the test of remembered paths, which shares the programs
    z0, z1 = np.array([[1.0, 0.0], [0.2, 0.9]]), np.array([[0.5 * math.cos(2), 0.5 * math.sin(2)], [-0.5, 0.1]])
    metric = interp.Metric(SPHERE, mode="none")
    v, found = interp.log_map(SPHERE, z0, z1, settings=FLAT)
    m = jax.jit(interp.metric_matrix)(metric, z0)[0]
    assert float(jnp.sqrt(v[0] @ m @ v[0])) == pytest.approx(1.910192, rel=1e-3)
    assert float(found.length[0]) == pytest.approx(1.910192, rel=1e-3)
    # the velocity of 16 sine modes on 32 chords is good to O(N^-2) of the distance
    np.testing.assert_allclose(interp.exp_map(metric, z0, v), z1, atol=0.02)


@pytest.mark.slow
def test_half_plane_geodesics_are_half_circles():
    """From (0, 1) with unit horizontal velocity for time s: (tanh s, 1 / cosh s)."""
    for s in (0.5, 2.0):
        end = interp.exp_map(HALF_PLANE, [[0.0, 1.0]], [[s, 0.0]])
        np.testing.assert_allclose(end, [[math.tanh(s), 1 / math.cosh(s)]], atol=1e-6)


@pytest.mark.slow
def test_transport_around_an_octant_turns_by_its_area():
    """Three great arcs that enclose an eighth of the sphere, area pi / 2, in the stereographic chart."""
    t = np.linspace(0, 1, 201)
    equator = np.stack([np.cos(t * np.pi / 2), np.sin(t * np.pi / 2)], 1)
    # longitude 90 degrees from the equator to the south pole (the chart's origin), and back along longitude 0
    radius = np.tan(np.pi / 4 * (1 - t))[:, None]
    loop = np.concatenate([equator, (radius * [[0.0, 1.0]])[1:], (radius[::-1] * [[1.0, 0.0]])[1:]])
    metric = interp.Metric(SPHERE, mode="none")
    v = np.array([[0.3, 0.8]])
    w = np.asarray(interp.transport(metric, loop[None], v))
    # the chart is conformal, so angles in it are angles; straight segments leave O(n^-2)
    turned = math.atan2(v[0, 0] * w[0, 1] - v[0, 1] * w[0, 0], float(v[0] @ w[0]))
    assert abs(turned) == pytest.approx(math.pi / 2, abs=1e-3)
    assert np.linalg.norm(w) == pytest.approx(np.linalg.norm(v), rel=1e-4)


@pytest.mark.slow
def test_mean_in_a_flat_metric_is_the_weighted_mean_and_corners_are_the_points():
    pair = pairs.make_pair(
        pairs.wrap(_same),
        pairs.wrap(_height),
        pairs.Uniform((2,), -5.0, 5.0),
        sample_range=None,
        critic_kind="energy",
        check=False,
    )
    z = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])
    w = np.array([[1 / 3, 1 / 3, 1 / 3], [0.5, 0.25, 0.25], [0.0, 1.0, 0.0]])
    settings = interp.GeodesicSettings(mode="none", segments=4, modes=3, evaluations=60, tolerance=1e-12)
    found = interp.karcher_mean(pair, z, w, settings=settings)
    np.testing.assert_allclose(found.mean, w @ z, atol=1e-5)
    assert np.all(found.value <= found.start_value + 1e-12)


@pytest.mark.slow
def test_mean_of_two_points_of_the_half_plane_is_the_midpoint_of_their_geodesic():
    z = np.array([[-1.0, 1.0], [1.0, 1.0]])
    settings = interp.GeodesicSettings(segments=32, modes=8, evaluations=200, tolerance=1e-10, keep="free")
    found = interp.karcher_mean(PLANE, z, settings=settings, weight=pairs.wrap(_inverse))
    # the apex of the half circle; 32 segments err by O(N^-2)
    np.testing.assert_allclose(found.mean, [[0.0, math.sqrt(2)]], atol=5e-3)


def test_weights_off_the_simplex_and_modes_without_a_metric_are_refused():
    z = np.zeros((2, 2))
    for weights in ([[0.5, 0.6]], [[-0.5, 1.5]], [[1.0]]):
        with pytest.raises(pairs.InputError, match="weights"):
            interp.karcher_mean(PLANE, z, weights, settings=FLAT)
    with pytest.raises(pairs.InputError, match="mode"):
        interp.distance(PLANE, z, z, settings=interp.GeodesicSettings(mode="potential"))
    with pytest.raises(pairs.InputError, match="mode"):
        interp.exp_map(interp.Metric(PLANE, mode="additive"), z, z)


def _decode(p, z):
    return jnp.tanh(z @ p)


@pytest.mark.slow
def test_inversion_finds_the_latent_of_a_generated_sample():
    p = jnp.asarray(np.random.default_rng(0).standard_normal((4, 12)) / 2)
    pair = pairs.make_pair(
        pairs.wrap(_decode, p),
        pairs.wrap(_third),
        pairs.Normal((4,)),
        sample_range=(-1, 1),
        critic_kind="energy",
        check=False,
    )
    z = pair.prior.sample(jax.random.key(5), 3)
    settings = interp.InversionSettings(candidates=64, starts=2, radial=0.0)
    found = interp.invert(pair, pair.generate(z), jax.random.key(1), settings)
    assert np.all(found.error < 1e-2) and np.all(found.loss <= found.start_loss)
    np.testing.assert_allclose(found.z, z, atol=0.05)
    with pytest.raises(pairs.InputError, match="range"):
        interp.invert(pair, 3 + pair.generate(z))


@pytest.mark.slow
def test_critic_features_are_the_input_of_its_last_layer():
    rng = np.random.default_rng(0)
    p = (jnp.asarray(rng.standard_normal((3, 5))), jnp.asarray(rng.standard_normal((5, 1))))
    critic = pairs.wrap(_two_layers, p)
    pair = pairs.make_pair(pairs.wrap(_sphere), critic, pairs.Normal((2,)), sample_range=None, critic_kind="energy")
    x = jnp.asarray(rng.standard_normal((4, 3)))
    features = interp.critic_features(pair)(x)
    np.testing.assert_allclose(features, jnp.maximum(x @ p[0], 0))
    np.testing.assert_allclose(features @ p[1][:, 0] + 1, critic(x))


def _two_layers(p, x):
    return (jax.nn.relu(x @ p[0]) @ p[1] + 1)[:, 0]


@pytest.mark.slow
def test_a_remembered_path_proposes_itself_in_both_directions():
    z0, z1 = np.array([[1.0, 0.0], [0.2, 0.9]]), np.array([[0.0, 1.0], [-0.5, 0.1]])
    found = interp.geodesic(SPHERE, z0, z1, settings=FLAT)
    memory = interp.remember(found, modes=12)
    propose = jax.jit(interp.propose, static_argnames="neighbours")
    a = propose(memory, z0, z1, neighbours=1)
    np.testing.assert_allclose(a, memory.coefficients, atol=1e-12)
    more = interp.remember(found, modes=12, memory=memory)
    np.testing.assert_array_equal(more.coefficients, jnp.concatenate([memory.coefficients] * 2))
    with pytest.raises(pairs.InputError, match="memory"):
        interp.remember(found, modes=6, memory=memory)
    back = propose(memory, z1, z0, neighbours=1)
    t = np.linspace(0, 1, 9)
    there = evaluate(interp.Curve(jnp.asarray(z0), jnp.asarray(z1), jnp.zeros(2, int), a), t)
    again = evaluate(interp.Curve(jnp.asarray(z1), jnp.asarray(z0), jnp.zeros(2, int), back), t)
    np.testing.assert_allclose(there, again[:, ::-1], atol=1e-9)
