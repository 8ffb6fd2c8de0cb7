"""Costs per refined sample against closed forms, and their extrapolation."""

from __future__ import annotations

import jax.numpy as jnp
import pytest
from small_pairs import small_pair

import dcd
import pairs
from benchmarks.estimates import check_streaming
from benchmarks.leaderboard.passes import prices
from benchmarks.studies import cost
from benchmarks.studies.cost_at_scale import RESULTS, at_scale, share_of_peak
from dcd import Langevin


def linear_pair():
    generator = pairs.wrap(lambda p, z: z @ p, jnp.ones((3, 5)))
    critic = pairs.wrap(lambda p, x: (x @ p)[:, 0], jnp.ones((5, 1)))
    return pairs.make_pair(generator, critic, pairs.Normal((3,)), sample_range=None, critic_kind="logit")


def test_costs_are_those_of_the_passes_and_presets_that_differ_in_numbers_share_a_program(monkeypatch):
    compiled = []
    monkeypatch.setattr(dcd, "PRESETS", {k: dcd.PRESETS[k] for k in ("latent", "ddls", "dcd-pixel")})
    monkeypatch.setattr(cost, "_compiled", lambda *a: compiled.append(a) or ({"operations": 7.0, "bytes": 8.0}, 0.5))
    found = cost.costs_of(linear_pair(), 2)
    assert len(compiled) == 2
    gradient, generator, critic = 2 * 2 * (15 + 5), 2 * 15, 2 * 5
    assert found["operations"] == dict(
        gradient=gradient, generator=generator, critic=critic, critic_gradient=2 * critic
    )
    ddls, pixel = found["presets"]["ddls"], found["presets"]["dcd-pixel"]
    assert ddls["evaluations"] == 101 and ddls["operations"] == pytest.approx(101 * gradient + generator)
    assert ddls["compiled"] == {"operations": 707.0, "bytes": 808.0}
    assert ddls["seconds"] == pytest.approx(101 * 0.5 + found["generator_seconds"])
    # the noise comes first, so that every step evaluates twice
    assert pixel["evaluations"] == 41 and pixel["operations"] == pytest.approx(41 * 2 * critic + generator)


def test_the_compiled_step_does_at_least_the_operations_as_written_and_reads_the_weights():
    pair = small_pair()
    figures, seconds = cost._compiled(pair, Langevin(steps=1, prior_weight=1.0), 4)
    # elementwise work and the noise come on top of the products, whose count is exact on a CPU
    assert figures["operations"] > prices(pair).operations and seconds > 0
    assert figures["bytes"] * 4 > 4 * pair.generator.size


@pytest.mark.skipif(not RESULTS.is_dir(), reason="stored reports are in the checkout, not in the wheel")
def test_a_billion_takes_as_long_and_as_much_disk_as_its_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(dcd, "PRESETS", {"ddls": dcd.PRESETS["ddls"]})
    small = linear_pair()
    report = {"pairs": {"linear": cost.costs_of(small, 2) | {"sample": [28, 28, 1]}}}
    whole, tenth = at_scale(report), at_scale(report, 10**8)
    for name, machine in whole["machines"].items():
        for preset, times in machine["pairs"]["linear"]["presets"].items():
            slower = max(times["by_operations"], times["by_bytes"]) * 1e9 / 86400 / machine["devices"]
            assert times["days"] == pytest.approx(slower)
            assert tenth["machines"][name]["pairs"]["linear"]["presets"][preset]["days"] == pytest.approx(slower / 10)
    images = small.replace(sample_shape=(28, 28, 1), sample_range=(-1.0, 1.0))
    told = check_streaming(images, Langevin(steps=0), 6, 6, 6, tmp_path, 128)
    assert whole["disk"]["linear"]["all"] == pytest.approx(1e9 * told.disk / 6)


def test_a_share_of_the_peak_is_held_at_the_ends_of_what_was_measured():
    known = [(1e7, 0.01), (1e9, 0.5)]
    assert share_of_peak(1e3, known) == 0.01 and share_of_peak(1e12, known) == pytest.approx(0.5)
