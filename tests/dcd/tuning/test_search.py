"""Tuning: a gain is claimed where there is one and not where there is none."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dcd
from benchmarks.metrics import frechet_distance, moments
from benchmarks.metrics.paired import paired_measures
from dcd import Judge
from dcd.tuning.halving import run_trial
from dcd.tuning.rule import Paired
from dcd.tuning.tuned_file import read_tuned, tuned_text
from pairs import InputError, Normal, Pair, make_pair, wrap


def _generate(p, z):
    return p["scale"] * z + p["shift"]


def _ratio(p, x):
    """Log ratio of N(0, I) to the generator's law, which is quadratic."""
    u = (x - p["shift"]) / p["scale"]
    return 0.5 * jnp.sum(u**2 - x**2, axis=-1)


def _random(p, x):
    return jnp.sin(x @ p["w"]).sum(-1)


def _pair(critic, params, scale=0.6, shift=1.0) -> Pair:
    generator = wrap(_generate, {"scale": jnp.asarray(scale), "shift": jnp.asarray(shift)})
    return make_pair(generator, wrap(critic, params), Normal((2,)), sample_range=None, critic_kind="logit", check=False)


def _distance(x, real):
    if not np.all(np.isfinite(x)):
        return float("inf")
    a, b = moments(x), moments(real)
    return float(frechet_distance(a.mean, a.covariance, b.mean, b.covariance))


JUDGE = Judge(lambda x: np.asarray(x, np.float64), _distance, paired_measures)
SMALL = dcd.Tune(steps=16, n_first=100, rounds=2, confirm_n=600)
LATENT = dcd.Langevin("latent", 16, 0.1, prior_weight=1.0, preset="ddls")


def _choices(name):
    chains = [LATENT.replace(step_size=e) for e in (0.02, 0.1, 0.3)]
    chains.append(dcd.Langevin("pixel", 16, 0.1, temperature=0.01))
    return [dcd.Choice(name, c) for c in chains]


def _real(seed, n, shift=0.0):
    return (np.random.default_rng(seed).standard_normal((n, 2)) + shift).astype(np.float32)


def _tune(pair, real_shift=0.0, key=0):
    search, confirm = _real(1, 600, real_shift), _real(2, 1500, real_shift)
    return dcd.tune({"raw": pair}, search, confirm, JUDGE, jax.random.key(key), SMALL, _choices("raw"))


@pytest.mark.slow
def test_exact_log_ratio_gives_a_confirmed_gain():
    params = {"scale": jnp.asarray(0.6), "shift": jnp.asarray(1.0)}
    tuned = _tune(_pair(_ratio, params))
    assert tuned.gain and tuned.choice is not None
    # the generator's distance is |shift|^2 * 2 + 2 (1 - 0.6)^2 = 2.32; the chain's law is close to the data's
    assert tuned.confirmed["fid"].before == pytest.approx(2.32, rel=0.2)
    assert tuned.confirmed["fid"].after < 0.5 * tuned.confirmed["fid"].before


@pytest.mark.slow
def test_a_nearer_distance_is_no_gain_where_recall_is_lost():
    def measure(before, after, real):
        found = dict(paired_measures(before, after, real))
        pieces = len(found["recall"].before)
        found["recall"] = Paired(np.full(pieces, 0.9), np.full(pieces, 0.3))
        return found

    pair = _pair(_ratio, {"scale": jnp.asarray(0.6), "shift": jnp.asarray(1.0)})
    judge = JUDGE._replace(measure=measure)
    tuned = dcd.tune({"raw": pair}, _real(1, 600), _real(2, 1500), judge, jax.random.key(0), SMALL, _choices("raw"))
    assert tuned.confirmed["fid"].interval[1] < 0 and not tuned.gain
    assert tuned.verdict is not None and tuned.verdict.outcome == "no gain" and "recall" in tuned.verdict.reason


@pytest.mark.slow
def test_random_critic_is_no_gain():
    w = jnp.asarray(np.random.default_rng(0).standard_normal((2, 3)) * 3, jnp.float32)
    # a generator that is right but for a critic that knows nothing
    assert not _tune(_pair(_random, {"w": w}, scale=1.0, shift=0.0)).gain


@pytest.mark.slow
@pytest.mark.parametrize("key", [0, 1, 2])
def test_perfect_generator_is_no_gain(key):
    params = {"scale": jnp.asarray(0.6), "shift": jnp.asarray(1.0)}
    assert not _tune(_pair(_ratio, params, scale=1.0, shift=0.0), key=key).gain


@pytest.mark.slow
def test_disjoint_supports_where_the_critic_is_flat_are_no_gain():
    flat = _pair(lambda p, x: jnp.tanh(p * jnp.sum(x, axis=-1)), jnp.asarray(0.0))
    assert not _tune(flat, real_shift=40.0).gain


@pytest.mark.slow
def test_same_key_gives_the_same_trials():
    pair = _pair(_ratio, {"scale": jnp.asarray(0.6), "shift": jnp.asarray(1.0)})
    a, b = _tune(pair), _tune(pair)
    assert a.trials == b.trials and a.choice == b.choice


