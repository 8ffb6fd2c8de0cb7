"""Chains that meet NaN, infinity or the edge of the sample range rest there and are counted."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import pair_of

from dcd import Langevin, advance, start

KEY = jax.random.key(31)


def explosive(params, x):
    """Slope one; ``params`` from 1.5 on."""
    bad = jnp.where(x[:, 0] > 1.5, params, 0.0)
    return jnp.sum(x, axis=1) + bad


def explosive_pair(poison: float):
    return pair_of(explosive, jnp.float32(poison), 2, sample_range=(-3.0, 3.0))


ASCENT = Langevin("pixel", 6, 0.25, temperature=0.0)


def ascend(poison: float, begin, config: Langevin = ASCENT):
    pair = explosive_pair(poison)
    return advance(pair, config, KEY, start(pair, config, begin, np.arange(len(begin))))


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_a_chain_that_meets_nan_or_infinity_rests_at_its_last_finite_state_and_is_counted(poison):
    begin = np.linspace(-0.5, 1.5, 8, dtype=np.float32)[:, None] * np.ones((1, 2), np.float32)
    state, info = ascend(poison, begin)
    calm, _ = ascend(0, begin)
    stopped = np.asarray(state.stopped)
    np.testing.assert_array_equal(stopped, begin[:, 0] + 6 * 0.25 > 1.5)
    assert 0 < stopped.sum() < 8
    room = np.floor((1.5 - begin[:, 0]) / 0.25)
    np.testing.assert_allclose(state.position[:, 0], begin[:, 0] + 0.25 * np.minimum(room, 6), atol=1e-6)
    np.testing.assert_array_equal(state.position[~stopped], calm.position[~stopped])
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(state.at))
    assert np.all(np.diff(info.stopped.astype(int), axis=0) >= 0)  # for good
    assert np.all(info.displacement[info.stopped] == 0) and np.all(np.isfinite(info.energy))


def test_a_chain_that_starts_where_the_target_is_not_finite_never_moves():
    begin = np.zeros((8, 2), np.float32)
    begin[:2] = [[2.0, 0.0], [np.nan, 0.0]]
    state, _ = ascend(np.nan, begin)
    # the others come to 1.5 exactly, which is still finite
    np.testing.assert_array_equal(state.stopped, [True, True] + [False] * 6)
    np.testing.assert_array_equal(state.position[:2], begin[:2])
    np.testing.assert_array_equal(state.position[2:], 1.5)


def test_pixel_chains_stay_in_the_sample_range():
    state, _ = ascend(0, np.full((8, 2), 2.0, np.float32))
    np.testing.assert_array_equal(state.position, 3.0)


@pytest.mark.slow
def test_under_correction_nan_stops_and_zero_density_only_rejects():
    begin = np.full((32, 2), 1.2, np.float32)
    config = Langevin("pixel", 6, 0.5, metropolis=True)
    for poison, stops in ((np.nan, True), (-np.inf, False)):
        state, info = ascend(poison, begin, config)
        assert bool(np.asarray(state.stopped).any()) == stops
        assert np.all(np.asarray(state.position)[:, 0] <= 1.5) and np.any(info.acceptance == 0)
