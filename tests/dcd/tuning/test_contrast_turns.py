"""The turns of contrastive divergence: which critic each goes on from, how fast it learns, when they end."""

from __future__ import annotations

import dataclasses
import math
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dcd
from dcd.tuning import contrast_turns as turns
from dcd.tuning.courses import WINNER_TURN, winner_course
from dcd.tuning.winner import Winner
from pairs import InputError, Net, Normal, Pair

CHAIN = dcd.Langevin("latent", 30, 0.01, critic_scale=3.0, prior_weight=1.0)
DISTANCES = (7.0, 6.0, 8.0, 4.0, 4.5, 4.2, 1.0)
"""Of the critics of turns 1 to 7; the winner's is 5. The third that comes no nearer is that of turn 6."""


def _pair(number: float) -> Pair:
    same = Net(None, lambda p, z: z)
    return Pair(same, Net(jnp.asarray(number), lambda p, x: p * x[:, 0]), Normal((2,)), (2,), None, "logit")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch):
    """The outcome of ``contrasts`` turns, and of each turn the critic it began with, its step size and its chain.

    The state that a turn ends in has the number of its critic, and the next must be given both.
    """
    seen: list[tuple[float, float, dcd.Langevin, float]] = []
    ends: list[float] = []

    def contrast(pair, x, key, settings, chain, **more):
        if ends and settings.learning_rate > ends[-1] * 1.001:
            raise AssertionError("a turn begins faster than the one before it ended")
        ends.append(settings.learning_rate * settings.final_rate)
        begun = float(pair.critic.params)
        assert more["start"] == (begun or None)
        seen.append((begun, settings.learning_rate, chain, settings.energy))
        return _pair(float(len(seen))), SimpleNamespace(to_dict=dict), float(len(seen))

    monkeypatch.setattr(turns, "contrast_on", contrast)
    trial = lambda self, work, name, pair, choice: {"after": {20: DISTANCES[int(pair.critic.params) - 1]}}
    monkeypatch.setattr(Winner, "trial", trial)

    def outcome(contrasts: int, allowed: float = math.inf, rival: float = math.inf, **course_of: float):
        ends.clear(), seen.clear()
        config = dcd.Tune(steps=20, contrasts=contrasts)
        rows, judge = np.zeros((1, 2)), dcd.Judge(np.asarray, lambda a, b: 0.0, lambda *_: {})
        winner = Winner(_pair(0.0), dcd.Choice("raw", CHAIN), 5.0, 9.0, rows, judge, jax.random.key(0), 10, config)
        course = dataclasses.replace(winner_course(winner), price=0.5, **course_of)
        data = dcd.CriticData(rows, rows)
        return turns.contrast_turns(winner, course, data, jax.random.key(1), allowed=allowed, rival=rival), seen

    return outcome


def test_a_turn_goes_on_from_the_nearest_critic_and_learns_slower_after_one_that_came_no_nearer(run) -> None:
    found, seen = run(8)
    assert [start for start, *_ in seen] == [0, 1, 2, 2, 4, 4]  # a third turn without gain ends them
    first = WINNER_TURN.learning_rate
    falling = np.array([8, 7, 6, 5, 4, 3]) / 8  # to 0 after the eighth turn
    np.testing.assert_allclose([rate for _, rate, *_ in seen], first * falling / np.array([1, 1, 1, 3, 3, 9]))
    assert found.nearest == 4.0 and float(found.pair.critic.params) == 4 and len(found.trials) == 6
    assert found.choice.critic == "raw+cd" and {chain for _, _, chain, _ in seen} == {found.choice.chain}


def test_squared_scores_are_held_after_a_first_turn_without_gain_and_the_step_size_only_after_a_second(run) -> None:
    found, seen = run(8, nearest=5.5, steadying=0.01)  # critics at 7, 6, 8: three turns without gain
    assert [(start, energy) for start, _, _, energy in seen] == [(0, 0.0), (0, 0.01), (0, 0.01)]
    falling = np.array([8, 7, 6]) / 8
    np.testing.assert_allclose([r for _, r, *_ in seen], WINNER_TURN.learning_rate * falling / np.array([1, 1, 3]))
    assert found.nearest == 5.0
    # one that gained something is a good start: 7 and 6, 8 is taken back, 4
    _, seen = run(4, steadying=0.01)
    assert {energy for *_, energy in seen} == {0.0}


def test_the_chain_of_the_turns_has_scale_1_and_no_more_steps_than_the_first_round(run) -> None:
    _, ((_, _, chain, _),) = run(1)
    assert chain == CHAIN.replace(steps=20, critic_scale=1.0)


def test_turns_that_come_no_nearer_than_the_winner_leave_it_as_it_is(run) -> None:
    found, _ = run(2)
    assert found.nearest == 5.0 and float(found.pair.critic.params) == 0 and found.choice == dcd.Choice("raw", CHAIN)


def test_a_first_loss_that_is_not_finite_is_steadied_and_a_fault_of_the_folder_ends_the_run(run, monkeypatch) -> None:
    energies: list[float] = []

    def broken(pair, x, key, settings, chain, **more):
        energies.append(settings.energy)
        if len(energies) == 1:
            raise InputError("training", "loss is not finite at step 5", "lower the learning rate")
        if len(energies) == 3:
            raise InputError("work", "is damaged", "delete it")
        return _pair(4.0), SimpleNamespace(to_dict=dict), 1.0

    monkeypatch.setattr(turns, "contrast_on", broken)
    found, _ = run(2, steadying=0.01)
    assert energies == [0.0, 0.01] and found.nearest == 4.0 and len(found.trials) == 1
    with pytest.raises(InputError, match="is damaged"):
        run(1)


def test_turns_end_where_the_next_would_exceed_the_evaluations(run) -> None:
    turn = (50 * 64 + 10) * 20  # negatives and the trial
    found, seen = run(8, 0.5 * 2 * turn)  # at the price of one half
    assert len(seen) == 2 and found.evaluations == 2 * turn
    # and learn as slowly at the end as if they had been all
    np.testing.assert_allclose([rate for _, rate, *_ in seen], WINNER_TURN.learning_rate * np.array([1, 1 / 2]))
    assert found.untried == ("contrastive divergence, turn 3: the gradient evaluations were spent",)


def test_a_loss_that_is_not_finite_ends_the_course_and_keeps_what_was_found(run, monkeypatch) -> None:
    calls: list[int] = []

    def broken(*_, **more):
        calls.append(1)
        if len(calls) == 2:
            raise InputError("loss", "became NaN", "lower the learning rate")
        return _pair(4.0), SimpleNamespace(to_dict=dict), 1.0  # the critic at distance 4

    monkeypatch.setattr(turns, "contrast_on", broken)
    found, _ = run(8)
    assert len(calls) == 2 and "turn 2: loss: became NaN" in found.untried[0]
    assert found.choice.critic == "raw+cd" and found.nearest == 4.0


@pytest.mark.parametrize(("times", "made"), [(2.1, 1), (1.9, 6)])
def test_turns_end_after_the_first_where_another_course_is_twice_as_near(run, times, made) -> None:
    found, seen = run(8, rival=DISTANCES[0] / times)
    assert len(seen) == made  # six as without another course
    assert found.untried == ("contrastive divergence, turn 2: another course is nearer by far",)[: made == 1]
