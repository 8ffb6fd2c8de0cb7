"""A search that is stopped at any of its steps goes on there, and ends as one that was left in peace."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import dcd
import dcd.tuning.boosting_rounds as rounds
import dcd.tuning.confirmation as confirmation
import dcd.tuning.contrast_turns as turns
import dcd.tuning.courses as courses
import dcd.tuning.halving as halving
from dcd import Judge
from dcd.tuning.rule import Paired, Rule
from dcd.tuning.tuned_file import tuned_text
from pairs import InputError, Normal, make_pair
from pairs.io.work_folder import work_folder
from pairs.sequential.spec import init_sequential

GENERATOR = init_sequential(jax.random.key(0), [{"layer": "dense", "out": 2}], (2,))
CRITIC = init_sequential(jax.random.key(1), [{"layer": "dense", "out": 1}, {"layer": "squeeze"}], (2,))
PAIR = make_pair(GENERATOR, CRITIC, Normal((2,)), sample_range=None, critic_kind="logit")
CONFIG = dcd.Tune(steps=2, n_first=16, rounds=2, confirm_n=500, boosts=1, contrasts=2, pool=64, batch=16)
CHAIN = dcd.Langevin("latent", 2, 0.05, prior_weight=1.0, preset="ddls")
CHOICES = [dcd.Choice("raw", CHAIN.replace(critic_scale=s)) for s in (1.0, -1.0)]


class Killed(BaseException):
    pass


def real(seed, n):
    return np.random.default_rng(seed).normal(1.0, 1.0, (n, 2)).astype(np.float32)


def measure(before, after, rows):
    """Figures of the rows, moved so far apart that no look can decide."""
    pieces = [np.split(np.asarray(x), 10) for x in (before, after)]
    paired = Paired(*(np.asarray([float(p.std()) for p in side]) for side in pieces))
    paired = paired._replace(after=paired.after + 9.0 * (-1.0) ** np.arange(10))
    return dict.fromkeys(("fid", *(guard.name for guard in Rule().guards)), paired)


JUDGE = Judge(
    lambda x: np.asarray(x, np.float64), lambda x, rows: float(np.sum((x.mean(0) - rows.mean(0)) ** 2)), measure
)


def search(work=None, on_progress=lambda what, part: None, search_real=None):
    more = {"train": real(3, 80), "held": real(4, 40)}
    data = dcd.CriticData(more["train"], more["held"], steps=5)
    given = real(1, 40) if search_real is None else search_real
    more = {"critic_data": data, "on_progress": on_progress, "work": work}
    judge = JUDGE._replace(measure=lambda a, b, rows: on_progress(f"look at {len(a)}", 1.0) or measure(a, b, rows))
    return dcd.tune({"raw": PAIR}, given, real(2, 40), judge, jax.random.key(0), CONFIG, CHOICES, **more)


def same(a, b):
    assert (a.trials, a.choice, a.verdict, a.evaluations, a.untried) == (
        b.trials,
        b.choice,
        b.verdict,
        b.evaluations,
        b.untried,
    )
    assert tuned_text(a, "pair", "data", "features") == tuned_text(b, "pair", "data", "features")
    assert a.pair.record == b.pair.record and a.pair.critic_kind == b.pair.critic_kind
    jax.tree.map(np.testing.assert_array_equal, a.pair.critic.params, b.pair.critic.params)


def test_a_search_that_is_stopped_at_each_step_makes_every_step_once_and_ends_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(courses, "SAMPLE_TURN", courses.SAMPLE_TURN.replace(rounds=12))
    monkeypatch.setattr(courses, "SAMPLE_CHAIN", courses.SAMPLE_CHAIN.replace(step_size=1e-9))  # it does not win
    monkeypatch.setattr(courses, "RECOVERY", courses.RECOVERY.replace(steps=5))
    calls, seen = [], set()
    for place in (halving, rounds, confirmation):
        monkeypatch.setattr(place, "run_choice", lambda *a, run=place.run_choice, **k: calls.append(1) or run(*a, **k))
    calm = search()
    assert calm.choice is not None and len(calm.trials) == 9  # 2 and 2 choices, and new critics
    wanted, sittings, read = len(calls), 0, []
    calls.clear()
    monkeypatch.setattr(turns, "state_of", lambda pair, of=turns.state_of: read.append(1) or of(pair))

    def kill(what, part):
        if what not in seen:
            seen.add(what)
            raise Killed

    tuned = None
    while tuned is None:
        sittings += 1
        try:
            with work_folder(tmp_path / "work", {}, keep=True) as work:
                tuned = search(work, kill)
        except Killed:
            pass
    assert {"look at 500", "look at 1000", "look at 2000"} < seen and sittings == len(seen) + 1
    # the second turn of either course, which was stopped, went on from the state of the first
    assert len(calls) == wanted and len(read) == 2
    same(calm, tuned)
    # the pool and the state of a critic that is finished are dropped
    parts = ("boost.critic-1", "contrast.critic-1", "samples.critic-0", "samples.critic-1")
    assert not [file for part in parts for file in (tmp_path / "work").glob(f"{part}.*.npz")]
    with pytest.raises(InputError, match="another search_real;"), work_folder(tmp_path / "work", {}) as work:
        search(work, search_real=real(9, 40))
