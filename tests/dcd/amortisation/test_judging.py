"""How near a flow comes to its chain, and what finding out costs."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from known_targets import ALONE, known_pair, slope

import dcd
from dcd.amortisation.chain_pool import ChainPool
from dcd.amortisation.judging import chance_error, energy_distance, nearest
from pairs import Normal


def test_the_energy_distance_of_two_normal_laws_is_known():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2000, 1)), rng.normal(2, 1, (2000, 1))
    # E|N(2, 2)| is 2 e^-1 / sqrt(pi) + 2 erf(1), E|N(0, 2)| is 2 / sqrt(pi); standard error 0.04
    between = 2 * np.exp(-1) / np.sqrt(np.pi) + 2 * 0.8427007929497149
    assert energy_distance(x, y) == pytest.approx(2 * between - 4 / np.sqrt(np.pi), abs=0.12)
    assert energy_distance(x[:1000], x[1000:]) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("n, m", [(60, 60), (30, 120)])
def test_the_chance_error_is_the_deviation_of_the_distance_of_two_sets_of_one_law(n, m):
    rng = np.random.default_rng(0)
    draws = [(rng.normal(size=(n, 2)), rng.normal(size=(m, 2))) for _ in range(200)]
    shares = np.asarray([energy_distance(*sets) / chance_error(*sets) for sets in draws])
    # 200 draws of a skewed law of deviation 1: standard errors of 0.07 and about 0.1, times 3
    assert abs(shares.mean()) < 0.22 and shares.std() == pytest.approx(1, abs=0.3)
    # of two laws that lie apart it is far below the distance
    assert energy_distance(draws[0][0], draws[0][1] + 5) > 20 * chance_error(draws[0][0], draws[0][1] + 5)


@pytest.fixture(scope="module")
def still():
    """The report of both flows for a chain that hardly moves."""
    chain = dcd.preset("ddls").replace(steps=2, step_size=1e-8)
    settings = ALONE.replace(chain_weight=None, pool=64, steps=1)
    return dcd.amortise(known_pair(Normal((1,)), slope, jnp.ones(1)), chain, jax.random.key(0), settings)[1]


def test_nearness_to_a_chain_that_hardly_moves_is_not_told(still):
    assert still.nearness is None and still.tried == {"0": None, "1": None}
    assert np.isfinite(still.energy_distance) and still.energy_distance_before < 5 * still.energy_distance_error


def test_evaluations_of_the_chain_are_counted_once_and_those_of_both_flows_added(still):
    # 64 samples to learn from and 64 to judge by, two steps each; the flow of the samples needs no gradient of the nets
    assert still.evaluations == 2 * (64 + 64) + ALONE.batch


def test_the_flow_of_the_smaller_distance_is_kept_though_nearness_is_not_told(still):
    first, second = (still._replace(energy_distance=d, evaluations=e) for d, e in ((0.2, 10), (-0.1, 3)))
    pool = ChainPool(jnp.zeros((4, 1)), None, np.zeros((4, 1)), 0.0, 100)
    for order in ((first, second), (second, first)):
        trials = dict(zip((0.0, 1.0), (("pair", report) for report in order), strict=True))
        kept = nearest(trials, 2.0, (None, pool))[1]
        assert (kept.energy_distance, kept.evaluations, kept.seconds) == (-0.1, 113, 2.0)
