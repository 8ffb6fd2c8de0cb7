"""Energies and lengths of given nodes, and their gradients, on a small random generator in float64."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_pairs import constant, random_ends, same, score, small_pair, weight_of

import interp
import pairs
from interp.curves.charts import Chart
from interp.curves.sine_curve import evaluate
from interp.metric.energy import observe, path_energy, step_lengths
from interp.solve import path_problem


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


WEIGHT = pairs.wrap(weight_of, np.asarray(1.5))


@pytest.mark.slow
def test_the_energy_itself_is_symmetric_in_the_ends():
    """Exact for the trapezoid weight; a left-end rule fails by O(1/N)."""
    metric = interp.Metric(small_pair(), weight=WEIGHT)
    z = np.random.default_rng(3).standard_normal((2, 9, 3))
    energy = jax.jit(lambda z: path_energy(metric, observe(metric, z)))
    forward, backward = energy(z), energy(z[:, ::-1])
    np.testing.assert_allclose(forward, backward, rtol=1e-13)


@pytest.mark.slow
def test_a_weight_multiplies_length_and_its_square_the_energy():
    """Equal steps along an axis of the identity, 4 long in all, weight 3: length 12, energy 144."""
    flat = pairs.make_pair(
        pairs.wrap(same), pairs.wrap(score, 0.0), pairs.Normal((2,)), sample_range=None, critic_kind="energy"
    )
    metric = interp.Metric(flat, weight=pairs.wrap(constant, np.asarray(3.0)))
    nodes = np.stack([np.linspace(-2, 2, 9), np.zeros(9)], axis=1)[None]
    both = jax.jit(lambda seen: (step_lengths(metric, seen).weighted, path_energy(metric, seen)))
    length, energy = both(jax.jit(lambda z: observe(metric, z))(nodes))
    assert length.sum() == pytest.approx(12.0, rel=1e-12) and energy[0] == pytest.approx(144.0, rel=1e-12)


@pytest.mark.slow
def test_chord_length_grows_under_refinement():
    pair = small_pair()
    metric = interp.Metric(pair, mode="none")
    z0, z1 = (jnp.asarray(z) for z in random_ends(3))
    a = jnp.asarray(np.random.default_rng(2).standard_normal((3, 4, 3)))
    curve = interp.Curve(z0, z1, jnp.zeros(3, int), a, pair.prior, Chart())
    plain = jax.jit(lambda z: step_lengths(metric, observe(metric, z)).plain)
    nodes = np.asarray(evaluate(curve, np.linspace(0, 1, 65)))
    lengths = [np.asarray(plain(nodes[:, :: 64 // n])).sum(1) for n in (8, 16, 64)]
    assert np.all(np.diff(lengths, axis=0) > 0)
    # O(N^-2): halving the step quarters what is missing
    assert np.all(lengths[2] - lengths[1] < 0.5 * (lengths[2] - lengths[0]))


@pytest.mark.slow
def test_gradient_matches_finite_differences_and_the_chunked_gradient_is_the_same():
    pair = small_pair()
    metric = interp.Metric(pair, weight=WEIGHT, radial=0.1)
    z0, z1 = (jnp.asarray(z) for z in random_ends(2))
    for kind in ("free", "sphere"):
        chart = Chart(kind)
        curve = interp.Curve(z0, z1, jnp.ones(2, int), jnp.zeros((2, 3, 3)), pair.prior, chart)
        whole, parts = (path_problem(metric, curve, None, 5, 3, chunk) for chunk in (0, 4))
        x = np.random.default_rng(1).standard_normal((2, 9))
        value, gradient = jax.jit(whole.evaluate)(x)
        only = jax.jit(whole.value)
        e = np.random.default_rng(4).standard_normal((2, 9))
        h = 1e-5
        slope = (np.asarray(only(x + h * e)) - np.asarray(only(x - h * e))) / (2 * h)
        np.testing.assert_allclose(np.sum(np.asarray(gradient) * e, axis=1), slope, rtol=1e-6)
        value2, gradient2 = parts.evaluate(jnp.asarray(x))
        np.testing.assert_allclose(value2, value, rtol=1e-12)
        np.testing.assert_allclose(gradient2, gradient, atol=1e-10)
