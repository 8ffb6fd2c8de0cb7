"""A training of a critic that is stopped goes on from its last kept state, and ends in the same critic."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dcd
from dcd.critics import adaptation
from dcd.critics.kept_critic import kept_critic
from pairs import Architecture, InputError, Net, Normal, Record, make_pair
from pairs.io import work as work_module
from pairs.io.work_folder import work_folder
from pairs.sequential.spec import init_sequential

GENERATOR = init_sequential(jax.random.key(0), [{"layer": "dense", "out": 2}], (2,))
CRITIC = init_sequential(jax.random.key(1), [{"layer": "dense", "out": 1}, {"layer": "squeeze"}], (2,))
PAIR = make_pair(GENERATOR, CRITIC, Normal((2,)), sample_range=None, critic_kind="logit")
REAL = np.random.default_rng(0).normal(1.0, 1.0, (140, 2)).astype(np.float32)
SETTINGS = {
    "recovery": dcd.Recover(
        steps=80,
        evaluate_every=20,
        batch=8,
        architecture="critic",
        spectral_norm=1.0,
        learning_rate=3.0,
        ema=0.0,
    ),
    "contrastive": dcd.Contrast(rounds=25, batch=8, buffer=16, critic_updates=1),
    "chain": dcd.Langevin(steps=1),
}


class Killed(BaseException):
    pass


@pytest.fixture(autouse=True)
def save_always(monkeypatch):
    monkeypatch.setattr(work_module, "RARELY", 0)  # not only where saving takes a small part of the time


def sitting(seen, kill_at):
    """A progress callback that notes what it is told, and dies there."""

    def progress(move, done, total, left):
        seen.append((move, done))
        if (move, done) == kill_at:
            raise Killed

    return progress


def adapt(work=None, on_progress=None, **more):
    return dcd.adapt(
        PAIR, REAL[:100], REAL[100:], jax.random.key(1), work=work, on_progress=on_progress, **(SETTINGS | more)
    )


def figures(report):
    return {
        move: {k: v for k, v in found.items() if k != "seconds"} if isinstance(found, dict) else found
        for move, found in report.items()
    }


def test_each_move_goes_on_from_the_state_it_kept_to_the_same_critic(tmp_path):
    calm, report = adapt()
    assert report["recover"]["best_step"] == 40  # the least loss is known from the kept state alone
    seen = []
    for kill_at in (("recover", 60), ("contrast", 15)):
        with pytest.raises(Killed), work_folder(tmp_path, {}) as work:
            adapt(work, sitting(seen, kill_at))
    with pytest.raises(InputError, match="another recovery; give the same"), work_folder(tmp_path, {}) as work:
        adapt(work, recovery=SETTINGS["recovery"].replace(batch=9))
    with work_folder(tmp_path, {}) as work:
        made, again = adapt(work, sitting(seen, None))
    # the state of 40 updates was kept, then all of the recovery, then the state of 10 rounds with its chains
    assert [at for move, at in seen if move == "recover"] == [20, 40, 60, 60, 80]
    assert [at for move, at in seen if move == "contrast"] == [5, 10, 15, 15, 20, 25]
    jax.tree.map(np.testing.assert_array_equal, calm.critic.params, made.critic.params)
    assert figures(report) == figures(again) and calm.record == made.record


def test_a_critic_that_is_finished_is_not_trained_again(tmp_path, monkeypatch):
    net = init_sequential(jax.random.key(2), [{"layer": "dense", "out": 3}], (2,))
    keys = jax.random.split(jax.random.key(3))
    monkeypatch.setattr(adaptation, "Recover", lambda **given: dcd.Recover(batch=8, **given))
    make = lambda work=None: dcd.critic_variants(PAIR, REAL[:100], REAL[100:], keys, net, steps=4, work=work)
    calm, moves = make()
    with pytest.raises(Killed), work_folder(tmp_path, {}) as work:
        make(work)
        raise Killed
    monkeypatch.setattr(adaptation, "adapt", lambda *a, **k: pytest.fail("it is there"))
    with work_folder(tmp_path, {}) as work:
        made, told = make(work)
    assert made.keys() == calm.keys() and figures_of(moves) == figures_of(told)
    for name, pair in calm.items():
        assert pair.record == made[name].record and pair.calibrated == made[name].calibrated
        np.testing.assert_array_equal(pair.critic(REAL), made[name].critic(REAL))
        jax.tree.map(np.testing.assert_array_equal, pair.critic.params, made[name].critic.params)


def figures_of(moves):
    return {name: figures(report)["recover"]["history"] for name, report in moves.items()}


@pytest.mark.parametrize("architecture", [None, Architecture("of another program", Record())], ids=["none", "unknown"])
def test_a_critic_that_no_file_can_rebuild_goes_on_from_the_end_of_its_training(architecture, tmp_path):
    pair = PAIR.replace(critic=Net(jnp.ones(2), lambda p, x: x @ p, architecture))
    settings, seen = SETTINGS["recovery"].replace(spectral_norm=0.0), []

    def make(inner):
        note = lambda done, total, losses, left: seen.append(done)
        made, report = dcd.recover(pair, REAL, jax.random.key(3), settings, on_progress=note, work=inner.part("move"))
        return made, report.to_dict()

    with pytest.raises(Killed), work_folder(tmp_path, {}) as work:
        calm, _ = kept_critic(work, "critic", pair, make)
        raise Killed
    with work_folder(tmp_path, {}) as work:
        made, _ = kept_critic(work, "critic", pair, make)
    assert seen == [20, 40, 60, 80]
    np.testing.assert_array_equal(calm.critic.params, made.critic.params)