def test_the_bound_on_evaluations_is_kept():
    pair = _pair(_ratio, {"scale": jnp.asarray(0.6), "shift": jnp.asarray(1.0)})
    config = dcd.Tune(steps=16, n_first=100, rounds=2, confirm_n=500, evaluations=3200)
    tuned = dcd.tune({"raw": pair}, _real(1, 600), _real(2, 1500), JUDGE, jax.random.key(0), config, _choices("raw"))
    # each round runs at least its first choice, whatever the bound: 2 in the first, 1 in the second
    assert len([t for t in tuned.trials if t["round"] == 0]) == 2
    # what was not run is named: two of four in the first round, one of two in the second
    assert len(tuned.untried) == 3 and all("gradient evaluations" in line for line in tuned.untried)


@pytest.mark.parametrize(("evaluations", "grows"), [(0, True), (1, False)])
def test_chains_grow_beyond_the_first_round_only_while_the_evaluations_allow_it(evaluations, grows):
    pair = _pair(_ratio, {"scale": jnp.asarray(0.6), "shift": jnp.asarray(1.0)})
    short = [dcd.Choice("raw", LATENT.replace(step_size=0.01, steps=4))]
    config = dcd.Tune(steps=4, n_first=100, rounds=3, confirm_n=500, evaluations=evaluations)
    tuned = dcd.tune({"raw": pair}, _real(1, 600), _real(2, 1500), JUDGE, jax.random.key(0), config, short)
    # 4 small steps are too few here, so the last count is always the best and each round may double it
    assert [t["choice"]["chain"]["steps"] for t in tuned.trials if t["choice"]["budget"] == 1] == (
        [4, 8, 16] if grows else [4, 4, 4]
    )


def test_a_stop_by_the_clock_names_what_was_not_tried():
    pair = _pair(_ratio, {"scale": jnp.asarray(0.6), "shift": jnp.asarray(1.0)})
    config = dcd.Tune(steps=4, n_first=100, rounds=1, confirm_n=500, minutes=1e-6)
    tuned = dcd.tune({"raw": pair}, _real(1, 600), _real(2, 1500), JUDGE, jax.random.key(0), config, _choices("raw"))
    assert len(tuned.trials) == 1
    assert len(tuned.untried) == 3 and all("minutes" in line for line in tuned.untried)


def test_overlapping_data_are_refused():
    pair = _pair(_ratio, {"scale": jnp.asarray(0.6), "shift": jnp.asarray(1.0)})
    x = _real(1, 100)
    with pytest.raises(InputError, match="confirm_real"):
        dcd.tune({"raw": pair}, x, x, JUDGE, jax.random.key(0), SMALL, _choices("raw"))


def test_outcome_survives_the_file(tmp_path):
    tuned = _tune(_pair(_ratio, {"scale": jnp.asarray(0.6), "shift": jnp.asarray(1.0)}))
    path = tmp_path / "tuned.toml"
    path.write_text(tuned_text(tuned, "pair", "gaussian", "identity"))
    found = read_tuned(path)
    assert (found.gain, found.choice) == (tuned.gain, tuned.choice)


def test_a_file_of_the_first_version_is_read(tmp_path):
    path = tmp_path / "tuned.toml"
    chain = "\n".join(f"{k} = {json.dumps(v)}" for k, v in {"space": "latent", "steps": 60, "step_size": 0.005}.items())
    path.write_text(f'pair = "x"\ngain = true\n[choice]\ncritic = "raw"\nbudget = 0.25\n[choice.chain]\n{chain}\n')
    found = read_tuned(path)
    assert found.choice == dcd.Choice("raw", dcd.Langevin("latent", 60, 0.005), 0.25)


@pytest.mark.parametrize("text", ["not toml [", 'pair = "x"\n', 'pair = "x"\ngain = true\n[choice]\ncritic = "raw"\n'])
def test_damaged_outcome_is_refused(tmp_path, text):
    path = tmp_path / "tuned.toml"
    path.write_text(text)
    with pytest.raises(InputError, match="tuned"):
        read_tuned(path)


@pytest.mark.parametrize("n, wanted", [(16, 512), (300, 1200), (5000, 4096)])
def test_a_trial_sets_the_constant_of_a_selection_on_no_more_candidates_than_its_samples_are_worth(
    monkeypatch, n, wanted
):
    pair, seen = _pair(_ratio, {"scale": jnp.asarray(0.6), "shift": jnp.asarray(1.0)}), []

    def run(*args, pilot, **more):
        seen.append(pilot)
        raise StopIteration

    monkeypatch.setattr("dcd.tuning.halving.run_choice", run)
    still = dcd.Choice("raw", LATENT.replace(steps=0), 0.5)
    with pytest.raises(StopIteration):
        run_trial(pair, still, JUDGE, _real(1, 100), jax.random.key(0), n, SMALL)
    assert seen == [wanted]
