"""Refinement at an inner layer: the cut is exact, the step is its closed form, no sample gets worse."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dcd.langevin.activations import collaborative, split_generator
from dcd.langevin.chain import refine
from dcd.langevin.presets import ddls
from pairs import InputError, Normal, make_pair, wrap
from pairs.sequential.spec import init_sequential

LAYERS = [{"layer": "dense", "out": 6}, {"layer": "tanh"}, {"layer": "dense", "out": 3}]


def _critic(params, x):
    return params * jnp.sum(x, axis=1)


def _generator(params, z):
    return z


GENERATOR = init_sequential(jax.random.key(0), LAYERS, (4,))
PAIR = make_pair(
    GENERATOR, wrap(_critic, jnp.asarray(0.5)), Normal((4,)), sample_range=None, critic_kind="logit", check=False
)


@pytest.mark.slow
@pytest.mark.parametrize("layer", [1, 2])
def test_head_then_tail_is_the_generator(layer):
    head, tail = split_generator(PAIR, layer)
    z = jax.random.normal(jax.random.key(1), (5, 4))
    # two compiled programs against one: the same operations, rounded at other places; eps of float32 is 1.2e-7
    np.testing.assert_allclose(np.asarray(tail(head(z))), np.asarray(GENERATOR(z)), rtol=1e-6, atol=1e-6)


@pytest.mark.slow
def test_one_step_moves_the_activations_by_the_weighted_gradient():
    head, tail = split_generator(PAIR, 2)
    z = refine(PAIR, ddls(0), jax.random.key(2), 4).latents
    u = np.asarray(head(jnp.asarray(z)))
    d = np.asarray(PAIR.score(tail(jnp.asarray(u))))
    slope = 0.5 * np.asarray(tail.params[0]["kernel"]).sum(axis=1)  # of a linear tail and a linear critic
    result = collaborative(PAIR, 2, jax.random.key(2), 4, steps=1, step_size=0.1, batch=4)
    expected = u + 0.1 / (1 + np.exp(d))[:, None] * slope
    np.testing.assert_allclose(result.activations, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_every_sample_is_at_its_best_step_and_none_is_worse_than_its_start():
    # a step far too long overshoots: a tanh follows the first cut
    result = collaborative(PAIR, 1, jax.random.key(3), 20, steps=8, step_size=30.0, batch=8)
    np.testing.assert_allclose(np.asarray(PAIR.score(result.after)), result.scores.max(axis=0), rtol=1e-5, atol=1e-6)
    assert (result.scores.argmax(axis=0) == result.best_step).all() and result.scores.shape == (9, 20)
    np.testing.assert_allclose(result.before, refine(PAIR, ddls(0), jax.random.key(3), 20).before, rtol=1e-6)


def test_generator_that_cannot_be_cut_is_refused():
    plain = make_pair(
        wrap(_generator, {}), PAIR.critic, Normal((4,)), sample_range=None, critic_kind="logit", check=False
    )
    for run, field in (
        (lambda: split_generator(plain, 1), "generator"),
        (lambda: split_generator(PAIR, 3), "layer"),
        (lambda: collaborative(PAIR, 1, jax.random.key(0), 0), "n"),
        (lambda: collaborative(PAIR, 1, jax.random.key(0), 2, step_size=-1.0), "step_size"),
    ):
        with pytest.raises(InputError) as error:
            run()
        assert error.value.field == field
