"""The course in sample space in numbers: its step size and what an evaluation counts."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dcd
from dcd.tuning import courses
from dcd.tuning.courses import sample_course
from dcd.tuning.winner import Winner
from pairs import Normal, make_pair, wrap
from pairs.io.work import Work
from pairs.sequential.spec import init_sequential


def _course(sample_range: tuple[float, float] | None, data: np.ndarray):
    layers = [{"layer": "dense", "out": 50000}, {"layer": "dense", "out": 2}, {"layer": "sigmoid"}]
    generator = init_sequential(jax.random.key(0), layers, (2,))
    critic = init_sequential(jax.random.key(1), [{"layer": "dense", "out": 1}, {"layer": "squeeze"}], (2,))
    pair = make_pair(generator, critic, Normal((2,)), sample_range=sample_range, critic_kind="logit")
    judge = dcd.Judge(np.asarray, lambda a, b: 0.0, lambda *_: {})
    choice = dcd.Choice("raw", dcd.Langevin("latent", 0, 0.1, preset="none"))
    winner = Winner(pair, choice, 1.0, 2.0, data, judge, jax.random.key(2), 10, dcd.Tune())
    return sample_course(winner, dcd.CriticData(data, data), jax.random.key(3))


def test_a_step_is_in_units_of_the_half_range_or_of_the_spread_of_a_coordinate() -> None:
    rows = np.random.default_rng(0).standard_normal((1000, 2))
    rows = 2.0 * (rows - rows.mean(0)) / rows.std(0) + np.array([0.0, 1000.0])
    assert _course((0.0, 1.0), rows).chain.step_size == pytest.approx(0.3 * 0.5**2)
    # coordinates of spread 2; that they lie apart is no spread
    assert _course(None, rows).chain.step_size == pytest.approx(0.3 * 2.0**2)


def test_an_evaluation_counts_as_the_part_of_one_through_the_generator_that_its_products_are() -> None:
    own = 2 * 128 + 128 * 128 + 128 * 128 + 128  # of the new critic's four layers
    through = 2 * 50000 + 50000 * 2 + 2  # of the generator and the pair's critic
    assert _course(None, np.eye(2)).price == pytest.approx(own / through)


@pytest.mark.parametrize(("shape", "kernels"), [((16, 20, 1), [(4, 4, 1, 32)]), ((8, 8, 1), []), ((300,), [])])
def test_the_critic_of_images_begins_with_convolutions_and_others_have_dense_layers(monkeypatch, shape, kernels):
    monkeypatch.setattr(courses, "RECOVERY", dataclasses.replace(courses.RECOVERY, steps=1, batch=4))
    monkeypatch.setattr(courses, "POOL", 40)
    monkeypatch.setattr(courses, "DRAWS", 0)
    paint = lambda p, z: jnp.broadcast_to(jnp.tanh(z[:, 0]).reshape(-1, *(1,) * len(shape)), (len(z), *shape))
    own = lambda p, x: x.reshape(len(x), -1)[:, 0]
    pair = make_pair(wrap(paint), wrap(own), Normal((2,)), sample_range=(-1.0, 1.0), critic_kind="logit")
    data = np.zeros((20, *shape), np.float32)
    judge = dcd.Judge(np.asarray, lambda a, b: 0.0, lambda *_: {})
    choice = dcd.Choice("raw", dcd.Langevin("latent", 0, 0.1, preset="none"))
    winner = Winner(pair, choice, 1.0, 2.0, data, judge, jax.random.key(2), 10, dcd.Tune())
    begun = sample_course(winner, dcd.CriticData(data, data), jax.random.key(3)).start(Work())
    found = [leaf.shape for leaf in jax.tree.leaves(begun.critic.params) if leaf.ndim == 4]
    assert found == kernels


def test_all_samples_for_training_are_those_of_every_critic_and_the_rest_with_their_labels():
    first, rest = np.arange(3.0)[:, None], np.arange(3.0, 5.0)[:, None]
    data = dcd.CriticData(first, first, None, 10, np.arange(3), np.arange(3), rest, np.arange(3, 5))
    whole = data.with_rest()
    np.testing.assert_array_equal(whole.train_x[:, 0], np.arange(5.0))
    np.testing.assert_array_equal(whole.train_labels, np.arange(5))
    assert whole.with_rest() is whole and data._replace(rest_x=None).with_rest().train_x is first
