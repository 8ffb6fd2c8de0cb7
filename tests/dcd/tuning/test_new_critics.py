"""New critics after the search: boosting and contrastive divergence come nearer to the data, within their bounds."""

from __future__ import annotations

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_search import JUDGE, LATENT, SMALL, _pair, _ratio, _real

import dcd
from dcd.tuning import courses
from dcd.tuning import search as tuning
from dcd.tuning.contrast_turns import contrast_turns
from dcd.tuning.winner import Improved, Winner
from pairs import InputError, Normal, make_pair, wrap
from pairs.io.work import Work


@pytest.mark.slow
def test_boosting_adds_what_half_of_the_log_ratio_leaves():
    params = {"scale": jnp.asarray(0.6), "shift": jnp.asarray(1.0)}
    pair = _pair(lambda p, x: 0.4 * _ratio(p, x), params)
    config = dataclasses.replace(SMALL, boosts=2, pool=600, n_first=300, rounds=1, steps=32)
    data = dcd.CriticData(_real(3, 1500), _real(4, 800), steps=400)
    choice = dcd.Choice("raw", LATENT.replace(steps=32))
    tuned = dcd.tune(
        {"raw": pair}, _real(1, 900), _real(2, 1500), JUDGE, jax.random.key(0), config, [choice], critic_data=data
    )
    assert tuned.choice is not None and tuned.pair is not None
    assert tuned.choice.critic.startswith("raw+") and tuned.choice.chain.critic_scale == 1.0
    plain = min(tuned.trials[0]["after"].values())
    # the chain with 0.4 of the ratio closes less than half of the way from 2.32; the sum at least halves what is left
    assert plain > 0.4 and min(tuned.trials[1]["after"].values()) < 0.5 * plain
    # the critic that is kept is the one that drove the chosen chain
    assert len(tuned.pair.record["boosted"]) == int(tuned.choice.critic.removeprefix("raw+"))


@pytest.mark.slow
def test_contrastive_divergence_fits_the_critic_to_the_few_steps_of_the_chain(monkeypatch):
    """A linear critic moves the generator's law but cannot widen it; with its square trained too, six steps do both."""
    no_samples = dataclasses.replace(courses.SAMPLE_TURN, rounds=10**6)  # more than the evaluations allow
    monkeypatch.setattr(courses, "SAMPLE_TURN", no_samples)
    # the factor: Adam moves a weight by at most a step size per update, and these two would need thousands
    critic = lambda p, x: 40 * jnp.sum(p["b"] * x - p["a"] * x**2 / 2, axis=-1)
    pair = _pair(critic, {"a": jnp.zeros(2), "b": jnp.full(2, -0.01)})
    config = dataclasses.replace(SMALL, steps=6, n_first=300, rounds=1, contrasts=4, confirm_n=500, evaluations=10**6)
    data = dcd.CriticData(_real(3, 1500), _real(4, 800))
    choice = dcd.Choice("raw", LATENT.replace(steps=6, step_size=0.3))
    tuned = dcd.tune(
        {"raw": pair}, _real(1, 900), _real(2, 1500), JUDGE, jax.random.key(0), config, [choice], critic_data=data
    )
    assert tuned.choice is not None and tuned.choice.critic == "raw+cd" and tuned.choice.chain.steps <= 6
    before, *after = (min(t["after"].values()) for t in tuned.trials)
    assert min(after) < 0.5 * before
    assert tuned.pair is not None and tuned.pair.critic_kind == "energy" and "contrasted" in tuned.pair.record
    first, turns = tuned.trials[0]["after"], len(tuned.trials) - 1
    steps, count = min(first, key=first.get), tuned.verdict.n if tuned.verdict else 0
    # the search, the winner on fresh seeds, each turn and its trial, and the confirmation
    assert tuned.evaluations == 300 * 6 + (300 + turns * (50 * 64 + 300)) * steps + count * tuned.choice.chain.steps


@pytest.mark.slow
def test_contrastive_divergence_of_samples_carries_a_generator_to_the_data_where_no_choice_helps(monkeypatch):
    """A critic that knows nothing drives every choice of the search; the course in sample space begins with its own."""
    monkeypatch.setattr(courses, "SAMPLE_TURN", dataclasses.replace(courses.SAMPLE_TURN, rounds=150))
    pair = _pair(lambda p, x: p * x[:, 0], jnp.asarray(5.0))
    config = dataclasses.replace(SMALL, n_first=300, rounds=1, contrasts=2, confirm_n=500)
    data = dcd.CriticData(_real(3, 1500), _real(4, 800))
    choice = dcd.Choice("raw", dcd.Langevin("pixel", 16, 0.1, temperature=0.0))  # away from the data
    tuned = dcd.tune(
        {"raw": pair}, _real(1, 900), _real(2, 1500), JUDGE, jax.random.key(0), config, [choice], critic_data=data
    )
    assert min(tuned.trials[0]["after"].values()) > tuned.trials[0]["generator"]
    assert tuned.gain and tuned.choice is not None and tuned.choice.critic == "samples+cd"
    assert tuned.choice.chain.space == "pixel" and tuned.pair is not None
    assert tuned.pair.record["contrasted"]["rounds"] == 150 and tuned.pair.generator is pair.generator
    # the generator's distance is 2.32; ten steps may carry every sample anywhere
    assert tuned.confirmed["fid"].after < 0.1 * tuned.confirmed["fid"].before


