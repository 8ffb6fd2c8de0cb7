"""Selection on pairs: laws, labels, keys, chains around it, refusals."""

from __future__ import annotations

import functools
import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dcd
from dcd.langevin.chain import refine
from dcd.langevin.presets import ddls
from dcd.selection import drs, ex2, isir, mh_gan, obrs
from pairs import InputError, Normal, Pair, make_pair, wrap

# Generator N(0, 1), data N(MEAN, SPREAD^2) with SPREAD < 1: the ratio is bounded and known.
MEAN, SPREAD = 0.5, 0.6
METHODS = {
    "obrs": functools.partial(obrs, budget=0.3, pilot=512),
    "drs": functools.partial(drs, pilot=512),
    "mh_gan": functools.partial(mh_gan, proposals=6),
    "isir": functools.partial(isir, particles=3, steps=3),
    "ex2": functools.partial(ex2, particles=3, steps=2, local_steps=1),
}


def _generator(params, z):
    return z


def _critic(params, x):
    u = x[:, 0]
    return params["scale"] * (u**2 / 2 - ((u - MEAN) / SPREAD) ** 2 / 2 - jnp.log(SPREAD))


def _class_generator(params, z, labels):
    return z + 10.0 * labels[:, None]


def _class_critic(params, x, labels):
    return _critic(params, x - 10.0 * labels[:, None])


def _pair(calibrated: bool = True, **more) -> Pair:
    params = {"scale": jnp.asarray(1.0)}
    return make_pair(
        wrap(_generator, {}),
        wrap(_critic, params),
        Normal((1,)),
        sample_range=None,
        critic_kind="logit",
        calibrated=calibrated,
        check=False,
        **more,
    )


def _class_pair() -> Pair:
    params = {"scale": jnp.asarray(1.0)}
    return make_pair(
        wrap(_class_generator, {}),
        wrap(_class_critic, params),
        Normal((1,)),
        sample_range=None,
        critic_kind="logit",
        calibrated=True,
        classes=3,
        check=False,
    )


@pytest.mark.parametrize(
    "select",
    [
        functools.partial(obrs, budget=0.02),  # below 1/M: exact rejection
        functools.partial(drs, gamma=0.0),
        functools.partial(mh_gan, proposals=24),
        functools.partial(isir, particles=6, steps=6),
        functools.partial(ex2, particles=6, steps=6, local_steps=2, step_size=0.2),
    ],
    ids=["obrs", "drs", "mh_gan", "isir", "ex2"],
)
def test_selected_samples_follow_the_data_law(select):
    result = select(_pair(), 4000, jax.random.key(0), batch=4000)
    x = result.samples[:, 0]
    # standard errors 0.6/sqrt(4000) = 0.0095 and 0.0067; 4 of them
    assert x.mean() == pytest.approx(MEAN, abs=0.038)
    assert x.std() == pytest.approx(SPREAD, abs=0.027)
    assert not result.exhausted.any()


def test_mh_gan_started_at_real_data_is_stationary_at_once():
    real = np.random.default_rng(0).normal(MEAN, SPREAD, (2000, 1)).astype(np.float32)
    result = mh_gan(_pair(), 4000, jax.random.key(1), proposals=8, real_x=real, batch=4000)
    left = ~result.exhausted
    # with 8 proposals chains from real data are exact; those that never left are the few to set aside
    assert left.mean() > 0.9
    assert result.samples[left, 0].mean() == pytest.approx(MEAN, abs=0.06)
    assert not np.isin(result.samples, real).any()  # a real sample is never handed out


def test_obrs_keeps_its_budget_and_counts_what_it_tried():
    result = obrs(_pair(), 2000, jax.random.key(2), budget=0.5)
    # the mean number of tries is 1/K = 2, standard deviation sqrt(2): 4 standard errors are 0.13,
    # and the constant comes from a pilot of 4096
    assert result.tried.mean() == pytest.approx(2.0, abs=0.25)
    assert result.acceptance == pytest.approx(0.5, abs=0.05)
    assert result.settings["pilot_acceptance"] == pytest.approx(0.5, abs=1e-6)


def test_obrs_raises_the_mean_log_ratio_over_the_generators_own():
    better = obrs(_pair(), 1000, jax.random.key(3), budget=0.6)
    assert better.log_ratio.mean() > better.start_log_ratio.mean() + 0.2


@pytest.mark.slow
def test_without_refreshed_gradient_ex2_widens_the_law(monkeypatch):
    module = importlib.import_module("dcd.selection.explore_exploit")
    run = functools.partial(
        ex2, _pair(), 20000, jax.random.key(4), particles=5, steps=40, local_steps=1, step_size=0.1, batch=20000
    )
    right = run().samples.std()
    kept = {}

    def stale_start(*arguments):
        state = dcd.start(*arguments)
        return state._replace(at=state.at._replace(gradient=kept.get("gradient", state.at.gradient)))

    def advance(*arguments, **more):
        state, info = dcd.advance(*arguments, **more)
        kept["gradient"] = state.at.gradient
        return state, info

    monkeypatch.setattr(module, "start", stale_start)
    monkeypatch.setattr(module, "advance", advance)
    wrong = run().samples.std()
    # standard error of a standard deviation over 20000 chains: 0.003
    assert right == pytest.approx(SPREAD, abs=0.012)
    assert wrong > SPREAD + 0.018


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_sample_depends_on_key_and_index_alone(name):
    run = METHODS[name]
    whole = run(_pair(), 40, jax.random.key(5), batch=16).samples
    again = run(_pair(), 40, jax.random.key(5), batch=40).samples
    tail = run(_pair(), 15, jax.random.key(5), batch=16, first_index=25).samples
    other = run(_pair(), 40, jax.random.key(6), batch=16).samples
    np.testing.assert_allclose(whole, again, rtol=1e-6)  # rounding where the batch shape changes
    np.testing.assert_array_equal(whole[25:], tail)
    assert np.abs(whole - other).max() > 0.1


