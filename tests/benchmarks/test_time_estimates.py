"""Operations of a gradient, counted in closed form, and the words for a time."""

from __future__ import annotations

import jax
import pytest

import benchmarks.estimates
import benchmarks.time_estimates as estimates
from dcd.diagnostics.operations import gradient_operations
from pairs import Normal, Pair, make_pair
from pairs.sequential.spec import init_sequential


def _pair(**conv: int) -> Pair:
    layers = [{"layer": "dense", "out": 4 * 4 * 3}, {"layer": "unflatten", "shape": [3, 4, 4]}]
    head = [{"layer": "flatten"}, {"layer": "dense", "out": 1}, {"layer": "squeeze"}]
    critic = [{"layer": "conv", "out": 8, **conv}, *head]
    keys = jax.random.split(jax.random.key(0))
    generator = init_sequential(keys[0], layers, (5,))
    return Pair(generator, init_sequential(keys[1], critic, (4, 4, 3)), Normal((5,)), (4, 4, 3), (-1.0, 1.0), "logit")


@pytest.mark.parametrize("conv, out", [({"kernel": 3, "padding": 1}, 16), ({"kernel": 2, "stride": 2}, 4)])
def test_a_gradient_costs_two_passes_of_each_product(conv, out) -> None:
    pair, window = _pair(**conv), conv["kernel"] ** 2 * 3 * 8 * out
    critic, generator = 2 * (window + 8 * out), 2 * 5 * 48
    # backward a convolution is as many products or more: those with the border of zeros are counted too
    for space, least in (("pixel", 2 * critic), ("latent", 2 * (critic + generator))):
        assert least <= gradient_operations(pair, space) <= 1.6 * least


def test_a_pair_without_a_critic_counts_its_generator() -> None:
    whole = _pair(kernel=3)
    alone = make_pair(whole.generator, None, whole.prior, sample_range=None, critic_kind=None)
    assert gradient_operations(alone) == 2 * 2 * 5 * 48


def test_ten_times_the_operations_are_ten_times_the_seconds(monkeypatch) -> None:
    ticks = iter([*range(100)])
    monkeypatch.setattr(estimates.time, "perf_counter", lambda: next(ticks))
    # a product of 2 * 1024^3 operations in one second, at 0.3 of its rate
    assert estimates.seconds_of(2 * 1024**3) == pytest.approx(1 / 0.3)
    assert estimates.seconds_of(20 * 1024**3) == pytest.approx(10 / 0.3)


def test_the_line_of_an_estimate_multiplies_evaluations_and_operations(monkeypatch) -> None:
    monkeypatch.setattr(benchmarks.estimates, "seconds_of", lambda operations: operations / 10)
    line = benchmarks.estimates.Estimate(2**20, 300, operations=4.0).line
    assert line.endswith("300 gradient evaluations, roughly 2 minutes")
    assert benchmarks.estimates.Estimate(2**20, 300).line.endswith("300 gradient evaluations")
