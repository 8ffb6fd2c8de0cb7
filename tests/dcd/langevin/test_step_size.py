"""Step-size adaptation: the acceptance asked for is the acceptance that comes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dcd.langevin.chain import refine
from dcd.langevin.presets import dcd_pixel, ddls
from dcd.langevin.step_size import adapt_step_size, averaging_init, averaging_update
from pairs import InputError, Normal, make_pair, wrap


def _generator(params, z):
    return z


def _critic(params, x):
    return -0.5 * params * jnp.sum(x * x, axis=1)


PAIR = make_pair(
    wrap(_generator, {}),
    wrap(_critic, jnp.asarray(3.0)),
    Normal((16,)),
    sample_range=None,
    critic_kind="logit",
    check=False,
)


@pytest.mark.slow
@pytest.mark.parametrize("start, target", [(1e-4, 0.574), (2.0, 0.574), (0.01, 0.8)])
def test_acceptance_on_a_gaussian_reaches_its_target_from_far_below_and_above(start, target):
    config, report = adapt_step_size(PAIR, ddls(40, start, metropolis=True), jax.random.key(0), target)
    # 64 chains of 50 correlated steps at the frozen step: standard error about 0.01
    assert report.acceptance == pytest.approx(target, abs=0.05)
    assert config.step_size == report.step_size and config.steps == 40
    run = refine(PAIR, config.replace(steps=60), jax.random.key(1), 64)
    assert run.trace.acceptance[20:].mean() == pytest.approx(target, abs=0.06)


@pytest.mark.slow
def test_same_key_gives_the_same_step_size_and_the_chain_settings_stay():
    config = ddls(7, 0.05).replace(anneal=(1.0, 0.1))
    (a, ra), (b, _), (c, _) = (adapt_step_size(PAIR, config, jax.random.key(k), steps=20) for k in (2, 2, 3))
    assert a == b and a.step_size != c.step_size
    assert a == config.replace(step_size=a.step_size) and len(ra.step_sizes) == len(ra.acceptances) == 20


def test_dual_averaging_finds_the_root_of_a_noisy_decreasing_acceptance():
    rng, state = np.random.default_rng(0), averaging_init(1e-3)
    for _ in range(400):
        acceptance = 1 / (1 + np.exp(state.log_step)) + 0.05 * rng.standard_normal()
        state = averaging_update(state, acceptance, 0.25)
    # 1 / (1 + e^s) = 1/4 at s = log 3; noise of 0.05 / sqrt(400) over a slope of 0.19
    assert state.log_average == pytest.approx(np.log(3), abs=0.1)


@pytest.mark.parametrize("change", [dict(target=1.0), dict(chains=0), dict(steps=3)])
def test_bad_settings_are_named(change):
    with pytest.raises(InputError) as error:
        adapt_step_size(PAIR, ddls(), jax.random.key(0), **change)
    assert error.value.field == next(iter(change))


def test_chain_without_a_correction_to_pilot_is_refused():
    with pytest.raises(InputError, match="metropolis"):
        adapt_step_size(PAIR, dcd_pixel(), jax.random.key(0))