@pytest.mark.parametrize("name", METHODS)
def test_labels_are_held(name):
    labels = np.array([0, 2, 1, 1, 2, 0, 0])
    result = METHODS[name](_class_pair(), 7, jax.random.key(7), labels=labels, batch=8)
    np.testing.assert_array_equal(np.round(result.samples[:, 0] / 10), labels)
    np.testing.assert_array_equal(result.labels, labels)


@pytest.mark.slow
@pytest.mark.parametrize("steps", [0, 2])
def test_scores_before_selection_and_chain_are_those_of_the_samples_before(steps):
    pair = _class_pair()
    choice = dcd.Choice("own", ddls(2).replace(steps=steps), 0.3)
    result = dcd.run_choice(pair, choice, jax.random.key(4), 60, batch=60, first_index=7)
    labels = (np.arange(60) + 7) % 3
    score = lambda x: np.asarray(pair.score(jnp.asarray(x), jnp.asarray(labels)))
    # the critic is a polynomial of order two: rounding of float32
    np.testing.assert_allclose(result.start_score, score(result.before), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(result.score, score(result.after), rtol=1e-4, atol=1e-4)
    assert result.score.mean() > result.start_score.mean() + 0.1


def test_budget_one_around_a_chain_is_the_chain_alone():
    chain = ddls(5, 0.05)
    selected = obrs(_pair(), 24, jax.random.key(8), budget=1.0, pilot=64, first=chain, batch=24)
    plain = refine(_pair(), chain, jax.random.key(8), 24, batch=24)
    np.testing.assert_array_equal(selected.samples, plain.after)
    np.testing.assert_array_equal(selected.latents, plain.positions)
    assert (selected.candidate == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["obrs", "mh_gan", "isir"])
def test_selection_among_refined_samples_picks_higher_ratios_than_the_chain_gives(name):
    chain = ddls(4, 0.05)
    result = METHODS[name](_pair(), 300, jax.random.key(9), first=chain, batch=300)
    assert result.log_ratio.mean() > refine(_pair(), chain, jax.random.key(9), 300, batch=300).trace.score[-1].mean()


@pytest.mark.slow
def test_final_chain_starts_from_what_was_selected():
    still = ddls(3, 1e-12)
    alone = isir(_pair(), 20, jax.random.key(10), particles=3, steps=3, batch=20)
    then = isir(_pair(), 20, jax.random.key(10), particles=3, steps=3, batch=20, then=still)
    moved = isir(_pair(), 20, jax.random.key(10), particles=3, steps=3, batch=20, then=ddls(3, 0.1))
    np.testing.assert_allclose(then.samples, alone.samples, atol=1e-4)  # noise of 3 sqrt(2e-12)
    assert np.abs(moved.samples - alone.samples).max() > 0.1


def test_exhausted_attempts_are_counted_and_the_last_candidate_stands_in():
    result = obrs(_pair(), 64, jax.random.key(11), budget=0.02, attempts=2, pilot=64)
    assert result.exhausted.any() and (result.tried[result.exhausted] == 2).all()
    assert (result.candidate[result.exhausted] == 1).all()


@pytest.mark.parametrize("name", METHODS)
def test_uncalibrated_critic_is_refused(name):
    with pytest.raises(InputError, match="python -m dcd adapt PAIR DATA"):
        METHODS[name](_pair(calibrated=False), 4, jax.random.key(0))


@pytest.mark.parametrize(
    "run, field",
    [
        (lambda: obrs(_pair(), 0, jax.random.key(0)), "n"),
        (lambda: obrs(_pair(), 4, jax.random.key(0), budget=0.0), "budget"),
        (lambda: obrs(_pair(), 4, jax.random.key(0), budget=1.5), "budget"),
        (lambda: obrs(_pair(), 4, jax.random.key(0), pilot=3), "pilot"),
        (lambda: drs(_pair(), 4, jax.random.key(0), shift_percent=120.0), "shift_percent"),
        (lambda: mh_gan(_pair(), 4, jax.random.key(0), proposals=0), "proposals"),
        (lambda: isir(_pair(), 4, jax.random.key(0), particles=1), "particles"),
        (lambda: isir(_pair(), 4, jax.random.key(0), particles=1000, steps=10), "steps"),
        (lambda: ex2(_pair(), 4, jax.random.key(0), step_size=0.0), "step_size"),
        (lambda: obrs(_pair(), 4, jax.random.key(0), labels=np.zeros(4, int)), "labels"),
        (lambda: obrs(_class_pair(), 4, jax.random.key(0), labels=np.full(4, 3)), "labels"),
    ],
)
def test_bad_settings_are_named(run, field):
    with pytest.raises(InputError) as error:
        run()
    assert error.value.field == field