def test_no_new_critic_is_begun_beyond_the_evaluations_or_after_the_minutes():
    choice = dcd.Choice("raw", LATENT.replace(steps=5))
    given = (_pair(_ratio, {"scale": 0.6, "shift": 1.0}), choice, 1.0, 2.0, _real(0, 16), JUDGE, jax.random.key(0), 10)
    winner = Winner(*given, dcd.Tune(evaluations=100))
    assert winner.too_dear(20, 30, Work()) is None  # 50 of its own and these are the bound
    assert winner.too_dear(21, 30, Work()) == "the gradient evaluations were spent"
    assert dataclasses.replace(winner, end=-1.0).too_dear(0, 1, Work()) == "the minutes were over"


def test_boosting_without_data_is_refused():
    with pytest.raises(InputError, match="critic_data: is missing"):
        config = dataclasses.replace(SMALL, boosts=1)
        dcd.tune(
            {"raw": _pair(_ratio, {"scale": 1.0, "shift": 0.0})},
            _real(1, 600),
            _real(2, 600),
            JUDGE,
            jax.random.key(0),
            config,
        )


def test_the_course_in_sample_space_takes_a_conditional_generator_of_half_precision(monkeypatch):
    """A class is a side of the plane; the pool is float32 and has as many samples of each class."""
    monkeypatch.setattr(courses, "SAMPLE_TURN", courses.SAMPLE_TURN.replace(rounds=2, batch=8))
    monkeypatch.setattr(courses, "RECOVERY", courses.RECOVERY.replace(steps=3, batch=8))
    sides = wrap(lambda p, z, c: (z + 3.0 * c[:, None]).astype(jnp.bfloat16))
    own = wrap(lambda p, x, c: x[:, 0])
    pair = make_pair(sides, own, Normal((2,)), sample_range=None, critic_kind="logit", classes=2, check=False)
    y = np.arange(80) % 2
    data = dcd.CriticData(_real(3, 80) + 3.0 * y[:, None].astype(np.float32), _real(4, 40), train_labels=y)
    still = dcd.Choice("none", dcd.Langevin("latent", 0, 0.1, preset="none"))
    given = (pair, still, 1.0, 2.0, _real(0, 16), JUDGE, jax.random.key(0), 10)
    winner = Winner(*given, dcd.Tune(contrasts=1))
    course = courses.sample_course(winner, data, jax.random.key(1))
    found = contrast_turns(winner, course, data, jax.random.key(1))
    (trial,) = found.trials
    assert trial["course"] == course.name and np.isfinite(list(trial["after"].values())).all()
    rows = course.start(Work()).generator.params
    assert rows.dtype == jnp.float32 and rows.shape == (2, 4500, 2)  # a tenth of 5,000 of each class measures
    assert 2.5 < float(rows[1].mean() - rows[0].mean()) < 3.5


@pytest.mark.parametrize(("reached", "rival"), [(4.0, 4.0), (9.0, math.inf)])
def test_only_what_beat_the_winner_cuts_the_course_of_its_chain_short(monkeypatch, reached, rival):
    """A course that came no nearer stands at the winner's own distance; that of samples sees the rest of the data."""
    pair, choice = _pair(_ratio, {"scale": 0.6, "shift": 1.0}), dcd.Choice("raw", LATENT)
    given = (pair, choice, 5.0, 9.0, _real(0, 16), JUDGE, jax.random.key(0), 10)
    seen = []

    def turns(winner, course, data, key, on_progress, work, allowed, rival):
        seen.append((course.critic, rival, key, len(data.train_x)))
        bounds.append((allowed, course))
        return Improved(pair, choice, min(winner.nearest, reached), [], 1000, ())

    bounds = []
    monkeypatch.setattr(courses, "_price", lambda pair: 0.25)
    monkeypatch.setattr(tuning, "measure_winner", lambda *_: Winner(*given, dcd.Tune()))
    monkeypatch.setattr(tuning, "contrast_turns", turns)
    data = dcd.CriticData(_real(3, 40), _real(4, 40), rest_x=_real(5, 30))
    config = dataclasses.replace(SMALL, contrasts=2, evaluations=10**7)
    rest = (_real(0, 16), JUDGE, jax.random.key(0), config, None, Work(), math.inf)
    assert tuning._improved(pair, choice, data, *rest).nearest == min(5.0, reached)
    assert [(name, bound) for name, bound, *_ in seen] == [("samples+cd", math.inf), ("raw+cd", rival)]
    assert len({str(jax.random.key_data(key)) for _, _, key, _ in seen}) == 2
    assert [count for *_, count in seen] == [70, 40]
    # the courses share four times the evaluations of the search; the first leaves a turn, and what it did not take
    (first, samples), (second, contrast) = bounds
    both = tuning.TURNS_SHARE * 10**7 - 10 * LATENT.steps
    assert first == both - (50 * 64 + 10) * contrast.chain.steps and second == both - 1000 * samples.price
