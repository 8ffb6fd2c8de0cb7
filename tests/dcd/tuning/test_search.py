"""Tuning: a gain is claimed where there is one and not where there is none."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dcd
from benchmarks.metrics import fid_change, frechet_distance, kid_change, moments
from dcd import Change, Judge
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


def _changes(before, after, real):
    r = moments(real)
    fid, kid = fid_change(before, after, r.mean, r.covariance), kid_change(before, after, real)
    return {
        "fid": Change(fid.before, fid.after, fid.difference, tuple(fid.difference_ci)),
        "kid": Change(kid.before, kid.after, kid.difference, tuple(kid.difference_ci)),
    }


JUDGE = Judge(lambda x: np.asarray(x, np.float64), _distance, _changes)
SMALL = dcd.Tune(steps=16, n_first=100, rounds=2, confirm_n=600)
LATENT = dcd.Langevin("latent", 16, 0.1, prior_weight=1.0, preset="ddls")


def _choices(name):
    chains = [LATENT.replace(step_size=e) for e in (0.02, 0.1, 0.3)]
    chains.append(dcd.Langevin("pixel", 16, 0.1, temperature=0.01))
    return [dcd.Choice(name, c) for c in chains]


def _real(seed, n, shift=0.0):
    return (np.random.default_rng(seed).standard_normal((n, 2)) + shift).astype(np.float32)


def _tune(pair, real_shift=0.0, key=0):
    search, confirm = _real(1, 600, real_shift), _real(2, 600, real_shift)
    return dcd.tune({"raw": pair}, search, confirm, JUDGE, jax.random.key(key), SMALL, _choices("raw"))


def test_exact_log_ratio_gives_a_confirmed_gain():
    params = {"scale": jnp.asarray(0.6), "shift": jnp.asarray(1.0)}
    tuned = _tune(_pair(_ratio, params))
    assert tuned.gain and tuned.choice is not None
    # the generator's distance is |shift|^2 * 2 + 2 (1 - 0.6)^2 = 2.32; the chain's law is close to the data's
    assert tuned.confirmed["fid"].before == pytest.approx(2.32, rel=0.2)
    assert tuned.confirmed["fid"].after < 0.5 * tuned.confirmed["fid"].before


def test_a_gain_in_one_distance_alone_is_no_gain():
    def undecided(before, after, real):
        found = _changes(before, after, real)
        return found | {"kid": found["kid"]._replace(interval=(found["kid"].interval[0], 0.01))}

    pair = _pair(_ratio, {"scale": jnp.asarray(0.6), "shift": jnp.asarray(1.0)})
    judge = JUDGE._replace(changes=undecided)
    tuned = dcd.tune({"raw": pair}, _real(1, 600), _real(2, 600), judge, jax.random.key(0), SMALL, _choices("raw"))
    assert tuned.confirmed["fid"].interval[1] < 0 and not tuned.gain


def test_random_critic_is_no_gain():
    w = jnp.asarray(np.random.default_rng(0).standard_normal((2, 3)) * 3, jnp.float32)
    # a generator that is right but for a critic that knows nothing
    assert not _tune(_pair(_random, {"w": w}, scale=1.0, shift=0.0)).gain


@pytest.mark.parametrize("key", [0, 1, 2])
def test_perfect_generator_is_no_gain(key):
    params = {"scale": jnp.asarray(0.6), "shift": jnp.asarray(1.0)}
    assert not _tune(_pair(_ratio, params, scale=1.0, shift=0.0), key=key).gain


def test_disjoint_supports_where_the_critic_is_flat_are_no_gain():
    flat = _pair(lambda p, x: jnp.tanh(p * jnp.sum(x, axis=-1)), jnp.asarray(0.0))
    assert not _tune(flat, real_shift=40.0).gain


def test_same_key_gives_the_same_trials():
    pair = _pair(_ratio, {"scale": jnp.asarray(0.6), "shift": jnp.asarray(1.0)})
    a, b = _tune(pair), _tune(pair)
    assert a.trials == b.trials and a.choice == b.choice


def test_the_bound_on_evaluations_is_kept():
    pair = _pair(_ratio, {"scale": jnp.asarray(0.6), "shift": jnp.asarray(1.0)})
    config = dcd.Tune(steps=16, n_first=100, rounds=2, confirm_n=64, evaluations=3200)
    tuned = dcd.tune({"raw": pair}, _real(1, 600), _real(2, 600), JUDGE, jax.random.key(0), config, _choices("raw"))
    # each round runs at least its first choice, whatever the bound: 2 in the first, 1 in the second
    assert len([t for t in tuned.trials if t["round"] == 0]) == 2


@pytest.mark.parametrize(("minutes", "grows"), [(0.0, True), (1e-4, False)])
def test_chains_grow_beyond_the_first_round_only_while_the_minutes_allow_it(minutes, grows):
    pair = _pair(_ratio, {"scale": jnp.asarray(0.6), "shift": jnp.asarray(1.0)})
    short = [dcd.Choice("raw", LATENT.replace(step_size=0.01, steps=4))]
    config = dcd.Tune(steps=4, n_first=100, rounds=3, confirm_n=64, minutes=minutes)
    tuned = dcd.tune({"raw": pair}, _real(1, 600), _real(2, 600), JUDGE, jax.random.key(0), config, short)
    # 4 small steps are too few here, so the last count is always the best and each round may double it
    assert [t["choice"]["chain"]["steps"] for t in tuned.trials if t["choice"]["budget"] == 1] == (
        [4, 8, 16] if grows else [4, 4, 4]
    )


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
